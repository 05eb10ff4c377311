#!/usr/bin/env python3
# A Python script that can be cancelled. Copy it, put your work and your clean-up into the two
# functions at the top, and call `run` for what takes time. Any Python since 3.9, on Unix.
#
# However it ends (by itself, by an exception, by HUP, INT, QUIT or TERM; sent to it alone, to
# its group or to every process one by one; once or twice):
#   1. first the running command and its process group end: they get the signal that the
#      script got (TERM after an exception), and KILL after GRACE seconds;
#   2. then clean_up runs, once, and another signal does not disturb it;
#   3. then the script ends as it was told to: by that signal.
# Each command gets the signal once, however often the runner sends it. If the script itself
# is killed (KILL), nobody cleans up, but its command is killed too, by a watchdog.
#
# Not covered: a command that leaves its process group (a daemon), signals that were ignored
# when the script started (nohup; they stay ignored), handlers that are called late because
# the main thread is in C code. A command has no terminal. Where process 1 does not reap (in a
# container without an init), ending a command may take GRACE seconds.
# -- measured (make remedies): all gone and clean in time in 17 of 21 cells of recipes. Else:
# The job itself runs on: output-closed.
# Clean-up skipped: KILL-group, KILL-process.
# --
# /// aftercancel
# sentence = "Our best practice in Python, round a child with a child of its own"
# remedy = true
# pause_s = 0.5
# roles = ["child", "grandchild"]
# marks = ["ready", "clean-up begin", "clean-up end"]
# cleanup = "clean-up"
# removes = ["/home/ci/job.lock"]
# env = { GRACE = "1" }
# default = true
# [variant.recipe-python-deaf]
# sentence = "Our best practice in Python, round a child and grandchild that ignore TERM"
# remedy = false
# env = { GRACE = "1", DEAF = "TERM" }
# ///
import os
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import NoReturn, Optional


def mark(*words: str) -> None:
    with open(os.environ.get("MARKS", "/dev/stderr"), "a") as marks:
        print(*words, file=marks)


def clean_up() -> None:
    mark("clean-up begin")
    time.sleep(0.5)
    os.unlink("job.lock")
    mark("clean-up end")


def work() -> None:
    with open("job.lock", "w") as lock:
        print(os.getpid(), file=lock)
    mark("ready")
    run("/usr/bin/env", "ROLE=child", "/bin/sh", "-c", CHILD)


CHILD = """
    [ -z "$DEAF" ] || trap "" "$DEAF"
    ROLE=grandchild /bin/sleep "${HOLD:-30}"
    exit "$?"
"""

# From here on nothing needs to be changed.

SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]
GRACE = float(os.environ.get("GRACE", "10"))
WATCHDOG = """trap "" HUP INT QUIT TERM
    while read -r group && [ "$group" != end ]; do last=$group; done
    [ "$group" = end ] || [ -z "$last" ] || kill -KILL "-$last" """


class Cancelled(BaseException):
    """A signal came. Not an Exception: `except Exception` must not swallow it."""


got: Optional[int] = None  # the signal that came
starting = False  # a command is being started: its process id must not be lost
running: "Optional[subprocess.Popen[bytes]]" = None  # the command whose group may be alive


def run(*command: str) -> None:
    """Run a command in a process group of its own, and leave nothing of the group behind."""
    global running, starting
    starting = True
    try:
        running = child = subprocess.Popen(command, start_new_session=True)
        tell_watchdog(str(child.pid))
    finally:
        starting = False
    if got is not None:
        raise Cancelled
    child.wait()
    end_group(signal.SIGTERM)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)


def end_group(number: int) -> None:
    """End what is left of the command's group, first kindly, and see that it is gone."""
    global running
    if running is None:
        return
    signal_group(running, number)
    deadline = time.monotonic() + GRACE
    while signal_group(running, 0) and time.monotonic() < deadline + 1:  # then dead, not reaped
        if time.monotonic() > deadline:
            signal_group(running, signal.SIGKILL)
        time.sleep(0.05)
    running = None
    tell_watchdog("")


def signal_group(child: "subprocess.Popen[bytes]", number: int) -> bool:
    child.poll()  # takes the exit status, so that a dead child counts as gone
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def on_signal(number: int, _: Optional[FrameType]) -> None:
    global got
    ignore_signals()
    got = number
    if not starting:
        raise Cancelled


def ignore_signals() -> None:
    """Once is enough. What clean_up starts is deaf as well."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def tell_watchdog(group: str) -> None:
    os.write(watchdog.stdin.fileno(), f"{group}\n".encode())  # type: ignore[union-attr]


def main() -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    try:
        try:
            work()
        finally:
            ignore_signals()  # a signal that comes in here is caught by the outer try
    except Cancelled:
        pass
    finally:
        end_group(got or signal.SIGTERM)
        clean_up()
        tell_watchdog("end")
        watchdog.wait()
    if got is not None:
        die(got)


def die(number: int) -> NoReturn:
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    sys.exit(128 + number)  # as PID 1, that signal does not end us


# Kills the command when the script is gone without having said "end".
watchdog = subprocess.Popen(
    ["/bin/sh", "-c", WATCHDOG],
    stdin=subprocess.PIPE,
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    start_new_session=True,
)
main()
