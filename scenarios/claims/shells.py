"""What is said of shells."""

from aftercancel.judge import facts, judged
from aftercancel.judge.claims import (
    Answer,
    Case,
    Source,
    claim,
    could_not_tell,
    no,
    yes,
)
from aftercancel.judge.words import ended, listed, visible
from aftercancel.model import CleanUp, Disposition, Observation, Process

FLAGS = ("*/*-e/*/*/*", "*/*-xe/*/*/*")
"""Shells with flags: the plain ones are meant."""
CANCELS = "{TERM-*,cancel,canceling,canceled,abort,stop,job-timeout,script-timeout}"


def _job(observation: Observation) -> Process:
    job = facts.job_process(observation)
    assert job is not None
    return job


def _after(process: Process, moment_ms: float) -> bool:
    """Whether it lived on after that."""
    return process.ended_ms is None or process.ended_ms > moment_ms


@claim(
    "H1",
    source=Source.SHELLS,
    sentence="A shell such as bash that gets INT alone while a foreground child runs, ends",
    tried="INT to the process of scripts that have no INT trap × every shell",
    cells="{no-trap,exit-trap,background}/*/none/plain*/INT-process",
    without=FLAGS,
    traced=True,
)
def h1(case: Case) -> Answer:
    """INT was sent to the job's shell, the foreground child lived then and was sent nothing by the
    runner, and the shell has ended when the cell is decided.
    """
    observation = case.observation
    job, since = _job(observation), facts.since_ms(observation)
    sent = [s for s in facts.effects(observation) if s.sender == facts.RUNNER_KEY]
    if not any(s.signal == "INT" and s.receiver == job.key for s in sent):
        return could_not_tell("The job's shell was not sent INT.")
    if any(s.receiver not in (None, job.key) for s in sent):
        return could_not_tell("The runner signalled others too.")
    children = [p for p in facts.of_the_job(observation) if p.role == "child"]
    if not any(_after(p, since) for p in children):
        return could_not_tell("No foreground child was running.")
    if job.ended_ms is None:
        return no("The shell was still there, and so was its foreground child.")
    return yes(f"The shell {ended(job.end)}.")


@claim(
    "H2",
    source=Source.SHELLS,
    sentence="A second TERM during the clean-up does no harm",
    tried="TERM to the group, and again 0.4 s later × clean-up in an EXIT trap, in a TERM trap, "
    "behind “trap '' TERM”, in a child, in Python",
    cells="*/*/none/plain*/TERM-twice",
    without=FLAGS,
)
def h2(case: Case) -> Answer:
    """The clean-up had begun and not ended when the second TERM came, and yet it ran to its end,
    was not begun again, and nothing that it had started died of TERM.
    """
    observation = case.observation
    name, second = observation.declared.cleanup, observation.fired[-1].at_ms
    marks = facts.marks_since(observation)
    begins = [m.at_ms for m in marks if m.name in (name, f"{name} begin")]
    ends = [m.at_ms for m in marks if m.name in (name, f"{name} end")]
    # One wording: of a job that ends about then, chance decides which of these is so.
    came = name is not None and len(observation.fired) > 1
    if not came or not any(at < second for at in begins) or any(at < second for at in ends):
        return could_not_tell("There was no clean-up that a second TERM could have come upon.")
    cleanup = case.outcome.cleanup
    if cleanup is CleanUp.UNKNOWN:
        return could_not_tell("Whether the clean-up ran to its end is not known.")
    killed = _killed_by(observation, min(begins), second)
    harm = ["the clean-up was cut off"] if cleanup is not CleanUp.RAN else []
    harm += ["the clean-up began again"] if any(at > second for at in begins) else []
    harm += [f"{listed(killed)}, which the clean-up had started, died of it"] if killed else []
    if harm:
        return no(f"The second TERM came during the clean-up: {listed(harm)}.")
    return yes("The second TERM came during the clean-up, which ran to its end undisturbed.")


def _killed_by(observation: Observation, begun: float, second: float) -> list[str]:
    """What was started since the clean-up began, and died of the second TERM."""
    born = (p for p in facts.of_the_job(observation) if begun <= p.started_ms < second)
    dead = (p for p in born if _after(p, second))
    return sorted({visible(p.role) for p in dead if p.end is not None and p.end.signal == "TERM"})


@claim(
    "H3",
    source=Source.SHELLS,
    sentence="A signal that was ignored when the shell started can be trapped",
    tried="a script with traps, started with TERM, INT and HUP ignored × those × every shell",
    cells="ignored-at-entry/*/none/plain*/{TERM,INT,HUP}-*",
    without=FLAGS,
    traced=True,
)
def h3(case: Case) -> Answer:
    """The signal was sent to the job's shell, which caught it and ran the trap to its end."""
    observation = case.observation
    job = _job(observation)
    met = [
        s
        for s in facts.by_receiver(observation).get(job.key, [])
        if s.sender == facts.RUNNER_KEY and facts.notable(s)
    ]
    if not met:
        return could_not_tell("The job's shell was not signalled.")
    signal = met[0].signal
    if met[0].disposition is Disposition.IGNORED:
        return no(f"The shell still ignored {signal}, though it had set a trap for it.")
    if case.outcome.cleanup is CleanUp.RAN:
        return yes(f"The shell caught {signal} and ran its trap.")
    if met[0].disposition is Disposition.CAUGHT:
        return could_not_tell(f"The shell caught {signal}, but its trap did not run to its end.")
    return no(f"The shell had no trap for {signal}.")


@claim(
    "H4",
    source=Source.SHELLS,
    sentence="Adding a TERM trap to a bash script that has an EXIT trap makes its clean-up more "
    "certain",
    tried="an EXIT trap with and without a TERM trap that exits, round a foreground child × TERM, "
    "and every runner's own cancel",
    cells={
        "without": f"exit-trap/bash*/none/*/{CANCELS}",
        "with": f"term-exit-traps/bash*/none/*/{CANCELS}",
    },
    without=FLAGS,
    apart=("job",),
)
def h4(case: Case) -> Answer:
    """The clean-up ran to its end with the TERM trap, and did not without it."""
    found = {part: judged(case[part]).cleanup for part in ("without", "with")}
    if CleanUp.UNKNOWN in found.values():
        return could_not_tell("Whether the clean-up ran is not known of both scripts.")
    without, having = (_ran(found[part]) for part in ("without", "with"))
    told = f"Without the TERM trap the clean-up {without}, with it it {having}"
    if found["with"] is CleanUp.RAN and found["without"] is not CleanUp.RAN:
        return yes(f"{told}.")
    if found["with"] is found["without"]:
        return no(f"The clean-up {without} without the TERM trap, and with it just the same.")
    job = _job(case["with"])
    still = ": the shell was still there" if job.ended_ms is None else ""
    return no(f"{told}{still}.")


def _ran(cleanup: CleanUp) -> str:
    words = {CleanUp.RAN: "ran to its end", CleanUp.CUT_OFF: "was cut off"}
    return words.get(cleanup, "never began")


@claim(
    "H5",
    source=Source.SHELLS,
    sentence="A child started with & dies of ^C like the rest",
    tried="a child started with & × INT to the group, ^C at a terminal × every shell, with and "
    "without set -m",
    cells="background{,-monitor}/*/none/plain*/{INT-group,ctrl-c}",
    without=FLAGS,
    traced=True,
)
def h5(case: Case) -> Answer:
    """The child that was started with & lived when ^C or INT came, and INT ended it."""
    observation = case.observation
    there = [
        p
        for p in facts.of_the_job(observation)
        if p.role == "background" and _after(p, facts.since_ms(observation))
    ]
    if not there:
        return could_not_tell("No child that was started with & was running.")
    end = there[0].end
    received = facts.by_receiver(observation).get(there[0].key, [])
    met = [s for s in received if s.signal == "INT"]
    if end is not None and end.signal == "INT":
        return yes("The child with & died of INT.")
    if any(s.disposition is Disposition.IGNORED for s in met):
        heard = "The child with & ignored INT"
    elif met:
        heard = "INT did not end the child with &"
    else:
        heard = "The child with & was not sent INT"
    if there[0].ended_ms is None:
        return no(f"{heard}, and was still there.")
    cause = facts.cause_of_death(there[0], received)
    by = f" from the {visible(cause.sender_role)}" if cause is not None else ""
    return no(f"{heard}, and {ended(end)}{by} afterwards.")
