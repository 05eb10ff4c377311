"""What a stored line means where it leaves a field out."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import msgspec

from aftercancel.model import Observation


def unsaid(kind: type = Observation) -> dict[str, Any]:
    """``defaults`` of the optional fields, and ``within``: the same for what is inside others.

    Lines written before a field was added are valid without it. The page's script completes them
    when a cell is opened, from this one description, so that lines go into the page as they are.
    """
    defaults: dict[str, Any] = {}
    within: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = msgspec.to_builtins(field.default)
        for inside in _classes(hints[field.name]):
            described = unsaid(inside)
            if described["defaults"] or described["within"]:
                within[field.name] = described
    return {"defaults": defaults, "within": within}


def _classes(hint: Any) -> list[type]:
    """The dataclass that a field holds, holds several of, or may hold."""
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return [hint]
    return [found for part in get_args(hint) for found in _classes(part)]
