"""Cells as the page carries them: JSON, raw deflate, base64."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aftercancel.judge import judged
from aftercancel.model import Observation
from aftercancel.render.happenings import happenings
from aftercancel.render.relays import LATER, MEANING, relays

_RAW = -15
"""zlib's window for a stream without header: what ``deflate-raw`` reads in a browser."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cells, inflated by the page when one of them is opened."""

    keys: tuple[str, ...]
    """Attempts, in the order in which they stand in ``data``: ``cell``, or ``cell#2``."""
    data: str
    """Base64, so that nothing that a job has named can end the element that holds it."""


def payload(observation: Observation) -> dict[str, Any]:
    """What the page shows of one attempt at a cell. Pure: workers call it."""
    passed_on = relays(observation)
    return {
        "observation": msgspec.to_builtins(observation),
        "happenings": [[round(each.at_ms, 3), each.what] for each in happenings(observation)],
        "relays": list(passed_on),
        "meaning": MEANING if any(LATER in relay for relay in passed_on) else "",
        "reason": judged(observation).reason,
    }


def pack(payloads: Sequence[dict[str, Any]]) -> Chunk:
    """Some payloads in the form in which the page holds them."""
    return Chunk(tuple(_key(each["observation"]) for each in payloads), deflated(payloads))


def deflated(value: Any) -> str:
    """Any JSON value as the text of a data element."""
    # Jobs print what they like: half of a surrogate pair is no UTF-8, and JSON can spell it.
    made = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    data = made.compress(_json(value)) + made.flush()
    return base64.b64encode(data).decode("ascii")


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        import json

        return json.dumps(value, separators=(",", ":")).encode("ascii")


def _key(observation: dict[str, Any]) -> str:
    cell, attempt = str(observation["cell"]), observation["attempt"]
    return cell if attempt == 1 else f"{cell}#{attempt}"
