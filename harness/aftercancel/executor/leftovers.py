"""What a cell left in the places where a job can write, read before it is torn down.

The job may have put symbolic links anywhere, and a path below /proc/PID/root that meets an
absolute one leads out of the sandbox: every step is opened with O_NOFOLLOW from the one before.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from aftercancel.executor.rootfs import WORKPLACE
from aftercancel.model import Left, LeftFile, Lock

_LIMIT = 200
_VISITED = 50_000
_DEPTH = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PLACES = ("/home/ci", "/tmp", "/var/tmp", "/run", "/dev/shm", WORKPLACE)
"""All empty at the start of a cell but for what the lab itself put there."""
OURS = frozenset({"/run/lock", "/run/sshd", "/run/sudo"})
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def look(
    root: str,
    roles: Mapping[int, str],
    workdir: str | None = None,
    before: Collection[str] = (),
) -> Left:
    """Files and held locks; ``roles`` names the cell's processes by their pid in our namespace.

    What a user's own folder ``workdir`` has on the host was there before the cell, and so were
    the paths ``before``, and everything below those of them that end in a slash.
    """
    trees = tuple(path for path in before if path.endswith("/"))
    found: list[LeftFile] = []
    paths: dict[int, str] = {}
    walk = _Walk(root, trees)
    for place in PLACES:
        for path, status in walk.below(place):
            shown = _readable(path)
            paths[status.st_ino] = shown
            if path in OURS or path in before or _was_there(path, workdir):
                continue
            if len(found) == _LIMIT:
                walk.cut = True
                break
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "other")
            found.append(LeftFile(shown, status.st_size if kind == "file" else 0, kind))
    # Reading /proc/locks stops every processor's locking for a moment; a lock needs a file.
    locks = tuple(_locks(roles, paths)) if any(f.kind == "file" for f in found) else ()
    return Left(tuple(sorted(found, key=lambda f: f.path)), locks, walk.cut)


def files(root: str, workdir: str | None = None, before: Collection[str] = ()) -> tuple[str, ...]:
    """The paths of the same files alone."""
    return tuple(file.path for file in look(root, {}, workdir, before).files)


def end_of(root: str, path: str, limit: int) -> str:
    """The last ``limit`` bytes of a file as text; empty where there is none."""
    try:
        fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # its PID 1 has ended
        return ""
    *folders, name = path.strip("/").split("/")
    for folder in (*folders, None):
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            inner = os.open(folder or name, flags if folder is None else _FOLDER, dir_fd=fd)
        except OSError:
            return ""
        finally:
            os.close(fd)
        fd = inner
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        file.seek(max(0, os.fstat(fd).st_size - limit))
        return file.read(limit).decode("utf-8", "replace").strip()


def _was_there(path: str, workdir: str | None) -> bool:
    below = path.removeprefix(f"{WORKPLACE}/")
    return workdir is not None and below != path and os.path.lexists(f"{workdir}/{below}")


def _readable(path: str) -> str:
    """A name of any bytes as text that can be stored."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class _Walk:
    """Goes through the places below a sandbox's root, within limits."""

    def __init__(self, root: str, passed_by: tuple[str, ...]) -> None:
        """``passed_by``: folders, with a slash behind each, that are not looked at."""
        self._root = root
        self._passed_by = passed_by
        self._visited = 0
        self.cut = False
        """Whether there is something that was not looked at."""

    def below(self, place: str) -> Iterator[tuple[str, os.stat_result]]:
        """Everything below one place, whatever the job has put in its way."""
        fd = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in place.strip("/").split("/"):
            try:
                inner = os.open(name, _FOLDER, dir_fd=fd)
            except OSError:  # it is not there, or a link stands in its place
                return
            finally:
                os.close(fd)
            fd = inner
        try:
            yield from self._folder(fd, place, depth=0)
        finally:
            os.close(fd)

    def _folder(self, fd: int, path: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(fd) as entries:
            # Sorted, since what is within the limit must not depend on the kernel's order.
            for entry in sorted(entries, key=lambda entry: entry.name):
                self._visited += 1
                if self._visited > _VISITED:
                    self.cut = True
                    return
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:  # gone meanwhile
                    continue
                if f"{path}/{entry.name}/" in self._passed_by:
                    continue
                yield f"{path}/{entry.name}", status
                if stat.S_ISDIR(status.st_mode):
                    yield from self._inner(fd, entry.name, f"{path}/{entry.name}", depth + 1)

    def _inner(
        self, fd: int, name: str, path: str, depth: int
    ) -> Iterator[tuple[str, os.stat_result]]:
        if depth > _DEPTH:
            self.cut = True
            return
        try:
            inner = os.open(name, _FOLDER, dir_fd=fd)
        except OSError:
            self.cut = True
            return
        try:
            yield from self._folder(inner, path, depth)
        finally:
            os.close(inner)


def _locks(roles: Mapping[int, str], paths: Mapping[int, str]) -> Iterator[Lock]:
    """/proc/locks, proc(5): its pids are those of the reader's namespace."""
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if "->" in words:
            continue
        kind, pid, where = words[1], int(words[4]), words[5]
        if pid in roles:
            inode = int(where.rsplit(":", 1)[1])
            yield Lock(paths.get(inode, f"inode {inode}"), kind, roles[pid])
