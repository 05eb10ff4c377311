"""The kernel's trace ring buffer, as ``per_cpu/cpuN/trace_pipe_raw`` gives it.

The format is the one that the kernel documents in ``events/header_page`` and
``events/header_event`` (Documentation/trace/ring-buffer-design.rst, and ``trace-cmd``'s
``kbuffer``). It is read in binary, not as text, because a process may call itself anything.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

_PADDING, _TIME_EXTEND, _TIME_STAMP = 29, 30, 31
_MISSED_EVENTS = 1 << 31
_COMMIT = (1 << 27) - 1
_WORD = struct.Struct("=I")
_PAGE_HEADER = struct.Struct("=QQ")
_FIELD = re.compile(
    r"field:(?P<type>.+?)\s*\b(?P<name>\w+)(?P<array>\[\d*\])?;\s*"
    r"offset:(?P<offset>\d+);\s*size:(?P<size>\d+);\s*signed:(?P<signed>\d);"
)
_INTEGERS = {(1, 0): "B", (1, 1): "b", (2, 0): "H", (2, 1): "h"} | {
    (4, 0): "I",
    (4, 1): "i",
    (8, 0): "Q",
    (8, 1): "q",
}


class Record(NamedTuple):
    """One event as it stands in the buffer."""

    at_ns: int
    """In the instance's trace clock."""
    data: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What one read of a raw pipe brought."""

    records: tuple[Record, ...]
    lost: bool
    """Whether the kernel overwrote or dropped events before this page."""


def read_page(page: bytes) -> Page:
    """Take one sub-buffer apart; the time stamps are in nanoseconds of the trace clock."""
    at_ns, commit = _PAGE_HEADER.unpack_from(page)
    lost = bool(commit & _MISSED_EVENTS)
    return Page(tuple(_records(page, at_ns, _PAGE_HEADER.size + (commit & _COMMIT))), lost)


def _records(page: bytes, at_ns: int, end: int) -> Iterator[Record]:
    position = _PAGE_HEADER.size
    end = min(end, len(page))
    while position + 4 <= end:
        (header,) = _WORD.unpack_from(page, position)
        kind, delta = header & 0x1F, header >> 5
        position += 4
        if kind == _PADDING:
            if delta == 0:
                return
            position += _WORD.unpack_from(page, position)[0]
        elif kind == _TIME_EXTEND:
            at_ns += delta + (_WORD.unpack_from(page, position)[0] << 27)
            position += 4
        elif kind == _TIME_STAMP:
            # The absolute stamp has 59 bits; the rest is that of the time before it.
            at_ns = (at_ns >> 59 << 59) | delta | (_WORD.unpack_from(page, position)[0] << 27)
            position += 4
        else:
            at_ns += delta
            if kind == 0:
                length = _WORD.unpack_from(page, position)[0] - 4
                position += 4
            else:
                length = kind * 4
            yield Record(at_ns, page[position : position + length])
            position += length


class EventFormat:
    """One event's fields, read from its ``format`` file."""

    def __init__(self, text: str) -> None:
        self.name = re.search(r"^name: (\S+)", text, re.MULTILINE)[1]  # type: ignore[index]
        self.number = int(re.search(r"^ID: (\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
        self._fields: dict[str, tuple[int, int, str]] = {}
        for match in _FIELD.finditer(text):
            offset, size = int(match["offset"]), int(match["size"])
            if "__data_loc" in match["type"]:
                code = "data_loc"
            elif match["array"] is not None or (size, int(match["signed"])) not in _INTEGERS:
                code = "bytes"
            else:
                code = _INTEGERS[size, int(match["signed"])]
            self._fields[match["name"]] = (offset, size, code)

    def __contains__(self, field: str) -> bool:
        return field in self._fields

    def end(self, field: str) -> int:
        """Where a field ends, in bytes from the beginning of the record."""
        offset, size, _ = self._fields[field]
        return offset + size

    def reader(self, *fields: str) -> Callable[[bytes], tuple[int, ...]]:
        """A function that takes these integer fields out of a record, all at once."""
        layout, position = "=", 0
        in_place = sorted(fields, key=lambda field: self._fields[field][0])
        for field in in_place:
            offset, size, code = self._fields[field]
            layout += f"{offset - position}x{code}"
            position = offset + size
        unpack = struct.Struct(layout).unpack_from
        if tuple(in_place) == fields:
            return unpack
        in_order = itemgetter(*(in_place.index(field) for field in fields))
        return lambda data: in_order(unpack(data))

    def text(self, data: bytes, field: str) -> str:
        """A string field's value, whether in place, at the end or behind a ``__data_loc``."""
        offset, size, code = self._fields[field]
        if code == "data_loc":
            (where,) = _WORD.unpack_from(data, offset)
            offset, size = where & 0xFFFF, where >> 16
        raw = data[offset : offset + size] if size else data[offset:]
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
