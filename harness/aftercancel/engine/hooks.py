"""Hooks that this plugin offers to other plugins and to conftest files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aftercancel.places import Place


@pytest.hookspec(firstresult=True)
def pytest_aftercancel_place(config: pytest.Config, in_flight: int) -> Place | None:
    """Make (do not open) the place where this session's cells are run.

    Without an answer it is this machine. ``in_flight`` is how many cells may run at once.
    """
