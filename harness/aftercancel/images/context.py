"""What is sent to the daemon to build an image from: one tar file, made in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

_MTIME = 0
"""The same files are the same context, whenever they were checked out: the daemon compares them."""


def packed(files: Mapping[str, bytes], folders: tuple[str, ...] = ()) -> io.BytesIO:
    """These files, and folders that must be there although nothing is in them."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in folders:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, _MTIME
            tar.addfile(entry)
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o644, _MTIME
            tar.addfile(entry, io.BytesIO(content))
    made.seek(0)
    return made
