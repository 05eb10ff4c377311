"""Cells on this machine's real kernel: they need root and say so where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from aftercancel.model import Evidence
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
