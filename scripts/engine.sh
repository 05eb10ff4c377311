#!/usr/bin/env bash
# Runs a command with a Docker engine to talk to: the one that answers, else one of its own, which
# ends with the command. As root on Debian and Ubuntu, what is missing is installed from apt.
#
#   scripts/engine.sh COMMAND…
#
# Where no engine can be had, that is said and the command is run all the same: what needs one says
# so itself. Images stay for the next time in ~/.cache/aftercancel/engine; nothing else does.
set -euo pipefail

say() { printf 'engine: %s\n' "$*" >&2; }
answers() { timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }

if version=$(answers); then
  say "Docker $version is running and is used."
  exec "$@"
fi

missing=()
for need in dockerd:docker.io docker:docker.io docker-compose:docker-compose podman:podman \
  catatonit:catatonit mmdebstrap:mmdebstrap; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need##*:}")
done
if ((${#missing[@]})) && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  say "installing ${missing[*]} from apt …"
  log=$(mktemp)
  apt=(apt-get install --yes --quiet --no-install-recommends "${missing[@]}")
  if ! { "${apt[@]}" || { apt-get update --quiet && "${apt[@]}"; }; } >"$log" 2>&1 </dev/null; then
    tail -n 5 -- "$log" >&2
  fi
  rm -f -- "$log"
fi
# The package may have started a service.
if version=$(answers); then
  say "Docker $version is running and is used."
  exec "$@"
fi
if [[ $(id -u) != 0 ]] || ! command -v dockerd >/dev/null; then
  say "NO DOCKER ENGINE: none answers, and none can be started here (that needs root and dockerd,"
  say "  which apt-get install docker.io brings). What needs one is not tested."
  exec "$@"
fi

data=${XDG_CACHE_HOME:-$HOME/.cache}/aftercancel/engine
runs=$(mktemp -d)
mkdir -p -- "$data"
echo '{}' >"$runs/daemon.json"
export DOCKER_HOST=unix://$runs/docker.sock
# No bridge and no firewall rules: nothing that would be left on this machine.
setsid dockerd --data-root "$data" --exec-root "$runs/exec" --pidfile "$runs/pid" \
  --host "$DOCKER_HOST" --config-file "$runs/daemon.json" --bridge=none --iptables=false \
  </dev/null >"$runs/log" 2>&1 &
daemon=$!

end() {
  trap - EXIT
  kill -TERM "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  local place
  for place in "$runs"/exec/netns/*; do
    [[ -e $place ]] && umount -- "$place" 2>/dev/null
  done
  rm -rf -- "$runs"
}
trap end EXIT

for _ in {1..150}; do
  version=$(answers) && break
  kill -0 "$daemon" 2>/dev/null || break
  sleep 0.2
done
if [[ -n $version ]]; then
  say "Docker $version was started for this."
else
  say "NO DOCKER ENGINE: dockerd did not come up. Its last words:"
  tail -n 5 -- "$runs/log" >&2
  say "What needs one is not tested."
  unset DOCKER_HOST
fi
status=0
"$@" || status=$?
exit "$status"
