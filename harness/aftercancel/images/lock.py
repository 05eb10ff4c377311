"""One build at a time on this machine, of whichever process: the second finds the first one's image."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from aftercancel.caches import cache
from aftercancel.places.image import Tell


@contextlib.contextmanager
def one_at_a_time(tell: Tell, name: str = "images.lock") -> Iterator[None]:
    """Wait for whoever builds; the kernel lets go of the lock when its holder dies (flock(2))."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another process is building images; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
