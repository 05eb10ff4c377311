"""Hooks that this plugin offers to other plugins and to conftest files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aftercancel.places import Place
    from aftercancel.places.surroundings import Surroundings


@pytest.hookspec(firstresult=True)
def pytest_aftercancel_place(config: pytest.Config, in_flight: int) -> Place | None:
    """Make (do not open) the place where this session's cells are run.

    Without an answer it is this machine. ``in_flight`` is how many cells may run at once.
    """


@pytest.hookspec(firstresult=True)
def pytest_aftercancel_surroundings(config: pytest.Config) -> Surroundings | None:
    """Where this session's cells are to run, already open; whoever answers closes them.

    Without an answer they are what ``--aftercancel-image`` says, else the best that can be had.
    """
