#!/bin/sh
# Which of stdin, stdout and stderr are terminals, and whether there is one to be asked at:
# ssh, git and sudo ask for passwords at /dev/tty, whatever their input is.
# /// aftercancel
# sentence = "Are stdin, stdout and stderr terminals, and can /dev/tty be opened?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
terminals=
for fd in 0 1 2; do
    if [ -t "$fd" ]; then terminals="$terminals $fd"; fi
done
echo "terminals:$terminals"
if (: < /dev/tty) 2> /dev/null; then echo "/dev/tty: yes"; else echo "/dev/tty: no"; fi
/bin/sleep 0.3
