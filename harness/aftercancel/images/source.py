"""The package's own files, as they go into an image, and which state of them it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

_NEVER = ("__pycache__", "containers", "scenarios")
"""Bytecode is made in the image, by its own Python; a cell brings its scenario along."""
_OF_CLIENTS = ("cli", "engine", "images", "judge", "lab", "plugin.py", "render", "results")
"""What no executor imports: a change in these makes no other runtime."""


def of_package() -> Mapping[str, bytes]:
    """Everything that an executor imports or reads, by its path in site-packages."""
    package = Path(__file__).resolve().parent.parent
    found = _below(package, "aftercancel")
    return {name: c for name, c in found.items() if name.split("/")[1] not in _OF_CLIENTS}


def of_folder(folder: Path) -> Mapping[str, bytes]:
    """All files of a folder of Dockerfiles, by their path below it."""
    return _below(folder, "")


def state(files: Iterable[tuple[str, bytes]]) -> str:
    """A word of 12 signs that is another one whenever a name or a content is."""
    made = hashlib.sha256()
    for name, content in sorted(files):
        made.update(f"{len(name)} {name} {len(content)} ".encode() + content)
    return made.hexdigest()[:12]


def _below(folder: Path, prefix: str) -> dict[str, bytes]:
    return {
        (Path(prefix) / path.relative_to(folder)).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part in _NEVER for part in path.relative_to(folder).parts)
    }
