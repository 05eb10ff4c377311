#!/bin/sh
# Somebody must read what it writes. The child never rests, so it says itself when it is ready.
# /// aftercancel
# sentence = "A foreground child that writes a line of output every 0.1 s, and an EXIT trap"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# needs = ["python3"]
# pause_s = 0.3
# rests = false
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
child='
import os, signal, time

signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as programs have it that are not Python
with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
    print("ready", file=marks)
end = time.monotonic() + float(os.environ.get("HOLD", "30"))
while time.monotonic() < end:
    print("working", flush=True)
    time.sleep(0.1)
'
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
ROLE=child /usr/bin/python3 -c "$child"
