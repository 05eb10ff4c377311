"""Which packages an image needs so that it has every shell and launcher of the catalogue."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from aftercancel import programs
from aftercancel.catalog import Catalogue
from aftercancel.images.shipped import Manager

FILE = "names.toml"
_FROM_PYPI = frozenset({"uv"})
"""Which no distribution packs; an image has it from its wheel."""
_ENGINE = ("docker.io", "docker-cli", "iptables")
"""With it the boundary of a container can be measured inside one. Debian's docker.io has had no
client in it since trixie."""


def needed(catalogue: Catalogue) -> tuple[str, ...]:
    """By Debian's names: the shells', the jobs' and the launchers', and a container engine."""
    found = {program.package for program in programs.of_catalogue(catalogue)}
    found |= {p.package for p in programs.of_launchers(catalogue.launchers.values())}
    return tuple(sorted((found | {*_ENGINE}) - _FROM_PYPI))


def named(packages: Iterable[str], manager: Manager, folder: Path) -> tuple[str, ...]:
    """The same in another distribution's names; ``folder`` has the file with these."""
    if manager is Manager.APT:
        return tuple(packages)
    tables = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
    names: Mapping[str, str] = tables.get(manager.value, {})
    words = {word for package in packages for word in names.get(package, package).split()}
    return tuple(sorted(words))
