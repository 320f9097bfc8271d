# What the scripts that start one test service share; sourced, never run. The script sets service (its name for people)
# and default_port, defines the functions prepare (installs what is missing), launch (replaces the process by the service,
# on $port and with $state for its files) and ready (succeeds when the service answers), and calls service_main "$@".
# shellcheck shell=bash
# shellcheck disable=SC2154 # the script that sources this sets what is not set here

# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

service_usage() {
  local name
  name=scripts/$(basename "$0")
  cat <<USAGE
Usage: $name up [--port PORT|auto] [--state DIR]
       $name down [--state DIR]

up starts $service on this machine, waits until it answers, and prints its endpoint URL; where it is running already it
only prints that. Everything is in memory. down stops it.

  --port PORT   default $default_port; auto picks a free port
  --state DIR   what is running is recorded here; one directory is one instance
                (default: a directory in the cache)

CORE_SERVICE_WAIT is how many seconds it may take to answer (default 60).
USAGE
}

# state_of NAME prints a recorded value, or nothing.
state_of() { cat "$state/$1" 2>/dev/null || true; }

# birth PID prints something that no later process with the same number shares: its start time.
birth() {
  if [[ -r /proc/$1/stat ]]; then
    # The command name, field 2, may hold spaces and brackets: count from behind it.
    sed 's/^.*) //' "/proc/$1/stat" | cut -d' ' -f20
  else
    ps -o lstart= -p "$1" 2>/dev/null || true
  fi
}

# running: the recorded process is alive and is the one that was recorded.
running() {
  local pid
  pid=$(state_of pid)
  [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null && [[ $(birth "$pid") == "$(state_of birth)" ]]
}

# stop ends what is recorded, and only that, and forgets it.
stop() {
  local pid attempt
  if running; then
    pid=$(state_of pid)
    # up made it the leader of its process group, so its children end with it.
    kill -TERM -- "-$pid" 2>/dev/null || true
    for ((attempt = 0; attempt < 100; attempt++)); do
      kill -0 -- "-$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$state"/{port,pid,birth,log}
  rm -rf "$state/files"
}

# http_status PATH prints the status of the answer to GET on $port, or nothing. It needs nothing but bash.
http_status() (
  exec 2>/dev/null
  exec 3<>"/dev/tcp/127.0.0.1/$port" || exit 0
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
  IFS=' ' read -r -t 5 version status _ <&3 || true
  [[ ${version:-} == HTTP/* ]] && printf '%s\n' "${status%$'\r'}"
)

# start: 0 when ready, 1 when it did not become ready; what was started is stopped then.
start() {
  local deadline
  mkdir -p "$state/files"
  printf '%s\n' "$port" >"$state/port"
  trap stop EXIT
  # Job control gives the process a group of its own, so that it survives this terminal's Ctrl-C, and down can end all
  # of it.
  set -m
  (launch) </dev/null >"$state/log" 2>&1 9>&- &
  set +m
  printf '%s\n' "$!" >"$state/pid"
  birth "$!" >"$state/birth"
  deadline=$((SECONDS + ${CORE_SERVICE_WAIT:-60}))
  while ((SECONDS < deadline)); do
    if ready; then
      trap - EXIT
      return 0
    fi
    running || break
    sleep 0.1
  done
  tail -n 30 "$state/log" >&2
  stop
  trap - EXIT
  return 1
}

up() {
  local wanted=$port attempt started
  if running; then
    [[ -z $wanted || $wanted == auto || $wanted == "$(state_of port)" ]] ||
      die "already running on port $(state_of port); for a second instance give --state DIR"
    say "$service is already running on port $(state_of port)"
    printf 'http://127.0.0.1:%s\n' "$(state_of port)"
    return
  fi
  prepare
  wanted=${wanted:-$default_port}
  for attempt in 1 2 3; do
    port=$wanted
    if [[ $wanted == auto ]]; then
      port=$(free_port)
    elif in_use "$port"; then
      die "port $port is in use by another program; end it, or use --port auto"
    fi
    started=$SECONDS
    if start; then
      say "$service is ready on port $port after $((SECONDS - started)) s"
      printf 'http://127.0.0.1:%s\n' "$port"
      return
    fi
    # Another process may have taken the port between the look and the start.
    [[ $wanted == auto ]] || break
    say "attempt $attempt failed"
  done
  die "$service did not become ready; the end of its log is above"
}

service_main() {
  local command=${1:-}
  (($# == 0)) || shift
  port=
  state=$(core_cache)/$(basename "$0")-run
  while (($# > 0)); do
    case $1 in
    --port | --state)
      (($# > 1)) || die "$1 needs a value"
      if [[ $1 == --port ]]; then port=$2; else state=$2; fi
      shift
      ;;
    -h | --help)
      service_usage
      exit
      ;;
    *)
      service_usage >&2
      exit 2
      ;;
    esac
    shift
  done
  [[ -z $port || $port == auto ]] || [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] ||
    die "--port $port is neither a port number nor auto"
  case $command in
  up)
    state=$(mkdir -p "$state" && cd "$state" && pwd) || die "cannot use the state directory"
    take_lock "$state/lock"
    up
    ;;
  down)
    if [[ ! -d $state ]]; then
      say "$service is not running"
      return
    fi
    state=$(cd "$state" && pwd)
    take_lock "$state/lock"
    if running; then say "stopping $service on port $(state_of port)"; else say "$service is not running"; fi
    stop
    ;;
  -h | --help) service_usage ;;
  *)
    service_usage >&2
    exit 2
    ;;
  esac
}
