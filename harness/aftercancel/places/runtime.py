"""Our Python and package for any image: a volume, filled from the lab's runtime image.

The user's image needs nothing in it. What the executor is made of comes in a read-only volume at
/aftercancel, whose programs find their libraries there and nowhere else. The daemon itself fills
the volume: one that is empty gets what the image has at its mount point when a container is made
(docs.docker.com, "Volumes", populate a volume using a container). So nothing of the client's disk
is mounted, and the daemon may be on another machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from aftercancel.errors import MissingError
from aftercancel.places import image
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Image, Tell
from aftercancel.places.labels import Labels

VARIABLE = "AFTERCANCEL_RUNTIME"
"""Names another runtime image, as where a registry has copies under names of its own."""
MOUNT_POINT = "/aftercancel"
PYTHON = (f"{MOUNT_POINT}/bin/python3", "-I", "-X", "utf8")
"""-I: whatever variables and folders there are, it takes its modules from there alone."""


def find(daemon: Daemon, tell: Tell, environ: Mapping[str, str] = os.environ) -> Image:
    """The runtime image of this very package, built where the daemon does not have it.

    Raises ``MissingError`` with the way to get it.
    """
    from aftercancel.images import ensure_runtime

    name = environ.get(VARIABLE)
    if name:
        return image.find(daemon, name, tell)
    found = image.look(daemon, ensure_runtime(daemon, tell))
    if found is None:
        raise MissingError(
            "The lab's runtime image was made and is gone again: somebody removes images. Start "
            "again, or make it by hand: `aftercancel images build runtime`."
        )
    return found


def fill(daemon: Daemon, labels: Labels, runtime: Image) -> str:
    """Make the run's volume with the executor in it; returns its name."""
    name = f"aftercancel-{labels.run}"
    with daemon.doing("making a volume with the executor"):
        daemon.api.create_volume(name, labels=labels.as_dict())
        made = daemon.api.create_container(
            runtime.id,
            labels=labels.as_dict(),
            host_config=daemon.api.create_host_config(
                binds=[f"{name}:{MOUNT_POINT}"], network_mode="none"
            ),
        )
        # It was never started: making it has filled the volume.
        daemon.api.remove_container(made["Id"])
    return name


def refuse_other_architecture(wanted: Image, runtime: Image) -> None:
    """Raise ``MissingError`` where the image's programs are no such as the daemon's machine runs."""
    if wanted.architecture != runtime.architecture:
        raise MissingError(
            f"The image {wanted.name} is for {wanted.architecture}, and the Docker daemon's "
            f"machine with the lab's runtime image is {runtime.architecture}. Emulated processes "
            "are not what a job's are, so they are not measured. Pull it for this architecture: "
            f"docker pull --platform linux/{runtime.architecture} {wanted.name}"
        )
