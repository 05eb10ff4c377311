"""Kinds of values that several commands take."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from aftercancel.errors import UsageError
from aftercancel.model import Evidence

EVIDENCE = click.Choice([each.value for each in Evidence])
EVIDENCE_HELP = "What to rest on; default: the kernel's trace where it can be had, else /proc."
IMAGE_HELP = "Run in containers of this image; default: on this machine as root, else in the lab's own image."


class _NewFolder(click.Path):
    """A folder for results. An empty word is not the current folder, as it would be for a Path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not value:
            raise UsageError("--out is empty. Name a new folder, or leave the option out.")
        return Path(value)


class _Seconds(click.types.FloatParamType):
    """A time that one can wait for."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds: float = super().convert(value, param, ctx)
        if not (math.isfinite(seconds) and seconds > 0):
            name = param.opts[0] if param is not None else "It"
            raise UsageError(f"{name} must be more than 0 seconds, and not for ever: {value}.")
        return seconds


NEW_FOLDER = _NewFolder()
SECONDS = _Seconds()
