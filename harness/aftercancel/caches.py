"""Where the lab keeps what it would otherwise make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

from aftercancel.errors import MissingError


def cache() -> Path:
    """The lab's cache folder (XDG Base Directory Specification); it need not be there.

    Raises ``MissingError`` for a user without a home.
    """
    said = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(said):
        return Path(said) / "aftercancel"
    try:
        return Path.home() / ".cache" / "aftercancel"
    except RuntimeError:
        raise MissingError(
            "There is no place for a cache: this user has no home (neither HOME nor an entry in "
            "/etc/passwd). Name a folder that it may write: XDG_CACHE_HOME=FOLDER."
        ) from None
