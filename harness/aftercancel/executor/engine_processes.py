"""Programs of a container engine, started by the sandbox's PID 1."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import NoReturn

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LAST_WORDS = 600


class EngineError(Exception):
    """The engine did not come up, or refused what it was asked; the message says why."""


def spawn(child: Callable[[], NoReturn]) -> int:
    """A new process in a session of its own; returns its id."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            # Ignored by PID 1 where the kernel reaps for it; a Go program waits for its children.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            child()
        finally:
            os._exit(127)
    return pid


def become(command: tuple[str, ...], folder: str, refusal: int | None = None) -> NoReturn:
    """That program, whose words are kept in ``folder``.

    Where it cannot be started, its errno is written to ``refusal``.
    """
    log = os.open(_log(folder), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    for number, fd in enumerate((nothing, log, log)):
        os.dup2(fd, number)
    # containerd leaves a dump of its stacks in TMPDIR when dockerd finds it slow.
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", "TMPDIR": folder}
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        if refusal is not None:
            os.write(refusal, str(error.errno).encode())
        raise


def run(command: tuple[str, ...], folder: str) -> int:
    """Start a command; returns its id. Raises the ``OSError`` that kept it from starting."""
    refused, refusal = os.pipe()
    with os.fdopen(refused, "rb") as answer:
        pid = spawn(lambda: become(command, folder, refusal))
        os.close(refusal)
        number = answer.read()
    if number:
        raise OSError(int(number), f"{command[0]}: {os.strerror(int(number))}")
    return pid


def last_words(folder: str) -> str:
    """What was said last there."""
    with contextlib.suppress(OSError), open(_log(folder), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
        return file.read().decode("utf-8", "replace").strip()
    return "none"


def _log(folder: str) -> str:
    return f"{folder}/log"
