#!/usr/bin/env python3
# The gist's recommendation 1: "write your wrapper in Python", because a handler that
# KILLs a stuck child must be called while the child is stuck. With the gist's recipe for
# HUP and TERM.
#
# However it ends (by itself, by an exception, by one HUP, INT or TERM; sent to it alone, to
# its group or to every process), its child is gone before it is: the child gets TERM, and
# KILL a second later. It exits with 128 + the signal's number; INT is Python's own
# KeyboardInterrupt.
#
# Not covered: a second signal while it waits for the child to end. QUIT and KILL. What the
# child has started. A signal in the moment between the child's start and the "try". The
# child's status: whatever it is, the wrapper ends with 0. recipe-python.py is the same idea
# without these gaps.
# -- measured (make remedies): all gone and clean in time in 9 of 15 cells of wrappers. Else:
# The job itself runs on: output-closed.
# What the job started runs on, and the clean-up did not come to its end: KILL-process,
#   QUIT-process, TERM-twice.
# Clean-up skipped: KILL-group, QUIT-group.
# --
# /// aftercancel
# sentence = "Recommendation 1 in Python: a wrapper that kills a child which ignores TERM"
# remedy = true
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
