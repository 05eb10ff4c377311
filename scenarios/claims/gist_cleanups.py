"""The gist on cleaning up: the EXIT trap, the wrappers, terraform, and the symptoms without."""

from aftercancel.judge import cleanups, facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import (
    FLAGS,
    NOT_CANCELLED,
    OWN_WAY,
    below,
    names,
    still,
    there_then,
)
from aftercancel.judge.words import ended, listed, visible
from aftercancel.model import CleanUp, Processes, Truth


@claim(
    "G8",
    source=Source.GIST,
    sentence="For shell scripts, the EXIT trap is a good place for cleanup code",
    tried="EXIT trap with 0.2 s, 1 s and 4 s of cleanup × every cancellation and runner",
    cells="{exit-trap,slow-cleanup-*}/*/none/*/*",
    without=(*FLAGS, NOT_CANCELLED),
)
def g8(case: Case) -> Answer:
    """The clean-up in the EXIT trap ran to its end."""
    outcome, job = case.outcome, facts.job_process(case.observation)
    if outcome.cleanup is CleanUp.RAN:
        return yes("The clean-up ran to its end.")
    if job is None or outcome.cleanup not in (CleanUp.SKIPPED, CleanUp.CUT_OFF):
        return could_not_tell("Whether the clean-up ran is not known.")
    fate = "was still running" if job.ended_ms is None else ended(job.end)
    how = "was cut off" if outcome.cleanup is CleanUp.CUT_OFF else "never began"
    return no(f"The clean-up {how}: the job {fate}.")


@claim(
    "G13",
    source=Source.GIST,
    sentence="A wrapper written in Python, or a shell trick (run the subprocess as a background "
    "task and call wait), can be cancelled without leaving its child",
    tried="Both wrappers × every cancellation: is the child gone too?",
    cells="{wait-trick,sh-wrapper,py-wrapper*}/*/none/*/*",
    without=(*FLAGS, NOT_CANCELLED),
)
def g13(case: Case) -> Answer:
    """Wrapper and child were gone by the time of the runner's report."""
    observation = case.observation
    processes = case.outcome.processes
    job = facts.job_process(observation)
    if job is None or processes is Processes.UNKNOWN:
        return could_not_tell("What was gone by the time of the report is not known.")
    if not there_then(below(job, observation), observation):
        return could_not_tell("The wrapper had no child when it was cancelled.")
    left = [p for p in facts.of_the_job(observation) if p.ended_ms is None]
    if left:
        return no(f"{still(left)}.")
    if processes is Processes.LATE:
        return no("It was reported as over, and its processes were gone only later.")
    return yes("Wrapper and child were gone by the time of the report.")


@claim(
    "G17",
    source=Source.GIST,
    sentence="terraform apply … | (trap 'kill -INT $(pidof terraform)' TERM; tee file) lets "
    "terraform clean up",
    tried="That pipeline with a stand-in that needs INT and 2 s × TERM to the process, group, leaf "
    "first",
    cells=f"pipeline-trap/*/none/*/{{TERM-*,{OWN_WAY}}}",
    without=FLAGS,
)
def g17(case: Case) -> Answer:
    """The stand-in got INT and gave its lock back before it ended."""
    observation, outcome = case.observation, case.outcome
    terraform = next((p for p in observation.processes if p.role == "terraform"), None)
    if terraform is None or outcome.cleanup is CleanUp.UNKNOWN:
        return could_not_tell("Whether terraform cleaned up is not known.")
    if outcome.cleanup is CleanUp.RAN:
        return yes("terraform gave its lock back.")
    how = "did not finish its clean-up" if outcome.cleanup is CleanUp.CUT_OFF else "cleaned nothing"
    fate = "was still running" if terraform.ended_ms is None else ended(terraform.end)
    return no(f"terraform {how}, and {fate}.")


@claim(
    "G18",
    source=Source.GIST,
    sentence="Cancelled jobs leave stale lock files and pid files and overlapping processes, end "
    "without clean-up, or run on after they are reported as aborted",
    tried="Jobs with lock file, pid file and daemon × everything: which symptom appears where",
    cells="{symptoms,lock-file,lock-dir,flock,temp-dir,daemon}/*/none/*/*",
    without=(*FLAGS, NOT_CANCELLED),
)
def g18(case: Case) -> Answer:
    """One of these symptoms at least is there.

    A file that the clean-up removes, or a pid file; a lock that is held; a process; a clean-up
    that never began or was cut off; a report while something still ran, of a real runner: when
    the lab's plain runners report is defined by the lab.
    """
    observation, outcome = case.observation, case.outcome
    removes = (*observation.declared.removes, "*.pid")
    kept = [
        visible(f.path)
        for f in observation.left.files
        if any(cleanups.fits(f.path, path) for path in removes)
    ]
    left = [p for p in facts.of_the_job(observation) if p.ended_ms is None]
    symptoms = [f"stale {listed(sorted(kept))}"] if kept else []
    if observation.left.locks:
        symptoms.append("a lock still held")
    if left:
        symptoms.append(f"{names(filter(facts.has_role, left)) or names(left)} running on")
    if outcome.cleanup in (CleanUp.SKIPPED, CleanUp.CUT_OFF):
        symptoms.append(f"the clean-up {outcome.cleanup}")
    if outcome.report is Truth.EARLY and not case.words.runner.startswith("plain"):
        symptoms.append("reported as over too early")
    if symptoms:
        return yes(f"Seen: {listed(symptoms, most=len(symptoms))}.")
    if outcome.cleanup is CleanUp.UNKNOWN or outcome.processes is Processes.UNKNOWN:
        return could_not_tell("What was left is not known.")
    return no("No symptom: nothing ran on, and nothing stale or locked was left.")
