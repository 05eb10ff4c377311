"""A runner that is started for each job: with a shell script for a program, and bad weather."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners import act, ansible, gitlab_ci_local
from aftercancel.runners.ground import Ground
from aftercancel.runners.one_shot import OneShot, Start, Verdict
from aftercancel.runners.protocol import Found, Kind, Tell, Work
from tests.driving import Driven, alive

KINDS = (act.KIND, ansible.PLAYBOOK, ansible.RUNNER, gitlab_ci_local.KIND)


class Script:
    """The craft of a program that is the job's own script."""

    name = "script"

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def arrange(self) -> None:
        """Nothing."""

    def begin(self, work: Work) -> Start:
        return Start(work.command, dict(work.env), self.ground.folder)

    def verdict(self, status: int, log: str) -> Verdict:
        said = Said.FAILED if status else Said.SUCCESS
        return Verdict(said, f"status {status}, last {log.split()[-1:]}", End(status=status))


def make(ground: Ground, options: Mapping[str, str], tell: Tell) -> OneShot:
    return OneShot(ground, tell, Script(ground))


def find(path: Path) -> Found:
    return Found(path, path, "1")


SCRIPT = Kind("script", (), "", find, make)


@pytest.fixture
def script(tmp_path: Path) -> Driven:
    """Not entered yet."""
    return Driven(SCRIPT, find(Path("/bin/sh")), tmp_path)


def runner(driven: Driven) -> int:
    assert driven.adapter.runner is not None
    return driven.adapter.runner


def pid_of(driven: Driven, name: str) -> int:
    """As the job has marked it: ``NAME PID``."""
    driven.until(lambda: any(m.startswith(f"{name} ") for m in driven.marked()), f"the {name}")
    return next(int(m.split()[1]) for m in driven.marked() if m.startswith(f"{name} "))


def test_the_report_comes_when_the_program_has_ended_and_behind_its_log(script: Driven) -> None:
    with script:
        script.submit("head -c 300000 /dev/zero | tr '\\0' x; echo; echo end; exit 3")
        assert script.until_reported() == (Said.FAILED, "status 3, last ['end']", End(status=3))
        assert len(script.told.log) == 300_005


def test_the_report_does_not_wait_for_who_holds_the_log_open(script: Driven) -> None:
    with script:
        script.submit('sleep 60 & echo "child $!" >> "$MARKS"')
        assert script.until_reported()[0] is Said.SUCCESS
        assert alive(pid_of(script, "child"))


def test_what_is_written_after_the_report_is_told_too(script: Driven) -> None:
    with script:
        script.submit(
            '(while [ ! -e "$GO" ]; do sleep 0.02; done; echo late) & :',
            env={"GO": str(script.folder / "go")},
        )
        script.until_reported()
        (script.folder / "go").touch()
        script.until(lambda: b"late" in script.told.log, "what came late")


def test_a_program_that_was_killed_reports_nothing(script: Driven) -> None:
    with script:
        script.submit('echo ready >> "$MARKS"; exec sleep 60')
        script.until_marked("ready")
        os.kill(runner(script), signal.SIGKILL)
        assert script.adapter.idle(5.0)
        assert script.told.reports == []


def test_jobs_come_one_after_another_and_the_last_ones_log_is_not_the_next_ones(
    script: Driven,
) -> None:
    with script:
        script.submit("(sleep 0.1; while echo old; do sleep 0.02; done) & :")
        script.until(lambda: b"old" in script.told.log, "the first job's log")
        assert script.adapter.idle(5.0)
        script.submit("sleep 0.2; echo new")
        script.until_reported()
        assert script.told.log == b"new\n"


def test_what_outlived_its_program_is_ended_with_the_adapter(script: Driven) -> None:
    with script:
        script.submit('setsid sleep 60 & echo "child $!" >> "$MARKS"; sleep 60')
        child = pid_of(script, "child")
        os.kill(runner(script), signal.SIGKILL)
        program = runner(script)
        assert alive(child)
    assert not alive(child)
    assert not alive(program)


def test_what_goes_on_when_its_child_is_killed_starts_no_other(script: Driven) -> None:
    with script:
        script.submit('for n in 1 2 3 4 5 6; do sleep 60 & echo "child $!" >> "$MARKS"; wait; done')
        pid_of(script, "child")
    assert not any(alive(int(mark.split()[1])) for mark in script.marked())


def test_idle_ends_a_program_that_still_runs(script: Driven) -> None:
    with script:
        script.submit("trap '' TERM INT; echo ready >> \"$MARKS\"; sleep 60; sleep 60")
        script.until_marked("ready")
        program = runner(script)
        before = time.monotonic()
        assert script.adapter.idle(5.0)
        assert not alive(program)
        assert time.monotonic() - before < 5.0


def test_there_is_no_way_but_signals_and_no_queue(script: Driven) -> None:
    with script:
        with pytest.raises(RunnerError, match="send it a signal"):
            script.adapter.ask("cancel")
        with pytest.raises(RunnerError, match="has no queue"):
            script.adapter.further(1)
        with pytest.raises(RunnerError, match="is started for each job"):
            script.adapter.start_again()
        assert script.adapter.queue() == ()


def test_a_program_that_cannot_be_started_is_an_error(script: Driven) -> None:
    with script, pytest.raises(RunnerError, match="script cannot be started"):
        script.submit("true", shell=("/nowhere/sh",))  # noqa: S604  # a word of the job's
    script.adapter.stop()


def test_nothing_is_submitted_before_the_start(script: Driven) -> None:
    with pytest.raises(RunnerError, match="was not made ready"):
        script.submit("true")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_folder_without_it_and_another_program_are_refused(kind: Kind, tmp_path: Path) -> None:
    other = tmp_path / kind.programs[0]
    other.write_text("#!/bin/sh\necho another program, version 7\n")
    other.chmod(0o755)
    for path in (tmp_path, tmp_path / "absent", other):
        with pytest.raises(RunnerError, match=f"{path} (is|has) no {kind.name}"):
            kind.find(path)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_option_that_nobody_knows_is_an_error(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=f"{kind.name}: there is no option 'colour'"):
        Driven(kind, Found(tmp_path, tmp_path, "1"), tmp_path / "driven", colour="blue")


@pytest.mark.parametrize(
    ("log", "said", "end"),
    [
        ("[p/job] exit status 3\n[p/job] Job failed", Said.FAILED, End(status=3)),
        ("[p/job]   | context canceled\n[p/job] Job failed", Said.FAILED, None),
        (
            "[p/job] this step has been cancelled: signal: killed\n[p/job] Job failed",
            Said.CANCELLED,
            End(signal="KILL"),
        ),
    ],
    ids=["failed", "a job that only says so", "cancelled"],
)
def test_act_is_taken_at_its_own_word(
    log: str, said: Said, end: End | None, script: Driven
) -> None:
    verdict = act._Act(script.ground, {}).verdict(1, log)
    assert (verdict.said, verdict.end) == (said, end)
    assert "Job failed" in verdict.words


def test_a_command_that_ansible_would_take_for_a_template_is_refused(tmp_path: Path) -> None:
    driven = Driven(ansible.PLAYBOOK, Found(tmp_path, tmp_path, "1"), tmp_path / "driven")
    with driven, pytest.raises(RunnerError, match="for a template"):
        driven.submit("true", env={"WORDS": "{{ hello }}"})
