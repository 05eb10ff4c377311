#!/usr/bin/env python3
# asyncio.run takes INT for itself; TERM and HUP it leaves as they are.
# /// aftercancel
# sentence = "Python: asyncio.run with a task that cleans up when it is cancelled"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
import asyncio
import os


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


async def task() -> None:
    try:
        mark("ready")
        await asyncio.sleep(float(os.environ.get("HOLD", "30")))
    finally:
        mark("EXIT begin")
        await asyncio.sleep(0.3)
        mark("EXIT end")


asyncio.run(task())
