"""Folders of the client's that cells work in, brought into a container.

Nothing of the client's disk is mounted, since the daemon may be on another machine: a folder is
copied in, once. Cells see it copy-on-write, as on this machine, and nothing comes back.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from aftercancel.model import Cell
from aftercancel.places.daemon import Daemon

_BELOW = "run/aftercancel"
"""No cell sees it: what stands in /run is hidden from them (``executor.rootfs``)."""


class Carrier:
    """What is brought into one container for one batch of cells: as the folders are now."""

    def __init__(self, daemon: Daemon, container: str, numbers: Iterator[int]) -> None:
        """``numbers``: one for each folder, never the same twice in a container."""
        self._daemon = daemon
        self._container = container
        self._numbers = numbers
        self._brought: dict[str, str] = {}

    def adapted(self, cell: Cell) -> Cell:
        """The cell with its folder where it stands in the container; raises ``DaemonError``."""
        folder = cell.job.workdir
        if folder is None:
            return cell
        if folder not in self._brought:
            self._brought[folder] = self._bring(Path(folder), f"{_BELOW}/{next(self._numbers)}")
        return replace(cell, job=replace(cell.job, workdir=self._brought[folder]))

    def _bring(self, folder: Path, target: str) -> str:
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as tar:
                tar.add(folder, arcname=target)
            packed.seek(0)
            with self._daemon.doing(f"bringing {folder} into its container"):
                self._daemon.api.put_archive(self._container, "/", packed)
        return f"/{target}"
