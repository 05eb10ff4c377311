#!/bin/sh
# "What negative side effects could forcing ssh to perform pty allocation have on a
# non-interactive script?" The same commands on a host of yours, with ssh and with ssh -tt, their
# output byte by byte. Look where the two differ. Status 124: it had not ended after 10 seconds.
#   HOST=user@host sh forced-terminal.sh      SSH="ssh -p 2222 -i key" for more than a name
# /// aftercancel
# asked = """What negative side effects could forcing ssh to perform pty allocation have on a \
# non-interactive script?"""
# effects = true
# how = ["HOST=user@host sh scenarios/questions/forced-terminal.sh"]
# needs = "ssh, GNU timeout, and a host where you can log in without being asked for anything."
# ///
if [ -z "$HOST" ]; then
  echo "Name a host where you can log in: HOST=user@host sh $0"
  exit 0
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

try() { # what is tried, the input, the command
  echo "== $1: $3"
  for tt in '' -tt; do
    printf "$2" | timeout 10 ${SSH:-ssh} $tt -o BatchMode=yes -o ConnectTimeout=5 \
      -o LogLevel=ERROR "$HOST" "$3" > "$dir/out" 2> "$dir/err"
    echo "ssh ${tt:-   }  status $?, $(wc -c < "$dir/out") bytes on stdout:"
    head -c 200 "$dir/out" | od -An -c
    head -c 200 "$dir/err" | sed 's/^/  and on stderr: /'
  done
}

try 'newlines and a tab' '' 'printf "one\n\ttwo\n"'
try 'stderr apart' '' 'echo out; echo error >&2'
try 'terminals' '' 'for n in 0 1 2; do test -t $n && echo "$n is one"; done; echo "TERM=$TERM"'
try 'input' 'one\ntwo\n' 'read line; echo "got $line"'
try 'end of the input' 'one\n' 'wc -l'
try 'a byte 0x03 in the input' 'one\003two\n' 'head -n 1'
try 'a prompt' 'y\n' 'bash -c "read -p \"Sure? \" answer; echo \$answer"'
try 'status' '' 'exit 3'
try 'a child left behind' '' 'sleep 3 & echo left'
