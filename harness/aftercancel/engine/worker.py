"""What a session in an xdist worker needs beyond one of its own: news from the controller.

xdist has no word for "stop now": a worker that was told to shut down first does all that it was
sent. So the controller sends a command of ours through xdist's channel, and the worker listens for
it. Should a future xdist have other names for these parts, a stop takes longer, and nothing else
changes.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

_STOP = "aftercancel_stop"


def tell_to_stop(nodes: Iterable[WorkerController]) -> None:
    """The controller's side: have every worker end its session."""
    for node in nodes:
        with contextlib.suppress(OSError):
            node.sendcommand(_STOP)


def listen_for_stop(config: pytest.Config, stop: Callable[[], None]) -> None:
    """The worker's side: call ``stop``, in another thread, when the controller says so."""
    interactor = _interactor(config)
    if interactor is None:
        return
    others = interactor.handle_command

    def handle(command: Any) -> None:
        if isinstance(command, tuple) and command[0] == _STOP:
            stop()
        else:
            others(command)

    interactor.handle_command = handle


def queued(config: pytest.Config, item: pytest.Item) -> list[pytest.Item]:
    """The items that xdist has sent to this worker so far, beginning with the current one."""
    interactor = _interactor(config)
    if interactor is None:
        return [item]
    with interactor.torun.lock() as waiting:
        positions = [interactor.nextitem_index, *waiting]
    items = item.session.items
    return [item, *(items[position] for position in positions if isinstance(position, int))]


def interrupt_once() -> None:
    """Let the first interrupt end this worker, and none after it disturb its tidying up.

    At a terminal everybody in the foreground gets ^C, and execnet sends one more to a worker that
    takes long to end.
    """

    def interrupt(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)


def _interactor(config: pytest.Config) -> Any | None:
    """xdist's plugin in a worker; it has no name to look it up by."""
    return next(
        (
            plugin
            for plugin in config.pluginmanager.get_plugins()
            if hasattr(plugin, "torun") and hasattr(plugin, "handle_command")
        ),
        None,
    )
