#!/usr/bin/env python3
# As py-wrapper, but it is the signal handler that waits for the child: it is called in the
# middle of the other wait.
# /// aftercancel
# sentence = "A Python wrapper whose signal handler kills a child that ignores TERM, and waits for it"
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end"]
# cleanup = "TERM"
# pause_s = 1.0
# ///
import os
import signal
import subprocess
import sys


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


def stop(number: int, _: object) -> None:
    mark("TERM begin")
    child.terminate()
    try:
        child.wait(1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    mark("TERM end")
    sys.exit(128 + number)


STUCK = 'trap "" TERM; exec /bin/sleep "${HOLD:-30}"'
child = subprocess.Popen(["/bin/sh", "-c", STUCK], env={**os.environ, "ROLE": "child"})
for s in [signal.SIGHUP, signal.SIGTERM]:
    signal.signal(s, stop)
mark("ready")
child.wait()
