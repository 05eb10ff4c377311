#!/usr/bin/env python3
# The clean-up that every Python programmer would write first.
# /// aftercancel
# sentence = "Python: the clean-up is in try ... finally"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import os
import time


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


try:
    mark("ready")
    time.sleep(float(os.environ.get("HOLD", "30")))
finally:
    mark("EXIT begin")
    time.sleep(0.3)
    mark("EXIT end")
