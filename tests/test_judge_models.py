"""Models of runners beside the real ones: in which cells they agree, and in what they differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftercancel import catalog
from aftercancel.judge.models import Agreement, agreements, sentence, to_compare
from aftercancel.model import Disposition, End, Evidence, Observation, Process, Report, Said
from tests.observing import (
    RUNNER,
    cell,
    child,
    job,
    process,
    says,
    sent,
    survivor,
    to_group,
    trouble,
)

MODEL, REAL = "buildbot-modelled", "buildbot@4.3.0"
TERM_TO_BOTH = (sent("TERM", RUNNER, job()), sent("TERM", RUNNER, child()))


def measured(
    runner: str, *processes: Process, of: str = "exit-trap", attempt: int = 1, **more: object
) -> Observation:
    """A cell that this runner was told to stop; TERM from it ends everybody, unless told."""
    more.setdefault("signals", TERM_TO_BOTH)
    made = cell(*(processes or (job(), child())), **more)
    return replace(made, cell=f"{of}/bash/none/{runner}/stop", attempt=attempt)


def one(*observations: Observation) -> Agreement:
    (found,) = agreements(observations)
    return found


def differing(model: Observation, real: Observation) -> str:
    """In what the two differ, in words; empty: in nothing."""
    found = one(model, real)
    assert found.cells == 1
    return "; ".join(words for _, words in found.differing)


def test_what_behaves_alike_agrees() -> None:
    found = one(measured(MODEL), measured(REAL))
    assert found == Agreement(MODEL, REAL, cells=1, agreeing=1)


def test_times_and_ids_do_not_count() -> None:
    later = [replace(p, pid=900, group=900, started_ms=-5000.0) for p in (job(), child())]
    assert differing(measured(MODEL), measured(REAL, *later)) == ""


def test_how_a_signal_was_addressed_does_not_count() -> None:
    group = tuple(to_group(s) for s in TERM_TO_BOTH)
    assert differing(measured(MODEL), measured(REAL, signals=group)) == ""


def test_whom_the_runner_signals_counts() -> None:
    alone = measured(MODEL, job(), survivor(), signals=TERM_TO_BOTH[:1])
    assert differing(alone, measured(REAL)) == (
        "processes: orphaned (child) in the model, gone really; "
        "report: early in the model, truthful really; "
        "signals: TERM to child only really"
    )


def test_with_what_it_signals_counts() -> None:
    kills = (sent("KILL", RUNNER, job()), sent("KILL", RUNNER, child()))
    killed = (job(of="KILL"), child(signal="KILL"))
    assert differing(measured(MODEL), measured(REAL, *killed, signals=kills)) == (
        "signals: TERM to child and TERM to job only in the model; "
        "signals: KILL to child and KILL to job only really"
    )


def test_what_the_job_s_processes_send_each_other_does_not_count() -> None:
    passed_on = (*TERM_TO_BOTH, sent("USR1", job(), child(), Disposition.CAUGHT))
    assert differing(measured(MODEL), measured(REAL, signals=passed_on)) == ""


def test_a_process_between_the_runner_and_the_job_is_on_the_runner_s_side() -> None:
    bootstrap = process("bootstrap", "/usr/bin/bootstrap", key=3, ended=4.0, status=0, parent=0)
    below = job(parent=3), child()
    signals = (
        sent("TERM", RUNNER, bootstrap, Disposition.CAUGHT),
        sent("TERM", bootstrap, job()),
        sent("TERM", bootstrap, child()),
    )
    assert differing(measured(MODEL), measured(REAL, *below, bootstrap, signals=signals)) == ""


def test_what_the_runner_said_counts() -> None:
    failed = Report(5.0, Said.FAILED, End(signal="TERM"))
    assert differing(measured(MODEL), measured(REAL, report=failed)) == (
        "said: cancelled in the model, failed really"
    )


def test_what_the_job_wrote_counts() -> None:
    marks = (says("TERM begin"), says("TERM end"))
    assert differing(measured(MODEL), measured(REAL, marks=marks)) == (
        "marks: none in the model against TERM begin, TERM end really"
    )


def test_signals_that_one_evidence_cannot_show_do_not_count() -> None:
    proc = measured(REAL, signals=(), evidence=Evidence.PROC)
    assert "signals" not in differing(measured(MODEL), proc)


def test_a_cell_that_could_not_be_measured_neither_agrees_nor_differs() -> None:
    lost = replace(trouble(), cell=f"exit-trap/bash/none/{REAL}/stop")
    found = one(measured(MODEL), lost)
    assert (found.cells, found.agreeing, found.differing) == (0, 0, ())
    assert found.untold == ("exit-trap/bash/none/stop",)


def test_only_cells_that_both_have_are_compared() -> None:
    others = measured(MODEL, of="deep-tree"), measured(REAL, of="nohup")
    assert one(measured(MODEL), measured(REAL), *others).cells == 1


def test_every_version_of_the_real_one_is_compared() -> None:
    found = agreements([measured(MODEL), measured(REAL), measured("buildbot@5.0")])
    assert [each.real for each in found] == ["buildbot@4.3.0", "buildbot@5.0"]


def test_a_variant_of_the_real_one_is_another_runner() -> None:
    assert one(measured(MODEL), measured("buildbot-sigterm@4.3.0")).real == ""


def test_a_pair_can_be_given() -> None:
    (found,) = agreements(
        [measured("ours-modelled"), measured("theirs@7")], {"ours-modelled": "theirs@*"}
    )
    assert (found.real, found.agreeing) == ("theirs@7", 1)


def test_semaphore_s_model_of_before_is_compared_with_that_version_only() -> None:
    model = "semaphore-2.10-modelled"
    reals = [measured(f"semaphore@{version}") for version in ("2.10.32", "2.18.2")]
    assert one(measured(model), *reals).real == "semaphore@2.10.32"


@pytest.mark.parametrize(
    ("model", "real"),
    [
        ("gitlab-runner-custom-modelled", "gitlab-runner-custom@19.4.0"),
        ("buildbot-sigterm-time-modelled", "buildbot-sigterm-time@4.3.0"),
        ("hudson-modelled", "hudson@3.3.2"),
        ("semaphore-2.10-modelled", "semaphore@2.10"),
    ],
)
def test_the_ids_say_whose_model_it_is(model: str, real: str) -> None:
    others = [f"{real}1", "gitlab-runner@19.4.0", "semaphore@2.1.0", "jenkins@3.3.2"]
    seen = {each.real for each in agreements(measured(r) for r in (model, real, *others))}
    assert real in seen
    assert seen <= {real, f"{real}1"}


def test_the_model_of_buildkite_s_agent_is_one_of_the_version_that_it_follows() -> None:
    reals = [measured(f"buildkite-agent@{version}") for version in ("3.62.0", "3.137.0")]
    assert one(measured("buildkite-agent-modelled"), *reals).real == "buildkite-agent@3.137.0"


def test_every_model_of_the_project_follows_a_runner_that_has_a_name() -> None:
    runners = catalog.load().runners.values()
    names = {runner.id for runner in runners if runner.real}
    models = {runner.id for runner in runners if runner.model}
    assert models
    assert all(name.endswith("-modelled") for name in models)
    beside = {name for name in names if f"{name}-modelled" in models}
    assert {"buildbot", "gitlab-runner", "hudson", "buildkite-agent", "jenkins"} <= beside


def test_only_cells_that_a_model_and_its_real_one_have_are_to_be_compared() -> None:
    both = [f"exit-trap/bash/none/{runner}/stop" for runner in (MODEL, REAL)]
    alone = [f"nohup/bash/none/{MODEL}/stop", f"daemon/bash/none/{REAL}/stop"]
    others = ["exit-trap/bash/none/plain/stop", "exit-trap/bash/none/act@1/stop", "nonsense"]
    assert to_compare([*both, *alone, *others]) == ((MODEL,), frozenset(both))


def test_a_cell_that_varies_agrees_where_they_have_one_behaviour_in_common() -> None:
    spared = measured(REAL, job(), survivor(), attempt=2, signals=TERM_TO_BOTH[:1])
    varying = [measured(REAL), spared]
    assert one(measured(MODEL), *varying).agreeing == 1


def test_the_plain_runner_is_nobody_s_model() -> None:
    assert agreements([measured("plain"), measured(REAL)]) == ()


def test_a_model_without_a_real_one_is_said_to_rest_on_its_source() -> None:
    assert sentence(one(measured(MODEL))) == (
        "buildbot-modelled rests on its source alone: no real one was measured beside it."
    )


def test_the_sentence_counts_cells() -> None:
    differs = measured(REAL, job(), survivor(), of="nohup", signals=TERM_TO_BOTH[:1])
    alike = measured(MODEL), measured(REAL)
    assert sentence(one(*alike)) == (
        "buildbot-modelled behaves as buildbot@4.3.0 does in the one cell that both were measured in."
    )
    assert sentence(one(*alike, measured(MODEL, of="nohup"), differs)) == (
        "buildbot-modelled behaves as buildbot@4.3.0 does in 1 of the 2 cells that both were "
        "measured in; they differ in nohup/bash/none/stop."
    )
    both = measured(MODEL, of="nohup"), measured(REAL, of="nohup")
    assert sentence(one(*alike, *both)) == (
        "buildbot-modelled behaves as buildbot@4.3.0 does in all of the 2 cells that both were "
        "measured in."
    )


def test_the_sentence_says_what_could_not_be_told() -> None:
    lost = replace(trouble(), cell=f"exit-trap/bash/none/{REAL}/stop")
    assert sentence(one(measured(MODEL), lost)) == (
        "buildbot-modelled could not be compared with buildbot@4.3.0: one of the two is not known "
        "in exit-trap/bash/none/stop."
    )
    both = measured(MODEL, of="nohup"), measured(REAL, of="nohup")
    assert sentence(one(measured(MODEL), lost, *both)).endswith(" 1 more could not be told.")
