"""The fixture ``lab`` in a user's own suite. The place is a FAKE: nothing is run."""

from __future__ import annotations

import pytest

from aftercancel.model import CleanUp, Processes
from tests import fake_place

pytest_plugins = ["pytester"]

# Vocabulary

OURS = ("--disable-plugin-autoload", "-p", "aftercancel.plugin", "-p", "tests.fake_place")


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A user's folder with a script in it."""
    monkeypatch.setenv("PYTHONPATH", fake_place.python_path())
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    script(pytester, "deploy.sh", "#!/bin/bash\ntouch deploy.lock\nsleep 60\n")
    return pytester


def script(pytester: pytest.Pytester, name: str, text: str) -> None:
    path = pytester.path / name
    path.write_text(text)
    path.chmod(0o755)


def test(pytester: pytest.Pytester, *lines: str) -> pytest.RunResult:
    """Run one test of the user's that has these lines."""
    body = "\n    ".join(lines)
    pytester.makepyfile(f"import pytest\ndef test_mine(lab):\n    {body}\n")
    return pytester.runpytest_subprocess(*OURS)


test.__test__ = False  # type: ignore[attr-defined]


def test_a_script_is_cancelled_and_asked_about(suite: pytest.Pytester) -> None:
    test(
        suite,
        "result = lab.cancel('./deploy.sh', how='TERM-group', cleanup='EXIT')",
        "assert result.cleanup.ran and not result.cleanup.skipped",
        "assert result.processes.gone and not result.orphans",
        "assert result.report.truthful",
        "assert [mark.name for mark in result.marks] == ['EXIT begin', 'EXIT end']",
        "assert result.observation.cell == 'deploy/bash/none/plain/TERM-group'",
    ).assert_outcomes(passed=1)


def test_the_job_is_the_script_in_its_own_folder(suite: pytest.Pytester) -> None:
    test(
        suite,
        "job = lab.cancel('deploy.sh', env={'A': 'b'}, after=2.5, roles=['child']).cell.job",
        "assert (job.path, job.executable, job.announces) == ('deploy.sh', True, False)",
        f"assert job.workdir == {str(suite.path)!r}",
        "assert (job.env, job.after_s, job.roles) == ((('A', 'b'),), 2.5, ('child',))",
        "assert lab.cancel('deploy.sh', ready='listening').cell.job.ready_output == 'listening'",
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("line", "shell"),
    [
        ("#!/bin/bash", "bash"),
        ("#!/bin/bash -e", "bash-e"),
        ("#!/usr/bin/env dash", "dash"),
        ("#!/usr/bin/env -S python3 -u", "python3"),
        ("#!/usr/bin/perl", "perl"),
    ],
)
def test_the_first_line_says_which_shell_it_is(
    suite: pytest.Pytester, line: str, shell: str
) -> None:
    script(suite, "job", f"{line}\n")
    test(suite, f"assert lab.cancel('job').cell.shell.id == {shell!r}").assert_outcomes(passed=1)


def test_another_shell_can_be_named(suite: pytest.Pytester) -> None:
    test(
        suite,
        "cell = lab.cancel('deploy.sh', shell='zsh').cell",
        "assert cell.shell.id == 'zsh' and not cell.job.executable",
    ).assert_outcomes(passed=1)


def test_files_that_must_be_removed_are_enough_to_declare_a_clean_up(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "assert lab.cancel('deploy.sh', removes=['deploy.lock']).cleanup.ran"
    test(suite, line).assert_outcomes(passed=1)
    monkeypatch.setenv(fake_place.KEEPS, "yes")
    result = test(suite, line)
    result.assert_outcomes(failed=1)
    assert "Nothing of deploy.lock was removed" in result.stdout.str()


def test_a_clean_up_that_was_not_declared_is_never_an_answer(suite: pytest.Pytester) -> None:
    result = test(suite, "assert not lab.cancel('deploy.sh').cleanup.ran")
    result.assert_outcomes(failed=1)
    assert "does not know what this script's clean-up is" in result.stdout.str()


@pytest.mark.parametrize("question", ["cleanup.ran", "processes.gone", "report.hung", "orphans"])
def test_what_is_not_known_is_never_an_answer(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setenv(fake_place.UNKNOWN, "deploy")
    result = test(suite, f"assert not lab.cancel('deploy.sh', cleanup='EXIT').{question}")
    result.assert_outcomes(failed=1)
    assert "CouldNotTell: Could not tell: Not measured (lost events)" in result.stdout.str()


def test_a_failed_assertion_shows_what_happened(suite: pytest.Pytester) -> None:
    result = test(suite, "assert lab.cancel('deploy.sh', cleanup='EXIT').report.wrong")
    result.assert_outcomes(failed=1)
    shown = "<deploy.sh TERM-group: processes gone, clean-up ran, report truthful."
    assert shown in result.stdout.str()


def test_the_story_can_be_printed(suite: pytest.Pytester) -> None:
    test(
        suite, "assert 'deploy/bash/none/plain/TERM-group' in lab.cancel('deploy.sh').story()"
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("lab.cancel('delpoy.sh')", "There is no script delpoy.sh. It was looked for at"),
        ("lab.cancel('deploy.sh', how='TERM-grup')", "Did you mean TERM-group"),
        ("lab.cancel('deploy.sh', shell='bahs')", "Did you mean bash"),
        ("lab.cancel('deploy.sh', runner='plane')", "Did you mean plain"),
        ("lab.cancel('deploy.sh', how='ctrl-c')", "runner='plain-tty'"),
        ("lab.cancel('bare')", "say what interprets it: shell='dash'"),
    ],
)
def test_a_mistake_in_the_call_is_said_in_words(
    suite: pytest.Pytester, call: str, message: str
) -> None:
    script(suite, "bare", "sleep 60\n")
    result = test(suite, call)
    result.assert_outcomes(failed=1)
    assert message in result.stdout.str()


def test_a_machine_that_cannot_skips_with_the_reason(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.MISSING, "This machine has no overlay file system.")
    suite.makepyfile("def test_mine(lab): assert False")
    result = suite.runpytest_subprocess(*OURS, "-rs")
    result.assert_outcomes(skipped=1)
    reason = "This machine has no overlay file system. `aftercancel doctor` says more."
    assert reason in result.stdout.str()


def test_all_tests_share_one_place(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_place.LOG, str(suite.path / "log"))
    suite.makepyfile(
        "def test_one(lab): lab.cancel('deploy.sh')\ndef test_two(lab): lab.cancel('deploy.sh')"
    )
    suite.runpytest_subprocess(*OURS).assert_outcomes(passed=2)
    places = {line.split()[0] for line in (suite.path / "log").read_text().splitlines()}
    assert len(places) == 1


def test_cells_and_lab_tests_share_one_session(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_mine(lab): assert lab.cancel('deploy.sh').processes.gone")
    result = suite.runpytest_subprocess(
        *OURS, ".", "aftercancel::exit-trap/bash/none/plain/TERM-group"
    )
    result.assert_outcomes(passed=2)


def test_the_axes_have_a_question_for_every_value() -> None:
    from aftercancel.lab import CleanUpAxis, ProcessesAxis

    assert ProcessesAxis(Processes.ORPHANED, "").orphaned
    assert not ProcessesAxis(Processes.LATE, "").gone
    assert CleanUpAxis(CleanUp.CUT_OFF, "").cut_off
