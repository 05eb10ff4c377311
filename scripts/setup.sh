#!/usr/bin/env bash
# Everything that `make` needs: a Python, the programs of the catalogue, a virtual environment.
# This part finds a Python (as root on Debian and Ubuntu: installs one); scripts/setup.py does the
# rest. A second run does nothing. Status 4: the machine lacks something, and the words say what.
#
#   PYTHON=/path/to/python   use this one, not the first on PATH that is new enough
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf 'set-up: %s\n' "$*" >&2; }

# Debian and Ubuntu package ensurepip apart from Python: both are needed.
usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  local candidate candidates=(python3 python3.14 python3.13 python3.12 python3.11)
  if [[ -n ${PYTHON:-} ]]; then
    candidates=("$PYTHON")
  fi
  for candidate in "${candidates[@]}"; do
    if usable "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

apt_install() {
  local log
  log=$(mktemp)
  say "installing $* from apt …"
  # The lists may be missing (a fresh container) or old: fetched when they prove to be.
  if ! { quiet_apt install "$@" || { quiet_apt update && quiet_apt install "$@"; }; } >"$log" 2>&1; then
    tail -n 10 -- "$log" >&2
    rm -f -- "$log"
    return 1
  fi
  rm -f -- "$log"
}

quiet_apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get "$1" --yes --quiet \
    -o DPkg::Lock::Timeout=300 -o APT::Install-Recommends=false "${@:2}" </dev/null
}

if ! python=$(find_python); then
  if [[ -n ${PYTHON:-} ]]; then
    say "PYTHON=$PYTHON cannot be used: it must be Python 3.11 or newer with venv and ensurepip."
    exit 4
  fi
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    say "no Python 3.11 or newer with venv and ensurepip is on PATH."
    say "Why it matters: the lab is written in it, and gets a virtual environment of its own."
    say "How to get it: sudo apt-get install python3 python3-venv (Ubuntu 22.04: python3.11-venv);"
    say "  or run make as root, which installs everything that is missing: sudo make matrix."
    exit 4
  fi
  apt_install python3 python3-venv || say "apt-get failed; trying a Python with its version in its name."
  # Ubuntu 22.04's python3 is too old, and it has a newer one beside it.
  if ! python=$(find_python) && ! { apt_install python3.11 python3.11-venv && python=$(find_python); }; then
    say "apt-get brought no Python 3.11 or newer; its last words are above."
    say "How to get it: check that the network and apt's sources work (apt-get update),"
    say "  or name a Python that is installed elsewhere: make PYTHON=/path/to/python3.12 matrix."
    exit 4
  fi
fi

exec "$python" scripts/setup.py "$@"
