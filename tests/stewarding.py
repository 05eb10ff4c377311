"""Drives a steward without a sandbox, over a socket pair, with an adapter that does as it is told.

``Stewarded`` is what tests use; the steward itself runs in a process of its own, because it ends by
leaving. The adapter, ``Obedient``, starts no jobs: each line of a job's script is something that it
is to do at once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import pwd
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said, Step
from aftercancel.runners import steward
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Found, Further, Kind, Tell, Work
from aftercancel.runners.standing import WORK, Standing, Task

DEADLINE_S = 20.0
"""What is awaited for longer will not come."""
_SUDOERS = "/etc/sudoers.d/job"
_SAID = {said.value: said for said in Said}


class Obedient:
    """The adapter. Its options: ``fails`` (words), ``breaks``, ``lies``, ``runner``."""

    def __init__(self, ground: Ground, options: Mapping[str, str], tell: Tell) -> None:
        self.runner: int | None = None
        self.server: int | None = None
        self._ground = ground
        self._options = options
        self._tell = tell
        self._further: list[Further] = []
        self._idle = ""

    def start(self) -> None:
        self._ground.log.write_text("the runner's own log\n")
        if "fails" in self._options:
            raise RunnerError(self._options["fails"])
        if "breaks" in self._options:
            raise ValueError(self._options["breaks"])
        if "runner" in self._options:
            self.runner = int(self._options["runner"])

    def submit(self, work: Work) -> None:
        for line in work.script.splitlines():
            self._do(*line.partition(" ")[::2], work)

    def _do(self, what: str, words: str, work: Work) -> None:
        match what:
            case "says":
                self._tell.output(f"{words}\n".encode())
            case "says-bytes":
                self._tell.output(b"x" * int(words))
            case "reports":
                said, _, literally = words.partition(" ")
                self._tell.report(_SAID[said], literally)
            case "ends":
                self._tell.report(Said.CANCELLED, "signal", End(signal=words))
            case "refuses":
                raise RunnerError(words)
            case "leaves":
                (self._ground.home / words).mkdir(parents=True)
                (self._ground.home / words / "file").touch()
            case "idle":
                self._idle = words
            case "exit":  # the trial's first two jobs
                lies = "lies" in self._options
                said = Said.SUCCESS if words == "0" or lies else Said.FAILED
                self._tell.report(said, f"exit {words}")
            case _:  # and its third
                (Path(work.folder) / "trial-armed").touch()

    def ask(self, way: str) -> None:
        if way != "cancel":
            raise RunnerError(f"404: there is no way {way}")
        self._tell.report(Said.CANCELLED, "state=cancelled")

    def further(self, number: int) -> None:
        now = time.monotonic_ns()
        self._further += [Further(now, None, listed=True) for _ in range(number)]

    def queue(self) -> Sequence[Further]:
        return self._further

    def start_again(self) -> None:
        self._tell.output(b"started again\n")

    def idle(self, within_s: float) -> bool:
        said, self._idle = self._idle, ""
        if said == "fails":
            raise RunnerError("it does not answer")
        return said != "never"

    def stop(self) -> None:
        (self._ground.home / "stopped").touch()


def find(path: Path) -> Found:
    return Found(path, path, "1.0")


KIND = Kind("obedient", (), "It is made up.", find, Obedient)


def standing(folder: Path, *, tried: bool = True, **options: str) -> Standing:
    me = pwd.getpwuid(os.getuid())
    return Standing(
        adapter=KIND.name,
        program="/bin/true",
        version="1.0",
        folder=str(folder / "runner"),
        home=str(folder / "home"),
        uid=me.pw_uid,
        user=me.pw_name,
        options=tuple(options.items()),
        way="cancel",
        tried=tried,
        places=(str(folder / "home"), str(folder / "nowhere")),
        kept=frozenset({str(folder / "home" / "kept"), str(folder / "home" / "stopped")}),
    )


class Stewarded:
    """A steward with its runner; leaving takes its socket away, and waits until it has ended."""

    def __init__(self, folder: Path, *, tried: bool = True, **options: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)
        self.output = b""
        self.messages: list[dict[str, Any]] = []
        self._standing = standing(folder, tried=tried, **options)

    def __enter__(self) -> Self:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(DEADLINE_S)
        with theirs:
            self._process = _PROCESSES.Process(target=_serve, args=(theirs, self._standing))
            self._process.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def leave(self) -> int:
        """Take the socket away; the status that it ends with."""
        self._control.close()
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; its status."""
        self._process.join(DEADLINE_S)
        status = self._process.exitcode
        if status is None:
            self._process.kill()
            self._process.join()
            raise AssertionError(f"the steward has not ended within {DEADLINE_S:.0f} s")
        return status

    def told(self, key: str) -> Any:
        """The next message with this key; what came before it is kept in ``messages``."""
        while True:
            packet = self._control.recv(1 << 20)
            if not packet:
                raise AssertionError(f"it has gone; awaited {key}, told: {self.messages}")
            if packet[:1] == b"o":
                self.output += packet[1:]
                continue
            message = json.loads(packet[1:])
            self.messages.append(message)
            if key in message:
                return message[key]

    def heard(self, key: str) -> list[Any]:
        """Every message so far with this key."""
        return [message[key] for message in self.messages if key in message]

    def order(self, **order: Any) -> None:
        self._control.send(json.dumps(order).encode())

    def give(self, *script: str, steps: Sequence[Step] = (), **more: Any) -> str:
        """Hand a job over; the path of its script."""
        text = "\n".join(script)
        path = str(self.folder / "job.sh")
        work = Work(  # noqa: S604  # a field of ours, no subprocess
            name="job.sh",
            script=text,
            path=path,
            shell=("/bin/sh",),
            command=("/bin/sh", path),
            whole=True,
            env=(),
            folder=str(self.home),
        )
        self._control.send(WORK + pickle.dumps(Task(work, steps=tuple(steps), **more)))
        return path

    def fire(self, job: int = 0) -> None:
        """``job``: whom to signal, and whose group."""
        self.order(fire=[job, job])

    def counts(self) -> tuple[int, int, int]:
        """Bytes of the log before the report, after it, and passed on."""
        self.order(count=True)
        before, after, kept = self.told("counts")["o"]
        return before, after, kept

    def clear(self) -> bool:
        self.order(clear=1.0)
        idle: bool = self.told("idle")
        return idle


def _serve(control: socket.socket, told: Standing) -> None:
    # In a sandbox this is the sandbox's own; here it would be the machine's.
    unlink = os.unlink
    os.unlink = lambda path, **more: None if path == _SUDOERS else unlink(path, **more)
    ground = Ground(
        program=Path(told.program),
        version=told.version,
        folder=Path(told.folder),
        home=Path(told.home),
        uid=told.uid,
        user=told.user,
    )
    steward.serve(control, told, KIND, ground)


# What forks the stewards has imported all of this, and has no thread.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["pytest", __name__])
