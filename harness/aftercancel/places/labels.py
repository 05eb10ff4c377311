"""Whose container, volume or network is it? Labels say so, for who finds it later."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aftercancel.executor.ownership import PREFIX, Owner, own_name, owner

RUN = "aftercancel.run"
CLIENT = "aftercancel.client"


@dataclass(frozen=True, slots=True)
class Labels:
    """What everything carries that one run makes with a Docker daemon."""

    run: str
    """A random word."""
    client: str
    """The machine and the process that it was made for."""

    @classmethod
    def new(cls) -> Self:
        """For a run of this process."""
        return cls(secrets.token_hex(6), f"{_machine()} {own_name()}")

    def as_dict(self) -> dict[str, str]:
        return {RUN: self.run, CLIENT: self.client}

    @property
    def selection(self) -> dict[str, str]:
        """A filter of the daemon's for what this run made."""
        return {"label": f"{RUN}={self.run}"}


def owner_of(client: str) -> Owner:
    """Whether the process lives that a label's value names; of another machine's nothing is known."""
    machine, _, name = client.rpartition(" ")
    if machine != _machine() or not name.startswith(PREFIX):
        return Owner.ELSEWHERE
    return owner(name)


def _machine() -> str:
    """Its name with the boot: a process number means nothing after the next one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = "-"
    return f"{socket.gethostname()} {boot}"


def command_of_owner(client: str) -> str:
    """For a person: which process, and where."""
    words = client.split()
    if len(words) != 3:
        return client
    pid = words[2].removeprefix(PREFIX).partition("-")[0]
    here = "" if words[:2] == _machine().split() else f" on {words[0]}"
    return f"process {pid}{here}"


__all__ = ["CLIENT", "RUN", "Labels", "command_of_owner", "owner_of"]
