#!/usr/bin/env python3
# Python waits in subprocess.run when the signal comes: what becomes of the child?
# /// aftercancel
# sentence = "Python: the gist's recipe, and a child in subprocess.run"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import atexit
import os
import signal
import subprocess
import sys
import time


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


@atexit.register
def cleanup() -> None:
    mark("EXIT begin")
    time.sleep(0.3)
    mark("EXIT end")


for s in [signal.SIGHUP, signal.SIGTERM]:
    signal.signal(s, lambda n, _: sys.exit("Received signal %d" % n))

mark("ready")
subprocess.run(["/bin/sleep", os.environ.get("HOLD", "30")], env={**os.environ, "ROLE": "child"})
