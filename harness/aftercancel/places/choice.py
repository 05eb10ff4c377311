"""Which place a session gets: the image that is asked for, else the best that this user can have.

Root on Linux measures on this machine. An ordinary user with a Docker daemon measures in the
lab's own image. Without either there are user namespaces, where the kernel grants them, for what
can be done in those; and where nothing can be had, this machine's place says what is missing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import assert_never

from aftercancel.catalog import Catalogue
from aftercancel.errors import AftercancelError
from aftercancel.places import user_namespace
from aftercancel.places.image import Tell
from aftercancel.places.surroundings import OnThisMachine, Surroundings

_ANSWER_S = 10


class Kind(Enum):
    """The kinds of places."""

    THIS_MACHINE = "this machine"
    IMAGE = "an image"
    USER_NAMESPACES = "user namespaces"


def kind(image: str | None, *, root: bool, docker: bool, user_namespaces: bool) -> Kind:
    """What to take; ``docker``: whether a daemon answers that this user may speak with."""
    if image is not None:
        return Kind.IMAGE
    if root:
        return Kind.THIS_MACHINE
    if docker:
        return Kind.IMAGE
    return Kind.USER_NAMESPACES if user_namespaces else Kind.THIS_MACHINE


@contextlib.contextmanager
def chosen(
    image: str | None, catalogue: Catalogue, tell: Tell, environ: Mapping[str, str] = os.environ
) -> Iterator[Surroundings]:
    """The surroundings of a session's cells, open; raises what keeps an asked-for image away."""
    root = sys.platform == "linux" and os.geteuid() == 0
    docker = image is None and not root and _docker_can_be_had(environ)
    ordinary = image is None and not root and not docker and user_namespace.can_be_had() is None
    match kind(image, root=root, docker=docker, user_namespaces=ordinary):
        case Kind.IMAGE:
            from aftercancel.places import in_image

            with in_image.opened(image, catalogue, tell, environ) as there:
                yield there
        case Kind.USER_NAMESPACES:
            yield user_namespace.InUserNamespaces()
        case Kind.THIS_MACHINE:
            yield OnThisMachine()
        case other:
            assert_never(other)


def _docker_can_be_had(environ: Mapping[str, str]) -> bool:
    try:
        from aftercancel.places.daemon import Daemon

        with Daemon.connect(environ, timeout_s=_ANSWER_S):
            return True
    except AftercancelError:
        return False
