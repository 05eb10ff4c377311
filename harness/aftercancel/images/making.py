"""Making the lab's own images: their bases first, then their context, then the build.

Each carries in a label which state of its files it was made of, so whether it is up to date can be
asked without building anything.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aftercancel import __version__, catalog
from aftercancel.errors import ImageError
from aftercancel.images import bases, building, packages, shipped, source, wheels
from aftercancel.images.lock import one_at_a_time
from aftercancel.images.shipped import Shipped
from aftercancel.places import image
from aftercancel.places.daemon import Daemon, DaemonError
from aftercancel.places.image import Image, Tell

IMAGE = "aftercancel.image"
STATE = "aftercancel.state"
STAGE = "aftercancel.stage"
_OLD_S = 3600.0
"""An image that its name has left is not taken from somebody who has just asked for it."""

_ABANDONED_S = 600.0
"""Longer than any step's container is there before it starts, or after it has ended."""


@dataclass
class Workshop:
    """Makes images with one daemon."""

    daemon: Daemon
    tell: Tell
    network: str | None = None
    """Of every build; None: what works."""
    fresh: bool = False
    root: Path = field(default_factory=shipped.folder)

    @cached_property
    def known(self) -> Mapping[str, Shipped]:
        return shipped.read(self.root)

    def ensure(self, wanted: Shipped) -> str:
        """The id of an up-to-date image of it, made where there is none. Raises ``MissingError``."""
        there = self.there(wanted)
        if there is not None:
            return there
        with one_at_a_time(self.tell):
            # Somebody else may have made it meanwhile.
            return self.there(wanted) or self._make(wanted)

    def make(self, wanted: Shipped) -> str:
        """Build it, whatever there is; returns its id. Raises ``MissingError``."""
        with one_at_a_time(self.tell):
            return self._make(wanted)

    def there(self, wanted: Shipped) -> str | None:
        """The id of the image that was made of these files; None: there is none."""
        labels = [f"{IMAGE}={wanted.id}", f"{STATE}={self.state(wanted)}"]
        with self.daemon.doing(f"looking for the image {wanted.name}"):
            found: list[dict[str, Any]] = self.daemon.api.images(filters={"label": labels})
        newest = max(found, key=lambda each: each.get("Created", 0), default=None)
        return None if newest is None else str(newest["Id"])

    def state(self, wanted: Shipped) -> str:
        """Which state of its files, bases and packages it is."""
        return self._state(wanted, self._files(wanted))

    def _state(self, wanted: Shipped, files: Mapping[str, bytes]) -> str:
        given = {f"file {name}": content for name, content in files.items()}
        given |= {f"arg {key}": word.encode() for key, word in self._arguments(wanted).items()}
        given |= {f"base {arg}": pin.reference.encode() for arg, pin in wanted.bases.items()}
        given |= {f"own {a}": self.state(self.known[o]).encode() for a, o in wanted.own.items()}
        return source.state(given.items())

    def _make(self, wanted: Shipped) -> str:
        on = {arg: bases.ensure(self.daemon, pin, self.tell) for arg, pin in wanted.bases.items()}
        own = {arg: self.known[name] for arg, name in wanted.own.items()}
        ids = {arg: self.there(each) or self._make(each) for arg, each in own.items()}
        files = dict(self._files(wanted))
        labels = self._labels(wanted, on, ids) | {STATE: self._state(wanted, files)}
        if wanted.wheels:
            files |= self._wheels(wanted, files["requirements.txt"])
        order = building.Order(
            image=wanted.id,
            name=wanted.name,
            files=files,
            folders=("wheels",) if wanted.wheels else (),
            arguments={
                **self._arguments(wanted),
                **{arg: base.name for arg, base in on.items()},
                **ids,
            },
            labels=labels,
            network=self.network,
            fresh=self.fresh,
        )
        self.tell(f"Building {wanted.name} …")
        made = building.build(self.daemon, order, self.tell)
        self._tidy(wanted)
        return made

    def _files(self, wanted: Shipped) -> Mapping[str, bytes]:
        files = dict(source.of_folder(self.root / wanted.folder))
        if "Dockerfile" not in files:
            raise ImageError(f"{self.root / wanted.folder} has no Dockerfile. Install it again.")
        for name in wanted.also:
            files[Path(name).name] = (self.root / name).read_bytes()
        if wanted.package:
            files |= {f"package/{name}": content for name, content in source.of_package().items()}
        return files

    def _arguments(self, wanted: Shipped) -> dict[str, str]:
        if wanted.packages is None:
            return {}
        names = packages.named(_needed(), wanted.packages, self.root)
        return {"PACKAGES": " ".join(names)}

    def _wheels(self, wanted: Shipped, requirements: bytes) -> dict[str, bytes]:
        with self.daemon.doing("asking for its version"):
            architecture = str(self.daemon.api.version().get("Arch", "amd64"))
        found = wheels.fetch(requirements, wanted.wheels, architecture, self.tell)
        return {f"wheels/{name}": content for name, content in found.items()}

    def _labels(
        self, wanted: Shipped, on: Mapping[str, Image], own: Mapping[str, str]
    ) -> dict[str, str]:
        """The first part is the OCI's (image-spec, annotations.md)."""
        base = on.get("BASE") or on.get("RUNNER")
        described = {
            "org.opencontainers.image.title": wanted.repository.partition(":")[0],
            "org.opencontainers.image.description": wanted.sentence,
            "org.opencontainers.image.version": __version__,
            "org.opencontainers.image.licenses": "MIT",
        }
        if base is not None:
            described["org.opencontainers.image.base.name"] = base.name
        pins = [f"{arg}: {_which(wanted.bases[arg].words, on[arg])}" for arg in sorted(on)]
        pins += [f"{arg}: image {wanted.own[arg]} ({name})" for arg, name in sorted(own.items())]
        return {
            **described,
            IMAGE: wanted.id,
            "aftercancel.version": __version__,
            "aftercancel.pins": "; ".join(pins),
        }

    def _tidy(self, made: Shipped) -> None:
        """Remove what a build leaves that nobody can name: its stages, and what had this name."""
        stages = {"dangling": True, "label": f"{STAGE}={made.id}"}
        before = {"dangling": True, "label": f"{IMAGE}={made.id}"}
        for filters, older_s in ((stages, 0.0), (before, _OLD_S)):
            with self.daemon.doing("looking for what the build left"):
                found = self.daemon.api.images(filters=filters)
            for each in found:
                if time.time() - each.get("Created", 0) >= older_s:
                    self._remove(str(each["Id"]))

        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        """Containers of steps whose build was killed. One of a build that lives is soon gone."""
        filters = {"label": f"{building.BUILDING}=yes", "status": ["created", "exited", "dead"]}
        with contextlib.suppress(DaemonError), self.daemon.doing("looking for killed builds"):
            for each in self.daemon.api.containers(all=True, filters=filters):
                if time.time() - each.get("Created", 0) >= _ABANDONED_S:
                    self.daemon.api.remove_container(each["Id"], v=True)

    def _remove(self, name: str) -> None:
        # One that a container still uses, or that somebody else removes, is not ours to argue about.
        with contextlib.suppress(DaemonError), self.daemon.doing("removing what the build left"):
            self.daemon.api.remove_image(name)


def _which(pin: str, used: Image) -> str:
    """Which base it is: the pin's, or the one in its place."""
    if used.name.startswith("aftercancel/base:"):
        return f"{used.name} ({used.id}), made by mmdebstrap in place of {pin}"
    return f"{pin} ({used.id})"


@cache
def _needed() -> tuple[str, ...]:
    return packages.needed(catalog.load())


def built(daemon: Daemon, wanted: Shipped) -> Image | None:
    """What has its name now, up to date or not."""
    return image.look(daemon, wanted.name)


def in_order(wanted: Iterator[Shipped]) -> list[Shipped]:
    """Each once, as they were asked for."""
    return list({each.name: each for each in wanted}.values())
