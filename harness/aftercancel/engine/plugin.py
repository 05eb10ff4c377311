"""The hooks of a session that has cells: collecting, running, dealing, finishing."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from aftercancel import absence
from aftercancel.engine.batch import Abandoned, Batch
from aftercancel.engine.controller import Controller
from aftercancel.engine.items import CellCollector, CellItem
from aftercancel.engine.place import place_maker, surroundings
from aftercancel.engine.session import Asked, CellSession, Chosen
from aftercancel.engine.worker import interrupt_once, listen_for_stop
from aftercancel.errors import AftercancelError
from aftercancel.results import RunFolder

if TYPE_CHECKING:
    pass

_BATCH = pytest.StashKey[Batch]()


class CellsPlugin:
    """Registered only where cells are asked for."""

    def __init__(self, config: pytest.Config, asked: Asked) -> None:
        from aftercancel import catalog

        self.config = config
        self.asked = asked
        self.worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        with _as_usage_error():
            self.catalogue, runners = asked.resolved(catalog.load(asked.scenarios))
            self.chosen = asked.cells(self.catalogue)
            where = surroundings(config, asked, self.catalogue)
        missing = where.without_real_runners(self.catalogue, runners)
        absent = absence.absent(self.chosen, missing, where.programs)
        chosen = Chosen(self.catalogue, self.chosen, where, absent)
        folder = RunFolder(Path(self.worker["aftercancel_folder"])) if self.worker else None
        self.cells = CellSession(config, place_maker(config, asked, lambda: where), folder, absent)
        config.stash[_BATCH] = self.cells.batch
        self.collected = False
        self.error: AftercancelError | None = None
        if self.worker is None:
            self.controller = Controller(config, asked, chosen)
            config.pluginmanager.register(self.controller, "aftercancel-controller")

    # Collecting

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """The cells stand behind everybody else's tests, unless their file was named."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed and self.asked.scenarios is None:
            report.result.append(CellCollector.of(collector, self.chosen, self.cells))
        return report

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """The cells in the place of their file, once."""
        root = self.asked.scenarios
        if root is None or self.collected or not file_path.samefile(root / "matrix.toml"):
            return None
        self.collected = True
        collector = CellCollector.of(parent, self.chosen, self.cells)
        collector.path = file_path
        return collector

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.cells.chosen(session.items)
        if self.worker is None and self.cells.items and not self.config.option.collectonly:
            with _as_usage_error():
                self.cells.folder = self.controller.begin([item.name for item in self.cells.items])

    # Running

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        if self.worker is not None:
            interrupt_once()
            listen_for_stop(self.config, lambda: self._stop(session))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        """A turn for a cell. Without workers, it is taken by the first cell that is measured."""
        if not isinstance(item, CellItem):
            return None
        try:
            if item.not_here is not None:
                pass  # nothing to wait for: it is skipped, with these words
            elif self.worker is None:
                item = self.cells.next_done(item)
            else:
                self.cells.wait_for(item)
        except Abandoned:
            return True
        except AftercancelError as error:
            self.error = error
            item.session.shouldstop = str(error)
            return True
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        runtestprotocol(item, nextitem=self.cells.still_to_come(nextitem))
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _stop(self, session: pytest.Session) -> None:
        session.shouldstop = "The controller said so."
        self.cells.batch.abandon()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        facts = self.cells.close()
        if self.worker is None:
            self.controller.learn(facts, self.error)
        else:
            output: dict[str, Any] = self.config.workeroutput  # type: ignore[attr-defined]
            output["aftercancel_facts"] = facts
            if self.error is not None:
                output["aftercancel_error"] = (type(self.error).__name__, str(self.error))


@contextlib.contextmanager
def shared_batch(config: pytest.Config) -> Iterator[Batch]:
    """The batch that ``lab`` uses: that of the session's cells where it has any."""
    if _BATCH in config.stash:
        yield config.stash[_BATCH]
        return
    from aftercancel import catalog

    asked = Asked(scenarios=None, image=config.option.aftercancel_image)
    batch = Batch(place_maker(config, asked, lambda: surroundings(config, asked, catalog.load())))
    try:
        yield batch
    finally:
        batch.close()


@contextlib.contextmanager
def _as_usage_error() -> Iterator[None]:
    """pytest prints its own kind of error without a traceback; ours are of that kind."""
    try:
        yield
    except AftercancelError as error:
        raise pytest.UsageError(str(error)) from error
