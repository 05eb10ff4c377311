#!/usr/bin/env python3
# The workers are forks of the job and inherit its handlers.
# /// aftercancel
# sentence = "Python: the gist's recipe, and a multiprocessing pool of two that works"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import atexit
import multiprocessing
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

with multiprocessing.Pool(2) as pool:
    mark("ready")
    pool.map(time.sleep, [float(os.environ.get("HOLD", "30"))] * 2)
