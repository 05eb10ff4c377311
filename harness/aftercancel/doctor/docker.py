"""What there is of Docker, for ``--image`` and for users who are not root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aftercancel.doctor.findings import Finding, Status
from aftercancel.errors import AftercancelError

DAEMON, RUNTIME, LEFT = "Docker daemon", "runtime image", "left in Docker"
_WHY = "With it cells run in any image (--image), and an ordinary user needs no root."
_ROOTLESS = "name=rootless"
_OLDEST = (1, 41)
"""The first version of its API with private control groups for a container (CgroupnsMode)."""


def look(environ: Mapping[str, str] = os.environ) -> tuple[Finding, ...]:
    """Ask the daemon that the environment names; nothing is made or changed."""
    from aftercancel.places.daemon import Daemon

    try:
        with Daemon.connect(environ, timeout_s=10) as daemon:
            with daemon.doing("asking what it is"):
                version, info = daemon.api.version(), daemon.api.info()
            where = str(daemon.address)
            found = [of_daemon(where, version, info), of_runtime(_runtime_images(daemon))]
            return (*found, of_left(list(_left(daemon))))
    except AftercancelError as error:
        return (missing(str(error)),)


def missing(words: str) -> Finding:
    """``words``: the error's, the next step in their last sentences."""
    detail, _, remedy = words.partition(". ")
    return Finding(DAEMON, Status.DEGRADED, detail, _WHY, remedy or "start one, or set DOCKER_HOST")


def of_daemon(where: str, version: Mapping[str, Any], info: Mapping[str, Any]) -> Finding:
    """What it says of itself (Docker Engine API, "Get version", "Get system information")."""
    detail = f"{version['Version']} at {where}, kernel {info.get('KernelVersion', 'unknown')}"
    if _ROOTLESS in (info.get("SecurityOptions") or ()):
        return Finding(
            DAEMON,
            Status.DEGRADED,
            f"{detail}, which runs without root's rights",
            "Sandboxes in a container need mounts, device nodes and the trace of the real root.",
            "use a daemon that runs as root (DOCKER_HOST), or root without a container",
        )
    if tuple(int(part) for part in version["ApiVersion"].split(".")) < _OLDEST:
        return Finding(
            DAEMON,
            Status.DEGRADED,
            f"{detail}, with version {version['ApiVersion']} of its API",
            "Cells in a container have control groups of their own only since API 1.41.",
            "use Docker 20.10 or newer",
        )
    return Finding(DAEMON, Status.CAN, detail, _WHY)


def of_runtime(tags: Sequence[str]) -> Finding:
    """The image that brings the executor into any other one."""
    why = "It brings the executor into any image, which so needs nothing of ours in it."
    if tags:
        return Finding(RUNTIME, Status.CAN, ", ".join(sorted(tags)), why)
    return Finding(
        RUNTIME,
        Status.DEGRADED,
        "it was not made yet, so the first run with --image makes it",
        why,
        "aftercancel images build runtime",
    )


def of_left(names: Sequence[str]) -> Finding:
    """What dead runs have left with the daemon."""
    why = "A run removes what it made even where it is killed; its reaper can be killed as well."
    if not names:
        return Finding(LEFT, Status.CAN, "nothing of killed runs", why)
    return Finding(
        LEFT, Status.DEGRADED, ", ".join(sorted(names)), why, "aftercancel clean, then with --yes"
    )


def _runtime_images(daemon: Any) -> list[str]:
    from aftercancel.images import RUNTIME as LABEL

    with daemon.doing("listing its images"):
        found = daemon.api.images(filters={"label": f"aftercancel.image={LABEL}"})
    return [tag for each in found for tag in each.get("RepoTags") or () if tag != "<none>:<none>"]


def _left(daemon: Any) -> Iterator[str]:
    from aftercancel.executor.ownership import Owner
    from aftercancel.places import reaping
    from aftercancel.places.labels import RUN, owner_of

    for each in reaping.look(daemon, {"label": RUN}):
        if owner_of(each.client) is Owner.GONE:
            yield f"{each.kind.value} {each.name}"
