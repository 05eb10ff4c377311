#!/bin/sh
# Two programs read the same input to its end, one after the other. At a file or a pipe the
# second one finds nothing. By hand: `printf 'one\n\004two\n\004' | sh tty-input-ends-twice.sh`
# /// aftercancel
# sentence = "Two programs read the input, with the byte 0x04 (^D) in it, to its end: what gets each?"
# marks = ["ready"]
# pause_s = 0.3
# input = "one\n\u0004two\n\u0004"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
echo "first: $(/bin/cat | /usr/bin/wc -c)"
echo "second: $(/bin/cat | /usr/bin/wc -c)"
/bin/sleep 0.3
