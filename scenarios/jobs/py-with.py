#!/usr/bin/env python3
# TemporaryDirectory, open, Lock: a context manager undoes on leaving what it did.
# /// aftercancel
# sentence = "Python: the clean-up is a context manager's, a directory that it removes"
# pause_s = 0.3
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# removes = ["/tmp/job.d"]
# ///
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.gettempdir(), "job.d")
    path.mkdir()
    try:
        yield path
    finally:
        mark("EXIT begin")
        time.sleep(0.3)
        path.rmdir()
        mark("EXIT end")


with folder():
    mark("ready")
    time.sleep(float(os.environ.get("HOLD", "30")))
