#!/bin/sh
# "Is a system with another /bin/sh, like dash, different?" An EXIT trap and a foreground child,
# under each shell that is installed: TERM, HUP or INT goes to the script alone, or to its group.
# Look for two things: did the trap run, and does the child still run a second later?
# Whatever is left of a group is killed then.
# /// aftercancel
# asked = "Is a system with another /bin/sh, like dash, different?"
# claims = ["G7"]
# compares = "shell"
# than = "bash"
# how = ["sh scenarios/questions/another-shell.sh"]
# needs = "setsid (util-linux), GNU env and ps."
# ///
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cat > "$dir/script" <<'END'
trap 'echo > "$1/trap"' EXIT
sh -c 'echo $$ > "$1/child"; exec sleep 20' child "$1"
exit 0
END

runs() { case $(ps -o stat= -p "$1") in '' | Z*) echo no ;; *) echo yes ;; esac; }

try() { # a folder, to whom, the signal, and the shell's command line
  d=$1; to=$2; sig=$3; shift 3; mkdir "$d"
  # setsid makes a group of its own, whose number is the script's pid.
  # What a script starts with & ignores INT: env undoes that.
  setsid env --default-signal=INT sh -c 'echo $$ > "$1/pid"; shift; exec "$@"' - "$d" "$@" "$dir/script" "$d" 2> /dev/null &
  tries=100
  until [ -s "$d/child" ] || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
  pid=$(cat "$d/pid"); child=$(cat "$d/child")
  if [ "$to" = group ]; then kill -s "$sig" -- "-$pid"; else kill -s "$sig" "$pid"; fi
  sleep 1
  [ -e "$d/trap" ] && trap=yes || trap=no
  printf '%-12s %-4s to the %-8s trap ran: %-4s child runs: %-4s script runs: %s\n' \
    "$*" "$sig" "$to" "$trap" "$(runs "$child")" "$(runs "$pid")"
  kill -s KILL -- "-$pid"
  wait
}

for shell in sh bash dash 'busybox ash' mksh ksh93 zsh yash; do
  name=${shell#* }
  command -v "${shell% *}" > /dev/null || { echo "$shell is not installed" > "$dir/$name.1"; continue; }
  for sig in TERM HUP INT; do
    for to in script group; do
      try "$dir/$name-$sig-$to" $to $sig $shell > "$dir/$name.$sig.$to" 2> /dev/null &
    done
  done
done
wait
cat "$dir"/*.*
ls -l "$(command -v sh)"
