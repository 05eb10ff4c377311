"""Cells as the page carries them: JSON, raw deflate, base64."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aftercancel.judge import judged
from aftercancel.model import Observation, Outcome
from aftercancel.render.happenings import happenings
from aftercancel.render.relays import LATER, MEANING, relays

_LEVEL = 6
"""9 takes nearly twice the time for 8 % less."""
_RAW = -15
"""zlib's window for a stream without header: what ``deflate-raw`` reads in a browser."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cells, inflated by the page when one of them is opened."""

    keys: tuple[str, ...]
    """Attempts, in the order in which they stand in ``data``: ``cell``, or ``cell#2``."""
    data: str
    """Base64, so that nothing that a job has named can end the element that holds it."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the page shows of one attempt at a cell."""

    key: str
    data: bytes
    """JSON."""


def payload(
    observation: Observation, line: bytes | None = None, outcome: Outcome | None = None
) -> Payload:
    """Made of one attempt at a cell. Pure: workers call it.

    ``line`` is the line that the observation was read from, and ``outcome`` the verdict on it,
    where these are at hand: neither is made again then.
    """
    passed_on = relays(observation)
    outcome = outcome or judged(observation)
    key = (
        observation.cell
        if observation.attempt == 1
        else f"{observation.cell}#{observation.attempt}"
    )
    shown = {
        "observation": msgspec.Raw(line or _json(observation)),
        "happenings": [[round(each.at_ms, 3), each.what] for each in happenings(observation)],
        "relays": list(passed_on),
        "meaning": MEANING if any(LATER in relay for relay in passed_on) else "",
        "reason": outcome.reason,
    }
    return Payload(key, _json(shown))


def pack(payloads: Sequence[Payload]) -> Chunk:
    """Some payloads in the form in which the page holds them."""
    keys = tuple(each.key for each in payloads)
    return Chunk(keys, _deflated(b"[" + b",".join(each.data for each in payloads) + b"]"))


def deflated(value: Any) -> str:
    """Any JSON value as the text of a data element."""
    return _deflated(_json(value))


def _deflated(data: bytes) -> str:
    made = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    return base64.b64encode(made.compress(data) + made.flush()).decode("ascii")


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # Jobs print what they like: half of a surrogate pair is no UTF-8, and JSON can spell it.
        import json

        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode("ascii")
