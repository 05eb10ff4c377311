"""The gist on ssh: what a client passes on, what a terminal changes, and what that costs."""

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import (
    DROPBEAR,
    below,
    got,
    lived_at,
    names,
    still,
    there_then,
)
from aftercancel.judge.effects import WITH, WITHOUT, Compared, Difference, compare
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.judge.words import listed, visible
from aftercancel.model import Observation, Process, Sent, Signal

_RFC = (
    *("ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM"),
    *("USR1", "USR2"),
)
"""The names of RFC 4254 6.10."""
_ANY_SSH = "*/*/{ssh,ssh-*,*-ssh}/*/"
_CUT = "{*-process,*-group,connection-*,link-down,hang-up}"
"""The client ends, or the connection does."""


@claim(
    "G9",
    source=Source.GIST,
    sentence="OpenSSH does not pass received signals to the remote process",
    tried="TERM, INT, HUP, QUIT, KILL and others at the ssh client",
    # With dropbear too: the client is OpenSSH's there, and that server would carry a request out.
    cells=f"{_ANY_SSH}{{*-process,*-group}}",
    traced=True,
)
def g9(case: Case) -> Answer:
    """The client got a signal, and nothing on the other host got the same from the server.

    A HUP that the kernel sends there because a terminal was closed is not passed on: it comes
    whatever the client got.
    """
    observation = case.observation
    client = next((p for p in observation.processes if p.program == "ssh" and not p.far), None)
    names_got = sorted({s.signal for s in got(client, observation)}) if client else []
    if not names_got:
        return could_not_tell("The ssh client got no signal.")
    passed = [s for s in _from_server(observation, kernel=False) if s.signal in names_got]
    told = f"The client got {listed(names_got)}"
    if passed:
        return no(f"{told}; the server sent {_to_whom(passed)}.")
    # PIPE comes to whoever prints once nobody reads: that is no signal of the connection's.
    other = {s.signal for s in _from_server(observation, kernel=True)} - {"PIPE"}
    instead = f": there the kernel sent {listed(sorted(other))}" if other else ""
    return yes(f"{told}, and did not pass it to the other host{instead}.")


@claim(
    "G9a",
    source=Source.GIST,
    sentence="Nor does OpenSSH provide a mechanism to manually send a signal: its server does not "
    "carry out the request “signal” that RFC 4254 6.9 specifies",
    tried="The RFC's “signal” request sent by paramiko and by asyncssh to sshd, with and without a "
    "forced command",
    cells="*/*/signal-*/*/request-*",
    without=DROPBEAR,
    traced=True,
)
def g9a(case: Case) -> Answer:
    """None of the signals that the client asked for came to the job from the server.

    Names that are not the RFC's ask for no signal.
    """
    observation = case.observation
    asked = [f.what.removeprefix("request ") for f in observation.fired if f.error is None]
    asked = [name for name in asked if name in _RFC]
    if not asked:
        return could_not_tell("No signal was asked for that has a name in the RFC.")
    sent = {s.signal for s in _from_server(observation, kernel=False)}
    carried_out = [name for name in asked if name in sent]
    ignored = [name for name in asked if name not in sent]
    rest = f", not {listed(ignored, most=len(ignored))}" if ignored else ""
    if carried_out:
        return no(f"The server sent the job {listed(carried_out, most=len(carried_out))}{rest}.")
    return yes(f"The server sent the job nothing: {listed(asked, most=len(asked))} was asked for.")


@claim(
    "G10",
    source=Source.GIST,
    sentence="OpenSSH will pass a CTRL+C character, but only when invoked with -tt",
    tried="Byte 0x03 on the client's input, and ^C at its terminal × ssh, ssh -tt × remote plain, "
    "nohup, setsid, background",
    # With dropbear too: OpenSSH's client asks for the terminal and passes the byte, and the kernel
    # makes INT of it.
    cells=f"{_ANY_SSH}{{byte-03,ctrl-c}}",
    traced=True,
)
def g10(case: Case) -> Answer:
    """With a terminal on the other host ^C became INT there; without one nothing did.

    Where ^C became INT at the client's own terminal already, the client got no character that it
    could pass: that says nothing.
    """
    observation = case.observation
    command = _command(observation)
    if command is None:
        return could_not_tell("The command was not running on the other host.")
    if _typed_as_signal(observation):
        return could_not_tell("^C became INT on this side: the client got no character to pass.")
    sent = [s for s in _from_server(observation, kernel=True) if s.signal == "INT"]
    there = "The command has a terminal" if command.terminal else "The command has no terminal"
    told = f"{there}, and ^C became {_to_whom(sent)}." if sent else f"{there}; nothing got INT."
    return yes(told) if bool(sent) is (command.terminal is not None) else no(told)


@claim(
    "G10a",
    source=Source.GIST,
    sentence="It will send HUP to the remote process group when it disconnects, but only when a "
    "pseudoterminal is allocated",
    tried="Client killed, connection cut × ssh, ssh -tt × remote plain, nohup, setsid, background",
    cells=f"{_ANY_SSH}{_CUT}",
    without=DROPBEAR,
    traced=True,
)
def g10a(case: Case) -> Answer:
    """With a terminal, every process of the remote command's group got HUP; without, none.

    Of those with a terminal, one that had ended by itself before counts as if it had.
    HUP of the terminal or of the server counts. Where the server goes on, since it has not
    noticed that the connection is gone, nothing has been disconnected: that says nothing.
    """
    observation = case.observation
    command = _command(observation)
    if command is None:
        return could_not_tell("The command was not running on the other host.")
    servers = facts.servers(observation)
    if any(p.ended_ms is None for p in observation.processes if p.key in servers):
        return could_not_tell("The server had not noticed a disconnection: it was still running.")
    hung_up = [
        s
        for kernel in (True, False)
        for s in _from_server(observation, kernel=kernel)
        if s.signal == "HUP"
    ]
    if command.terminal is None:
        told = "The command has no terminal, and"
        came = f"{told} {_to_whom(hung_up)} came nevertheless."
        return no(came) if hung_up else yes(f"{told} nothing got HUP.")
    told = "The command has a terminal"
    if not hung_up:
        return no(f"{told}, and nothing got HUP.")
    spared = _spared(command, observation, {s.receiver for s in hung_up})
    if spared:
        return no(f"{told}, and HUP came, but not to {names(spared)} of its process group.")
    return yes(f"{told}, and HUP came to its process group.")


def _spared(command: Process, observation: Observation, hung_up: set[int | None]) -> list[Process]:
    """Those of its group that got no HUP, though they had not ended before the last could come.

    The kernel tells the session's leader when the terminal goes, and the group when that ends.
    """
    everybody = there_then(facts.of_the_job(observation), observation)
    return [
        p
        for p in everybody
        if p.far
        and p.group == command.group
        and p.key not in hung_up
        and (command.ended_ms is None or lived_at(p, command.ended_ms))
    ]


@claim(
    "G14",
    source=Source.GIST,
    sentence="Invoked with -tt, or else through a wrapper that translates EOF to SIGHUP, ssh's "
    "remote processes will receive HUP if the ssh connection goes away",
    tried="Both × client TERM, KILL, connection cut",
    cells="*/*/{ssh-tt,ssh-tt-*,ssh-eof-wrapper*}/*/"
    "{TERM-process,KILL-process,connection-*,link-down,hang-up}",
    traced=True,
)
def g14(case: Case) -> Answer:
    """The job, and every process below it that was there, got HUP.

    What they do about it is told, but not asked. A connection that is cut and not noticed is
    gone too: where nothing got HUP of it, that is a no.
    """
    observation = case.observation
    job = facts.job_process(observation)
    if job is None or not job.far or not lived_at(job, facts.since_ms(observation)):
        return could_not_tell("The job was not running on the other host.")
    remote = there_then((job, *below(job, observation)), observation)
    spared = [p for p in remote if not got(p, observation, "HUP")]
    left = [p for p in remote if p.ended_ms is None]
    rest = f"; {still(left)}" if left else ""
    if spared:
        return no(f"{names(spared)} did not get HUP{rest}.")
    return yes(f"HUP came to {names(remote)}{rest}.")


@claim(
    "G15",
    source=Source.GIST,
    sentence="Forcing ssh to perform pty allocation has no side effect on a non-interactive script",
    tried="Bytes in and out, isatty and what programs do about it, control bytes in data, the end "
    "of input and of the job, the environment: each compared with and without -tt",
    cells={
        "without": tuple(dict.fromkeys(effect.cell(WITHOUT) for effect in EFFECTS)),
        "with": tuple(dict.fromkeys(effect.cell(WITH) for effect in EFFECTS)),
    },
    apart=("launcher",),
    asks="What negative side effects could forcing ssh to perform pty allocation have on a "
    "non-interactive script?",
)
def g15(case: Case) -> Answer:
    """Every question of the table of effects that these two cells answer is answered alike."""
    both = (case["without"], case["with"])
    cells = tuple(observation.cell for observation in both)
    rows = compare(both, [effect for effect in EFFECTS if effect.cells == cells])
    differing = [row for row in rows if row.difference is Difference.DIFFERS]
    if differing:
        return no(" ".join(_row(row) for row in differing))
    if not rows or any(row.difference is not Difference.SAME for row in rows):
        return could_not_tell("The two do not tell what they show.")
    return yes(" ".join(f"{row.question} {row.without.seen[0]}, with and without." for row in rows))


def _row(row: Compared) -> str:
    return f"{row.question} {row.without.seen[0]}; with -tt: {row.with_terminal.seen[0]}."


def _command(observation: Observation) -> Process | None:
    """What the server started for the client: the first of the remote processes not its own."""
    servers = facts.servers(observation)
    far = there_then(facts.of_the_job(observation), observation)
    return next((p for p in far if p.far and p.key not in servers), None)


def _typed_as_signal(observation: Observation) -> bool:
    """Whether a terminal on this side made INT of ^C."""
    near = {p.key for p in facts.of_the_job(observation) if not p.far}
    return any(
        s.signal == "INT" and s.to is Sent.KERNEL and s.receiver in near
        for s in facts.effects(observation)
    )


def _from_server(observation: Observation, *, kernel: bool) -> list[Signal]:
    """What the remote processes got from the server's processes, or from the kernel there."""
    servers = facts.servers(observation)
    far = {p.key for p in facts.of_the_job(observation) if p.far} - servers
    return [
        s
        for s in facts.effects(observation)
        if s.receiver in far
        and s.error is None
        and s.signal != "CONT"  # the kernel's, behind each HUP
        and (s.to is Sent.KERNEL if kernel else s.sender in servers)
    ]


def _to_whom(signals: list[Signal]) -> str:
    """``HUP to child and job``, signal by signal."""
    by_name: dict[str, set[str]] = {}
    for signal in signals:
        by_name.setdefault(signal.signal, set()).add(visible(signal.receiver_role))
    return listed([f"{name} to {listed(sorted(by_name[name]))}" for name in sorted(by_name)])
