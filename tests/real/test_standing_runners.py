"""Cells of real runners, as the lab measures them: one after another in a sandbox of theirs.

The detectors have their controls here again, with a real GitLab Runner in the place of the lab's
own: an orphan that must be found, a handler that must be missed, a hang that must be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftercancel.judge import judged
from aftercancel.model import (
    Action,
    Cancellation,
    CleanUp,
    End,
    Job,
    Observation,
    Processes,
    Runner,
    Said,
    Sender,
    Step,
    Target,
    TroubleKind,
    Truth,
)
from aftercancel.places.this_machine import ThisMachine
from aftercancel.runners import finding, registry
from tests.real.vocabulary import BASH, END, TERM_GROUP, cell, job, marks, observe_all, the

CANCELED = Cancellation("canceled", "", (Step(Action.ASK, way="canceled"),))
JOB_KILLED = Cancellation(
    "KILL-process-by-root",
    "",
    (Step(Action.SIGNAL, signal="KILL", to=Target.PROCESS, by=Sender.ROOT),),
)
RUNNER_KILLED = Cancellation(
    "runner-KILL", "", (Step(Action.SIGNAL, signal="KILL", to=Target.RUNNER),)
)
GITLAB = Runner(
    "gitlab-runner",
    "",
    adapter="gitlab-runner",
    ways=("canceled",),
    signals=True,
    queue=True,
    after=True,
    options=(("executor", "shell"), ("shell", "bash")),
    patience_s=4.0,
    instances=2,
)
BROKEN = """\
#!/bin/sh
[ "$1" != --version ] || { printf 'Version: 99.1.0\\nGit revision: none\\n'; exit; }
echo "FATAL: the configuration is not to my taste" >&2
exit 3
"""


@pytest.fixture(scope="module")
def gitlab() -> Runner:
    """The one that is found here; the newest, where there are several."""
    found = finding.find(registry.kind("gitlab-runner")).found
    if not found:
        pytest.skip(f"no gitlab-runner here: {registry.kind('gitlab-runner').get}")
    return placed(GITLAB, str(found[-1].program), found[-1].version)


def placed(runner: Runner, program: str, version: str) -> Runner:
    name = f"{runner.id}@{version}"
    return replace(runner, id=name, program=program, brought=program, version=version)


def measured(
    place: ThisMachine, runner: Runner, jobs: Mapping[str, tuple[str, Cancellation, dict[str, Any]]]
) -> dict[str, Observation]:
    """One cell for each script, by the name of its job."""
    cells = [
        replace(
            cell(script, how, shell=BASH, runner=runner, **fields), job=named(name, script, fields)
        )
        for name, (script, how, fields) in jobs.items()
    ]
    return {key.split("/")[0]: seen for key, seen in observe_all(place, cells).items()}


def named(name: str, script: str, fields: dict[str, Any]) -> Job:
    return replace(job(script, **fields), id=name, name=f"{name}.sh")


CHILD: dict[str, Any] = {"roles": ("child",)}
STRAY = "ROLE=stray setsid /bin/sleep 600"
TRAP = "trap 'mark EXIT begin; /bin/sleep 0.2; mark EXIT end' EXIT\n"


@pytest.fixture(scope="module")
def seen(gitlab: Runner, traced: ThisMachine) -> dict[str, Observation]:
    """All cells at once, as a run has them."""
    return measured(
        traced,
        gitlab,
        {
            "stray": (
                f"{STRAY} > /dev/null 2>&1 &\nmark ready\nROLE=child /bin/sleep 600",
                CANCELED,
                {"roles": ("stray", "child")},
            ),
            "holding": (
                f"{STRAY} &\nmark ready\n/bin/sleep 0.3",
                END,
                {"roles": ("stray",), "ends": True},
            ),
            "killed": (
                f"{TRAP}touch left-behind\nmark ready\nROLE=child /bin/sleep 600",
                JOB_KILLED,
                {**CHILD, "marks": ("ready", "EXIT begin", "EXIT end"), "cleanup": "EXIT"},
            ),
            "unhappy": ("mark ready\nexit 3", END, {"ends": True}),
            "orphaned": ("mark ready\nROLE=child /bin/sleep 600", RUNNER_KILLED, CHILD),
            "after": (
                "mark ready\nROLE=child /bin/sleep 0.3",
                END,
                {
                    "ends": True,
                    "after": 'echo after_script begin >> "$MARKS"',
                    "marks": ("ready", "after_script begin"),
                },
            ),
            "last": ("mark ready\nROLE=child /bin/sleep 600", CANCELED, CHILD),
        },
    )


def test_every_cell_is_measured_whatever_the_one_before_it_did(
    seen: dict[str, Observation],
) -> None:
    assert {name: each.trouble for name, each in seen.items() if each.trouble} == {}


def test_an_orphan_in_another_session_is_found_and_named(seen: dict[str, Observation]) -> None:
    outcome = judged(seen["stray"])
    assert (outcome.processes, outcome.roles) == (Processes.ORPHANED, ("stray",))
    assert outcome.report is Truth.EARLY


def test_a_runner_that_waits_for_who_holds_the_output_is_seen_to_hang(
    seen: dict[str, Observation],
) -> None:
    assert the(seen["holding"], "job").end == End(status=0)
    assert judged(seen["holding"]).report is Truth.HUNG
    assert judged(seen["holding"]).roles == ("stray",)


def test_a_handler_that_is_never_reached_is_missed(seen: dict[str, Observation]) -> None:
    assert judged(seen["killed"]).cleanup is CleanUp.SKIPPED
    assert the(seen["killed"], "job").end == End(signal="KILL")


def test_the_job_is_named_although_the_runner_is_given_its_text(
    seen: dict[str, Observation],
) -> None:
    assert the(seen["last"], "job").program == "bash"
    assert the(seen["last"], "child").parent == the(seen["last"], "job").key


def test_a_failure_is_reported_as_one_with_the_runner_s_own_words(
    seen: dict[str, Observation],
) -> None:
    report = seen["unhappy"].report
    assert report is not None
    assert report.said is Said.FAILED
    assert "script_failure" in report.words
    assert judged(seen["unhappy"]).report is Truth.TRUTHFUL


def test_a_runner_that_was_killed_cannot_report(seen: dict[str, Observation]) -> None:
    orphaned = seen["orphaned"]
    assert orphaned.runner_end == End(signal="KILL")
    assert orphaned.report is None
    assert judged(orphaned).processes is Processes.ORPHANED


def test_what_the_author_wants_done_afterwards_is_part_of_the_cell(
    seen: dict[str, Observation],
) -> None:
    assert "after_script begin" in marks(seen["after"])


def test_files_that_a_job_leaves_are_found_and_gone_for_the_next_cell(
    seen: dict[str, Observation],
) -> None:
    left = {name: [file.path for file in each.left.files] for name, each in seen.items()}
    assert [name for name, paths in left.items() if "/home/ci/left-behind" in paths] == ["killed"]


@pytest.fixture
def broken(tmp_path: Path) -> Runner:
    """A program that says that it is a GitLab Runner, and does not start."""
    program = tmp_path / "gitlab-runner"
    program.write_text(BROKEN)
    program.chmod(0o755)
    return placed(GITLAB, str(program), "99.1.0")


def unmeasured(seen: Sequence[Observation]) -> set[tuple[str, str]]:
    return {(one.trouble.kind, one.cell) for one in seen if one.trouble is not None}


def test_a_runner_that_does_not_start_is_not_measured_and_the_others_go_on(
    broken: Runner, traced: ThisMachine
) -> None:
    mine = [
        cell(
            "mark ready\nROLE=child /bin/sleep 600",
            how,
            shell=BASH,
            runner=broken,
            roles=("child",),
        )
        for how in (CANCELED, RUNNER_KILLED)
    ]
    other = cell("mark ready\nROLE=child /bin/sleep 600", TERM_GROUP, roles=("child",))
    seen = list(traced.measure([*mine, other]))
    assert unmeasured(seen) == {(TroubleKind.RUNNER, one.id) for one in mine}
    words = " ".join(one.trouble.words for one in seen if one.trouble is not None)
    assert "FATAL: the configuration is not to my taste" in words
    assert all("FATAL" in one.runner_log for one in seen if one.trouble is not None)
