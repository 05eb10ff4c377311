"""The pytest plugin: cells as items where they are asked for, and the fixture ``lab`` everywhere.

It does nothing unless asked. Cells are collected with ``--aftercancel`` (or a choice of slices or
cells), when a ``matrix.toml`` or its folder is named on the command line, and when a cell is named
by its node id. Whatever is heavier than options is imported only then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aftercancel.engine.session import Asked
    from aftercancel.lab import Lab

MATRIX = "matrix.toml"
_NODE = "aftercancel::"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("aftercancel", "cancelling jobs, with kernel evidence")
    add = group.addoption
    add("--aftercancel", action="store_true", help="collect the cells of the default matrix")
    add(
        "--aftercancel-slice",
        action="append",
        default=[],
        metavar="NAME",
        help="collect the cells of this slice only (may be repeated)",
    )
    add(
        "--aftercancel-cell",
        action="append",
        default=[],
        metavar="CELL",
        help="collect this cell, also from outside the matrix (may be repeated)",
    )
    add(
        "--aftercancel-runner",
        action="append",
        default=[],
        metavar="NAME[=PATH|=image:REF]",
        help="collect the cells of this real runner only (may be repeated)",
    )
    add(
        "--aftercancel-repeat",
        type=int,
        default=1,
        metavar="N",
        help="measure every cell N times; further attempts are items named CELL#2, CELL#3, …",
    )
    add(
        "--aftercancel-settle",
        type=float,
        metavar="S",
        help="how long a cell is watched at most after its cancellation",
    )
    add(
        "--aftercancel-evidence",
        choices=("trace", "proc"),
        help="what observations rest on; default: the kernel's trace where it can be had",
    )
    add(
        "--aftercancel-image",
        metavar="NAME",
        help="run the cells in containers of this image; default: on this machine as root, else in "
        "the lab's own image",
    )
    add(
        "--aftercancel-out",
        metavar="DIR",
        help="where the run is stored; default: .aftercancel/<time>",
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from aftercancel.engine import hooks

    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    asked = _asked(config)
    if asked is not None:
        from aftercancel.engine.plugin import CellsPlugin

        config.pluginmanager.register(CellsPlugin(config, asked), "aftercancel-cells")


def _asked(config: pytest.Config) -> Asked | None:
    """What is asked of this plugin; None: nothing."""
    option = config.option
    named = [*option.aftercancel_cell, *_node_ids(config)]
    folder = _scenarios_named(config)
    if not (
        option.aftercancel
        or option.aftercancel_slice
        or option.aftercancel_runner
        or named
        or folder
    ):
        return None
    if option.aftercancel_repeat < 1:
        raise pytest.UsageError("--aftercancel-repeat must be 1 or more.")
    settle = option.aftercancel_settle
    if settle is not None and not (math.isfinite(settle) and settle > 0):
        raise pytest.UsageError("--aftercancel-settle must be more than 0 seconds, not for ever.")
    if option.aftercancel_out == "":
        raise pytest.UsageError("--aftercancel-out is empty: name a new folder, or leave it out.")
    from aftercancel.engine.session import Asked
    from aftercancel.model import Evidence

    return Asked(
        scenarios=folder,
        slices=tuple(option.aftercancel_slice),
        named=tuple(named),
        runners=tuple(option.aftercancel_runner),
        repeat=option.aftercancel_repeat,
        settle_s=settle,
        evidence=Evidence(option.aftercancel_evidence) if option.aftercancel_evidence else None,
        out=Path(option.aftercancel_out) if option.aftercancel_out else None,
        image=option.aftercancel_image,
    )


def _node_ids(config: pytest.Config) -> list[str]:
    """Take the cells that are named by node id off the command line: they are no files."""
    names = [arg.removeprefix(_NODE) for arg in config.args if arg.startswith(_NODE)]
    config.args = [arg for arg in config.args if not arg.startswith(_NODE)]
    return names


def _scenarios_named(config: pytest.Config) -> Path | None:
    """The scenarios folder, where it or its matrix is named on the command line."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return None
    for arg in config.args:
        path = config.invocation_params.dir / arg.partition("::")[0]
        if path.name == MATRIX and path.is_file():
            return path.parent
        if (path / MATRIX).is_file():
            return path
    return None


@pytest.fixture(scope="session")
def _aftercancel_place(pytestconfig: pytest.Config) -> Iterator[object]:
    """The place of all tests of this session that use ``lab``, opened by the first of them."""
    from aftercancel.engine.plugin import shared_batch

    with shared_batch(pytestconfig) as batch:
        yield batch


@pytest.fixture
def lab(_aftercancel_place: object, request: pytest.FixtureRequest) -> Lab:
    """Cancel a script of your own and look at what is left; skips where the machine cannot."""
    from aftercancel.engine.batch import Batch
    from aftercancel.errors import MissingError
    from aftercancel.lab import Lab

    assert isinstance(_aftercancel_place, Batch)
    try:
        _aftercancel_place.open()
    except MissingError as error:
        pytest.skip(f"{error} `aftercancel doctor` says more.")
    return Lab(_aftercancel_place, request.path.parent)
