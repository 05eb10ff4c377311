"""What the daemon is asked for when one of the lab's programs is to run in somebody's image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aftercancel.places import runtime
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Image
from aftercancel.places.labels import Labels


@dataclass(frozen=True, slots=True)
class Wanted:
    """A container of an image, with our own program in it."""

    image: Image
    volume: str
    """With our Python and package (``runtime``)."""
    labels: Labels
    command: tuple[str, ...]
    rights: Mapping[str, Any] = field(default_factory=dict)
    """Further words of the host's configuration, in the SDK's spelling; none: Docker's default."""


def configuration(daemon: Daemon, wanted: Wanted) -> dict[str, Any]:
    """The body of "Create a container" (Docker Engine API).

    Nothing that the image says of how it is started holds: not ENTRYPOINT, CMD, USER, WORKDIR or
    HEALTHCHECK. Of its ENV the jobs are told otherwise: a name alone takes a variable away, and
    LD_PRELOAD or PYTHONHOME are not meant for our Python.
    """
    api = daemon.api
    host_config = api.create_host_config(
        auto_remove=True,
        binds=[f"{wanted.volume}:{runtime.MOUNT_POINT}:ro"],
        network_mode="none",
        log_config={"Type": "none"},
        **wanted.rights,
    )
    # Its own control groups are then the roots of what it mounts (cgroup_namespaces(7)).
    host_config["CgroupnsMode"] = "private"
    config: dict[str, Any] = api.create_container_config(
        wanted.image.id,
        command=[],
        entrypoint=list(wanted.command),
        environment=dict.fromkeys(wanted.image.environment),
        user="0",
        working_dir="/",
        healthcheck={"Test": ["NONE"]},
        stdin_open=True,
        labels=wanted.labels.as_dict(),
        host_config=host_config,
    )
    # When we are gone, the daemon closes its input (StdinOnce), and the executor ends.
    return config | {"StdinOnce": True, "AttachStdin": True}
