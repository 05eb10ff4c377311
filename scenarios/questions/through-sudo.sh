#!/bin/sh
# "Will signals propagate through sudo?" sudo runs a sleep, and is cancelled in several ways.
# Look whether the sleep is gone a second later (not: of which signal). What still runs ends by itself, after 8 seconds.
# Try it as root and as an ordinary user, and with use_pty on and off: it may matter who sends
# and whether sudo has made a terminal for the command.
# /// aftercancel
# asked = "Will signals propagate through sudo?"
# claims = ["G16"]
# how = ["sh scenarios/questions/through-sudo.sh"]
# needs = """setsid, pgrep, GNU env and, for an ordinary user, a rule in sudoers, as \
# NAME ALL=(root) NOPASSWD: /usr/bin/sleep; root needs none, and its sleep runs as nobody."""
# ///
[ "$(id -u)" -eq 0 ] && as=nobody || as=root
if ! sudo -n -u "$as" sleep 0; then
  echo "It needs sudo and a rule: $(id -un) ALL=($as) NOPASSWD: $(command -v sleep)"
  exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
sudo -V | head -n 1
echo "In sudoers, the last one counts:" $(sudo -n -l | grep -o '!*use_pty' || echo "no use_pty")
echo "$(id -un) sends, the sleep is $as's"

state() { case $(ps -o stat= -p "${1:-0}") in '' | Z*) echo gone ;; *) echo runs ;; esac; }

try() { # a number, the signal, to whom
  nap=8.$$$1; d=$dir/$1; go=:; mkdir "$d"
  # Its group is that of a script, which waits until it is told whom to signal, if anybody.
  # What a script starts with & ignores INT and QUIT: env undoes that.
  setsid sh -c 'echo $$ > "$1/group"
    sh -c '\''echo $$ > "$1/sudo"
      exec env --default-signal=INT,QUIT sudo -n -u "$2" sleep "$3"'\'' - "$@" &
    tries=100; until [ -s "$1/go" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
    . "$1/go"; wait' - "$d" "$as" "$nap" 2> /dev/null &
  tries=50
  until sleep=$(pgrep -f "^sleep $nap\$") || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
  sudo=$(cat "$d/sudo")
  case $3 in
    sudo) kill -s "$2" "$sudo" ;;
    sudo,*) go="kill -s $2 $sudo" ;;
    group) kill -s "$2" -- "-$(cat "$d/group")" ;;
  esac
  echo "$go" > "$d/go"
  sleep 1
  printf '%-4s to %-25s  sleep: %-5s sudo: %s\n' "$2" "$3" "$(state "$sleep")" "$(state "$sudo")"
  wait
}

n=0
for sig in TERM HUP INT QUIT USR1 KILL; do
  for to in sudo group 'sudo, sent from its group'; do
    n=$((n + 1)); try $n $sig "$to" > "$dir/$(printf %02d $n).out" &
  done
done
wait
cat "$dir"/*.out
while pgrep -f "^sleep 8\.$$" > /dev/null; do sleep 0.5; done # what outlived sudo ends by itself
