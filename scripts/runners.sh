#!/usr/bin/env bash
# Real runners that package registries have, each in a folder of its own where the lab finds it.
# What is there already is left as it is; the others are installed side by side.
#
#   scripts/runners.sh                  all of them
#   scripts/runners.sh ansible …        these: ansible, buildbot, gitlab-ci-local
#
#   AFTERCANCEL_RUNNERS=FOLDER   where to; of several, separated by colons, the first.
#                                Else ~/.cache/aftercancel/runners
#   PYTHON=/path/to/python       for ansible and buildbot; not one in a home folder, since the lab's
#                                sandboxes have none of these
#
# Statuses: 0 all are there, 2 not everything could be installed, 3 an unknown name.
set -euo pipefail

ansible_core=2.19.14
ansible_runner=2.4.3
buildbot=4.3.0
gitlab_ci_local=4.60.1 # later ones need a newer node than Debian 12 and 13 have

say() { printf 'runners: %s\n' "$*" >&2; }

folder=${AFTERCANCEL_RUNNERS:-}
folder=${folder%%:*}
folder=${folder:-$HOME/.cache/aftercancel/runners}

# Debian and Ubuntu package ensurepip apart from Python: both are needed.
usable() {
  "$1" -I - >/dev/null 2>&1 <<'PYTHON'
import ensurepip, sys, venv
sys.exit(sys.version_info < (3, 11) or sys.base_prefix.startswith(("/home/", "/root/")))
PYTHON
}

find_python() {
  local candidate candidates=(/usr/bin/python3 /usr/bin/python3.1{4,3,2,1} python3)
  if [[ -n ${PYTHON:-} ]]; then
    candidates=("$PYTHON")
  fi
  for candidate in "${candidates[@]}"; do
    if usable "$candidate"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  echo "There is no Python 3.11 or newer with venv and ensurepip outside of home folders."
  echo "How to get it: apt-get install python3 python3-venv, or PYTHON=/path/to/python $0"
  return 1
}

# What is not complete has a name with a dot in front: the lab takes a name with a version behind it,
# as buildbot-4.3.0.part, for one of its runners.
part_of() { printf '%s/.%s.part\n' "$(dirname -- "$1")" "$(basename -- "$1")"; }

# What a virtual environment needs is written under another name and then renamed: who finds the
# folder finds all of it. The scripts in bin/ begin with the environment's path (venv's docs).
venv() { # venv FOLDER REQUIREMENT…
  local new python
  new=$(part_of "$1")
  python=$(find_python) || { echo "$python"; return 1; }
  "$python" -I -m venv "$new"
  "$new/bin/python" -I -m pip --disable-pip-version-check --no-input install "${@:2}"
  grep -rlIF -- "$new" "$new/bin" "$new/pyvenv.cfg" | xargs sed -i "s#${new//./\\.}#$1#g"
  mv -T -- "$new" "$1"
}

ansible() { venv "$1" "ansible-core==$ansible_core" "ansible-runner==$ansible_runner"; }

# setuptools: buildbot imports pkg_resources, which newer ones have no more.
buildbot() {
  venv "$1" "buildbot==$buildbot" "buildbot-worker==$buildbot" "buildbot-www==$buildbot" \
    'setuptools<81'
}

gitlab-ci-local() {
  command -v node npm >/dev/null || {
    echo "There is no node with npm. How to get it: apt-get install nodejs npm"
    return 1
  }
  # It copies the project's files by rsync.
  command -v rsync >/dev/null || apt_install rsync
  local new
  new=$(part_of "$1")
  mkdir -- "$new"
  (cd -- "$new" && npm install --no-audit --no-fund --no-update-notifier \
    "gitlab-ci-local@$gitlab_ci_local")
  mv -T -- "$new" "$1"
}

apt_install() {
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "There is no $1. How to get it: sudo apt-get install $1"
    return 1
  fi
  quiet_apt install "$1" || { quiet_apt update && quiet_apt install "$1"; }
}

quiet_apt() {
  DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get "$1" --yes --quiet \
    -o DPkg::Lock::Timeout=300 -o APT::Install-Recommends=false "${@:2}"
}

place() {
  case $1 in
    ansible) printf '%s\n' "$folder/ansible-$ansible_core" ;;
    buildbot) printf '%s\n' "$folder/buildbot-$buildbot" ;;
    gitlab-ci-local) printf '%s\n' "$folder/gitlab-ci-local-$gitlab_ci_local" ;;
    *) return 1 ;;
  esac
}

# In a process group of its own (set -m), which ends as a whole. Two of these scripts take turns.
put() { # put NAME FOLDER
  set -euo pipefail
  exec 9>"$(part_of "$2").lock"
  flock 9
  if [[ ! -d $2 ]]; then
    rm -rf -- "$(part_of "$2")" # somebody was killed
    "$1" "$2"
  fi
}

names=("$@")
((${#names[@]})) || names=(ansible buildbot gitlab-ci-local)
for name in "${names[@]}"; do
  place "$name" >/dev/null || {
    say "no runner is named $name here; there are ansible, buildbot and gitlab-ci-local."
    exit 3
  }
done
mkdir -p -- "$folder"
folder=$(cd -- "$folder" && pwd)

logs=$(mktemp -d)
declare -A started=()
end() {
  local name
  for name in "${!started[@]}"; do
    kill -TERM -- "-${started[$name]}" 2>/dev/null || true
  done
  rm -rf -- "$logs"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

set -m
for name in "${names[@]}"; do
  there=$(place "$name")
  if [[ -d $there || -n ${started[$name]:-} ]]; then
    continue
  fi
  say "installing $name into $there …"
  put "$name" "$there" </dev/null >"$logs/$name" 2>&1 &
  started[$name]=$!
done
set +m

status=0
for name in "${names[@]}"; do
  if [[ -n ${started[$name]:-} ]] && ! wait "${started[$name]}"; then
    say "$name could not be installed; the last words:"
    tail -n 12 -- "$logs/$name" >&2
    say "Check the network and the registry's client (pip config list, npm config list), then run it again."
    status=2
  else
    place "$name"
  fi
  unset "started[$name]"
done
exit "$status"
