"""What stands between runner and job on one host: sudo and its kin, wrappers, and bad weather."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from aftercancel import catalog
from aftercancel.judge import judged
from aftercancel.model import (
    Action,
    Cancellation,
    Job,
    Launcher,
    Observation,
    Processes,
    Sender,
    Step,
    Target,
    TroubleKind,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    CTRL_C,
    END,
    PLAIN_EOF,
    PLAIN_TTY,
    TERM_PROCESS,
    cell,
    job,
    observe,
    received,
    the,
)

CATALOGUE = catalog.load()
RULE = "ci ALL=(root) NOPASSWD: @SUDOERS@"
KEEP = 'Defaults env_keep += "@NAMES@"'
SUDO = Launcher("sudo", "", ("sudo",), sudoers=("Defaults !use_pty", KEEP, RULE))
SUDO_PTY = replace(SUDO, sudoers=("Defaults use_pty", KEEP, RULE), terminal=True)
WAITING = job("mark ready\nROLE=child /bin/sleep 600", roles=("child",))


def by_root(signal: str, to: Target) -> Step:
    return Step(Action.SIGNAL, signal=signal, to=to, by=Sender.ROOT)


TERM_BY_ROOT = Cancellation("TERM-by-root", "", (by_root("TERM", Target.PROCESS),))


def under(
    launcher: Launcher, machine: ThisMachine, what: Job | str = WAITING, how: Cancellation = END
) -> Observation:
    made = what if isinstance(what, Job) else job(f"mark ready\n{what}", ends=True)
    return observe(machine, replace(cell(made, how), launcher=launcher))


@pytest.mark.parametrize("name", list(CATALOGUE.launchers))
def test_the_job_is_told_from_its_launcher(place: ThisMachine, name: str) -> None:
    launcher = CATALOGUE.launchers[name]
    for need in launcher.needs:
        if shutil.which(need) is None and not os.path.exists(need):
            pytest.skip(f"{need} is not there: `aftercancel doctor` says how to get it")
    seen = under(launcher, place, WAITING, TERM_PROCESS)
    assert seen.trouble is None, seen.trouble
    assert the(seen, "job").argv == ("/bin/dash", "/lab/job.sh")
    assert the(seen, "child").dispositions is not None


def test_sudo_s_job_is_root_and_finds_what_the_lab_gives_it(place: ThisMachine) -> None:
    seen = under(SUDO, place, 'id -un; echo "$MARKS"; pwd')
    assert seen.stdout.text.split() == ["root", "/lab/marks", "/home/ci"]


def test_what_root_sends_has_root_for_its_sender(traced: ThisMachine) -> None:
    seen = under(SUDO, traced, WAITING, TERM_BY_ROOT)
    assert [(f.what, f.error) for f in seen.fired] == [("TERM to process by root", None)]
    first = received(seen, "sudo")[0]
    assert (first.sender, first.sender_role, first.call) == (None, "root", "kill")


SUDO_KILLED = (by_root("KILL", Target.PROCESS), Step(Action.WAIT, seconds=0.3))
TERM_BY_RUNNER = Step(Action.SIGNAL, signal="TERM", to=Target.GROUP)


def test_what_is_left_of_sudo_s_group_is_not_the_runner_s_to_signal(traced: ThisMachine) -> None:
    seen = after_sudo_is_gone(traced, TERM_BY_RUNNER)
    assert [f.error for f in seen.fired] == [None, "Operation not permitted"]
    assert judged(seen).processes is Processes.ORPHANED


def test_it_is_root_s_to_signal(traced: ThisMachine) -> None:
    seen = after_sudo_is_gone(traced, by_root("TERM", Target.GROUP))
    assert [f.error for f in seen.fired] == [None, None]
    assert judged(seen).processes is Processes.GONE


def after_sudo_is_gone(machine: ThisMachine, step: Step) -> Observation:
    """The runner waits for the output, so it has not reported by then."""
    how = Cancellation("KILL-then-TERM", "", (*SUDO_KILLED, step))
    waiting = job("mark ready\nexec /bin/sleep 600")
    return observe(machine, replace(cell(waiting, how, runner=PLAIN_EOF), launcher=SUDO))


def test_a_launcher_at_a_terminal_has_one_whatever_the_runner_gives(place: ThisMachine) -> None:
    seen = under(SUDO_PTY, place, WAITING, CTRL_C)
    assert the(seen, "sudo").terminal is not None
    assert seen.terminal_modes is not None


def test_a_runner_that_is_root_gives_the_job_to_ci(place: ThisMachine) -> None:
    seen = under(CATALOGUE.launchers["runuser"], place, WAITING, TERM_PROCESS)
    assert the(seen, "runner").user == "root"
    assert the(seen, "job").user == "ci"


def test_a_launcher_that_leaves_at_once_leaves_a_job_that_is_still_observed(
    place: ThisMachine,
) -> None:
    """setsid of a group leader forks and does not wait: the runner's job is over."""
    seen = under(Launcher("setsid", "", ("setsid",)), place, WAITING, TERM_PROCESS)
    assert seen.trouble is None
    assert seen.report is not None and seen.report.said == "success"
    assert seen.fired == ()
    assert the(seen, "child").ended_ms is None


def test_what_a_launcher_reads_is_not_what_a_job_left(place: ThisMachine) -> None:
    seen = under(CATALOGUE.launchers["make"], place, "echo x > left")
    assert [file.path for file in seen.left.files] == ["/home/ci/left"]


# -- bad weather


def refused(seen: Observation) -> str:
    """Why it was not measured: in the program's own words, and never an outcome."""
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.NOT_ARMED
    assert not judged(seen).known
    return seen.trouble.words


def test_a_rule_that_does_not_match_is_said_in_sudo_s_words(place: ThisMachine) -> None:
    other = replace(SUDO, sudoers=(KEEP, "ci ALL=(root) NOPASSWD: /bin/dash /lab/other.sh"))
    assert "a terminal is required to read the password" in refused(under(other, place))


def test_a_rules_file_with_a_mistake_is_said_in_sudo_s_words(place: ThisMachine) -> None:
    broken = replace(SUDO, sudoers=("ci ALL=(root NOPASSWD: ALL",))
    assert "syntax error" in refused(under(broken, place))


def test_a_launcher_that_asks_for_a_password_does_not_hang_the_lab(place: ThisMachine) -> None:
    asking = replace(SUDO_PTY, sudoers=("ci ALL=(root) ALL",))
    words = refused(under(asking, place, WAITING, TERM_PROCESS))
    assert "password for ci" in words
    assert "nothing has happened" in words


def test_a_launcher_that_wants_a_terminal_says_so(place: ThisMachine) -> None:
    wanting = replace(SUDO, sudoers=("Defaults requiretty", KEEP, RULE))
    assert "you must have a tty" in refused(under(wanting, place))


def test_a_launcher_that_is_not_there_says_so(place: ThisMachine) -> None:
    words = refused(under(Launcher("x", "", ("/usr/bin/no-such",)), place, WAITING, TERM_PROCESS))
    assert "could not start /usr/bin/no-such" in words


# -- what the runner writes


def test_a_job_is_fed_once_it_is_ready(place: ThisMachine) -> None:
    reading = job("mark ready\ncat; echo over", input="one\n", input_times=3, ends=True)
    seen = observe(place, cell(reading, END))
    assert seen.stdout.text == "one\none\none\nover\n"


def test_an_input_that_does_not_end_stays_open(place: ThisMachine) -> None:
    reading = job("mark ready\nROLE=child cat", roles=("child",), input="x\n", input_ends=False)
    seen = observe(place, cell(reading, TERM_PROCESS))
    assert the(seen, "child").ended_ms is None


def test_more_than_a_pipe_holds_is_written_as_it_is_read(place: ThisMachine) -> None:
    reading = job("mark ready\n/bin/sleep 0.2; wc -c", input="x" * 1000, input_times=200, ends=True)
    assert observe(place, cell(reading, END)).stdout.text.split() == ["200000"]


def test_bytes_that_are_no_text_are_kept_as_they_came(place: ThisMachine) -> None:
    seen = observe(place, cell(job("mark ready\nprintf '\\377\\000\\n'", ends=True), END))
    assert seen.stdout.base64 == "/wAK"
    plain = observe(place, cell(job("mark ready\necho text", ends=True), END))
    assert plain.stdout.base64 == ""


def test_a_terminal_s_settings_are_told_before_and_after(place: ThisMachine) -> None:
    raw = job("mark ready\nstty raw -echo", ends=True)
    seen = observe(place, cell(raw, END, runner=PLAIN_TTY))
    modes = seen.terminal_modes
    assert modes is not None and modes.after is not None
    assert {"icanon", "echo", "isig"} <= set(modes.before)
    assert not {"icanon", "echo", "isig"} & set(modes.after)
