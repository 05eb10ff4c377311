"""The gist on traps: when a handler is called, what -e hides, what the default action is."""

from typing import NamedTuple

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import (
    FLAGS,
    OWN_WAY,
    UNFLAGGED,
    begun,
    below,
    by_runner,
    got,
    handlers,
    lived_at,
    names,
    says,
    still,
    there_then,
)
from aftercancel.judge.words import ended
from aftercancel.model import Disposition, Observation, Process

_TERM = f"{{TERM-*,{OWN_WAY}}}"


@claim(
    "G5",
    source=Source.GIST,
    sentence="When a shell script has trapped a signal, it waits for any processes it spawned to "
    "complete before handling it",
    tried="TERM trap × {foreground child, child in background and wait, EXIT trap only} × TERM to "
    "the process, every shell",
    cells="{term-trap,exit-0-trap,term-exit-traps,all-traps,kill-in-handler,wait-trick,"
    "slow-term-cleanup-*,exit-trap}/*/none/*/TERM-process",
    without=FLAGS,
    traced=True,
)
def g5(case: Case) -> Answer:
    """The handler began only when no child that was there before the signal was left.

    Or it had not begun when the cell was decided, and such a child was still there. A script
    that dies of the signal has not trapped it, and a child that was signalled as well could not
    be waited for: both say nothing.
    """
    observation = case.observation
    job = facts.job_process(observation)
    came = [] if job is None else got(job, observation, "TERM")
    if job is None or not came:
        return could_not_tell("TERM did not come to the job.")
    if came[0].disposition is Disposition.DEFAULT:
        return could_not_tell("The script had not trapped TERM, and died of it.")
    children = there_then(below(job, observation), observation)
    told = {s.receiver for s in by_runner(observation)}
    if not children or any(p.key in told for p in children):
        return could_not_tell("The job had no child that could go on for it to wait for.")
    return _waited(observation, job, children)


def _waited(observation: Observation, job: Process, children: list[Process]) -> Answer:
    handler = "TERM" if "TERM" in handlers(observation) else "EXIT"
    beginning = begun(observation, handler, by=job.role)
    if beginning is None and job.ended_ms is None:
        waited = [p for p in children if p.ended_ms is None]
        seen = f"The handler ({handler}) had not begun"
        return yes(f"{seen}: {still(waited)}.") if waited else no(f"{seen}, and no child was left.")
    if beginning is None:
        return no(f"The handler ({handler}) never began: the job {ended(job.end)}.")
    running = [p for p in children if lived_at(p, beginning.at_ms)]
    if running:
        return no(f"The handler ({handler}) began while {still(running)}.")
    return yes(f"The handler ({handler}) began only when {names(children)} had ended.")


@claim(
    "G5a",
    source=Source.GIST,
    sentence="A signal handler that more forcefully KILLs a stuck child process never gets to",
    tried="A TERM trap that kills a foreground child which ignores TERM × TERM, every shell",
    cells=f"kill-in-handler/*/none/*/{_TERM}",
    without=FLAGS,
    traced=True,
)
def g5a(case: Case) -> Answer:
    """TERM came to the job, which has a handler for it, and the handler never began."""
    observation = case.observation
    job = facts.job_process(observation)
    came = [] if job is None else got(job, observation, "TERM")
    if job is None or not any(s.disposition is not Disposition.DEFAULT for s in came):
        return could_not_tell("TERM did not come to a job that has a handler for it.")
    if begun(observation, "TERM") is not None:
        return no("The handler began.")
    left = [p for p in below(job, observation) if p.ended_ms is None]
    rest = still(left) if left else f"the job {ended(job.end)}"
    return yes(f"The handler never began: {rest}.")


@claim(
    "G6",
    source=Source.GIST,
    sentence="With -e it can misleadingly appear that sh signals its subprocesses and "
    "automatically exits when signaled even if a trap is set, but behave differently without",
    tried="A TERM trap that does not exit × {-e or -xe, neither} × TERM to the process, to the "
    "group, leaf first",
    cells={
        "with -e": f"term-trap/*-{{e,xe}}/none/*/{_TERM}",
        "without": f"term-trap/{UNFLAGGED}/none/*/{_TERM}",
    },
    apart=("flags",),
    traced=True,
)
def g6(case: Case) -> Answer:
    """With -e job and child were gone and the job did not go on behind it; without it did.

    Or without it the job was still there. Two that behave alike are a no.
    """
    with_e, without = _after_term(case["with -e"]), _after_term(case["without"])
    if with_e is None or without is None:
        return could_not_tell("TERM came neither to the job nor to its child.")
    if with_e.words == without.words:
        return no(f"With -e and without, {with_e.words}.")
    told = f"With -e {with_e.words}; without, {without.words}."
    return yes(told) if with_e.exits and not without.exits else no(told)


class _AfterTerm(NamedTuple):
    exits: bool
    """Job and child are gone, and the job has not gone on: as if sh had ended both."""
    words: str


def _after_term(observation: Observation) -> _AfterTerm | None:
    job = facts.job_process(observation)
    if job is None:
        return None
    concerned = (job, *there_then(below(job, observation), observation))
    if not any(got(p, observation, "TERM") for p in concerned):
        return None
    handled = "after its handler" if begun(observation, "TERM") else "without its handler"
    if job.ended_ms is None:
        return _AfterTerm(exits=False, words=still(p for p in concerned if p.ended_ms is None))
    if says(observation, "after"):
        return _AfterTerm(exits=False, words=f"the job went on to its next command, {handled}")
    gone = all(p.ended_ms is not None for p in concerned)
    left = "" if gone else f", and {still(p for p in concerned if p.ended_ms is None)}"
    return _AfterTerm(exits=gone, words=f"the job ended at once, {handled}{left}")


@claim(
    "G7",
    source=Source.GIST,
    sentence="The default action for shell scripts upon receiving HUP, INT, and TERM is to abort, "
    "which triggers the EXIT handler",
    tried="EXIT trap only × every shell × HUP, INT, TERM × process, group",
    cells="exit-trap/*/none/*/{HUP,INT,TERM}-{process,group}",
    without=FLAGS,
    traced=True,
    asks="Is a system with another /bin/sh, like dash, different?",
)
def g7(case: Case) -> Answer:
    """The signal came to the job, its EXIT handler began, and the job ended."""
    return _aborted(case)


@claim(
    "G7a",
    source=Source.GIST,
    sentence="The default action for shell scripts upon receiving QUIT, too, is to abort, which "
    "triggers the EXIT handler",
    tried="EXIT trap only × every shell × QUIT × process, group",
    cells="exit-trap/*/none/*/QUIT-{process,group}",
    without=FLAGS,
    traced=True,
)
def g7a(case: Case) -> Answer:
    """As for HUP, INT and TERM: it came to the job, EXIT began, the job ended.

    A job that ignores the signal does not abort, even if it ends because its child died of it.
    """
    return _aborted(case)


def _aborted(case: Case) -> Answer:
    observation = case.observation
    job = facts.job_process(observation)
    came = [] if job is None else got(job, observation, case.words.signal)
    if job is None or not came:
        return could_not_tell("The signal did not come to the job.")
    ran = begun(observation, "EXIT") is not None
    handler = f"its EXIT handler {'began' if ran else 'never began'}"
    if came[0].disposition is Disposition.IGNORED:
        return no(f"The job ignored {came[0].signal}; {handler}.")
    if job.ended_ms is None:
        left = there_then(below(job, observation), observation)
        waits = f" ({still(left)})" if any(p.ended_ms is None for p in left) else ""
        return no(f"The job did not end{waits}; {handler}.")
    told = f"The job {ended(job.end)}; {handler}."
    return yes(told) if ran else no(told)
