"""Files written inside a sandbox's root: whatever link stands on the way, it leads nowhere else.

Plain strings and descriptors: this runs once for every cell, and what it touches of Python is
copied page by page.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from aftercancel.executor.launch import File


def write_files(files: Sequence[File], uid: int, root: int = 0) -> None:
    """Each with the folders on the way to it; those of the user belong to ``uid``, others to
    ``root``.
    """
    for file in files:
        owner = uid if file.of_user else root
        _folders(os.path.dirname(file.path), owner)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.path)
        write_file(file.path, file.text, file.mode)
        os.chown(file.path, owner, owner)


def write_file(path: str, text: str, mode: int) -> None:
    """A new file of root's; raises ``FileExistsError`` where there is one."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        data = text.encode()
        while data:
            data = data[os.write(fd, data) :]
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _folders(path: str, owner: int) -> None:
    if not os.path.isdir(path):
        _folders(os.path.dirname(path), owner)
        os.mkdir(path)
        os.chown(path, owner, owner)
