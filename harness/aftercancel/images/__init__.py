"""The lab's own images: what there is (``containers/``), and how they are made.

::

    shipped.py   images.toml: which images there are; pins.toml by way of pins.py
    making.py    one of them, with all that it is made on
    bases.py     a foreign image: there, pulled, or made by mmdebstrap.py
    building.py  one build by the daemon
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aftercancel.places.daemon import Daemon
    from aftercancel.places.image import Tell

RUNTIME = "runtime"
LAB = "debian-trixie"
"""The image whose cells are measured where a user has Docker, is not root, and names no image."""


def _on_stderr(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def ensure_runtime(daemon: Daemon, tell: Tell = _on_stderr) -> str:
    """The id of the runtime image that was made of this very package, built where there is none.

    Raises ``MissingError``: the words say which step failed, and what to do.
    """
    return ensure(daemon, RUNTIME, tell)


def ensure_lab(daemon: Daemon, tell: Tell = _on_stderr) -> str:
    """The name of the lab's own Debian image, built where it is not up to date.

    Raises ``MissingError`` as ``ensure_runtime`` does.
    """
    from aftercancel.images import shipped

    ensure(daemon, LAB, tell)
    return shipped.read()[LAB].name


def ensure(daemon: Daemon, name: str, tell: Tell = _on_stderr) -> str:
    """The id of an up-to-date image of one of the lab's, by its name in images.toml."""
    from aftercancel.images.making import Workshop

    workshop = Workshop(daemon, tell)
    return workshop.ensure(workshop.known[name])


__all__ = ["LAB", "RUNTIME", "ensure", "ensure_lab", "ensure_runtime"]
