"""The process in front: makes the run's folder, deals to workers, writes the reports at the end."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from aftercancel import errors
from aftercancel.engine.place import HANDED_ON
from aftercancel.engine.scheduler import BatchScheduling
from aftercancel.engine.session import Asked, Chosen
from aftercancel.engine.worker import tell_to_stop
from aftercancel.errors import AftercancelError
from aftercancel.results import (
    NotTried,
    Record,
    RunFolder,
    SliceRecord,
    attempt_key,
    now,
    program_versions,
    runner_versions,
    shell_versions,
    wording,
)
from aftercancel.results.reports import Reports, make_reports

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]


_OURS = ("load", "worksteal")
"""The ways of distribution for which batches are dealt; who asks for another one gets it."""


class Controller:
    """Hooks that only the controlling process has (without xdist there is no other)."""

    def __init__(
        self,
        config: pytest.Config,
        asked: Asked,
        chosen: Chosen,
    ) -> None:
        self.config = config
        self.asked = asked
        self.where = chosen.where
        self.catalogue = chosen.catalogue
        self.chosen = {attempt_key(cell.id, cell.attempt): cell for cell in chosen.cells}
        self.absent = chosen.absent
        self.folder: RunFolder | None = None
        self.record: Record | None = None
        self.reports: Reports | None = None
        self.error: AftercancelError | None = None
        self.why_not: str | None = None
        self.failures = 0
        self.workers: list[WorkerController] = []
        self.scheduling: BatchScheduling | None = None

    def begin(self, names: Sequence[str] = ()) -> RunFolder:
        """Make the folder, if that was not done, and write down what is about to be run."""
        if self.folder is None:
            self.folder = RunFolder.create(self.asked.out)
        tried = [name for name in names if self.absent.of(self.chosen[name]) is None]
        cells = [self.chosen[name] for name in tried]
        self.record = Record(
            machine=self.where.machine(),
            started=self.record.started if self.record else now(),
            arguments=tuple(sys.argv),
            shells=shell_versions(
                {cell.shell.id: cell.shell for cell in cells}.values(), self.where.programs
            ),
            programs=program_versions(
                {cell.launcher.id: cell.launcher for cell in cells}.values(), self.where.programs
            )
            | runner_versions({cell.runner.id: cell.runner for cell in cells}.values()),
            place=dict(self.where.facts()),
            settle_s=self.asked.settle_s,
            evidence=self.asked.evidence,
            repeat=self.asked.repeat,
            workers=len(self.workers),
            slices=self._slices(tried),
            cells=tuple(tried),
            not_tried=self._not_tried(names),
            words=wording(cells),
        )
        self.folder.write_record(self.record)
        return self.folder

    def learn(self, facts: Mapping[str, object], error: AftercancelError | None) -> None:
        """Take note of what a place said about itself, and of what stopped it."""
        if self.record is not None and facts:
            self.record = dataclasses.replace(self.record, place={**self.record.place, **facts})
        self.error = self.error or error

    def _not_tried(self, names: Sequence[str]) -> tuple[NotTried, ...]:
        by_word: dict[str | None, list[str]] = {}
        for name in names:
            by_word.setdefault(self.absent.of(self.chosen[name]), []).append(name)
        return tuple(
            NotTried(word, why, tuple(by_word[word]))
            for word, why in self.absent.words.items()
            if word in by_word
        )

    def _slices(self, names: Sequence[str]) -> tuple[SliceRecord, ...]:
        selected = {name.partition("#")[0] for name in names}
        found = (
            SliceRecord(each.id, each.sentence, tuple(c for c in each.cells if c in selected))
            for each in self.catalogue.slices.values()
        )
        return tuple(each for each in found if each.cells)

    # With xdist

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        if not self.config.pluginmanager.hasplugin("dsession") or self.config.option.collectonly:
            return
        from xdist.workermanage import parse_tx_spec_config

        if self.config.getvalue("dist") in _OURS:
            count = len(parse_tx_spec_config(self.config))
            self.scheduling = BatchScheduling(count, self.chosen)
        try:
            self.begin()
        except AftercancelError as error:
            raise pytest.UsageError(str(error)) from error

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        assert self.folder is not None
        node.workerinput["aftercancel_folder"] = str(self.folder.path.resolve())
        node.workerinput[HANDED_ON] = self.where.handed_on()
        if self.scheduling is not None:
            count = node.workerinput["workercount"]
            first = len(self.workers) if len(self.workers) < count else None
            self.scheduling.seat(node, first)
        self.workers.append(node)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self) -> BatchScheduling | None:
        return self.scheduling

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        if self.record is not None and not (self.record.cells or self.record.not_tried):
            names = [name.removeprefix("aftercancel::") for name in ids]
            self.begin([name for name in names if name in self.chosen])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController, error: object) -> None:
        output: dict[str, Any] = getattr(node, "workeroutput", {})
        reason = output.get("aftercancel_error")
        self.learn(
            output.get("aftercancel_facts", {}),
            getattr(errors, reason[0])(reason[1]) if reason else None,
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Let ``-x`` stop workers that have their whole share already."""
        if report.failed and self.workers:
            self.failures += 1
            if 0 < (self.config.getvalue("maxfail") or 0) <= self.failures:
                tell_to_stop(self.workers)

    # The end

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.why_not = f"It was stopped: {str(excinfo.value) or 'interrupted from the keyboard'}."
        tell_to_stop(self.workers)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """When every worker has stopped writing: judge what is stored, and say how it ended."""
        result = yield
        if self.folder is None or self.record is None:
            return result
        why = self.error or session.shouldfail or session.shouldstop or self.why_not
        self.record = dataclasses.replace(self.record, ended=now(), why_not=str(why or "") or None)
        try:
            self.reports = make_reports(self.folder, self.record)
        except AftercancelError as error:
            self.error = self.error or error
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.folder is None:
            return
        terminalreporter.section("aftercancel")
        if self.error is not None:
            terminalreporter.line(str(self.error))
        if self.reports is not None:
            terminalreporter.line(self.reports.sentence())
        terminalreporter.line(f"stored in {self.folder.path}")
