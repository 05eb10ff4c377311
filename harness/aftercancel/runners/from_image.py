"""A runner's program out of its official image: ``--runner gitlab-runner=image:REFERENCE``.

A container of the image is made, never started; the daemon hands the program out as a tar file
(docs.docker.com/reference/api/engine, "Get an archive of a filesystem resource in a container"), and
the container is removed. The program is kept in the cache below the image's id: an image never
changes what it has under its id, so it is taken out once.
"""

from __future__ import annotations

import contextlib
import io
import platform
import posixpath
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aftercancel.caches import cache
from aftercancel.errors import MissingError, StorageError, UsageError

if TYPE_CHECKING:
    from aftercancel.places.daemon import Daemon
    from aftercancel.places.image import Image, Tell

SIGN = "image:"
"""What comes before the reference, in the option's value."""
_LINKS = 8
"""Symbolic links that are followed one after another; the kernel gives up later (40)."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
"""uname(2)'s words, and those of images (OCI image-spec, config.md, by way of GOARCH)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A program that is on this machine now."""

    program: Path
    image: str
    """Which image it came from: its name with the registry's digest, else with its id."""


def take(runner: str, reference: str, path: str, tell: Tell | None = None) -> Taken:
    """The program at ``path`` of that image, pulled where the daemon does not have it.

    Raises ``UsageError`` where the image has no such program or is no name of one, ``MissingError``
    where there is no daemon, no such image, or one for another architecture.
    """
    from aftercancel.places import image
    from aftercancel.places.daemon import Daemon

    if not path:
        raise UsageError(
            f"--runner {runner}={SIGN}{reference}: no official image is known of {runner}. "
            f"Name a path: --runner {runner}=PATH."
        )
    with Daemon.connect() as daemon:
        found = image.find(daemon, reference, tell or _on_stderr)
        _refuse_other_architecture(runner, found)
        kept = (
            (cache() / "runners-of-images")
            / found.id.removeprefix("sha256:")
            / posixpath.basename(path)
        )
        if not kept.is_file() and not _take_out(daemon, found, path, kept):
            raise UsageError(
                f"--runner {runner}={SIGN}{reference}: the image has no program {path}, where the "
                f"official one of {runner} has it. Name its official image, or copy the program out "
                f"of yours (docker cp) and name its path: --runner {runner}=PATH."
            )
        return Taken(kept, _which(found))


def _refuse_other_architecture(runner: str, found: Image) -> None:
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    if found.architecture and found.architecture != here:
        raise MissingError(
            f"The image {found.name} is for {found.architecture}, and this machine is {here}: its "
            f"{runner} would not start here. Pull it for this one: docker pull --platform "
            f"linux/{here} {found.name}"
        )


def _which(found: Image) -> str:
    digest = next((each.partition("@")[2] for each in found.digests), "")
    name = found.name.partition("@")[0]
    return f"{name}@{digest}" if digest else f"{name} (id {found.id})"


def _take_out(daemon: Daemon, found: Image, path: str, kept: Path) -> bool:
    """Whether the image has it; then it is kept."""
    with _container(daemon, found) as container:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            # Under another name until it is whole: who finds the name finds all of it.
            with tempfile.TemporaryDirectory(prefix=".part-", dir=kept.parent) as folder:
                part = Path(folder) / kept.name
                if not _copied(daemon, container, path, part):
                    return False
                part.chmod(0o755)
                part.replace(kept)
                return True
        except OSError as error:
            raise StorageError(
                f"{kept} cannot be written: {error.strerror or error}. XDG_CACHE_HOME names another "
                "place for it."
            ) from error


@contextlib.contextmanager
def _container(daemon: Daemon, found: Image) -> Iterator[str]:
    """One that is made and never started, and removed on every path; labelled, if we are killed."""
    from aftercancel.places.labels import Labels

    with daemon.doing(f"making a container of {found.name}"):
        made = daemon.api.create_container(
            found.id,
            # Some images have no command, and then the daemon wants one.
            command=["-"],
            labels=Labels.new().as_dict(),
            host_config=daemon.api.create_host_config(network_mode="none"),
        )
    try:
        yield made["Id"]
    finally:
        with daemon.doing(f"removing the container of {found.name}"):
            daemon.api.remove_container(made["Id"], force=True, v=True)


def _copied(daemon: Daemon, container: str, path: str, to: Path) -> bool:
    """Whether there is such a file; symbolic links are followed, as the image's own kernel would."""
    from docker.errors import NotFound

    for _ in range(_LINKS):
        with daemon.doing(f"taking {path} out of an image"):
            try:
                chunks, _about = daemon.api.get_archive(container, path)
            except NotFound:
                return False
            target = _written(chunks, to)
        if not target:
            return target is None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return False


def _written(chunks: Iterator[bytes], to: Path) -> str | None:
    """Write the tar file's one file; returns where a symbolic link leads instead, "" for neither."""
    leads: str | None = ""
    with tarfile.open(fileobj=io.BufferedReader(_Chunks(chunks)), mode="r|") as tar:
        entry = next(iter(tar), None)
        source = None if entry is None or entry.issym() else tar.extractfile(entry)
        if entry is not None and entry.issym():
            leads = entry.linkname
        elif source is not None:
            with to.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            leads = None
    # Read to its end, the connection can be used again.
    for _ in chunks:
        pass
    return leads


class _Chunks(io.RawIOBase):
    """What the daemon sends, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        into = memoryview(buffer)  # type: ignore[arg-type]  # RawIOBase says Buffer, as of 3.12 only
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _on_stderr(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
