# Shared by the scripts of this repository; sourced, never run.
# shellcheck shell=bash

# Everything that is installed for tests lies here, outside the repository, so that a fresh clone
# of the same versions starts warm and `git clean` costs nothing.
core_cache() {
  printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/core-tests"
}

# Progress goes to standard error: standard output is for what callers evaluate or capture.
say() { printf '%s\n' "$*" >&2; }

die() {
  say "$(basename "$0"): $*"
  exit 1
}

# short_hash prints the first 12 hex digits of standard input's SHA-256.
short_hash() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum
  else
    shasum -a 256
  fi | cut -c1-12
}

# take_lock FILE waits for an exclusive lock, held on descriptor 9 until this process ends or
# calls release_lock. The kernel drops it when the holder dies, so no stale lock is left.
# A long-lived child must be started with 9>&-, or it would hold the lock too.
take_lock() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  if command -v flock >/dev/null 2>&1; then
    flock 9
  else # macOS has no flock command; a lock belongs to the descriptor, so perl may take it for us
    perl -e 'open(my $f, ">&=", 9) && flock($f, 2) or die "flock: $!\n"'
  fi
}

release_lock() { exec 9>&-; }

# in_use PORT: something accepts connections there.
in_use() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port prints a port that nothing listens on, below the range from which systems take the ports
# of outgoing connections.
free_port() {
  local port
  port=$((20000 + RANDOM % 10000))
  while in_use "$port"; do port=$((20000 + RANDOM % 10000)); done
  printf '%s\n' "$port"
}

# usable_python PYTHON VERSIONS: one of these versions, and able to make a virtual environment.
usable_python() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1].split())' \
    "$2" >/dev/null 2>&1
}

# find_python VERSIONS prints a Python of one of these versions ("3.13 3.12"), the first that is found.
# CORE_PYTHON overrides the search.
find_python() {
  local versions=$1 version candidate
  if [[ -n ${CORE_PYTHON:-} ]]; then
    usable_python "$CORE_PYTHON" "$versions" ||
      die "CORE_PYTHON=$CORE_PYTHON is not Python ${versions// / or } with the venv module"
    printf '%s\n' "$CORE_PYTHON"
    return
  fi
  for version in $versions; do
    # pyenv's shims exist for every installed version but run only the selected ones: look behind them.
    for candidate in "python$version" python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
      if usable_python "$candidate" "$version"; then
        command -v "$candidate"
        return
      fi
    done
  done
  die "no Python ${versions// / or } with the venv module was found. Install one, for example
  Debian, Ubuntu:  apt-get install python${versions%% *} python${versions%% *}-venv
  macOS:           brew install python@${versions%% *}
  anywhere:        pyenv install ${versions%% *}
or name one with CORE_PYTHON=/path/to/python3."
}

# make_venv DIR REQUIREMENTS PYTHON installs into DIR unless a complete installation is there.
# The marker is written last, so an interrupted installation is thrown away, never reused.
make_venv() {
  local dir=$1 requirements=$2 python=$3 started=$SECONDS
  [[ -e $dir/.complete ]] && return
  take_lock "$dir.lock"
  if [[ ! -e $dir/.complete ]]; then # another process may have installed it while this one waited
    say "installing $(basename "$dir") (once; log: $dir.log)"
    rm -rf "$dir"
    if ! { "$python" -m venv "$dir" &&
      "$dir/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"; } \
      >"$dir.log" 2>&1 </dev/null; then
      tail -n 30 "$dir.log" >&2
      rm -rf "$dir"
      die "installing $requirements failed"
    fi
    touch "$dir/.complete"
    say "installed $(basename "$dir") in $((SECONDS - started)) s"
  fi
  release_lock
}
