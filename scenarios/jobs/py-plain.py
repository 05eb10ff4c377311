#!/usr/bin/env python3
# Nothing is prepared: what does Python do by itself when HUP, INT or TERM comes?
# /// aftercancel
# sentence = "Python: sleeps, and has no clean-up at all"
# marks = ["ready", "after"]
# ///
import os
import time


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


mark("ready")
time.sleep(float(os.environ.get("HOLD", "30")))
mark("after")
