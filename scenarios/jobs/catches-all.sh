#!/bin/sh
# Hears every signal that can be heard, and goes on: what was sent, and did it arrive?
# /// aftercancel
# sentence = "Catches every signal that RFC 4254 names, marks each, and goes on"
# roles = ["child"]
# marks = ["ready", "got ABRT", "got ALRM", "got FPE", "got HUP", "got ILL", "got INT",
#          "got PIPE", "got QUIT", "got SEGV", "got TERM", "got USR1", "got USR2"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
signals='ABRT ALRM FPE HUP ILL INT PIPE QUIT SEGV TERM USR1 USR2'

export ROLE=child
/bin/sh -c "trap '' $signals; exec /bin/sleep ${HOLD:-30}" &
child=$!
unset ROLE
for signal in $signals; do
    trap "mark got $signal" "$signal"
done
mark ready
while kill -0 "$child" 2> /dev/null; do
    wait "$child"
done
