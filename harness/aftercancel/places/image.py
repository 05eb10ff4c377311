"""The image that cells run in: looked up, pulled where it is not there, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aftercancel.errors import MissingError, UsageError
from aftercancel.places.daemon import Daemon, DaemonError

Tell = Callable[[str], None]
"""Shows one line of progress."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a daemon's."""

    name: str
    """As it was asked for."""
    id: str
    digests: tuple[str, ...]
    """NAME@sha256:… of the registries that have it; empty for one that was built there."""
    system: str
    architecture: str
    """In Docker's words: amd64, arm64."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Its ENV."""
    user: str = ""

    @classmethod
    def of(cls, name: str, found: Mapping[str, Any]) -> Image:
        """From what the daemon tells of it (``docker image inspect``)."""
        config = found.get("Config") or {}
        variables = (word.partition("=") for word in config.get("Env") or ())
        return cls(
            name=name,
            id=found["Id"],
            digests=tuple(found.get("RepoDigests") or ()),
            system=found.get("Os", "linux"),
            architecture=found.get("Architecture", ""),
            environment={key: value for key, _, value in variables if key},
            user=config.get("User") or "",
        )


def find(daemon: Daemon, name: str, tell: Tell) -> Image:
    """The image, pulled where the daemon does not have it.

    Raises ``MissingError`` where it cannot be had, ``UsageError`` for a name that can be none's.
    """
    if not name.strip() or any(sign.isspace() for sign in name):
        raise UsageError(
            f"--image {name!r} is no image's name. Write NAME, NAME:TAG or NAME@DIGEST."
        )
    found = look(daemon, name)
    if found is None:
        pull(daemon, name, tell)
        found = look(daemon, name)
    if found is None:
        raise MissingError(f"The image {name} was pulled, and is not there. Pull it by hand.")
    if found.system != "linux":
        raise MissingError(f"The image {name} is for {found.system}; cells need Linux.")
    return found


def look(daemon: Daemon, name: str) -> Image | None:
    """The image where the daemon has it; None: it does not."""
    from docker.errors import ImageNotFound, NotFound

    with daemon.doing(f"looking for the image {name}"):
        try:
            return Image.of(name, daemon.api.inspect_image(name))
        except (ImageNotFound, NotFound):
            return None


def pull(daemon: Daemon, name: str, tell: Tell) -> None:
    """Have the daemon fetch it, and show how far it is."""
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    if not tag and not _DIGEST.search(name):
        tag = "latest"
    tell(f"Pulling {name} …")
    progress = Progress()
    try:
        with daemon.doing(f"pulling the image {name}"):
            for line in daemon.api.pull(repository, tag=tag, stream=True, decode=True):
                if line.get("error"):
                    raise _not_pulled(name, str(line["error"]))
                words = progress.heard(line)
                if words is not None:
                    tell(f"Pulling {name}: {words}")
    except DaemonError as error:
        raise _not_pulled(name, str(error)) from error
    if progress.broken_off:
        raise _not_pulled(name, "the daemon stopped telling before it was done")


class Progress:
    """What a pull's messages come to: layers done of layers seen, and bytes."""

    def __init__(self) -> None:
        self._layers: dict[str, str] = {}
        self._bytes: dict[str, tuple[int, int]] = {}
        self._told: str | None = None
        self._over = False

    @property
    def broken_off(self) -> bool:
        """Whether layers were begun, and no end was told."""
        return bool(self._layers) and not self._over

    def heard(self, line: Mapping[str, Any]) -> str | None:
        """Words for a person where there is something new."""
        status, layer = str(line.get("status", "")), line.get("id")
        if status.startswith("Status: "):
            self._over = True
        elif layer and status in _OF_LAYERS:
            self._layers[layer] = status
            detail = line.get("progressDetail") or {}
            if status == "Downloading" and detail.get("total"):
                self._bytes[layer] = (detail["current"], detail["total"])
        done = sum(status in _DONE for status in self._layers.values())
        read, total = (
            (sum(sizes) for sizes in zip(*self._bytes.values(), strict=True))
            if self._bytes
            else (0, 0)
        )
        words = f"{done} of {len(self._layers)} layers, {read >> 20} of {total >> 20} MiB"
        if not self._layers or words == self._told:
            return None
        self._told = words
        return words


_DONE = ("Pull complete", "Already exists")
_OF_LAYERS = (
    "Pulling fs layer",
    "Waiting",
    "Downloading",
    "Verifying Checksum",
    "Download complete",
    "Extracting",
    *_DONE,
)


def _not_pulled(name: str, why: str) -> MissingError:
    return MissingError(
        f"The Docker daemon does not have the image {name}, and it could not be pulled: "
        f"{why.strip().rstrip('.')}. Look at its spelling; pull or build it by hand (docker pull "
        f"{name}); `docker image ls` has those that are there. Nothing was measured."
    )
