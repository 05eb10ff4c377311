#!/bin/sh
# Every value that a byte can have, once, as an archive or a picture has them.
# /// aftercancel
# sentence = "All 256 byte values on stdout: do they arrive as they were?"
# marks = ["ready"]
# pause_s = 0.3
# needs = ["python3"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/usr/bin/python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)))'
/bin/sleep 0.3
