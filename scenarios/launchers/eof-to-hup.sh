#!/bin/sh
# Ends a command on a far host when the connection to it is gone, where there is no terminal: an
# "EOF to SIGHUP" wrapper. Copy it to the far host, and hold-input.sh to the near one:
#
#     hold-input.sh ssh FAR ./eof-to-hup.sh COMMAND...
#
# COMMAND runs in a session of its own, and its input is /dev/null. This script reads its own
# input to nowhere. When that ends, because the client or sshd's process for it is gone:
#   1. COMMAND's process group gets HUP, once;
#   2. what is left of the group HUP_GRACE seconds later (20) gets KILL.
# It exits with COMMAND's status (128 + n for a signal). What COMMAND itself leaves in its group
# when it ends is ended in the same way. HUP, INT, QUIT, TERM, USR1 and USR2 sent to this script
# go on to the group. If it is killed (KILL), the end of input still ends COMMAND.
#
# Not covered: a connection that is cut and tells nobody, for as long as sshd believes in it
# (ClientAliveInterval; without, hours). A process that leaves the group, as by setsid: do that
# with what is to stay. A COMMAND that needs input, or that does not clean up for HUP (an EXIT
# trap alone is not enough in dash). An input that has ended before, such as a CI job's without
# hold-input.sh: COMMAND is told HUP at once. A client that is gone does not wait for the clean-up
# here. Where env is not GNU's, COMMAND may ignore INT and QUIT, as what sh starts with "&" does.
# -- measured (make remedies): all gone and clean in time in 16 of 53 cells of launchers, ssh. Else:
# The job itself runs on: link-down under ssh-eof-wrapper.
# What the job started runs on: KILL-process, connection-killed (setsid-child).
# Clean-up skipped: HUP-process, INT-group, KILL-process, TERM-group, TERM-process (exit-trap,
#   term-exit-traps, wait-trick); connection-killed (exit-trap).
# All done, but after the runner's report: HUP-process, INT-group, TERM-group, TERM-process
#   (py-exit-signals, recipe-sh); KILL-process (nohup-child, py-exit-signals, recipe-sh);
#   connection-killed (nohup-child, recipe-sh); link-down under ssh-eof-wrapper-keepalive.
# --
[ "$#" -gt 0 ] || { echo "usage: ${0##*/} COMMAND..." >&2; exit 2; }

# Runs in a session of its own: for a client's "signal" request (RFC 4254 6.9) sshd signals the
# whole group that this script is in. There is no group to tell until COMMAND has come to setsid.
watch='
    while read -r line; do :; done
    trap "" TERM
    told= rounds=0
    while kill -0 "-$1" || kill -0 "$1"; do
        [ "$told" ] || ! kill -HUP "-$1" || told=yes
        [ "$rounds" -lt $((10 + 50 * $2)) ] || { kill -KILL "-$1"; exit; }
        [ "$rounds" -lt 10 ] && sleep 0.01 || sleep 0.02
        rounds=$((rounds + 1))
    done'

# To a group that a child makes. Until it has, it also has this script's handlers, and would
# swallow the signal.
tell() { until kill "-$1" "-$2" || ! kill -0 "$2"; do sleep 0.1; done; } 2> /dev/null

relay() { if [ "$command" ]; then told=yes; tell "$1" "$command"; else early=$1; fi; }

command='' early=''
for signal in HUP INT QUIT TERM USR1 USR2; do trap "relay $signal" "$signal"; done
hear='env --default-signal=INT,QUIT'  # sh makes what it starts with "&" deaf to both
$hear true 2> /dev/null || hear=''
exec 3<&0
{ exec setsid $hear "$@" < /dev/null 3<&-; } &
command=$!
{ exec setsid sh -c "$watch" sh "$command" "${HUP_GRACE:-20}" <&3 3<&- > /dev/null 2>&1; } &
watcher=$!
[ -z "$early" ] || tell "$early" "$command"

{
    told=''
    wait "$command"
    code=$?
    # A signal that is relayed ends the wait; what it returned may not be COMMAND's status.
    while [ "$told" ] && kill -0 "$command"; do sleep 0.1; done
    tell TERM "$watcher"  # which is deaf when it is busy, and ends then when the group is gone
    if [ "$told" ]; then
        wait "$command"
        ended=$?
        case $ended in -1 | 127) ;; *) code=$ended ;; esac  # the shell told, or lost, it before
    fi
    wait "$watcher"
    ! kill -0 "-$command" || sh -c "$watch" sh "$command" "${HUP_GRACE:-20}" < /dev/null
} > /dev/null 2>&1
[ "$code" -le 128 ] || code=$((128 + (code & 127)))  # ksh93 and yash count higher
exit "$code"
