#!/bin/sh
# Gives a command an input that never brings anything and never ends. A CI job's input is
# /dev/null, or a pipe that somebody else closes: ssh sees its end at once, passes it on, and what
# waits for it on the far side believes that the connection is gone.
#
#     hold-input.sh ssh FAR ./eof-to-hup.sh COMMAND...
#
# The input is a FIFO without a name that the command itself holds open at both ends. So the input
# ends when, and only when, the command does, whatever it dies of: no second process is there that
# could outlive it, and every signal meets the command itself (this script becomes it, by exec).
#
# Not covered: a command that leaves children behind: they hold the input too. Needs a system that
# opens a FIFO for reading and writing (Linux and the BSDs do; POSIX leaves it open), and mktemp.
[ "$#" -gt 0 ] || { echo "usage: ${0##*/} COMMAND..." >&2; exit 2; }
folder=$(mktemp -d) || exit
mkfifo "$folder/input" || exit
exec 0<> "$folder/input" || exit
rm -r "$folder"
exec "$@"
