"""ssh goes to another host: what that is, what is seen of it, and what becomes of it."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from aftercancel.judge import judged
from aftercancel.model import (
    Action,
    Cancellation,
    Channel,
    Evidence,
    Far,
    Job,
    Launcher,
    Observation,
    Server,
    Step,
    Target,
    TroubleKind,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    END,
    KILL_PROCESS,
    TERM_PROCESS,
    cell,
    job,
    observe,
    the,
)

CLIENT = ("/usr/bin/ssh", "-F", "/lab/ssh/config")
COMMAND = "env @ASSIGNMENTS@ @COMMAND@"
SSH = Launcher("ssh", "", (*CLIENT, "far", COMMAND), far=Far(Server.OPENSSH))
SSH_TT = replace(SSH, argv=(*CLIENT, "-tt", "far", COMMAND))
DROPBEAR = replace(SSH, far=Far(Server.DROPBEAR))
needs_sshd = pytest.mark.skipif(
    not os.path.exists("/usr/sbin/sshd"),
    reason="sshd is not there: apt-get install openssh-server",
)
needs_dropbear = pytest.mark.skipif(
    not os.path.exists("/usr/sbin/dropbear"),
    reason="dropbear is not there: apt-get install dropbear-bin",
)
SERVERS = [
    pytest.param(SSH, marks=needs_sshd, id="openssh"),
    pytest.param(DROPBEAR, marks=needs_dropbear, id="dropbear"),
]
LINK_DOWN = Cancellation("link-down", "", (Step(Action.CLOSE, channel=Channel.LINK),))
CONNECTION_KILLED = Cancellation(
    "connection-killed", "", (Step(Action.SIGNAL, signal="KILL", to=Target.CONNECTION),)
)
WAITING = job("mark ready\nROLE=child /bin/sleep 600", roles=("child",))


def seen_at(
    machine: ThisMachine, launcher: Launcher, what: Job | str, how: Cancellation = END
) -> Observation:
    made = what if isinstance(what, Job) else job(f"mark ready\n{what}", ends=True)
    return observe(machine, replace(cell(made, how), launcher=launcher))


@pytest.mark.parametrize("launcher", SERVERS)
def test_the_job_runs_as_ci_on_a_host_of_another_name(
    place: ThisMachine, launcher: Launcher
) -> None:
    seen = seen_at(place, launcher, "id -un; hostname; echo $MARKS")
    assert seen.stdout.text.split() == ["ci", "far", "/lab/marks"]
    assert seen.report is not None and seen.report.end.status == 0


PROCESSES = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"


@pytest.mark.parametrize("launcher", SERVERS)
def test_neither_host_sees_a_process_of_the_other(place: ThisMachine, launcher: Launcher) -> None:
    near = replace(
        launcher, argv=("/bin/sh", "-c", f'"$@" && {PROCESSES} >&2', "x", *launcher.argv)
    )
    seen = seen_at(place, near, PROCESSES)
    server = "sshd" if launcher is SSH else "dropbear"
    assert f"{server} -" in seen.stdout.text
    assert "/lab/ssh/config" not in seen.stdout.text
    assert "/bin/sh -c" in seen.stderr.text
    assert f"{server} -" not in seen.stderr.text


@pytest.mark.parametrize("launcher", SERVERS)
def test_there_is_no_way_to_any_third_host(place: ThisMachine, launcher: Launcher) -> None:
    seen = seen_at(place, launcher, "cat /proc/net/route")
    routes = [line.split()[:2] for line in seen.stdout.text.splitlines()[1:]]
    assert routes == [["eth0", "000200C0"]]  # 192.0.2.0, as the kernel writes it


@needs_sshd
def test_the_client_knows_no_agent_and_nothing_of_the_user_s(
    place: ThisMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")
    show = replace(SSH, argv=("/bin/sh", "-c", 'env; ls -A /etc/ssh ~; "$@" -G far; "$@" far id', "x", *CLIENT), far=Far(Server.OPENSSH, forced=COMMAND))  # fmt: skip
    with ThisMachine() as machine:
        seen = seen_at(machine, show, "true")
    said = seen.stdout.text
    assert "SSH_AUTH_SOCK" not in said
    assert "identityagent none" in said
    assert "userknownhostsfile /lab/ssh/known_hosts" in said
    assert "globalknownhostsfile /dev/null" in said
    assert "stricthostkeychecking true" in said
    assert "/etc/ssh:\n\n" in said


@needs_sshd
def test_a_process_says_which_host_it_is_on(place: ThisMachine) -> None:
    seen = seen_at(place, SSH, WAITING, TERM_PROCESS)
    assert not the(seen, "ssh").far
    assert the(seen, "job").far and the(seen, "child").far


@needs_sshd
def test_the_listening_server_is_no_survivor(place: ThisMachine) -> None:
    trap = "trap 'exit 1' HUP\nmark ready\nROLE=child /bin/sleep 600 & wait"
    seen = seen_at(place, SSH_TT, job(trap, roles=("child",)), KILL_PROCESS)
    alive = {p.role for p in seen.processes if p.ended_ms is None}
    assert not any(role.startswith("sshd") for role in alive)
    assert seen.trouble is None


@needs_sshd
def test_root_over_there_kills_the_server_of_the_connection(traced: ThisMachine) -> None:
    seen = seen_at(traced, SSH, WAITING, CONNECTION_KILLED)
    assert [(f.what, f.error) for f in seen.fired] == [("KILL to connection", None)]
    kills = [s for s in seen.signals if s.signal == "KILL"]
    assert [(s.sender, s.sender_role, s.receiver_role) for s in kills] == [
        (None, "far host", "sshd:fork")
    ]
    assert the(seen, "sshd").ended_ms is not None


@pytest.mark.parametrize("launcher", SERVERS)
def test_behind_a_cut_link_the_server_does_not_hear_that_the_client_has_gone(
    place: ThisMachine, launcher: Launcher
) -> None:
    """The control is the same with the link up: there the server ends with its client."""
    (cut,) = LINK_DOWN.steps
    (kill,) = KILL_PROCESS.steps
    both = Cancellation("both", "", (cut, Step(Action.WAIT, seconds=0.2), kill))
    server = "sshd" if launcher is SSH else "dropbear"
    cut_off, connected = (seen_at(place, launcher, WAITING, how) for how in (both, KILL_PROCESS))
    assert [(f.what, f.error) for f in cut_off.fired] == [
        ("close link", None),
        ("KILL to process", None),
    ]
    assert the(cut_off, "ssh").ended_ms is not None
    assert the(cut_off, server).ended_ms is None
    assert the(connected, server).ended_ms is not None


@pytest.mark.parametrize("launcher", SERVERS)
def test_without_a_trace_the_hosts_are_told_apart_as_well(
    without_trace: ThisMachine, launcher: Launcher
) -> None:
    seen = seen_at(without_trace, launcher, WAITING, LINK_DOWN)
    assert seen.evidence is Evidence.PROC
    assert seen.trouble is None
    assert the(seen, "child").far
    assert not the(seen, "ssh").far


def test_no_interface_of_a_cell_s_shows_on_this_machine() -> None:
    before = set(os.listdir("/sys/class/net"))
    with ThisMachine() as machine:
        seen_at(machine, SSH, WAITING, TERM_PROCESS)
        assert set(os.listdir("/sys/class/net")) == before
    assert set(os.listdir("/sys/class/net")) == before


# -- bad weather


@needs_sshd
def test_a_server_that_does_not_come_up_is_said_in_its_own_words(place: ThisMachine) -> None:
    broken = replace(SSH, far=Far(Server.OPENSSH, options=("NoSuchOption yes",)))
    seen = seen_at(place, broken, WAITING, TERM_PROCESS)
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.SANDBOX
    assert "Bad configuration option: NoSuchOption" in seen.trouble.words
    assert not judged(seen).known


@needs_sshd
def test_a_refused_key_is_said_in_the_client_s_and_the_server_s_words(place: ThisMachine) -> None:
    refusing = replace(SSH, far=Far(Server.OPENSSH, options=("DenyUsers ci",)))
    seen = seen_at(place, refusing, WAITING, TERM_PROCESS)
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.NOT_ARMED
    assert "Permission denied (publickey" in seen.trouble.words
    assert "not allowed because listed in DenyUsers" in seen.trouble.words
