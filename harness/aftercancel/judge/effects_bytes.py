"""Bytes that were sent, compared with those that arrived. Pure, for ``effects``."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import groupby

from aftercancel.judge.words import counted, listed, shortened
from aftercancel.model import Stream

_MOST = 6
"""How many parts of some bytes a sentence spells out, and how many changes."""
_LONGEST = 20
_STRETCH = re.compile(rb"(?P<text>[ -~]+)|[^ -~]+")


def raw(stream: Stream) -> bytes:
    """The bytes of what was kept of a stream."""
    return base64.b64decode(stream.base64) if stream.base64 else stream.text.encode()


def changes(sent: bytes, arrived: bytes) -> str:
    """What became of the bytes on their way: ``255 of 256 bytes as they were; …``."""
    if sent == arrived:
        return f"all {len(sent)} bytes as they were"
    same, changed, lost = 0, list[str](), bytearray()
    before = b""
    for what, start, end, low, high in SequenceMatcher(
        None, sent, arrived, autojunk=False
    ).get_opcodes():
        old, new = sent[start:end], arrived[low:high]
        match what:
            case "equal":
                # What was put in front of a byte is told as a change of that byte.
                if before:
                    changed.append(f"{spelt(old[:1])} arrived as {spelt(before + old[:1])}")
                same += len(old) - bool(before)
                before = b""
            case "delete":
                lost += old
            case "insert":
                before = new
            case _:
                changed.append(f"{spelt(old)} arrived as {spelt(new)}")
    if before:
        changed.append(f"{spelt(before)} came behind them")
    if lost:
        changed.append(f"lost: {spelt(bytes(lost))}")
    told = listed(counted(changed), most=_MOST)
    return f"{same} of {len(sent)} bytes as they were; {told}"


def spelt(data: bytes) -> str:
    """``0x0d 0x0a``, ``0x00 to 0x1f``, ``“text” 0x0a``; of very many, how many more."""
    parts = list(_parts(data))
    more = f" and {len(parts) - _MOST} more" if len(parts) > _MOST else ""
    return " ".join(parts[:_MOST]) + more


def _parts(data: bytes) -> Iterable[str]:
    """Text in quotes, neighbours in value as a span, the others one by one."""
    for found in _STRETCH.finditer(data):
        stretch = found[0]
        if found["text"] is not None:
            yield f"“{shortened(stretch.decode('ascii'), _LONGEST)}”"
            continue
        for _, run in groupby(enumerate(stretch), key=lambda at: at[1] - at[0]):
            values = [f"0x{byte:02x}" for _, byte in run]
            yield from values if len(values) < 3 else [f"{values[0]} to {values[-1]}"]
