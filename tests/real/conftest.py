"""Cells on this machine's real kernel: they need root and say so where it is not."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest

from aftercancel import images
from aftercancel.errors import AftercancelError, MissingError
from aftercancel.images import shipped
from aftercancel.model import Evidence
from aftercancel.places.daemon import Daemon
from aftercancel.places.this_machine import ThisMachine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.real)
            if os.geteuid() != 0:
                item.add_marker(
                    pytest.mark.skip(reason="needs root: cells run in namespaces of their own")
                )


IMAGE = "AFTERCANCEL_TEST_IMAGE"
"""Names an image to use as it is, where building the lab's own would take too long."""


@pytest.fixture(scope="session")
def place() -> Iterator[ThisMachine]:
    """This machine with the best evidence that it has."""
    with ThisMachine() as machine:
        yield machine


@pytest.fixture(scope="session")
def traced() -> Iterator[ThisMachine]:
    """This machine with the kernel's trace."""
    with ThisMachine(evidence=Evidence.TRACE) as machine:
        yield machine


@pytest.fixture(scope="session")
def without_trace() -> Iterator[ThisMachine]:
    """This machine with /proc for all evidence."""
    with ThisMachine(evidence=Evidence.PROC) as machine:
        yield machine


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    """The Docker daemon that the environment names."""
    pytest.importorskip("docker", reason="Docker's SDK is not installed")
    try:
        connected = Daemon.connect()
    except AftercancelError as error:
        pytest.skip(str(error))
    with connected:
        yield connected


@pytest.fixture(scope="session")
def image(daemon: Daemon) -> str:
    """The lab's own image of this machine's Debian: the same packages, so the same shells."""
    if IMAGE in os.environ:
        return os.environ[IMAGE]
    name = f"debian-{platform.freedesktop_os_release().get('VERSION_CODENAME')}"
    try:
        images.ensure(daemon, name)  # minutes, where it was not made before: `.ci/run` does it
    except KeyError:
        pytest.skip(f"the lab has no image {name}")
    except MissingError as error:
        pytest.skip(str(error))
    return shipped.read()[name].name
