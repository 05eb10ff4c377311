#!/usr/bin/env python3
# The gist's recommendation 1: "write your wrapper in Python", because a handler that
# KILLs a stuck child must be called while the child is stuck. With the gist's recipe for
# HUP and TERM.
# /// aftercancel
# sentence = "Recommendation 1 in Python: a wrapper that kills a child which ignores TERM"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# pause_s = 1.0
# ///
import os
import signal
import subprocess
import sys


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


STUCK = 'trap "" TERM; exec /bin/sleep "${HOLD:-30}"'

for s in [signal.SIGHUP, signal.SIGTERM]:
    signal.signal(s, lambda n, _: sys.exit(128 + n))
mark("ready")
child = subprocess.Popen(["/bin/sh", "-c", STUCK], env={**os.environ, "ROLE": "child"})
try:
    child.wait()
finally:
    mark("EXIT begin")
    child.terminate()
    try:
        child.wait(1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    mark("EXIT end")
