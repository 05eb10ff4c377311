#!/usr/bin/env python3
# The gist: atexit runs after KeyboardInterrupt; for HUP and TERM "Python aborts immediately".
# The variants are started as a shell's & and as nohup start a program.
# /// aftercancel
# sentence = "Python: the clean-up is an atexit handler"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# default = true
# [variant.py-atexit-background]
# sentence = "Python: the clean-up is an atexit handler; started with & (INT and QUIT ignored)"
# ignored = ["INT", "QUIT"]
# [variant.py-atexit-nohup]
# sentence = "Python: the clean-up is an atexit handler; started under nohup (HUP ignored)"
# ignored = ["HUP"]
# ///
import atexit
import os
import time


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


@atexit.register
def cleanup() -> None:
    mark("EXIT begin")
    time.sleep(0.3)
    mark("EXIT end")


mark("ready")
time.sleep(float(os.environ.get("HOLD", "30")))
