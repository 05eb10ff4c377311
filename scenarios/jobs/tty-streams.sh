#!/bin/sh
# One line to each of its two outputs. A terminal is one device: it has only one way out.
# /// aftercancel
# sentence = "A line to stdout and a line to stderr: do they come out apart?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
echo "to stdout"
echo "to stderr" >&2
/bin/sleep 0.3
