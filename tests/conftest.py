"""What all tests share."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from functools import cache

import pytest

from aftercancel import catalog, doctor
from aftercancel.errors import MissingError


@cache
def _why_not_for_real() -> str | None:
    try:
        doctor.require(doctor.examine(catalog.load()))
    except MissingError as error:
        return str(error)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked ``real`` or ``runs`` say why they cannot run; where CI=true that is a failure."""
    if item.get_closest_marker("real") is None and item.get_closest_marker("runs") is None:
        return
    reason = _why_not_for_real()
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must measure for real. {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def sdk_leaves_sockets() -> Iterator[None]:
    """Docker's SDK leaves a socket open that it could not connect, or got no version from."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
