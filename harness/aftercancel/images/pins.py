"""What the lab's images are made on: ``containers/pins.toml``, one table for each foreign image.

Standard library only: the script that asks the registries for digests reads it here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aftercancel.errors import UsageError

FILE = "pins.toml"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEYS = {"repository", "tag", "digest", "pinned"}


@dataclass(frozen=True, slots=True)
class Pin:
    """A foreign image, and which one of that name it is."""

    id: str
    repository: str
    """As in ``docker pull``, without a tag: ``debian``, ``gitlab/gitlab-runner``."""
    tag: str
    digest: str = ""
    """Of the manifest list; empty: not pinned yet."""
    pinned: str = ""
    """The day of that, YYYY-MM-DD."""

    @property
    def reference(self) -> str:
        """What a Dockerfile's FROM takes."""
        return f"{self.tagged}@{self.digest}" if self.digest else self.tagged

    @property
    def tagged(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def words(self) -> str:
        """Which one it is, for a person."""
        if self.digest:
            return f"{self.tagged}, pinned on {self.pinned} to {self.digest}"
        return f"{self.tagged}, not pinned yet: whatever has that tag today"

    def at(self, tag: str) -> Pin:
        """Another version: of that no digest is known here."""
        return self if tag == self.tag else Pin(self.id, self.repository, tag)


def read(folder: Path) -> Mapping[str, Pin]:
    """All pins, by id. Raises ``UsageError`` with what is wrong in the file."""
    path = folder / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: the pinned images cannot be read: {error}.") from error
    return {name: _pin(path, name, table) for name, table in tables.items()}


def _pin(path: Path, name: str, table: object) -> Pin:
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise UsageError(
            f"{path}: [{name}] must have {', '.join(sorted(_KEYS))}, and no other key."
        )
    if not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{path}: everything in [{name}] must be text.")
    if not table["repository"] or not table["tag"]:
        raise UsageError(f"{path}: [{name}] needs a repository and a tag.")
    if table["digest"] and not _DIGEST.fullmatch(table["digest"]):
        raise UsageError(
            f"{path}: the digest of [{name}] is none: {table['digest']!r}. Leave it empty where it "
            "is not known, and run scripts/pins.py, which asks the registry."
        )
    if bool(table["digest"]) != bool(table["pinned"]):
        raise UsageError(f"{path}: [{name}] has a digest and the day of it, or neither.")
    return Pin(name, **table)
