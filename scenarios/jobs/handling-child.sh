#!/bin/sh
# The script knows nothing of signals; the child does, and needs a second for it.
# /// aftercancel
# sentence = "The foreground child has a TERM handler that takes 1 s, the script has none"
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# needs = ["python3"]
# pause_s = 1.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
child='
import os, signal, sys, time

def mark(words):
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(words, file=marks)

def handler(number, frame):
    mark("TERM begin")
    time.sleep(1)
    mark("TERM end")
    sys.exit(143)

signal.signal(signal.SIGTERM, handler)
time.sleep(float(os.environ.get("HOLD", "30")))
'
mark ready
ROLE=child /usr/bin/python3 -c "$child"
mark after
