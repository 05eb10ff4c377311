"""The images that the lab ships: ``containers/images.toml``, and where its files are."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from aftercancel import __version__
from aftercancel.errors import MissingError, UsageError, did_you_mean
from aftercancel.images import pins
from aftercancel.images.pins import Pin

FILE = "images.toml"
_OWN = "image "
"""In ``from``: another image of the lab's."""
_KEYS = frozenset(
    ("sentence", "name", "folder", "from", "version", "also", "package", "packages", "wheels")
) | {"untested"}


class Manager(Enum):
    """A distribution's package manager."""

    APT = "apt"
    APK = "apk"
    DNF = "dnf"


@dataclass(frozen=True, slots=True)
class Shipped:
    """One image of the lab's."""

    id: str
    sentence: str
    repository: str
    """With its tag, where it has one that is no version."""
    folder: str
    """Where its Dockerfile is, below containers/."""
    bases: Mapping[str, Pin] = field(default_factory=dict)
    """Foreign images, by the name of the ARG."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Other images of the lab's, by the name of the ARG."""
    version: str = ""
    """The ARG whose tag is this one's too, and can be chosen; empty: there is no such choice."""
    also: tuple[str, ...] = ()
    """Files of other folders that its build needs."""
    package: bool = False
    """Whether its build needs the lab's own code, as ``package/``."""
    packages: Manager | None = None
    """The package manager for which it gets the catalogue's programs."""
    wheels: str = ""
    """Its Python's version, where it needs something of PyPI."""
    untested: str = ""
    """Why nobody has seen it work; empty: somebody has."""

    @property
    def name(self) -> str:
        """What it is called: its tag is that of the runner in it, or the lab's own version."""
        if ":" in self.repository:
            return self.repository
        tag = self.bases[self.version].tag if self.version else __version__
        return f"{self.repository}:{tag}"

    def at(self, tag: str) -> Shipped:
        """With another version of what it is about. Raises ``UsageError`` where nothing is."""
        if not self.version:
            raise UsageError(
                f"The image {self.id} has no version to choose. Write {self.id} alone."
            )
        pin = self.bases[self.version].at(tag)
        return replace(self, bases={**self.bases, self.version: pin})


def folder() -> Path:
    """The Dockerfiles that belong to this package: inside an installed one, beside a checkout's."""
    package = Path(__file__).resolve().parent.parent
    candidates = (package / "containers", package.parent.parent / "containers")
    for candidate in candidates:
        if (candidate / FILE).is_file():
            return candidate
    raise MissingError(
        "The Dockerfiles are missing, so no image can be built. They were looked for at "
        f"{candidates[0]} and {candidates[1]}. Install aftercancel again."
    )


def read(root: Path | None = None) -> Mapping[str, Shipped]:
    """All images, by id, each behind those that it is made on. Raises ``UsageError``."""
    root = root or folder()
    path = root / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: the images cannot be read: {error}.") from error
    known = pins.read(root)
    found: dict[str, Shipped] = {}
    for name, table in tables.items():
        found[name] = _shipped(path, name, table, known, found)
    return found


def _shipped(
    path: Path,
    name: str,
    table: Mapping[str, object],
    known: Mapping[str, Pin],
    before: Mapping[str, Shipped],
) -> Shipped:
    if strange := set(table) - _KEYS:
        raise UsageError(f"{path}: [{name}] has keys that mean nothing: {', '.join(strange)}.")
    given = table.get("from")
    if not isinstance(given, dict) or not given:
        raise UsageError(f"{path}: [{name}] does not say what it is made from.")
    own = {arg: word.removeprefix(_OWN) for arg, word in given.items() if word.startswith(_OWN)}
    bases = {arg: word for arg, word in given.items() if arg not in own}
    for word in own.values():
        if word not in before:
            raise UsageError(f"{path}: [{name}] is made on {word}, which does not stand above it.")
    for word in bases.values():
        if word not in known:
            near = did_you_mean(word, known)
            raise UsageError(
                f"{path}: {pins.FILE} has no {word}, which [{name}] is made on. {near}"
            )
    manager, also = table.get("packages"), table.get("also", [])
    assert isinstance(also, list)
    return Shipped(
        id=name,
        sentence=str(table["sentence"]),
        repository=str(table["name"]),
        folder=str(table["folder"]),
        bases={arg: known[word] for arg, word in bases.items()},
        own=own,
        version=str(table.get("version", "")),
        also=tuple(also),
        package=bool(table.get("package")),
        packages=Manager(manager) if manager else None,
        wheels=str(table.get("wheels", "")),
        untested=str(table.get("untested", "")),
    )


def chosen(names: tuple[str, ...], known: Mapping[str, Shipped]) -> Iterator[Shipped]:
    """Those of these names, ``NAME`` or ``NAME:TAG``; none named: all. Raises ``UsageError``."""
    for word in names or tuple(known):
        name, sign, tag = word.partition(":")
        if name not in known:
            near = did_you_mean(name, known) or f"There are: {', '.join(known)}."
            raise UsageError(f"There is no image {name}. {near}")
        if sign and not tag:
            raise UsageError(f"{word!r} names no version. Write {name} or {name}:TAG.")
        yield known[name].at(tag) if sign else known[name]
