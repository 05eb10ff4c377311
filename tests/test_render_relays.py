"""Relays: how a signal comes from one process to the next, and what only time connects.

Above 400 lines because each way in which a signal can come about is a chain of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel import render
from aftercancel.model import (
    Disposition,
    Dispositions,
    End,
    Evidence,
    Fired,
    Observation,
    Process,
    Signal,
)
from aftercancel.render.relays import LATER, MEANING
from tests.observing import RUNNER, cell, child, job, launcher, process, sent, survivor, to_group

CAUGHT, DEFAULT = Disposition.CAUGHT, Disposition.DEFAULT
IGNORED, PENDING = Disposition.IGNORED, Disposition.PENDING


def relays(*processes: Process, signals: tuple[Signal, ...], **more: Any) -> tuple[str, ...]:
    return render.told(cell(*processes, signals=signals, **more)).relays


def by_terminal(signal: str, to: Process, met: Disposition = DEFAULT, at: float = 1.0) -> Signal:
    return sent(signal, None, to, met, at, call="terminal")


def behind(key: int = 2, parent: int = 1, **more: Any) -> Process:
    """The job that a launcher has started."""
    kind: dict[str, Any] = {"dies_at": 2.0, "doomed_ms": 1.0, **more}
    return job(key=key, parent=parent, **kind)


def below(key: int = 3, parent: int = 2, **more: Any) -> Process:
    """The job's child."""
    return child(key=key, parent=parent, **{"ended": 2.2, "doomed_ms": 1.0, **more})


# -- what the trace shows


def test_a_launcher_that_sends_on_what_it_caught_is_told() -> None:
    sudo, shell = launcher(), behind()
    caught, relayed = sent("TERM", RUNNER, sudo, CAUGHT), sent("TERM", sudo, shell, at=1.0)
    assert relays(sudo, shell, signals=(caught, relayed)) == (
        "TERM to sudo (caught) → sudo sends TERM to job (default) → dies",
    )


def test_a_chain_of_launchers_is_one_line() -> None:
    timeout, sudo, shell = launcher("timeout"), launcher(key=2), behind(3, 2)
    signals = (
        sent("TERM", RUNNER, timeout, CAUGHT),
        sent("TERM", timeout, sudo, CAUGHT, at=0.5),
        sent("TERM", sudo, shell, at=1.0),
    )
    assert relays(timeout, sudo, shell, signals=signals) == (
        (
            "TERM to timeout (caught) → timeout sends TERM to sudo (caught) → sudo sends TERM to job "
            "(default) → dies"
        ),
    )


def test_a_group_is_told_as_one_with_what_became_of_each() -> None:
    timeout, shell, sleeper = launcher("timeout"), behind(), below()
    signals = (
        sent("TERM", RUNNER, timeout, CAUGHT),
        to_group(sent("TERM", timeout, timeout, IGNORED, at=1.0)),
        to_group(sent("TERM", timeout, shell, at=1.0)),
        to_group(sent("TERM", timeout, sleeper, at=1.0)),
    )
    assert relays(timeout, shell, sleeper, signals=signals) == (
        (
            "TERM to timeout (caught) → timeout sends TERM to the group: job (default) dies and child "
            "(default) dies"
        ),
    )


def test_whom_the_sender_has_killed_already_is_not_told_again() -> None:
    timeout, shell, sleeper = launcher("timeout"), behind(), below()
    signals = (
        sent("TERM", RUNNER, timeout, CAUGHT),
        sent("TERM", timeout, shell, at=1.0),
        to_group(sent("TERM", timeout, shell, PENDING, at=1.1)),
        to_group(sent("TERM", timeout, sleeper, at=1.1)),
    )
    assert relays(timeout, shell, sleeper, signals=signals) == (
        "TERM to timeout (caught) → timeout sends TERM to job (default) → dies",
        "TERM to timeout (caught) → timeout sends TERM to the group: child (default) dies",
    )


def test_a_second_try_at_one_who_dies_of_the_first_is_not_told() -> None:
    script, shell = launcher("script"), behind()
    signals = (
        sent("TERM", RUNNER, script, CAUGHT),
        sent("TERM", script, shell, at=1.0),
        sent("TERM", script, shell, PENDING, at=1.1),
    )
    assert relays(script, shell, signals=signals) == (
        "TERM to script (caught) → script sends TERM to job (default) → dies",
    )


def test_who_was_dying_already_is_left_out_of_a_group() -> None:
    timeout, shell, sleeper = launcher("timeout"), behind(doomed_ms=0.1), below()
    signals = (
        sent("TERM", RUNNER, timeout, CAUGHT),
        sent("TERM", RUNNER, shell),
        to_group(sent("TERM", timeout, shell, PENDING, at=1.0)),
        to_group(sent("TERM", timeout, sleeper, at=1.0)),
    )
    assert relays(timeout, shell, sleeper, signals=signals) == (
        "TERM to timeout (caught) → timeout sends TERM to the group: child (default) dies",
    )


def test_what_wakes_a_process_up_is_no_relay() -> None:
    sudo, shell = launcher(), survivor("job", parent=1)
    signals = (
        sent("TERM", RUNNER, sudo, CAUGHT),
        sent("CONT", RUNNER, sudo, CAUGHT, at=0.2),
        sent("TERM", sudo, shell, CAUGHT, at=1.0),
        sent("CONT", sudo, shell, CAUGHT, at=1.1),
    )
    assert relays(sudo, shell, signals=signals) == (
        "TERM to sudo (caught) → sudo sends TERM to job (caught)",
    )


def test_a_relay_to_somebody_who_is_dying_of_another_is_told_as_that() -> None:
    make, shell = launcher("make"), behind(doomed_ms=0.1, dies_at=1.5)
    signals = (
        sent("TERM", RUNNER, make, CAUGHT),
        sent("TERM", RUNNER, shell),
        sent("TERM", make, shell, PENDING, at=1.0),
    )
    assert relays(make, shell, signals=signals) == (
        "TERM to make (caught) → make sends TERM to job (already dying)",
    )


def test_a_group_in_which_one_sends_on_goes_on_with_him() -> None:
    tini, shell, sleeper = launcher("tini"), behind(dies_at=3.0), below(ended=3.0, doomed_ms=2.0)
    signals = (
        sent("TERM", RUNNER, tini, CAUGHT),
        to_group(sent("TERM", tini, shell, CAUGHT, at=1.0)),
        to_group(sent("TERM", tini, sleeper, IGNORED, at=1.0)),
        sent("KILL", shell, sleeper, at=2.0),
    )
    shown = relays(tini, shell, replace(sleeper, end=None, ended_ms=None), signals=signals)
    assert shown == (
        (
            "TERM to tini (caught) → tini sends TERM to the group: job (caught) and child (ignored) → "
            "job sends KILL to child (default)"
        ),
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [("EPERM", "job: refused (EPERM)"), ("ESRCH", "job: nobody is there (ESRCH)")],
)
def test_a_relay_that_failed_says_how(error: str, words: str) -> None:
    sudo, shell = launcher(), survivor("job", parent=1)
    failed = sent("TERM", sudo, None, PENDING, at=1.0, error=error, receiver_role="job")
    shown = relays(sudo, shell, signals=(sent("TERM", RUNNER, sudo, CAUGHT), failed))
    assert shown[0] == f"TERM to sudo (caught) → sudo sends TERM to {words}"


def test_what_a_process_sends_belongs_to_the_signal_of_that_name() -> None:
    sudo, shell = launcher(), behind()
    signals = (
        sent("HUP", RUNNER, sudo, CAUGHT, at=0.1),
        sent("USR1", RUNNER, sudo, CAUGHT, at=0.2),
        sent("HUP", sudo, shell, at=1.0),
    )
    shown = relays(sudo, replace(shell, end=None, ended_ms=None), signals=signals)
    assert shown == ("HUP to sudo (caught) → sudo sends HUP to job (default)",)


def test_what_is_sent_before_a_blocked_signal_is_delivered_does_not_follow_from_it() -> None:
    sudo, shell = launcher(), behind()
    late = replace(sent("TERM", RUNNER, sudo, CAUGHT), delivered_ms=3.0)
    shown = relays(sudo, shell, signals=(late, sent("TERM", sudo, shell, at=1.0)))
    assert shown == ("TERM to sudo (caught) ⇢ sudo sends TERM to job (default) → dies",)


def test_a_launcher_that_raises_the_signal_again_is_told() -> None:
    make, shell = launcher("make", ended=4.0, status=None, signal="TERM"), behind()
    signals = (
        sent("TERM", RUNNER, make, CAUGHT),
        sent("TERM", make, shell, at=1.0),
        sent("TERM", make, make, at=3.0),
    )
    assert relays(make, shell, signals=signals) == (
        "TERM to make (caught) → make sends TERM to job (default) → dies",
        "TERM to make (caught) → make sends TERM to itself (default) → dies",
    )


def test_an_init_that_waits_for_signals_is_told_as_one_that_takes_them() -> None:
    tini = launcher("tini", dispositions=Dispositions((), (), ("HUP",)))
    shell = behind()
    signals = (sent("TERM", RUNNER, tini, PENDING), sent("TERM", tini, shell, at=1.0))
    assert relays(tini, shell, signals=signals) == (
        "TERM to tini (waited for) → tini sends TERM to job (default) → dies",
    )


def test_a_program_that_a_trap_starts_is_told_with_its_job() -> None:
    shell = job(dies_at=9.0, signal=None, status=143, doomed_ms=None)
    tunnel = survivor("tunnel", key=2, ended=5.2, signal="TERM")
    pkill = process("pkill", "/usr/bin/pkill", key=3, parent=1, started_ms=3.0, ended=6.0, status=0)
    signals = (sent("TERM", RUNNER, shell, CAUGHT), sent("TERM", pkill, tunnel, at=5.0))
    assert relays(shell, tunnel, pkill, signals=signals) == (
        "TERM to job (caught) → job starts pkill, which sends TERM to tunnel (default) → dies",
    )
    sudo = launcher(key=4, started_ms=2.0, ended=8.0)
    assert relays(shell, tunnel, sudo, replace(pkill, parent=4), signals=signals) == (
        (
            "TERM to job (caught) → below job pkill, started then, sends TERM to tunnel (default) → "
            "dies"
        ),
    )


def test_a_child_that_was_there_already_follows_from_nothing_that_its_job_caught() -> None:
    shell = survivor("job", key=1)
    busy, sleeper = survivor("busy", key=2), survivor(key=3)
    signals = (sent("TERM", RUNNER, shell, CAUGHT), sent("USR1", busy, sleeper, IGNORED, at=1.0))
    assert relays(shell, busy, sleeper, signals=signals) == ()


def test_what_a_job_sends_of_its_own_is_no_relay_of_its_launchers() -> None:
    sudo, shell, sleeper = launcher(), survivor("job", parent=1), survivor(key=3, parent=2)
    shell = replace(shell, key=2, started_ms=5.0)
    signals = (
        sent("TERM", RUNNER, sudo, CAUGHT),
        sent("TERM", sudo, shell, IGNORED, at=6.0),
        sent("TERM", shell, sleeper, IGNORED, at=7.0),
    )
    assert relays(sudo, shell, sleeper, signals=signals) == (
        "TERM to sudo (caught) → sudo sends TERM to job (ignored)",
    )


# -- what only time connects


def monitored() -> tuple[Process, Process, Process]:
    """sudo with a terminal of its own: a monitor stands between it and the job."""
    sudo = launcher(terminal=None)
    monitor = launcher("sudo:fork", key=2, parent=1, pid=4, session=4, terminal="pts/1")
    return sudo, monitor, behind(3, 2, session=4, terminal="pts/1", group=5)


def test_a_monitor_that_got_no_signal_itself_is_told_with_what_sudo_caught() -> None:
    sudo, monitor, shell = monitored()
    signals = (sent("TERM", RUNNER, sudo, CAUGHT), to_group(sent("TERM", monitor, shell, at=1.0)))
    found = cell(sudo, monitor, shell, signals=signals)
    assert render.told(found).relays == (
        (
            "TERM to sudo (caught) ⇢ sudo:fork, which got no signal itself, sends TERM to the group: "
            "job (default) dies"
        ),
    )
    assert f"  ({MEANING})" in render.story(found)


def test_the_meaning_of_the_arrow_is_told_only_where_it_is_used() -> None:
    sudo, shell = launcher(), behind()
    signals = (sent("TERM", RUNNER, sudo, CAUGHT), sent("TERM", sudo, shell, at=1.0))
    assert LATER.strip() not in "\n".join(render.story(cell(sudo, shell, signals=signals)))


def test_a_launcher_that_dies_as_its_job_did_is_told_with_the_job() -> None:
    sudo = launcher(status=None, signal="TERM")
    shell = behind(doomed_ms=0.1, dies_at=0.5)
    signals = (sent("TERM", RUNNER, shell), sent("TERM", sudo, sudo, at=1.0))
    assert relays(sudo, shell, signals=signals) == (
        "job died of TERM ⇢ sudo sends TERM to itself (default) → dies",
    )


def far_job(**more: Any) -> tuple[Process, Process, Process]:
    """ssh here; a server's process and the job on the other host."""
    ssh = launcher("ssh", status=255)
    server = launcher("sshd", key=2, parent=None, far=True, user="root", ended=None)
    shell = behind(3, 2, pid=7, far=True, session=7, **more)
    return ssh, server, shell


def test_a_request_to_the_other_host_is_told_with_what_the_server_sends() -> None:
    ssh, server, shell = far_job()
    assert relays(
        ssh,
        server,
        shell,
        signals=(to_group(sent("TERM", server, shell, at=1.0)),),
        fired=(Fired(0.0, "request TERM"),),
    ) == (
        (
            "request TERM ⇢ on the other host sshd, which got no signal itself, sends TERM to the "
            "group: job (default) dies"
        ),
    )


def test_a_terminal_that_is_closed_on_the_other_host_is_told() -> None:
    ssh, server, shell = far_job(terminal="pts/0", of="HUP")
    signals = (sent("TERM", RUNNER, ssh, CAUGHT), by_terminal("HUP", shell))
    assert relays(ssh, server, shell, signals=signals) == (
        (
            "TERM to ssh (caught) ⇢ terminal pts/0 on the other host is closed, and sends HUP to job "
            "(default) → dies"
        ),
    )


def test_a_leader_is_looked_for_on_his_own_host() -> None:
    ssh, server, shell = far_job(terminal="pts/0", of="HUP")
    namesake = launcher("timeout", key=4, pid=7, ended=0.5)
    signals = (sent("TERM", RUNNER, ssh, CAUGHT), by_terminal("HUP", shell))
    assert "terminal pts/0 on the other host is closed" in "".join(
        relays(ssh, server, shell, namesake, signals=signals)
    )


def test_what_killed_the_client_is_told_in_front_of_what_came_next() -> None:
    ssh, server, shell = far_job(terminal="pts/0", of="HUP")
    ssh = replace(ssh, end=End(signal="KILL"))
    signals = (sent("KILL", RUNNER, ssh), by_terminal("HUP", shell))
    assert relays(ssh, server, shell, signals=signals)[0].startswith(
        "KILL to ssh (default) → dies ⇢ terminal pts/0"
    )


def test_a_key_that_reaches_another_terminal_is_told() -> None:
    sudo, monitor, shell = monitored()
    shown = relays(
        sudo,
        monitor,
        replace(shell, end=None, ended_ms=None),
        signals=(by_terminal("INT", shell),),
        fired=(Fired(0.0, r"type '\x03'"),),
    )
    assert shown == (r"type '\x03' ⇢ terminal pts/1 sends INT to job (default)",)


def test_what_the_runners_own_terminal_sends_is_the_cancellation_and_no_relay() -> None:
    shell = job(of="HUP", terminal="pts/0")
    shown = relays(shell, signals=(by_terminal("HUP", shell, at=0.1),))
    assert shown == ()


def test_the_end_of_a_sessions_leader_is_told_with_the_hang_up_that_it_makes() -> None:
    shell = job(dies_at=0.5, of="QUIT", terminal="pts/0", pid=3, session=3)
    sleeper = child(ended=2.0, signal="HUP", terminal="pts/0", session=3, doomed_ms=1.0)
    signals = (by_terminal("QUIT", shell, at=0.1), by_terminal("HUP", sleeper))
    assert relays(shell, sleeper, signals=signals) == (
        (
            "job, the leader of its session, has ended → the terminal sends HUP to child (default) → "
            "dies"
        ),
    )


# -- who relays nothing


@pytest.mark.parametrize(
    ("met", "end", "words"),
    [
        (DEFAULT, {"status": None, "signal": "TERM"}, "(default) → dies"),
        (CAUGHT, {"status": 1}, "(caught)"),
        (IGNORED, {"ended": None}, "(ignored)"),
    ],
)
def test_a_launcher_that_leaves_the_job_without_a_signal_is_told(
    met: Disposition, end: dict[str, Any], words: str
) -> None:
    xargs, shell = launcher("xargs", **end), survivor("job", parent=1)
    assert relays(xargs, shell, signals=(sent("TERM", RUNNER, xargs, met),)) == (
        f"TERM to xargs {words}, and job gets no signal",
    )


def test_a_launcher_that_blocks_the_signal_is_told() -> None:
    su = launcher("su", ended=None, dispositions=Dispositions((), (), ("INT",)))
    shell = survivor("job", parent=1)
    assert relays(su, shell, signals=(sent("INT", RUNNER, su, PENDING),)) == (
        "INT to su (blocked), and job gets no signal",
    )


def test_a_job_that_was_signalled_with_its_launcher_is_no_matter_of_relays() -> None:
    xargs, shell = launcher("xargs", status=None, signal="TERM"), behind(doomed_ms=0.1)
    signals = tuple(to_group(sent("TERM", RUNNER, p)) for p in (xargs, shell))
    assert relays(xargs, shell, signals=signals) == ()


def test_what_was_sent_to_others_than_launchers_is_not_told_as_a_relay_that_failed() -> None:
    xargs, shell = launcher("xargs", status=None, signal="TERM"), survivor("job", parent=1)
    sleeper = below(ended=None, signal=None, doomed_ms=None)
    signals = (sent("TERM", RUNNER, xargs), sent("TERM", RUNNER, sleeper, IGNORED))
    assert relays(xargs, shell, sleeper, signals=signals) == (
        "TERM to xargs (default) → dies, and job gets no signal",
    )


def test_a_job_without_a_launcher_that_sends_nothing_on_is_not_remarked() -> None:
    shell = job(dies_at=9.0, signal=None, status=1, doomed_ms=None)
    assert relays(shell, survivor(), signals=(sent("TERM", RUNNER, shell, CAUGHT),)) == ()


# -- limits


def test_without_a_trace_no_relay_is_told() -> None:
    xargs, shell = launcher("xargs", status=None, signal="TERM"), survivor("job", parent=1)
    signals = (sent("TERM", RUNNER, xargs),)
    assert relays(xargs, shell, signals=signals, evidence=Evidence.PROC) == ()


def test_two_that_answer_each_other_for_ever_are_told_to_a_depth() -> None:
    one, other = survivor("job", key=1), survivor(key=2)
    answers = [
        sent("USR1", sender, receiver, CAUGHT, at=n / 10)
        for n, (sender, receiver) in enumerate([(one, other), (other, one)] * 2000)
    ]
    (line,) = relays(one, other, signals=(sent("USR1", RUNNER, one, CAUGHT, at=-0.0), *answers))
    assert line.endswith("→ …")
    assert len(line) < 500


def test_many_chains_are_counted() -> None:
    shell = job(dies_at=9.0, signal=None, status=1, doomed_ms=None)
    crowd = [survivor(f"child{n}", key=n) for n in range(2, 50)]
    signals = tuple(sent("TERM", shell, p, IGNORED, at=1.0 + p.key) for p in crowd)
    shown = relays(shell, *crowd, signals=(sent("TERM", RUNNER, shell, CAUGHT), *signals))
    assert len(shown) == 21
    assert shown[-1] == "… and 28 more"


def test_relays_are_data_too() -> None:
    sudo, shell = launcher(), behind()
    found: Observation = cell(sudo, shell, signals=(sent("TERM", RUNNER, sudo, CAUGHT),))
    assert render.told(found).relays == ("TERM to sudo (caught), and job gets no signal",)
