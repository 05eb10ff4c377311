#!/bin/sh
# "Is a system with another /bin/sh, like dash, different?" An EXIT trap and a foreground child,
# under each shell that is installed: TERM goes to the script alone, then to its whole group.
# Look for two things: did the trap run, and does the child still run a second later?
# Whatever is left of a group is killed then.
# /// aftercancel
# asked = "Is a system with another /bin/sh, like dash, different?"
# claims = ["G7"]
# compares = "shell"
# than = "bash"
# how = ["sh scenarios/questions/another-shell.sh"]
# needs = "setsid (util-linux) and ps."
# ///
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat > "$dir/script" <<'END'
trap 'echo > "$1/trap"' EXIT
sh -c 'echo $$ > "$1/child"; exec sleep 20' child "$1"
exit 0
END

runs() { case $(ps -o stat= -p "$1") in '' | Z*) echo no ;; *) echo yes ;; esac; }

try() { # a folder, to whom, and the shell's command line
  d=$1; to=$2; shift 2; mkdir "$d"
  # setsid makes a group of its own, whose number is the script's pid.
  setsid sh -c 'echo $$ > "$1/pid"; shift; exec "$@"' - "$d" "$@" "$dir/script" "$d" 2> /dev/null &
  tries=100
  until [ -s "$d/child" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
  pid=$(cat "$d/pid"); child=$(cat "$d/child")
  if [ "$to" = group ]; then kill -s TERM -- "-$pid"; else kill -s TERM "$pid"; fi
  sleep 1
  [ -e "$d/trap" ] && trap=yes || trap=no
  printf '%-12s TERM to the %-8s trap ran: %-4s child runs: %-4s script runs: %s\n' \
    "$*" "$to" "$trap" "$(runs "$child")" "$(runs "$pid")"
  kill -s KILL -- "-$pid"
  wait
}

for shell in sh bash dash 'busybox ash' mksh ksh93 zsh yash; do
  name=${shell#* }
  command -v "${shell% *}" > /dev/null || { echo "$shell is not installed" > "$dir/$name.1"; continue; }
  for to in script group; do try "$dir/$name-$to" $to $shell > "$dir/$name.$to" 2> /dev/null & done
done
wait
cat "$dir"/*.*
ls -l "$(command -v sh)"
