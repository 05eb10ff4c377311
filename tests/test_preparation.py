"""Which process is the job, and what it is started with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.preparation import is_job, prepare
from aftercancel.executor.reports import Reports
from aftercancel.model import Cell, Launcher, Sender, Step
from tests.real.vocabulary import TERM_GROUP, cell

SUDO = Launcher("sudo", "", ("sudo",))
COMMAND = ("/bin/dash", "/lab/job.sh")
SCRIPT = ("/lab/work/deploy.sh",)


def process(*argv: str, key: int = 2, read: bool = True) -> ProcessHistory:
    made = ProcessHistory(
        key=key,
        pid=10,
        parent=None,
        role="",
        inherited=None,
        role_variable=None,
        program=argv[0].rsplit("/", 1)[-1],
        argv=argv,
        started_ns=1,
    )
    made.argv_read = read
    made.execs = 1
    return made


def under(launcher: Launcher, *, executable: bool = False, script: str = "#!/bin/sh\n") -> Cell:
    one = cell("")
    job = replace(one.job, executable=executable, script=script)
    return replace(one, job=job, launcher=launcher)


def test_without_a_launcher_the_job_is_what_the_runner_starts() -> None:
    none = under(Launcher("none", ""))
    assert is_job(none, COMMAND, process("/anything", key=1))
    assert not is_job(none, COMMAND, process(*COMMAND))


def test_behind_a_launcher_it_is_what_has_the_job_s_command_line() -> None:
    assert is_job(under(SUDO), COMMAND, process(*COMMAND))
    assert not is_job(under(SUDO), COMMAND, process("sudo", *COMMAND))


def test_a_bare_shell_is_not_the_job() -> None:
    assert not is_job(under(SUDO), COMMAND, process("/bin/dash"))


def test_of_one_that_nobody_could_look_at_the_path_has_to_do() -> None:
    assert is_job(under(SUDO), COMMAND, process("/bin/dash", read=False))


@pytest.mark.parametrize(
    ("line", "argv", "whether"),
    [
        ("#!/bin/sh", ("/bin/sh", *SCRIPT), True),
        ("#! /usr/bin/env -S python3 -u", ("/usr/bin/env", "-S python3 -u", *SCRIPT), True),
        ("#!/bin/sh", ("sudo", *SCRIPT), False),
        ("#!/bin/sh", SCRIPT, True),
    ],
)
def test_a_script_of_its_own_is_not_taken_for_its_launcher(
    line: str, argv: tuple[str, ...], whether: bool
) -> None:
    one = under(SUDO, executable=True, script=f"{line}\n")
    assert is_job(one, SCRIPT, process(*argv)) is whether


def test_root_is_asked_for_only_where_it_sends() -> None:
    def asked(one: Cell) -> bool:
        made = prepare(one, slot=0, uid=1, marker=None, keys=str)
        return made.arrangement.root_sends

    step = TERM_GROUP.steps[0]
    by_root: Step = replace(step, by=Sender.ROOT)
    assert not asked(cell(""))
    assert asked(cell("", replace(TERM_GROUP, steps=(by_root,))))


def test_a_terminal_that_nobody_looked_at_again_is_not_as_before() -> None:
    told = Reports()
    told.take(b'j{"started": 5, "modes": ["echo"]}')
    assert (told.modes_before, told.modes_after) == (["echo"], None)
    told.take(b'j{"modes": []}')
    assert told.modes_after == []
