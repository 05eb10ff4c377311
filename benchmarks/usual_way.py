"""How cells are tried by hand and in most test suites: a container each, and polling.

Create and start a container, poll its log for ``ready``, signal, poll until it has ended, read
the log and the exit status, remove it. Nothing is slower than it has to be: there is no network,
the log is looked at every 50 ms, and what a container cannot know (who sent what to whom, what is
left after the end) is not looked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import docker
from docker.models.containers import Container

from aftercancel.model import Action, Cell, Target
from benchmarks.engine import LABEL
from benchmarks.image import HOME, JOBS, UID

POLL_S = 0.05
GIVE_UP_S = 10.0
_HOLD_S, _HOLD_TO_THE_END_S = "600", "0.5"
"""As the lab has it (aftercancel.executor.measure)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What such a container tells."""

    cell: str
    log: str
    status: int | None
    """None: the job had not ended when we gave up."""


@dataclass(frozen=True, slots=True)
class Round:
    """Cells done that way."""

    seen: tuple[Seen, ...]
    wall_s: float

    @property
    def gave_up(self) -> tuple[str, ...]:
        return tuple(each.cell for each in self.seen if each.status is None)

    @property
    def never_ready(self) -> tuple[str, ...]:
        return tuple(each.cell for each in self.seen if "ready" not in each.log.split())


def do(client: docker.DockerClient, image: str, cells: Sequence[Cell], at_once: int = 1) -> Round:
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        seen = tuple(pool.map(lambda cell: one(client, image, cell), cells))
    return Round(seen, time.monotonic() - began)


def one(client: docker.DockerClient, image: str, cell: Cell) -> Seen:
    container = client.containers.create(
        image,
        [*cell.shell.argv, f"{JOBS}/{cell.job.name}"],
        # PID 1 passes on what it is sent: to the job, or to the job's whole process group.
        init=True,
        environment=_environment(cell),
        user=f"{UID}:{UID}",
        working_dir=HOME,
        network_mode="none",
        labels={LABEL: "benchmark"},
    )
    try:
        container.start()
        _poll(lambda: b"ready" in container.logs() or _ended(container))
        for step in cell.cancellation.steps:
            if step.action is Action.WAIT:
                time.sleep(step.seconds)
            elif not _ended(container):
                container.kill(f"SIG{step.signal}")
        over = _poll(lambda: _ended(container))
        log = container.logs().decode("utf-8", "replace")
        status = int(container.attrs["State"]["ExitCode"]) if over else None
    finally:
        container.remove(force=True)
    return Seen(cell.id, log, status)


def _environment(cell: Cell) -> dict[str, str]:
    to_group = any(step.to is Target.GROUP for step in cell.cancellation.steps)
    return {
        "HOME": HOME,
        "HOLD": _HOLD_S if cell.cancellation.steps else _HOLD_TO_THE_END_S,
        **({"TINI_KILL_PROCESS_GROUP": "1"} if to_group else {}),
        **dict(cell.job.env),
    }


def _ended(container: Container) -> bool:
    container.reload()
    return str(container.status) == "exited"


def _poll(condition: Callable[[], bool]) -> bool:
    """Whether it came true before we gave up."""
    until = time.monotonic() + GIVE_UP_S
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True
