#!/usr/bin/env python3
# The gist's recipe: HUP and TERM become sys.exit, and so reach the atexit handlers.
# /// aftercancel
# sentence = "Python: the gist's recipe (HUP and TERM call sys.exit) and an atexit handler"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import atexit
import os
import signal
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
time.sleep(float(os.environ.get("HOLD", "30")))
