#!/bin/sh
# A program that prints a line and is then killed. stdio keeps what goes to a pipe until its
# buffer is full, and what goes to a terminal until the end of the line (setvbuf(3)).
# /// aftercancel
# sentence = "A program prints a line and is killed: does the line arrive?"
# marks = ["ready"]
# pause_s = 0.3
# needs = ["python3"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/usr/bin/python3 -c 'import os, signal; print("half way"); os.kill(os.getpid(), signal.SIGKILL)'
echo "status: $?"
/bin/sleep 0.3
