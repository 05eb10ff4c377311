"""The claims on shells, each over cells that are told by hand: what is yes, no, or not told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import Holds
from aftercancel.model import (
    Decided,
    Declared,
    Disposition,
    Evidence,
    Fired,
    Left,
    Observation,
)
from tests.judging_claims import answer, answers, at
from tests.observing import RUNNER, child, job, process, says, sent, survivor

YES, NO, UNTOLD = Holds.YES, Holds.NO, Holds.UNTOLD
DEFAULT, CAUGHT, IGNORED = Disposition.DEFAULT, Disposition.CAUGHT, Disposition.IGNORED
LIVES: dict[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}

# H1

INT_ALONE = "no-trap/bash/none/plain/INT-process"


def test_a_shell_that_dies_of_int_while_its_child_runs_ends() -> None:
    one = job(of="INT")
    assert answer("H1", at(INT_ALONE, one, survivor(), signals=(sent("INT", RUNNER, one),))) is YES


def test_a_shell_that_waits_for_its_child_all_the_same_does_not_end() -> None:
    one = job(**LIVES)
    heard = sent("INT", RUNNER, one, CAUGHT)
    assert answer("H1", at(INT_ALONE, one, survivor(), signals=(heard,), report=None)) is NO


def test_int_to_the_child_too_says_nothing_of_int_alone() -> None:
    one, other = job(of="INT"), child(signal="INT")
    both = (sent("INT", RUNNER, one), sent("INT", RUNNER, other))
    assert answer("H1", at(INT_ALONE, one, other, signals=both)) is UNTOLD


def test_a_shell_that_was_not_sent_int_says_nothing_of_it() -> None:
    assert answer("H1", at(INT_ALONE, job(of="INT"), survivor())) is UNTOLD


def test_without_a_foreground_child_there_is_nothing_to_tell() -> None:
    one = job(of="INT")
    assert answer("H1", at(INT_ALONE, one, signals=(sent("INT", RUNNER, one),))) is UNTOLD


def test_a_shell_with_flags_is_not_meant() -> None:
    one = job(of="INT")
    flags = at("no-trap/bash-e/none/plain/INT-process", one, survivor())
    assert not answers("H1", flags)


# H2

EXIT = Declared(("EXIT begin", "EXIT end"), "EXIT")
TWICE = (Fired(0.0, "TERM to group"), Fired(400.0, "TERM to group"))
BEGAN, ENDED = says("EXIT begin", at=5.0), says("EXIT end", at=1000.0)


def told_twice(*others: Any, marks: Any = (BEGAN, ENDED), **more: Any) -> Observation:
    ended: dict[str, Any] = {"ended": 1001.0, "signal": None, "status": 143, "doomed_ms": None}
    one = job(**ended)
    kind = {"fired": TWICE, "marks": marks, "declared": EXIT, "report": None, **more}
    return at("slow-cleanup-1/bash/none/plain/TERM-twice", one, *others, **kind)


def cleaner(**more: Any) -> Any:
    return process("sleep", "sleep", "1", key=4, started_ms=6.0, **more)


def test_a_clean_up_that_goes_on_undisturbed_was_not_harmed() -> None:
    assert answer("H2", told_twice(cleaner(ended=999.0, status=0))) is YES


def test_a_clean_up_that_does_not_reach_its_end_was_harmed() -> None:
    assert answer("H2", told_twice(marks=(BEGAN,))) is NO


def test_a_clean_up_whose_command_dies_was_harmed_although_it_says_that_it_ended() -> None:
    assert answer("H2", told_twice(cleaner(ended=401.0, signal="TERM"))) is NO


def test_a_clean_up_that_begins_again_was_harmed() -> None:
    again = says("EXIT begin", at=402.0)
    more = says("EXIT end", at=1001.0)
    assert answer("H2", told_twice(marks=(BEGAN, again, ENDED, more))) is NO


def test_what_died_before_the_second_term_is_not_its_harm() -> None:
    assert answer("H2", told_twice(cleaner(ended=90.0, signal="TERM"))) is YES


def test_what_was_there_before_the_clean_up_and_dies_is_not_its_harm() -> None:
    older = child(ended=401.0, doomed_ms=400.5)
    assert answer("H2", told_twice(older)) is YES


def test_what_is_started_after_the_second_term_is_not_its_harm() -> None:
    later = cleaner(ended=900.0, signal="TERM")
    assert answer("H2", told_twice(replace(later, started_ms=500.0))) is YES


def test_a_clean_up_of_which_nobody_knows_whether_it_ended_is_not_told() -> None:
    removes = replace(EXIT, removes=("/home/ci/job.lock",))
    assert answer("H2", told_twice(declared=removes, left=Left(cut=True))) is UNTOLD


def test_why_nothing_can_be_told_of_a_second_term_does_not_depend_on_chance() -> None:
    over = (BEGAN, says("EXIT end", at=300.0))
    told = [answers("H2", told_twice(marks=over, fired=fired)) for fired in (TWICE, TWICE[:1])]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "more",
    [
        {"fired": TWICE[:1]},
        {"marks": (BEGAN, says("EXIT end", at=300.0))},
        {"marks": ()},
        {"declared": Declared()},
    ],
    ids=["only one", "after the clean-up", "before the clean-up", "no clean-up"],
)
def test_a_second_term_outside_of_a_clean_up_says_nothing(more: dict[str, Any]) -> None:
    assert answer("H2", told_twice(**more)) is UNTOLD


# H3

CLEANUP = Declared(("cleanup begin", "cleanup end"), "cleanup")


def deaf_at_entry(met: Disposition, *marks: Any, one: Any = None) -> Observation:
    one = one or job(**LIVES)
    where = "ignored-at-entry/mksh/none/plain/HUP-process"
    heard = sent("HUP", RUNNER, one, met)
    return at(where, one, signals=(heard,), marks=marks, declared=CLEANUP, report=None)


def test_a_trap_that_runs_was_set() -> None:
    ran = says("cleanup begin"), says("cleanup end", at=3.0)
    assert answer("H3", deaf_at_entry(CAUGHT, *ran, one=job(dies_at=4.0))) is YES


def test_a_signal_that_is_still_ignored_was_not_trapped() -> None:
    assert answer("H3", deaf_at_entry(IGNORED)) is NO


def test_a_signal_that_ends_the_shell_was_not_trapped() -> None:
    assert answer("H3", deaf_at_entry(DEFAULT, one=job(of="HUP"))) is NO


def test_a_signal_that_was_caught_without_an_effect_says_nothing() -> None:
    assert answer("H3", deaf_at_entry(CAUGHT)) is UNTOLD


def test_a_shell_that_was_not_signalled_says_nothing_of_its_trap() -> None:
    assert answer("H3", replace(deaf_at_entry(IGNORED), signals=())) is UNTOLD


# H4


def pair(without: Any, having: Any, shell: str = "bash") -> list[Observation]:
    return [
        at(f"{name}/{shell}/none/plain/TERM-process", job(), marks=marks, declared=EXIT)
        for name, marks in (("exit-trap", without), ("term-exit-traps", having))
    ]


RAN = (says("EXIT begin"), says("EXIT end", at=3.0))


def test_a_clean_up_that_only_the_term_trap_brings_about_is_more_certain() -> None:
    assert answer("H4", *pair((), RAN)) is YES
    assert answer("H4", *pair(RAN[:1], RAN)) is YES


@pytest.mark.parametrize(
    ("without", "having"), [(RAN, RAN), ((), ()), (RAN, ()), (RAN, RAN[:1]), (RAN[:1], RAN[:1])]
)
def test_a_clean_up_that_is_not_better_with_the_trap_is_not_more_certain(
    without: Any, having: Any
) -> None:
    assert answer("H4", *pair(without, having)) is NO


def test_a_clean_up_of_which_nobody_knows_whether_it_ran_is_not_compared() -> None:
    nobodys = tuple(replace(mark, role=None) for mark in (RAN[0], RAN[0], RAN[1]))
    assert answer("H4", *pair(nobodys, RAN)) is UNTOLD
    assert answer("H4", *pair((), nobodys)) is UNTOLD


def test_a_script_without_its_counterpart_makes_no_case() -> None:
    assert not answers("H4", pair((), RAN)[0])


# H5


def with_background(end: str | None, *heard: Any, **more: Any) -> Observation:
    fate = LIVES if end is None else {"ended": 2.0, "signal": end}
    one = process("background", key=3, **{"doomed_ms": None, **fate})
    signals = tuple(sent("INT", None, one, met) for met in heard)
    where = "background/dash/none/plain-tty/ctrl-c"
    return at(where, job(of="INT"), one, **{"signals": signals, **more})


def test_a_background_child_that_dies_of_int_dies_like_the_rest() -> None:
    assert answer("H5", with_background("INT", DEFAULT)) is YES


def test_a_background_child_that_ignores_int_does_not() -> None:
    assert answer("H5", with_background(None, IGNORED)) is NO


def test_a_background_child_that_nobody_signalled_does_not() -> None:
    assert answer("H5", with_background(None)) is NO


def test_a_background_child_that_the_hangup_ends_did_not_die_of_int() -> None:
    assert answer("H5", with_background("HUP", IGNORED)) is NO


def test_a_background_child_that_was_gone_before_says_nothing() -> None:
    gone = process("background", key=3, ended=-5.0, status=0)
    where = "background/dash/none/plain-tty/ctrl-c"
    assert answer("H5", at(where, job(of="INT"), gone)) is UNTOLD


def test_proc_does_not_tell_who_was_signalled() -> None:
    observation = with_background(None, evidence=Evidence.PROC, decided=Decided.AT_REST)
    assert answer("H5", observation) is UNTOLD
