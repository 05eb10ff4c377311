"""Claims: which cells make a case, what the verdict is, what decides, and what shows it best."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.answers import counts
from aftercancel.judge.claims import (
    Answer,
    Branch,
    Case,
    Claim,
    Deciding,
    Finding,
    Holds,
    Source,
    Verdict,
    claim,
    could_not_tell,
    in_words,
    judge_claim,
    no,
    yes,
)
from aftercancel.judge.claims.words import meant
from aftercancel.model import Evidence, Observation
from tests.observing import cell, process, trouble

# Vocabulary


@claim(
    "Z1",
    source=Source.SHELLS,
    sentence="the job dies of the signal",
    tried="no-trap × every shell",
    cells="no-trap/*/none/plain/*",
    without="*/*-e/*/*/*",
)
def dies(case: Case) -> Answer:
    """The job died of a signal."""
    (job,) = (p for p in case.observation.processes if p.role == "job")
    if job.end is None:
        return could_not_tell("The job was still there.")
    return yes(f"It died of {job.end.signal}.") if job.end.signal else no("It ended by itself.")


@claim(
    "Z2",
    source=Source.SHELLS,
    sentence="a trap changes nothing",
    tried="with and without",
    cells={"with": "exit-trap/*/none/plain/*", "without": "no-trap/*/none/plain/*"},
    apart=("job",),
)
def changes_nothing(case: Case) -> Answer:
    """The report says the same with the trap and without."""
    with_trap, without = case["with"].report, case["without"].report
    assert with_trap is not None
    assert without is not None
    same = with_trap.said is without.said
    return yes("Both said the same.") if same else no("They said different things.")


DIED: Mapping[str, Any] = {"ended": 1.0, "signal": "TERM"}
ENDED: Mapping[str, Any] = {"ended": 1.0, "status": 0}

Measured = Mapping[tuple[str, int], Observation]


def measured(**fates: Mapping[str, Any]) -> Measured:
    """no-trap under each shell, told TERM, with the job's fate; ``_`` stands for ``/`` in names."""
    found = {}
    for name, fate in fates.items():
        shell, _, to = name.partition("__")
        one = f"no-trap/{shell}/none/plain/TERM-{to or 'process'}"
        found[one, 1] = cell(process("job", "/bin/sh", **fate), cell=one)
    return found


def judge_of(made: Claim, observations: Measured, catalogued: tuple[str, ...] = ()) -> Finding:
    attempts: dict[str, list[int]] = {}
    for name, attempt in observations:
        attempts.setdefault(name, []).append(attempt)
    return judge_claim(made, attempts, lambda name, n: observations[name, n], catalogued)


def what_decides(made: Claim, observations: Measured) -> str:
    found = judge_of(made, observations).deciding
    assert found is not None
    return in_words(found)


# The verdict


def test_a_claim_that_holds_of_every_case_is_confirmed() -> None:
    found = judge_of(dies, measured(bash=DIED, dash=DIED))
    assert found.verdict is Verdict.CONFIRMED
    assert found.count(Holds.YES) == 2


def test_a_claim_that_holds_of_no_case_is_refuted() -> None:
    assert judge_of(dies, measured(bash=ENDED, dash=ENDED)).verdict is Verdict.REFUTED


def test_a_claim_that_holds_of_some_cases_depends_and_the_axis_that_decides_is_named() -> None:
    seen = measured(bash=DIED, ksh93=DIED, dash=ENDED, ash=ENDED)
    assert judge_of(dies, seen).verdict is Verdict.DEPENDS
    assert what_decides(dies, seen) == "by shell: bash, ksh93: yes · dash, ash: no"


def test_the_axis_that_decides_alone_is_preferred_to_one_that_decides_in_part() -> None:
    seen = measured(bash__process=DIED, bash__group=ENDED, dash__process=DIED, dash__group=ENDED)
    assert what_decides(dies, seen) == "by target: process: yes · group: no"


def test_where_two_axes_decide_together_the_second_stands_below_the_first() -> None:
    seen = measured(bash__process=DIED, bash__group=ENDED, dash__process=ENDED, dash__group=ENDED)
    assert (
        what_decides(dies, seen)
        == "by shell: dash: no · bash: (by target: process: yes · group: no)"
    )


def test_every_case_is_behind_exactly_one_leaf() -> None:
    fates = {
        f"shell{n}__{to}": DIED if n % 3 else ENDED for n in range(9) for to in ("process", "group")
    }
    found = judge_of(dies, measured(**fates))

    def leaves(deciding: object) -> int:
        if not isinstance(deciding, Branch):
            return 0
        return sum(
            arm.cases if isinstance(arm.then, Holds) else leaves(arm.then) for arm in deciding.arms
        )

    assert leaves(found.deciding) == len(found.cases) == 18


def test_values_that_decide_alike_are_counted_together_at_every_level() -> None:
    by_shell = {"bash": (DIED, ENDED), "dash": (DIED, ENDED), "zsh": (DIED, DIED)}
    by_shell |= {"ash": (ENDED, ENDED), "yash": (ENDED, ENDED)}
    fates = {
        f"{shell}__{to}": fate
        for shell, both in by_shell.items()
        for to, fate in zip(("process", "group"), both, strict=True)
    }
    found = judge_of(dies, measured(**fates)).deciding
    assert isinstance(found, Branch)
    (mixed,) = (arm for arm in found.arms if isinstance(arm.then, Branch))
    assert mixed.values == ("bash", "dash")
    assert isinstance(mixed.then, Branch)
    assert [arm.cases for arm in mixed.then.arms] == [2, 2]


def test_a_claim_without_a_measured_cell_is_not_measured_and_says_what_it_needs() -> None:
    found = judge_of(dies, {})
    assert found.verdict is Verdict.NOT_MEASURED
    assert "no-trap/*/none/plain/*" in found.why_not


def test_a_claim_is_judged_as_soon_as_there_is_an_observation() -> None:
    assert judge_of(dies, measured(newshell=DIED)).verdict is Verdict.CONFIRMED


def test_cells_of_the_catalogue_that_were_not_measured_are_named() -> None:
    wanted = ("no-trap/bash/none/plain/TERM-process", "no-trap/zsh/none/plain/TERM-process")
    found = judge_of(dies, measured(bash=DIED), wanted)
    assert found.missing == ("no-trap/zsh/none/plain/TERM-process",)
    nothing = judge_of(dies, {}, wanted)
    assert "2 cells that it needs were not measured" in nothing.why_not


def test_cells_that_a_claim_does_not_mean_make_no_case() -> None:
    seen = {**measured(bash=DIED), **measured(**{"bash-e": ENDED})}
    assert len(judge_of(dies, seen).cases) == 1


@pytest.mark.parametrize(
    ("pattern", "cell_id", "means"),
    [
        ("a/*/none/plain/end", "a/bash/none/plain/end", True),
        ("a/*/none/plain/end", "a/bash/none/plain/ends", False),
        ("a/b*/none/plain/end", "a/bash/x/none/plain/end", False),
        ("*/bash/none/plain/end", "my/own/deploy.sh/bash/none/plain/end", True),
        ("{a,b}/*/*/*/*", "b/bash/none/plain/end", True),
        ("{a,b}/*/*/*/*", "a,b/bash/none/plain/end", False),
        ("a/*/*/*/{TERM,INT}-{process,group}", "a/bash/none/plain/INT-group", True),
        ("a/*/*/*/{TERM,INT}-{process,group}", "a/bash/none/plain/HUP-group", False),
        ("a/?sh/*/*/*", "a/zsh/none/plain/end", True),
        ("a/[!z]sh/*/*/*", "a/zsh/none/plain/end", False),
        ("a.b/*/*/*/*", "axb/zsh/none/plain/end", False),
        ("*/*/*/gitlab-runner*/*", "a/bash/none/gitlab-runner@17.3.0/cancel", True),
    ],
)
def test_a_pattern_means_cells_word_by_word(
    pattern: str,
    cell_id: str,
    means: bool,
) -> None:
    assert meant([cell_id], [pattern]) == ([cell_id] if means else [])


def test_a_pattern_without_another_leaves_that_out() -> None:
    cells = [f"a/{shell}/none/plain/end" for shell in ("bash", "bash-e", "bash-xe")]
    assert meant(cells, ["*/*/*/*/*"], ["*/*-e/*/*/*", "*/*-xe/*/*/*"]) == cells[:1]


# What could not be told


def test_a_predicate_that_raises_could_not_tell_and_says_why() -> None:
    one = "no-trap/bash/none/plain/TERM-process"
    found = judge_of(dies, {(one, 1): cell(process("other", "/bin/sh"), cell=one)})
    assert found.verdict is Verdict.COULD_NOT_TELL
    assert "ValueError" in found.why_not


def test_an_observation_that_was_not_measured_is_never_asked() -> None:
    one = "no-trap/bash/none/plain/TERM-process"
    seen = {(one, 1): replace(trouble(), cell=one)}
    found = judge_of(dies, seen)
    assert found.verdict is Verdict.COULD_NOT_TELL
    assert "not armed" in found.why_not


def test_a_case_that_could_not_be_told_does_not_change_the_verdict_and_is_counted() -> None:
    one = "no-trap/zsh/none/plain/TERM-process"
    seen = {**measured(bash=DIED), (one, 1): cell(process("job", "/bin/sh"), cell=one)}
    found = judge_of(dies, seen)
    assert found.verdict is Verdict.CONFIRMED
    assert found.count(Holds.UNTOLD) == 1


def test_a_claim_on_who_signalled_whom_cannot_be_told_from_proc() -> None:
    asking = claim(
        "Z3", source=Source.SHELLS, sentence="-", tried="-", cells="no-trap/*/*/*/*", traced=True
    )(dies.predicate)
    one = "no-trap/bash/none/plain/TERM-process"
    seen = {(one, 1): cell(process("job", "/bin/sh", **DIED), cell=one, evidence=Evidence.PROC)}
    found = judge_of(asking, seen)
    assert found.verdict is Verdict.COULD_NOT_TELL
    assert "/proc" in found.why_not


# Attempts


def attempts_at(*fates: Mapping[str, Any]) -> Measured:
    one = "no-trap/bash/none/plain/TERM-process"
    return {
        (one, n): cell(process("job", "/bin/sh", **fate), cell=one, attempt=n)
        for n, fate in enumerate(fates, 1)
    }


def test_attempts_that_differ_are_neither_yes_nor_no() -> None:
    found = judge_of(dies, attempts_at(DIED, DIED, ENDED))
    (case,) = found.cases
    assert case.holds is Holds.VARIES
    assert found.verdict is Verdict.DEPENDS
    assert case.because == "Yes: It died of TERM. No: It ended by itself."


def test_attempts_that_agree_are_one_case() -> None:
    (case,) = judge_of(dies, attempts_at(DIED, DIED)).cases
    assert (case.holds, case.attempts) == (Holds.YES, (1, 2))


# Cases of several cells


def pair(shell: str, cancellation: str = "TERM-process") -> Measured:
    names = [f"{job}/{shell}/none/plain/{cancellation}" for job in ("exit-trap", "no-trap")]
    return {(name, 1): cell(process("job", "/bin/sh", **DIED), cell=name) for name in names}


def test_cells_that_differ_only_where_the_claim_says_make_one_case() -> None:
    found = judge_of(changes_nothing, {**pair("bash"), **pair("dash")})
    assert [dict(case.cells) for case in found.cases] == [
        {
            "with": f"exit-trap/{shell}/none/plain/TERM-process",
            "without": f"no-trap/{shell}/none/plain/TERM-process",
        }
        for shell in ("bash", "dash")
    ]


def test_a_cell_without_its_counterpart_makes_no_case() -> None:
    alone = {key: one for key, one in pair("bash").items() if key[0].startswith("exit-trap")}
    assert judge_of(changes_nothing, alone).verdict is Verdict.NOT_MEASURED


# Evidence


def test_where_it_depends_the_first_two_differ_in_the_answer_and_in_least_else() -> None:
    seen = measured(
        bash__process=DIED, bash__group=DIED, zsh__process=ENDED, mksh__group=ENDED, yash=DIED
    )
    found = judge_of(dies, seen)
    one, other = (found.cases[n] for n in found.evidence[:2])
    assert {one.holds, other.holds} == {Holds.YES, Holds.NO}
    assert sum(one.words[axis] != other.words[axis] for axis in one.words) == 1


def test_at_most_three_cases_are_evidence_each_once() -> None:
    found = judge_of(dies, measured(bash=DIED, dash=DIED, ash=DIED, zsh=DIED))
    assert len(set(found.evidence)) == len(found.evidence) == 3


# The tree says of every case what was answered


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_answers_are_each_case_is_told_as_it_was_answered(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 no secret
    shells = ("bash", "dash", "zsh", "mksh")[: chance.randint(1, 4)]
    fates = {
        f"{shell}__{to}": chance.choice((DIED, ENDED))
        for shell in shells
        for to in ("process", "group", "leaf-first")
        if chance.random() < 0.8
    }
    fates = fates or {"bash": DIED}
    found = judge_of(dies, measured(**fates))
    assert found.deciding is not None
    for case in found.cases:
        assert _leaf(found.deciding, case.words) is case.holds


def _leaf(deciding: Deciding, words: Mapping[str, str]) -> Holds:
    while isinstance(deciding, Branch):
        (arm,) = (arm for arm in deciding.arms if words[deciding.axis] in arm.values)
        deciding = arm.then
    return deciding


# What a verdict rests on


def test_an_answer_that_only_some_attempts_give_rests_on_those_and_the_others_are_said() -> None:
    one = "no-trap/bash/none/plain/TERM-process"
    seen = {
        (one, 1): cell(process("job", "/bin/sh"), cell=one),
        (one, 2): cell(process("job", "/bin/sh", **DIED), cell=one, attempt=2),
    }
    found = judge_of(dies, seen)
    (case,) = found.cases
    assert (case.holds, case.attempts, case.others, case.shown) == (Holds.YES, (2,), (1,), (2,))
    assert "not every attempt could tell" in counts(found)


def test_of_attempts_that_differ_one_of_each_answer_is_shown() -> None:
    (case,) = judge_of(dies, attempts_at(DIED, DIED, ENDED)).cases
    assert case.shown == (1, 3)


def test_what_is_told_does_not_depend_on_the_numbers_of_the_attempts() -> None:
    other = {"ended": 1.0, "signal": "HUP"}
    (one,) = judge_of(dies, attempts_at(DIED, other, DIED)).cases
    (two,) = judge_of(dies, attempts_at(other, DIED, DIED)).cases
    assert one.because == two.because == "It died of HUP."
    assert (one.shown, two.shown) == ((2,), (1,))


def test_a_verdict_over_a_part_of_the_cells_says_so_far() -> None:
    wanted = ("no-trap/bash/none/plain/TERM-process", "no-trap/zsh/none/plain/TERM-process")
    assert judge_of(dies, measured(bash=DIED), wanted).words == "confirmed so far"
    assert judge_of(dies, measured(bash=DIED, zsh=DIED), wanted).words == "confirmed"
    assert judge_of(dies, {}, wanted).words == "not measured"


def test_a_predicate_that_gives_no_answer_could_not_tell() -> None:
    silent = claim("Z4", source=Source.SHELLS, sentence="-", tried="-", cells="no-trap/*/*/*/*")(
        lambda case: None  # type: ignore[arg-type, return-value]
    )
    assert judge_of(silent, measured(bash=DIED)).verdict is Verdict.COULD_NOT_TELL
