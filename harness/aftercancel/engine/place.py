"""Where the cells of one pytest process run, and the place that it opens there."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from aftercancel.places import IN_FLIGHT, Place, choice
from aftercancel.places.surroundings import Surroundings

if TYPE_CHECKING:
    from aftercancel.catalog import Catalogue
    from aftercancel.engine.session import Asked

HANDED_ON = "aftercancel_surroundings"
"""The key of xdist's workerinput."""


def surroundings(config: pytest.Config, asked: Asked, catalogue: Catalogue) -> Surroundings:
    """Those of this session, open until pytest is unconfigured.

    A worker joins what the process in front has made. Raises ``MissingError`` and ``UsageError``.
    """
    given: Surroundings | None = config.hook.pytest_aftercancel_surroundings(config=config)
    if given is not None:
        return given
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    return stack.enter_context(_opened(config, asked, catalogue))


def _opened(
    config: pytest.Config, asked: Asked, catalogue: Catalogue
) -> contextlib.AbstractContextManager[Surroundings]:
    handed: dict[str, Any] | None = getattr(config, "workerinput", {}).get(HANDED_ON)
    if handed is not None:
        from aftercancel.places import in_image

        return in_image.joined(handed)
    return choice.chosen(asked.image, catalogue, tell)


def tell(words: str) -> None:
    """Progress, for who waits in front of it."""
    print(words, file=sys.stderr, flush=True)


def place_maker(
    config: pytest.Config, asked: Asked, where: Callable[[], Surroundings]
) -> Callable[[], Place]:
    """How to make this session's place: as another plugin says, else in its surroundings."""

    def make() -> Place:
        workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
        in_flight = max(8, IN_FLIGHT // workers)
        place: Place | None = config.hook.pytest_aftercancel_place(
            config=config, in_flight=in_flight
        )
        if place is None:
            place = where().place(in_flight, asked.settle_s, asked.evidence)
        return place

    return make
