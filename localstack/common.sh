# What localstack/up and localstack/down share; sourced, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # state is set by the script that sources this

localstack_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
source "$localstack_dir/../scripts/lib.sh"

# An instance is its state directory: mode, port and, in host mode, pid, birth, log and files.
default_state() {
  printf '%s\n' "${CORE_LOCALSTACK_STATE:-$(core_cache)/localstack-run}"
}

# state_of NAME prints a recorded value, or nothing.
state_of() {
  cat "$state/$1" 2>/dev/null || true
}

# birth PID prints something that no later process with the same number shares: its start time.
birth() {
  if [[ -r /proc/$1/stat ]]; then
    # The command name, field 2, may hold spaces and brackets: count from behind it.
    sed 's/^.*) //' "/proc/$1/stat" | cut -d' ' -f20
  else
    ps -o lstart= -p "$1" 2>/dev/null || true
  fi
}

# host_running: the recorded process is alive and is the one that was recorded.
host_running() {
  local pid
  pid=$(state_of pid)
  [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null && [[ $(birth "$pid") == "$(state_of birth)" ]]
}

# compose runs docker compose on this instance's own project.
compose() {
  CORE_LOCALSTACK_PORT=$(state_of port) docker compose \
    --project-name "core-localstack-$(printf '%s' "$state" | short_hash)" \
    --file "$localstack_dir/compose.yaml" "$@"
}

running() {
  case $(state_of mode) in
  host) host_running ;;
  docker) [[ -n $(compose ps --status running --quiet 2>/dev/null) ]] ;;
  *) return 1 ;;
  esac
}

# stop ends what is recorded, and only that, and forgets it.
stop() {
  local pid attempt
  case $(state_of mode) in
  host)
    if host_running; then
      pid=$(state_of pid)
      # up made it the leader of its process group, so its children end with it.
      kill -TERM -- "-$pid" 2>/dev/null || true
      for ((attempt = 0; attempt < 100; attempt++)); do
        kill -0 -- "-$pid" 2>/dev/null || break
        sleep 0.1
      done
      kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    ;;
  docker) compose down --volumes --timeout 10 >&2 ;;
  esac
  rm -f "$state"/{mode,port,pid,birth,log}
  rm -rf "$state/files"
}
