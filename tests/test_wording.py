"""What a run stores of its words, for reports that are made later."""

from __future__ import annotations

import pytest

from aftercancel import catalog
from aftercancel.results import wording
from aftercancel.results.wording import Meaning


def of_launcher(name: str) -> Meaning:
    cell = catalog.load().cell(f"exit-trap/dash/{name}/plain/TERM-process")
    return wording([cell]).launchers[name]


@pytest.mark.parametrize(
    ("launcher", "line"),
    [
        ("timeout", "timeout 1h JOB"),
        ("timeout-sudo", "timeout 1h sudo JOB"),
        ("su", "su -c JOB"),
        ("make", "make job"),
        ("ssh", "/usr/bin/ssh -F /lab/ssh/config far JOB"),
    ],
)
def test_a_launchers_command_line_has_the_job_where_it_stands(launcher: str, line: str) -> None:
    assert of_launcher(launcher).text.splitlines()[0] == line


def test_rules_and_files_follow_the_command_line() -> None:
    assert "Defaults use_pty" in of_launcher("sudo-use-pty").text
    assert "# ./Makefile\n.PHONY: job\njob:\n\tJOB" in of_launcher("make").text


def test_a_forced_command_is_told() -> None:
    assert "# forced command" in of_launcher("ssh-forced-command").text


def test_no_launcher_has_no_command_line() -> None:
    assert of_launcher("none").text == ""


def test_the_script_of_a_job_is_kept_whole_with_its_name_and_whether_it_is_a_remedy() -> None:
    cell = catalog.load().cell("recipe-sh/dash/none/plain/end")
    meaning = wording([cell]).jobs["recipe-sh"]
    assert (meaning.name, meaning.text, meaning.remedy) == ("recipe-sh.sh", cell.job.script, True)


def test_every_script_that_people_may_copy_is_offered_as_a_remedy() -> None:
    catalogue = catalog.load()
    names = {job.name for job in catalogue.jobs.values() if job.remedy}
    assert names == {
        "recipe-sh.sh",
        "recipe-bash.sh",
        "recipe-python.py",
        "sh-wrapper.sh",
        "py-wrapper.py",
    }
    assert [each.id for each in catalogue.launchers.values() if each.remedy] == [
        "ssh-eof-wrapper",
        "ssh-eof-wrapper-keepalive",
    ]
