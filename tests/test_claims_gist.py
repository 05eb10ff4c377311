"""The gist's claims, each over cells that are told by hand: what counts as yes, no, not told.

What the real shells and clients do is not asserted anywhere: that is for the lab to find out.
Above 400 lines because it is one claim after the other, all in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aftercancel.judge.claims import Case, Finding, Holds, Verdict, judge_claim, read_claims
from aftercancel.model import (
    Decided,
    Declared,
    Disposition,
    Dispositions,
    End,
    Evidence,
    Fired,
    Left,
    LeftFile,
    Lock,
    Observation,
    Process,
    Report,
    Said,
    Signal,
    Stream,
)
from tests.observing import (
    RUNNER,
    cell,
    child,
    job,
    launcher,
    process,
    says,
    sent,
    survivor,
    to_group,
)

CLAIMS = read_claims(Path(__file__).parent.parent / "scenarios" / "claims")
GIST = tuple(name for name in CLAIMS if name.startswith("G"))
CAUGHT, IGNORED, DEFAULT = Disposition.CAUGHT, Disposition.IGNORED, Disposition.DEFAULT
WAITING: Mapping[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}
EXIT = Declared(("ready", "EXIT begin", "EXIT end"), "EXIT")
TERM = Declared(("ready", "TERM begin", "TERM end", "after"), "TERM")
AT_ABORT = "no-trap/bash/none/jenkins@2.400/abort"


def holds(name: str, observation: Observation | None = None, /, **parts: Observation) -> Holds:
    """The answer of the claim's own function to one case."""
    case = Case({"cell": observation} if observation else parts)
    answer = CLAIMS[name].predicate(case)
    assert answer.because.endswith((".", "”."))
    return answer.holds


def at(where: str, *processes: Process, **more: Any) -> Observation:
    return cell(*processes, **{"cell": where, **more})


def judged_alone(name: str, observation: Observation) -> Finding:
    return judge_claim(CLAIMS[name], {observation.cell: [1]}, lambda *_: observation)


# Every claim


@pytest.mark.parametrize("number", range(1, 19))
def test_every_claim_of_the_gist_is_there_by_its_own_id(number: int) -> None:
    assert f"G{number}" in CLAIMS


@pytest.mark.parametrize("name", ["G1", "G7", "G15", "G16"])
def test_an_open_question_stands_with_its_claim(name: str) -> None:
    assert CLAIMS[name].asks.endswith("?")


@pytest.mark.parametrize("name", GIST)
def test_a_claim_without_observations_is_not_measured(name: str) -> None:
    finding = judge_claim(CLAIMS[name], {}, lambda *_: pytest.fail("nothing to load"))
    assert finding.verdict is Verdict.NOT_MEASURED
    assert finding.why_not


# Jenkins


def aborted(*processes: Process, **more: Any) -> Observation:
    told = {"fired": (Fired(0.0, "abort"),), "decided_ms": 6000.0, **more}
    return at(AT_ABORT, *processes, **told)


@pytest.mark.parametrize("runner", ["jenkins", "jenkins-pipeline@2.528", "hudson@1.3"])
@pytest.mark.parametrize("name", ["G1", "G2", "G4"])
def test_a_claim_on_jenkins_is_judged_as_soon_as_it_is_measured(name: str, runner: str) -> None:
    deaf = child(ended=5000.0, signal="KILL", doomed_ms=4999.0)
    signals = (
        to_group(sent("TERM", RUNNER, job())),
        to_group(sent("TERM", RUNNER, deaf, IGNORED)),
        sent("KILL", RUNNER, deaf, at=4999.0),
    )
    told = aborted(job(), deaf, signals=signals)
    told = replace(told, cell=f"ignoring-child/dash/none/{runner}/abort")
    assert judged_alone(name, told).verdict is Verdict.CONFIRMED


@pytest.mark.parametrize("name", ["G8", "G18"])
def test_a_claim_on_every_runner_is_judged_of_one_that_is_new(name: str) -> None:
    job_name = "exit-trap" if name == "G8" else "symptoms"
    told = at(f"{job_name}/dash/none/jenkins@2.400/abort", job(), survivor(), declared=EXIT)
    assert judged_alone(name, told).cases


def test_without_a_trace_nobody_knows_whom_jenkins_signalled() -> None:
    told = replace(aborted(job(), child()), evidence=Evidence.PROC)
    assert judged_alone("G1", told).verdict is Verdict.COULD_NOT_TELL


def test_term_to_the_group_is_what_is_claimed_of_jenkins() -> None:
    signals = (to_group(sent("TERM", RUNNER, job())), to_group(sent("TERM", RUNNER, child())))
    assert holds("G1", aborted(job(), child(), signals=signals)) is Holds.YES


def test_term_to_every_process_by_itself_is_not_term_to_the_group() -> None:
    signals = (sent("TERM", RUNNER, job()), sent("TERM", RUNNER, child()))
    assert holds("G1", aborted(job(), child(), signals=signals)) is Holds.NO


def test_a_shell_that_sends_term_on_to_its_group_is_not_jenkins() -> None:
    signals = (
        sent("TERM", RUNNER, job(), CAUGHT),
        to_group(sent("TERM", job(), child(), at=0.3)),
    )
    answer = CLAIMS["G1"].predicate(
        Case({"cell": aborted(job(), child(), signals=signals)}),
    )
    assert answer.holds is Holds.NO
    assert "job sent it to a group" in answer.because


def test_a_report_while_the_job_still_handles_term_is_immediate() -> None:
    slow = job(ended=1200.0, signal=None, status=143, doomed_ms=None)
    signals = (sent("TERM", RUNNER, slow, CAUGHT),)
    told = aborted(slow, signals=signals, stdout=Stream("", 0, 9, cut=False))
    assert holds("G2", told) is Holds.YES


def test_a_report_when_the_handler_has_come_to_its_end_is_not_immediate() -> None:
    slow = job(ended=1200.0, signal=None, status=143, doomed_ms=None)
    signals = (sent("TERM", RUNNER, slow, CAUGHT),)
    report = Report(1210.0, Said.CANCELLED, End(143))
    assert holds("G2", aborted(slow, signals=signals, report=report)) is Holds.NO
    assert holds("G2", aborted(slow, signals=signals, report=None)) is Holds.NO


def test_a_job_that_was_gone_at_once_does_not_tell_whether_it_would_be_waited_for() -> None:
    assert holds("G2", aborted(job(), signals=(sent("TERM", RUNNER, job()),))) is Holds.UNTOLD


DEAF = job(ended=5000.0, signal="KILL", doomed_ms=4999.9)


def test_kill_some_time_after_term_is_giving_up() -> None:
    term, kill = sent("TERM", RUNNER, DEAF, IGNORED), sent("KILL", RUNNER, DEAF, at=4999.9)
    assert holds("G4", aborted(DEAF, signals=(term, kill))) is Holds.YES


def test_a_job_that_is_left_alone_after_term_has_not_been_given_up() -> None:
    deaf = job(**WAITING)
    assert holds("G4", aborted(deaf, signals=(sent("TERM", RUNNER, deaf, IGNORED),))) is Holds.NO


def test_kill_together_with_term_is_not_waiting() -> None:
    dead = job(of="KILL")
    signals = (sent("TERM", RUNNER, dead, CAUGHT), sent("KILL", RUNNER, dead, at=0.2))
    assert holds("G4", aborted(dead, signals=signals)) is Holds.NO


def test_without_term_there_is_no_soft_kill() -> None:
    assert holds("G4", aborted(DEAF, signals=(sent("KILL", RUNNER, DEAF),))) is Holds.NO


def test_a_job_that_dies_of_term_does_not_show_what_would_follow() -> None:
    assert holds("G4", aborted(job(), signals=(sent("TERM", RUNNER, job()),))) is Holds.UNTOLD


# ^C and a cancel


def typed(*receivers: Process) -> Observation:
    signals = tuple(sent("INT", None, p, call="terminal") for p in receivers)
    return at("no-trap/bash/none/plain-tty/ctrl-c", job(), child(), signals=signals)


def cancelled(*signals: Signal) -> Observation:
    return at(AT_ABORT, job(), child(), signals=signals)


def against_ctrl_c(told: Observation) -> Finding:
    cells = {each.cell: each for each in (typed(job(), child()), told)}
    return judge_claim(CLAIMS["G3"], {name: [1] for name in cells}, lambda name, _: cells[name])


def test_term_to_those_who_get_int_of_ctrl_c_is_the_same_effect() -> None:
    told = cancelled(*(to_group(sent("TERM", RUNNER, p)) for p in (job(), child())))
    assert against_ctrl_c(told).verdict is Verdict.CONFIRMED


@pytest.mark.parametrize(
    "where", ["plain/TERM-group", "plain-eof/cancel", "jenkins@2.400/TERM-group"]
)
def test_a_signal_that_the_lab_itself_sends_is_no_runners_cancel(where: str) -> None:
    told = cancelled(*(to_group(sent("TERM", RUNNER, p)) for p in (job(), child())))
    told = replace(told, cell=f"no-trap/bash/none/{where}")
    assert against_ctrl_c(told).verdict is Verdict.NOT_MEASURED


def test_each_runner_that_has_a_cancel_is_compared_with_ctrl_c() -> None:
    told = replace(
        cancelled(sent("TERM", RUNNER, job())), cell="no-trap/bash/none/a-runner@1/cancel"
    )
    assert against_ctrl_c(told).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    "signals",
    [
        (sent("TERM", RUNNER, job()),),
        (sent("TERM", RUNNER, child()), sent("TERM", RUNNER, job(), at=50.0)),
        (*(to_group(sent("TERM", RUNNER, p)) for p in (job(), child(), job())),),
        (
            *(to_group(sent("TERM", RUNNER, p)) for p in (job(), child())),
            sent("KILL", RUNNER, child(), at=5000.0),
        ),
    ],
    ids=["to fewer", "one after the other", "more often", "and then KILL"],
)
def test_a_cancel_that_signals_otherwise_is_not_ctrl_c(signals: tuple[Signal, ...]) -> None:
    told = replace(cancelled(*signals), decided_ms=6000.0)
    assert holds("G3", terminal=typed(job(), child()), cancel=told) is Holds.NO


def test_a_terminal_that_signals_nobody_cannot_be_compared_with() -> None:
    told = cancelled(sent("TERM", RUNNER, job()))
    assert holds("G3", terminal=typed(), cancel=told) is Holds.UNTOLD


# Shells


def trapped(*marks: Any, of: Disposition = CAUGHT, **more: Any) -> Observation:
    """A job with a trap got TERM, and nobody else did."""
    processes = more.pop("processes", (job(**WAITING), survivor()))
    signals = (sent("TERM", RUNNER, processes[0], of),)
    return cell(*processes, **{"signals": signals, "marks": marks, "declared": TERM, **more})


def test_a_handler_that_has_not_begun_while_the_child_is_there_waits() -> None:
    assert holds("G5", trapped()) is Holds.YES


def test_a_handler_that_begins_when_the_child_has_ended_has_waited() -> None:
    ended = (job(ended=500.0, doomed_ms=None), child(ended=300.0, signal=None, status=0))
    assert holds("G5", trapped(says("TERM begin", 301.0), processes=ended)) is Holds.YES


def test_a_handler_that_begins_beside_its_child_does_not_wait() -> None:
    assert holds("G5", trapped(says("TERM begin"))) is Holds.NO
    assert holds("G5", trapped(says("EXIT begin"), declared=EXIT)) is Holds.NO


def test_a_mark_of_the_child_is_not_the_beginning_of_the_handler() -> None:
    assert holds("G5", trapped(says("TERM begin", role="child"))) is Holds.YES


def test_who_dies_of_the_signal_has_not_trapped_it() -> None:
    told = trapped(of=DEFAULT, processes=(job(), survivor()), declared=EXIT)
    assert holds("G5", told) is Holds.UNTOLD


def test_a_job_that_was_not_signalled_does_not_tell_whether_it_waits() -> None:
    assert holds("G5", trapped(signals=())) is Holds.UNTOLD


def test_a_child_that_was_signalled_too_is_not_waited_for() -> None:
    told = trapped(processes=(job(**WAITING), child()))
    both = (*told.signals, sent("TERM", RUNNER, child()))
    assert holds("G5", replace(told, signals=both)) is Holds.UNTOLD


def test_a_handler_that_never_begins_never_kills_the_stuck_child() -> None:
    assert holds("G5a", trapped()) is Holds.YES
    assert holds("G5a", trapped(says("TERM begin"))) is Holds.NO
    assert holds("G5a", trapped(signals=())) is Holds.UNTOLD


def after_term(*marks: Any, **fate: Any) -> Observation:
    """TERM came to child and job."""
    script = job(**{"ended": 400.0, "signal": None, "status": 143, "doomed_ms": None, **fate})
    signals = tuple(to_group(sent("TERM", RUNNER, p)) for p in (script, child()))
    return cell(script, child(), signals=signals, marks=marks, declared=TERM)


def g6(with_e: Observation, without: Observation) -> Holds:
    return holds("G6", **{"with -e": with_e, "without": without})


def test_only_with_e_does_it_look_as_if_sh_ended_all() -> None:
    handled, went_on = says("TERM begin"), says("after", 300.0)
    assert g6(after_term(handled), after_term(handled, went_on)) is Holds.YES
    assert g6(after_term(handled), after_term(handled)) is Holds.NO
    assert g6(after_term(handled, went_on), after_term(handled, went_on)) is Holds.NO
    assert g6(after_term(handled, went_on), after_term(handled)) is Holds.NO


def test_two_that_both_wait_for_their_child_do_not_differ_by_e() -> None:
    assert g6(trapped(), trapped()) is Holds.NO


def test_term_that_came_to_nobody_says_nothing_of_e() -> None:
    assert g6(trapped(signals=()), trapped()) is Holds.UNTOLD


@pytest.mark.parametrize("name", ["G7", "G7a"])
def test_the_default_action_aborts_and_runs_the_exit_handler_or_not(name: str) -> None:
    died, ran = (job(), survivor()), says("EXIT begin")
    assert holds(name, trapped(ran, processes=died, declared=EXIT)) is Holds.YES
    assert holds(name, trapped(of=DEFAULT, processes=died, declared=EXIT)) is Holds.NO
    assert holds(name, trapped(declared=EXIT)) is Holds.NO
    assert holds(name, trapped(ran, of=IGNORED, processes=died, declared=EXIT)) is Holds.NO
    assert holds(name, trapped(ran, processes=died, signals=(), declared=EXIT)) is Holds.UNTOLD


def test_a_clean_up_in_the_exit_trap_must_come_to_its_end() -> None:
    begin, end = says("EXIT begin"), says("EXIT end", 300.0)
    assert holds("G8", cell(job(), child(), declared=EXIT, marks=(begin, end))) is Holds.YES
    assert holds("G8", cell(job(), child(), declared=EXIT, marks=(begin,))) is Holds.NO
    assert holds("G8", cell(job(), child(), declared=EXIT)) is Holds.NO


def test_a_clean_up_that_was_still_going_on_is_not_told() -> None:
    told = cell(job(**WAITING), child(), declared=EXIT, marks=(says("EXIT begin"),))
    assert holds("G8", replace(told, decided=Decided.SETTLE_TIME_OVER)) is Holds.UNTOLD


def test_a_wrapper_leaves_its_child_or_not() -> None:
    assert holds("G13", cell(job(), child())) is Holds.YES
    assert holds("G13", cell(job(), survivor())) is Holds.NO
    late = child(ended=900.0, doomed_ms=None)
    assert holds("G13", cell(job(), late)) is Holds.NO
    assert holds("G13", cell(job())) is Holds.UNTOLD


def test_terraform_cleans_up_or_not() -> None:
    declared = Declared(("INT begin", "INT end"), "INT", ("/home/ci/terraform.lock",))
    died = process("terraform", key=2, ended=2100.0, status=1)
    marks = (says("INT begin", role="terraform"), says("INT end", 2000.0, role="terraform"))
    told = cell(job(), died, declared=declared, marks=marks)
    assert holds("G17", told) is Holds.YES
    assert holds("G17", replace(told, marks=marks[:1])) is Holds.NO
    assert holds("G17", replace(told, marks=())) is Holds.NO
    lock = Left(files=(LeftFile("/home/ci/terraform.lock", 2, "file"),))
    assert holds("G17", replace(told, left=lock)) is Holds.NO
    assert holds("G17", cell(job())) is Holds.UNTOLD


def test_a_clean_up_of_terraform_that_was_still_going_on_is_not_told() -> None:
    declared = Declared(("INT begin", "INT end"), "INT")
    begun = (says("INT begin", role="terraform"),)
    told = cell(job(), survivor("terraform"), declared=declared, marks=begun)
    assert holds("G17", replace(told, decided=Decided.SETTLE_TIME_OVER)) is Holds.UNTOLD


@pytest.mark.parametrize(
    "symptom",
    [
        {"left": Left(files=(LeftFile("/home/ci/job.lock", 2, "file"),))},
        {"left": Left(files=(LeftFile("/home/ci/daemon.pid", 2, "file"),))},
        {"processes": (RUNNER, job(), survivor("daemon"))},
        {"left": Left(locks=(Lock("/home/ci/job.lock", "FLOCK", "child"),))},
        {"marks": ()},
    ],
    ids=["lock file", "pid file", "survivor", "lock", "no clean-up"],
)
def test_each_symptom_counts_by_itself(symptom: Mapping[str, Any]) -> None:
    declared = replace(EXIT, removes=("/home/ci/job.lock",))
    marks = (says("EXIT begin"), says("EXIT end", 300.0))
    healthy = cell(job(), child(), declared=declared, marks=marks)
    assert holds("G18", healthy) is Holds.NO
    assert holds("G18", replace(healthy, **symptom)) is Holds.YES


@pytest.mark.parametrize(
    ("runner", "told"), [("jenkins@2.400", Holds.YES), ("plain", Holds.NO), ("plain-eof", Holds.NO)]
)
def test_a_report_that_comes_early_is_a_symptom_of_a_real_runner(runner: str, told: Holds) -> None:
    late = child(ended=900.0, doomed_ms=None)
    marks = (says("EXIT begin"), says("EXIT end", 300.0))
    where = f"symptoms/dash/none/{runner}/cancel"
    assert holds("G18", at(where, job(), late, declared=EXIT, marks=marks)) is told


def test_a_job_of_which_nobody_knows_what_was_left_does_not_show_its_symptoms() -> None:
    declared = replace(EXIT, removes=("/home/ci/job.lock",))
    marks = (says("EXIT begin"), says("EXIT end", 300.0))
    told = cell(job(), child(), declared=declared, marks=marks, left=Left(cut=True))
    assert holds("G18", told) is Holds.UNTOLD


# Python


def in_python(what: str, met: Disposition, /, *marks: Any, **fate: Any) -> Observation:
    script = job(**fate)
    return cell(script, declared=EXIT, marks=marks, signals=(sent(what, RUNNER, script, met),))


def test_int_reaches_atexit_or_not() -> None:
    assert holds("G11", in_python("INT", CAUGHT, says("EXIT begin"), of="INT")) is Holds.YES
    assert holds("G11", in_python("INT", IGNORED, **WAITING)) is Holds.NO


@pytest.mark.parametrize("signal", ["HUP", "TERM"])
def test_hup_and_term_abort_python_or_not(signal: str) -> None:
    assert holds("G11", in_python(signal, DEFAULT, of=signal)) is Holds.YES
    assert holds("G11", in_python(signal, CAUGHT, says("EXIT begin"), of=signal)) is Holds.NO
    assert holds("G11", in_python(signal, IGNORED, **WAITING)) is Holds.NO


def test_another_signal_says_nothing_of_those_three() -> None:
    assert holds("G11", in_python("KILL", DEFAULT, of="KILL")) is Holds.UNTOLD
    assert holds("G12", in_python("INT", CAUGHT, says("EXIT begin"), of="INT")) is Holds.UNTOLD


def test_the_recipe_makes_atexit_fire_or_not() -> None:
    assert holds("G12", in_python("HUP", CAUGHT, says("EXIT begin"), status=1)) is Holds.YES
    assert holds("G12", in_python("TERM", CAUGHT, **WAITING)) is Holds.NO


# ssh

SSH = launcher("ssh", ended=1.0, signal="TERM")
SSHD = process("sshd", "/usr/sbin/sshd", key=2, parent=None, far=True, ended=3.0, status=0, group=2)
COMMAND = process("sh", "/bin/sh", key=3, parent=2, far=True, ended=None, group=6)
REMOTE = process("job", "/bin/dash", "job.sh", key=4, parent=3, far=True, ended=None, group=6)


def over_ssh(*signals: Signal, server: Process = SSHD, tty: bool = False) -> Observation:
    """The client got TERM; and the server has ended, unless told otherwise."""
    remote = (COMMAND, REMOTE)
    if tty:
        remote = (replace(COMMAND, terminal="pts/0"), replace(REMOTE, terminal="pts/0"))
    return cell(SSH, server, *remote, signals=(sent("TERM", RUNNER, SSH), *signals))


HUNG_UP = tuple(sent("HUP", None, p, at=2.0) for p in (COMMAND, REMOTE))


def test_a_client_passes_on_its_signal_or_not() -> None:
    assert holds("G9", over_ssh()) is Holds.YES
    assert holds("G9", over_ssh(sent("TERM", SSHD, REMOTE, at=1.0))) is Holds.NO


def test_what_the_kernel_sends_is_not_passed_on_by_the_client() -> None:
    told = over_ssh(*(sent("TERM", None, p, at=2.0) for p in (COMMAND, REMOTE)))
    assert holds("G9", told) is Holds.YES


def test_a_client_that_got_nothing_had_nothing_to_pass_on() -> None:
    assert holds("G9", replace(over_ssh(), signals=())) is Holds.UNTOLD


def requested(name: str, *signals: Signal) -> Observation:
    return replace(over_ssh(*signals), fired=(Fired(0.0, f"request {name}"),))


def test_the_server_carries_out_a_request_or_not() -> None:
    assert holds("G9a", requested("TERM")) is Holds.YES
    assert holds("G9a", requested("TERM", sent("TERM", SSHD, REMOTE, at=1.0))) is Holds.NO


def test_a_name_of_ones_own_asks_for_no_signal() -> None:
    assert holds("G9a", requested("sig@example.com")) is Holds.UNTOLD


def test_ctrl_c_becomes_int_with_a_terminal_and_only_then() -> None:
    int_ = sent("INT", None, REMOTE)
    assert holds("G10", over_ssh(int_, tty=True)) is Holds.YES
    assert holds("G10", over_ssh()) is Holds.YES
    assert holds("G10", over_ssh(tty=True)) is Holds.NO
    assert holds("G10", over_ssh(int_)) is Holds.NO
    assert holds("G10", cell(SSH, SSHD)) is Holds.UNTOLD


def test_ctrl_c_that_becomes_int_at_the_clients_own_terminal_is_no_character_to_pass() -> None:
    on_this_side = sent("INT", None, SSH)
    assert holds("G10", over_ssh(on_this_side)) is Holds.UNTOLD
    assert holds("G10", over_ssh(on_this_side, tty=True)) is Holds.UNTOLD


@pytest.mark.parametrize(("name", "asked"), [("G9", True), ("G9a", False), ("G10a", False)])
def test_what_openssh_s_server_does_is_not_asked_of_dropbear(name: str, asked: bool) -> None:
    way = (
        "signal-asyncssh-dropbear/plain/request-TERM"
        if name == "G9a"
        else "ssh-dropbear/plain/TERM-process"
    )
    told = replace(over_ssh(), cell=f"no-trap/dash/{way}")
    assert bool(judged_alone(name, told).cases) is asked


def test_hup_comes_with_a_terminal_and_only_then() -> None:
    assert holds("G10a", over_ssh(*HUNG_UP, tty=True)) is Holds.YES
    assert holds("G10a", over_ssh()) is Holds.YES
    assert holds("G10a", over_ssh(tty=True)) is Holds.NO
    assert holds("G10a", over_ssh(*HUNG_UP[:1], tty=True)) is Holds.NO
    assert holds("G10a", over_ssh(*HUNG_UP)) is Holds.NO


def test_hup_of_a_wrapper_on_the_other_host_is_not_that_of_ssh() -> None:
    assert holds("G10a", over_ssh(sent("HUP", COMMAND, REMOTE, at=2.0))) is Holds.YES


def test_a_server_that_has_not_noticed_has_disconnected_nobody() -> None:
    assert holds("G10a", over_ssh(server=replace(SSHD, ended_ms=None, end=None))) is Holds.UNTOLD


def test_remote_processes_get_hup_or_not() -> None:
    assert holds("G14", over_ssh(*HUNG_UP, tty=True)) is Holds.YES
    assert holds("G14", over_ssh(sent("HUP", COMMAND, REMOTE, IGNORED, at=2.0))) is Holds.YES
    aside = survivor("aside", key=5, parent=4, far=True, group=9)
    told = over_ssh(*HUNG_UP, tty=True)
    assert holds("G14", replace(told, processes=(*told.processes, aside))) is Holds.NO
    assert holds("G14", over_ssh()) is Holds.NO
    assert holds("G14", cell(job(), child())) is Holds.UNTOLD


def status(code: int, launcher: str, **more: Any) -> Observation:
    report = Report(5.0, Said.FAILED, End(code))
    name = f"tty-exit-status/dash/{launcher}/plain/end"
    return at(name, SSH, SSHD, **{"fired": (), "report": report, **more})


def test_an_effect_of_a_forced_terminal_is_there_or_not() -> None:
    without = status(3, "ssh")
    assert holds("G15", without=without, **{"with": status(3, "ssh-tt")}) is Holds.YES
    assert holds("G15", without=without, **{"with": status(255, "ssh-tt")}) is Holds.NO
    unknown = replace(status(3, "ssh-tt"), report=Report(5.0, Said.FAILED, End()))
    assert holds("G15", without=without, **{"with": unknown}) is Holds.UNTOLD


def test_effects_that_two_cells_show_together_are_one_case() -> None:
    text = "terminals:\n/dev/tty: no\n"
    told = {
        name: at(
            f"tty-isatty/dash/{name}/plain/end",
            SSH,
            SSHD,
            fired=(),
            stdout=Stream(text if name == "ssh" else text.replace("no", "yes"), 30, 0, cut=False),
        )
        for name in ("ssh", "ssh-tt")
    }
    cells = {o.cell: o for o in told.values()}
    finding = judge_claim(CLAIMS["G15"], {key: [1] for key in cells}, lambda name, _: cells[name])
    (case,) = finding.cases
    assert case.holds is Holds.NO
    assert "no; with -tt: yes" in case.because


# sudo

SUDO = launcher("sudo", key=1)
UNDER = job(key=2, parent=1, user="root")


def through_sudo(*signals: Signal, **more: Any) -> Observation:
    return cell(SUDO, UNDER, **{"signals": signals, **more})


TO_SUDO = sent("TERM", RUNNER, SUDO, CAUGHT)


@pytest.mark.parametrize("name", ["G16", "G16a"])
def test_a_signal_propagates_or_not(name: str) -> None:
    assert holds(name, through_sudo(TO_SUDO, sent("TERM", SUDO, UNDER))) is Holds.YES
    assert holds(name, through_sudo(TO_SUDO)) is Holds.NO
    assert holds(name, through_sudo(TO_SUDO, sent("HUP", SUDO, UNDER))) is Holds.NO


def test_a_signal_that_the_user_may_not_send_does_not_propagate() -> None:
    refused = sent("TERM", RUNNER, None, error="EPERM")
    fired = (Fired(0.0, "TERM to process", error="Operation not permitted"),)
    assert holds("G16", through_sudo(refused, fired=fired)) is Holds.NO


DIRECTLY = to_group(sent("TERM", RUNNER, UNDER))


def test_a_job_that_was_signalled_beside_sudo_does_not_tell_what_sudo_does() -> None:
    assert holds("G16", through_sudo(to_group(TO_SUDO), DIRECTLY)) is Holds.UNTOLD


@pytest.mark.parametrize("met", [DEFAULT, CAUGHT, Disposition.PENDING])
@pytest.mark.parametrize("name", ["G16", "G16a"])
def test_whether_sudo_is_in_time_beside_a_signal_to_the_job_itself_changes_nothing(
    name: str, met: Disposition
) -> None:
    relay = sent("TERM", SUDO, UNDER, met, at=0.8)
    assert holds(name, through_sudo(to_group(TO_SUDO), DIRECTLY, relay)) is Holds.UNTOLD


@pytest.mark.parametrize("name", ["G16", "G16a"])
def test_a_job_that_signals_itself_has_got_nothing_from_sudo(name: str) -> None:
    itself = sent("TERM", UNDER, UNDER, at=0.5)
    assert holds(name, through_sudo(TO_SUDO, itself)) is Holds.NO
    assert holds(name, through_sudo(TO_SUDO, sent("TERM", SUDO, UNDER), itself)) is Holds.YES


def test_a_job_that_its_own_child_signals_has_got_nothing_from_sudo() -> None:
    below = child(key=3, parent=2)
    told = through_sudo(TO_SUDO, sent("TERM", below, UNDER, at=0.5))
    assert holds("G16", replace(told, processes=(*told.processes, below))) is Holds.NO


KILLED = (Fired(0.0, "KILL to process"),)
BY_HUP = replace(UNDER, end=End(signal="HUP"), ended_ms=2.0, doomed_ms=0.4)
TOO_LATE = sent("KILL", SUDO, BY_HUP, Disposition.PENDING, at=0.9)


@pytest.mark.parametrize("late", [(), (TOO_LATE,)], ids=["gone by then", "still dying"])
def test_a_signal_that_finds_the_job_dying_of_another_has_not_propagated(
    late: tuple[Signal, ...],
) -> None:
    signals = (sent("KILL", RUNNER, SUDO), sent("HUP", SUDO, BY_HUP, at=0.4), *late)
    told = cell(SUDO, BY_HUP, fired=KILLED, signals=signals)
    assert holds("G16", told) is Holds.NO


@pytest.mark.parametrize("name", ["G16", "G16a"])
def test_what_a_launcher_did_not_live_to_know_of_it_has_not_passed_on(name: str) -> None:
    # sudo's monitor ends the job by HUP, TERM and KILL of its own when sudo is dead.
    signals = (sent("KILL", RUNNER, SUDO), sent("KILL", SUDO, UNDER, at=0.9))
    assert holds(name, cell(SUDO, UNDER, fired=KILLED, signals=signals)) is Holds.NO


def test_a_job_that_was_dying_by_itself_does_not_tell_whether_the_signal_would_have_come() -> None:
    leaving = job(key=2, parent=1, ended=2.0, signal=None, status=0, doomed_ms=None)
    late = sent("TERM", SUDO, leaving, Disposition.PENDING, at=1.5)
    assert holds("G16", cell(SUDO, leaving, signals=(TO_SUDO, late))) is Holds.UNTOLD


def test_a_signal_that_the_job_blocks_has_come_to_it() -> None:
    deaf = replace(job(key=2, parent=1, **WAITING), dispositions=Dispositions((), (), ("TERM",)))
    relay = sent("TERM", SUDO, deaf, Disposition.PENDING)
    assert holds("G16", cell(SUDO, deaf, signals=(TO_SUDO, relay))) is Holds.YES


def test_a_terminal_of_the_jobs_own_is_sudos_work() -> None:
    inner = replace(UNDER, terminal="pts/1")
    outer = replace(SUDO, terminal="pts/0")
    fired = (Fired(0.0, "HUP to process"),)
    signals = (sent("HUP", RUNNER, outer, CAUGHT), sent("HUP", None, inner))
    told = cell(outer, inner, fired=fired, signals=signals)
    assert holds("G16", told) is Holds.YES
    same = replace(told, processes=(RUNNER, outer, replace(inner, terminal="pts/0")))
    assert holds("G16", same) is Holds.UNTOLD


def test_a_launcher_that_took_the_jobs_place_says_nothing() -> None:
    assert holds("G16", cell(job(), child())) is Holds.UNTOLD
