"""When a cell is decided: at rest, all gone, or not before the runner has had its time.

Time is real here and nothing else: what runs is told, and that it is blocked. A test that waits for
something gives it far more time than it takes; one that must not wait would take half a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from aftercancel.executor import watching
from aftercancel.executor.procfs import Activity
from aftercancel.executor.reports import EndReport, FiredStep, Reports
from aftercancel.model import Action, Cancellation, Cell, Decided, Runner, Step
from tests.real.vocabulary import END, PLAIN, TERM_PROCESS, cell

LONG_S, SOON_S, SHORT_S = 30.0, 0.8, 0.05
"""Beyond every test; longer than a tree must rest (0.3 s); shorter than that."""


@dataclass
class Lives:
    """A process that does nothing, and goes on doing so."""

    key: int = 1
    pid: int = 0


@dataclass
class Told:
    """A history, as far as watching asks for it."""

    alive: list[Lives]
    last_event_ns: int = field(default_factory=time.monotonic_ns)

    def living(self) -> list[Lives]:
        return self.alive

    def resting(self) -> list[Lives]:
        return self.alive


class UpToDate:
    """A watcher's clock that has always come that far."""

    async def reach(self, moment_ns: int) -> None:
        await asyncio.sleep(0)


class Followed:
    """A follower of a history that is told."""

    flooded = lost = False

    def __init__(self, alive: list[Lives]) -> None:
        self.history = Told(alive)
        self.clock = UpToDate()
        self.changed = asyncio.Event()

    def happens(self) -> None:
        self.history.last_event_ns = time.monotonic_ns()
        self.changed.set()


@pytest.fixture(autouse=True)
def _blocked_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = Activity("S", 1)
    monkeypatch.setattr(watching, "sample", lambda living: {p.key: asleep for p in living})
    monkeypatch.setattr(watching, "timeout_s", lambda pid: None)


REAL = Runner("builder", "", adapter="builder", ways=("cancel", "time-limit"), patience_s=LONG_S)
MODEL = replace(REAL, adapter="", model="builder")
CANCEL = Cancellation("cancel", "", (Step(Action.ASK, way="cancel"),))


def limited(seconds: float) -> Cancellation:
    return Cancellation("limit", "", (Step(Action.ASK, way="time-limit", seconds=seconds),))


def of(runner: Runner, how: Cancellation = CANCEL, *, queued: int = 0) -> Cell:
    return cell("mark ready", how, runner=runner, pause_s=0.0, queued=queued)


def patient(seconds: float) -> Runner:
    return replace(REAL, patience_s=seconds)


Happening = Callable[[Followed, Reports], None]


def reports_the_end(followed: Followed, reports: Reports) -> None:
    followed.history.alive.clear()
    reports.end = EndReport(time.monotonic_ns(), "cancelled")
    followed.happens()


def starts_the_next(followed: Followed, reports: Reports) -> None:
    followed.history.alive.append(Lives(key=2))
    followed.happens()


def decided(
    one: Cell,
    *alive: Lives,
    over: bool = False,
    soon: Happening | None = None,
    tells: float | None = None,
) -> Decided:
    """How the cell is decided. ``over``: the runner has reported; ``soon``: what happens then;
    ``tells``: for how long it says that it goes on, in seconds; None: that it does not.
    """

    async def watched() -> Decided:
        followed, reports = Followed(list(alive)), Reports()
        now = time.monotonic_ns()
        steps = sum(step.action is not Action.WAIT for step in one.cancellation.steps)
        reports.fired = [FiredStep(now, "TERM", None)] * steps
        if over:
            reports.end = EndReport(now, "cancelled")
        if tells is not None:
            reports.goes_on_ns = now + int(tells * 1e9)
        if soon is not None:
            asyncio.get_running_loop().call_later(SOON_S, soon, followed, reports)
        async with asyncio.timeout(LONG_S / 2):
            return await watching.watch(one, followed, reports, armed_ns=now, settle_s=0.1)  # type: ignore[arg-type]  # Followed

    return asyncio.run(watched())


def test_where_nobody_is_left_and_the_runner_has_reported_all_are_gone() -> None:
    assert decided(of(PLAIN, TERM_PROCESS), over=True) is Decided.ALL_GONE


def test_the_lab_s_own_runner_is_given_no_time_of_its_own() -> None:
    assert decided(of(PLAIN, TERM_PROCESS), Lives()) is Decided.AT_REST


def test_a_real_runner_that_does_nothing_for_a_while_is_waited_for() -> None:
    assert decided(of(REAL), Lives(), soon=reports_the_end) is Decided.ALL_GONE


def test_a_runner_is_waited_for_no_longer_than_its_patience() -> None:
    assert decided(of(patient(SHORT_S)), Lives()) is Decided.AT_REST


def test_a_runner_that_has_reported_is_not_waited_for() -> None:
    assert decided(of(REAL), Lives(), over=True) is Decided.AT_REST


def test_what_happens_gives_the_runner_its_patience_anew() -> None:
    def twice(followed: Followed, reports: Reports) -> None:
        followed.happens()
        asyncio.get_running_loop().call_later(SOON_S, reports_the_end, followed, reports)

    assert decided(of(patient(1.5 * SOON_S)), Lives(), soon=twice) is Decided.ALL_GONE


def test_a_time_limit_is_waited_for_too() -> None:
    one = of(patient(0.0), limited(LONG_S))
    assert decided(one, Lives(), soon=reports_the_end) is Decided.ALL_GONE


def test_a_cancellation_s_limit_is_the_longest_of_its_steps() -> None:
    steps = (*limited(3).steps, Step(Action.WAIT, seconds=9), *limited(4).steps)
    assert watching.limit_s(of(REAL, Cancellation("both", "", steps))) == 4.0


@pytest.mark.parametrize("how", [TERM_PROCESS, CANCEL, END], ids=lambda how: how.id)
def test_what_is_no_time_limit_has_none(how: Cancellation) -> None:
    assert watching.limit_s(of(REAL, how)) == 0.0


def test_a_model_is_waited_for_as_long_as_it_says_that_it_goes_on() -> None:
    seen = decided(of(MODEL), Lives(), tells=LONG_S, soon=reports_the_end)
    assert seen is Decided.ALL_GONE


def test_but_not_for_longer() -> None:
    assert decided(of(MODEL), Lives(), tells=SHORT_S) is Decided.AT_REST


def test_a_model_that_will_do_nothing_more_is_not_waited_for() -> None:
    assert decided(of(MODEL), Lives()) is Decided.AT_REST


def test_a_model_that_goes_on_after_its_report_is_not_waited_for() -> None:
    assert decided(of(MODEL), Lives(), tells=LONG_S, over=True) is Decided.AT_REST


def test_a_job_in_the_queue_may_start_when_the_first_is_over() -> None:
    one = of(patient(2 * SOON_S), queued=1)
    assert decided(one, over=True, soon=starts_the_next) is Decided.AT_REST


def test_without_a_queue_nothing_is_awaited_behind_the_job() -> None:
    assert decided(of(REAL), over=True, soon=starts_the_next) is Decided.ALL_GONE


def test_a_queue_that_never_goes_on_is_waited_for_no_longer_than_the_patience() -> None:
    assert decided(of(patient(SHORT_S), queued=1), over=True) is Decided.ALL_GONE
