"""The folder of one run: made once, filled line by line, read as often as one likes."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from aftercancel.errors import StorageError, UsageError
from aftercancel.model import Observation
from aftercancel.results.lines import (
    PACKED,
    BadLine,
    LineWriter,
    cannot_write,
    find_observation,
    read_observations,
)
from aftercancel.results.record import RECORD_SCHEMA, Record

BASE = ".aftercancel"
"""Where runs go that were given no folder; ``latest`` in it points at the newest."""

RECORD, OBSERVATIONS, OUTCOMES = "run.json", "observations.jsonl", "outcomes.jsonl"
MATRIX, JUNIT, CLAIMS = "matrix.md", "junit.xml", "claims.jsonl"
MEASURED = (RECORD, OBSERVATIONS, f"{OBSERVATIONS}{PACKED}")
"""What cannot be made again."""
_OURS = (*MEASURED, OUTCOMES, MATRIX, JUNIT, CLAIMS)


class RunFolder:
    """One run's folder. Nothing in it is ever overwritten by another run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path | None = None, base: Path | None = None) -> RunFolder:
        """Make the folder: ``path``, or a new one named after the time below ``base``."""
        if path is None:
            return cls._create_by_time(base or Path.cwd() / BASE)
        _refuse_unusable(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        folder = cls(path)
        folder._begin()
        return folder

    @classmethod
    def _create_by_time(cls, base: Path) -> RunFolder:
        _refuse_file(base)
        name = dt.datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
        try:
            base.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), (base / ".gitignore").open("x") as file:
                file.write("*\n")
            path = _make_new(base, name)
        except OSError as error:
            raise cannot_write(base, error) from error
        folder = cls(path)
        folder._begin()
        _point(base / "latest", path.name)
        return folder

    @classmethod
    def open(cls, path: Path | None = None, base: Path | None = None) -> RunFolder:
        """An existing run; without a path, the newest below ``base``."""
        if path is None:
            path = (base or Path.cwd() / BASE) / "latest"
            if not path.exists():
                raise UsageError(
                    f"No run is stored below {path.parent}. Make one with `aftercancel run`, "
                    "or name a run's folder."
                )
            path = path.resolve()
        if not path.exists():
            raise UsageError(f"{path} does not exist. Name the folder of a stored run.")
        if not path.is_dir():
            raise UsageError(f"{path} is no folder. Name the folder of a stored run.")
        folder = cls(path)
        if not folder.stored.exists():
            raise UsageError(f"{path} holds no run: it has no {OBSERVATIONS}.")
        return folder

    @property
    def stored(self) -> Path:
        """The file of the observations: as a run writes it, or compressed by xz."""
        plain = self.path / OBSERVATIONS
        packed = plain.with_name(f"{OBSERVATIONS}{PACKED}")
        return packed if packed.exists() and not plain.exists() else plain

    def _begin(self) -> None:
        with self.writer():
            pass

    def writer(self) -> LineWriter:
        """What appends observations; each process has its own."""
        return LineWriter(self.path / OBSERVATIONS)

    def observations(self) -> Iterator[Observation | BadLine]:
        """Every stored line, as an observation or as what is wrong with it."""
        return read_observations(self.stored)

    def find(self, wanted: str) -> Observation | None:
        """The observation of one attempt (``cell`` or ``cell#2``), if it is there."""
        return find_observation(self.stored, wanted)

    def write_record(self, record: Record) -> None:
        data = msgspec.json.format(msgspec.json.encode(record), indent=2)
        self.write(RECORD, data + b"\n")

    def record(self) -> Record | None:
        """run.json; None where it is missing (a run may be judged without it)."""
        path = self.path / RECORD
        try:
            record = msgspec.json.decode(path.read_bytes(), type=Record)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise UsageError(
                f"{path} is no record of a run: {error}. Restore it; or remove it, and the "
                "observations are judged without it."
            ) from error
        if record.schema != RECORD_SCHEMA:
            raise UsageError(
                f"{path} has schema {record.schema}; this aftercancel reads {RECORD_SCHEMA}. "
                f"It was written by aftercancel {record.aftercancel}: use that version."
            )
        return record

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the folder whole or not at all: a reader never sees half of it."""
        self.write_pieces(name, (data,))

    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> int:
        """The same for what is made piece by piece; returns how many bytes it was."""
        path = self.path / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                size = file.tell()
            draft.replace(path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            if isinstance(error, OSError):
                raise cannot_write(path, error) from error
            raise
        return size


def _refuse_file(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, not a folder. Choose another folder with --out.")


def _refuse_unusable(path: Path) -> None:
    _refuse_file(path)
    taken = [name for name in _OURS if (path / name).exists()]
    if taken:
        raise UsageError(
            f"{path} holds another run ({taken[0]} is there). Nothing was changed. Choose another "
            "folder with --out, or remove this one."
        )
    try:
        foreign = next(path.iterdir(), None) if path.exists() else None
    except OSError as error:
        raise cannot_write(path, error) from error
    if foreign is not None:
        raise UsageError(
            f"{path} is not empty ({foreign.name} is there). Nothing was changed. Choose a new "
            "folder with --out."
        )


def _make_new(base: Path, name: str) -> Path:
    """A folder that nobody else has made: two runs may start in the same second."""
    for number in range(1, 1000):
        path = base / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
    raise StorageError(f"{base} has a thousand runs of this second. Name a folder with --out.")


def _point(link: Path, target: str) -> None:
    """Point the link at the newest run in one step: at every moment it points at some run."""
    draft = link.with_name(f".latest.{os.getpid()}")
    try:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        draft.symlink_to(target)
        draft.replace(link)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise cannot_write(link, error) from error
