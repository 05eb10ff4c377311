#!/usr/bin/env python3
# Python runs signal handlers in the main thread only, and at its end waits for the others.
# /// aftercancel
# sentence = "Python: the gist's recipe, but the work blocks in another thread"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import atexit
import os
import signal
import sys
import threading
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

work = threading.Thread(target=time.sleep, args=[float(os.environ.get("HOLD", "30"))])
work.start()
mark("ready")
work.join()
