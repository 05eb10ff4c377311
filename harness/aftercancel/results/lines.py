"""The file of observations: one line each, appended by several processes at once.

A line is one ``write`` under an exclusive lock to a file opened for appending, so that lines of
two workers never mix. Whoever runs out of disk takes the half-written line away again. A process
that is killed in the middle leaves at most one broken line; readers name it and go on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import lzma
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from aftercancel.errors import StorageError
from aftercancel.model import SCHEMA, Cell, Observation

_ATTEMPT = re.compile(r"#\d+$")
PACKED = ".xz"
"""How the name of a compressed file ends."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def key(thing: Observation | Cell) -> str:
    """The id of one attempt at a cell: the cell's id, then ``#2`` from the second attempt on."""
    cell = thing.cell if isinstance(thing, Observation) else thing.id
    return attempt_key(cell, thing.attempt)


def attempt_key(cell: str, attempt: int) -> str:
    return cell if attempt == 1 else f"{cell}#{attempt}"


def encode(observation: Observation) -> bytes:
    """The line that an observation is stored as, without its newline."""
    return msgspec.json.encode(observation)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no observation of ours."""

    number: int
    """From 1."""
    problem: str

    def __str__(self) -> str:
        return f"line {self.number} {self.problem}"


class LineWriter:
    """Appends lines to a file that other processes append to as well; usable by many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise cannot_write(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def append(self, line: bytes) -> None:
        """Append one line (given without its newline), or nothing at all."""
        with self._lock, self._locked():
            end = os.fstat(self._fd).st_size
            try:
                self._write(self._mend(end) + line + b"\n")
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, end)
                raise self._refused(error) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _mend(self, end: int) -> bytes:
        """What keeps us apart from a line that a killed process left without its newline."""
        return b"\n" if end and os.pread(self._fd, 1, end - 1) != b"\n" else b""

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _refused(self, error: OSError) -> StorageError:
        kept = sum(1 for _ in _lines(self.path))
        plural = "observation is" if kept == 1 else "observations are"
        return StorageError(
            f"{_reason(error)} while writing {self.path}. The {kept} {plural} kept and can be "
            f"read. Make room, or choose a folder on another disk with --out, and run again."
        )


def read_observations(path: Path) -> Iterator[Observation | BadLine]:
    """Every line of the file: an observation, or what is wrong with the line.

    Of what was read, only the ids are held in memory. The second observation of the same attempt
    is reported as a bad line: the first one stands.
    """
    parse = Parser()
    seen: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        found = parse(line)
        if isinstance(found, str):
            yield BadLine(number, found)
        elif key(found) in seen:
            yield again(number, key(found))
        else:
            seen.add(key(found))
            yield found


class Parser:
    """Makes an observation of a line, or says what is wrong with it."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Observation)

    def __call__(self, line: bytes) -> Observation | str:
        try:
            observation = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _diagnosis(line, str(error))
        if observation.schema != SCHEMA:
            return _foreign_schema(observation.schema)
        return observation


def again(number: int, attempt: str) -> BadLine:
    """A line with an attempt that an earlier line has."""
    return BadLine(number, f"measures {attempt} a second time; the first stands")


def find_observation(path: Path, wanted: str) -> Observation | None:
    """The observation of one attempt, as a rule without decoding the others."""
    cell = wanted.partition("#")[0] if _ATTEMPT.search(wanted) else wanted
    as_we_write_it = msgspec.json.encode(cell)
    # Somebody else may have spelt it otherwise: JSON has several ways to write a character.
    return _find(path, wanted, as_we_write_it) or _find(path, wanted, b"")


def _find(path: Path, wanted: str, containing: bytes) -> Observation | None:
    parse = Parser()
    for line in _lines(path):
        if containing in line:
            found = parse(line)
            if isinstance(found, Observation) and key(found) == wanted:
                return found
    return None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") if path.suffix != PACKED else lzma.open(path) as file:
            yield from file
    except FileNotFoundError:
        return
    except (lzma.LZMAError, EOFError) as error:
        raise cannot_unpack(path, error) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {_reason(error)}.") from error


def cannot_unpack(path: Path, error: Exception) -> StorageError:
    """The error for a compressed file that is damaged."""
    return StorageError(
        f"{path} cannot be decompressed: {error}. Its end may be missing: fetch it again, or save "
        f"what is there with `xz --decompress --stdout {path.name} > observations.jsonl`."
    )


def _diagnosis(line: bytes, error: str) -> str:
    try:
        value = msgspec.json.decode(line)
    except RecursionError:
        return "is nested deeper than anything of ours"
    except (msgspec.DecodeError, UnicodeDecodeError):
        if not line.endswith(b"\n"):
            return "is cut off: whoever wrote it was stopped in the middle"
        return "is no JSON: a process was stopped while writing it, or it is not ours"
    if not isinstance(value, dict) or "cell" not in value:
        return "is JSON, but no observation"
    schema = value.get("schema")
    if isinstance(schema, int) and schema != SCHEMA:
        return _foreign_schema(schema)
    return f"is no valid observation: {error}"


def _foreign_schema(schema: int) -> str:
    age = "a newer" if schema > SCHEMA else "an older"
    return f"was written by {age} aftercancel (schema {schema}; this one reads {SCHEMA})"


def cannot_write(path: Path, error: OSError) -> StorageError:
    """The error for a path that the machine does not let us write."""
    return StorageError(
        f"{path} cannot be written: {_reason(error)}. "
        "Choose another folder with --out, or make this one writable."
    )


def why(error: StorageError) -> str:
    """What the machine said about it, without the advice."""
    cause = error.__cause__
    return _reason(cause) if isinstance(cause, OSError) else str(error)


def _reason(error: OSError) -> str:
    if error.errno in _FULL:
        return "The disk is full"
    return error.strerror or type(error).__name__
