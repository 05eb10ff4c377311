"""The gist on Python: which signals reach atexit."""

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import OWN_WAY, begun, got, names
from aftercancel.judge.words import ended
from aftercancel.model import Observation, Signal


@claim(
    "G11",
    source=Source.GIST,
    sentence="In Python INT raises KeyboardInterrupt and the clean-up runs; on HUP and TERM it is "
    "by default not invoked: Python aborts immediately",
    tried="atexit, finally, context manager × HUP, INT, TERM × started plainly, with &, under "
    "nohup",
    cells=f"py-{{atexit*,finally,with}}/*/none/*/{{HUP*,INT*,TERM*,ctrl-c,hang-up,{OWN_WAY}}}",
    traced=True,
)
def g11(case: Case) -> Answer:
    """The first of the three signals that came to the job was INT, and its clean-up began.

    Or it was HUP or TERM, the job died of it, and no clean-up began.
    """
    observation = case.observation
    job, cleanup = facts.job_process(observation), observation.declared.cleanup
    first = _first(observation, "HUP", "INT", "TERM")
    if job is None or cleanup is None or first is None:
        return could_not_tell("The job got none of HUP, INT and TERM.")
    ran = begun(observation, cleanup) is not None
    seen = f"{first.signal} met the disposition “{first.disposition}”, the job "
    seen += "was still running" if job.ended_ms is None else ended(job.end)
    seen += f", its clean-up {'ran' if ran else 'did not run'}."
    if first.signal == "INT":
        return yes(seen) if ran else no(seen)
    died = job.end is not None and job.end.signal == first.signal
    return yes(seen) if died and not ran else no(seen)


@claim(
    "G12",
    source=Source.GIST,
    sentence="for s in [SIGHUP, SIGTERM]: signal.signal(s, lambda n, _: sys.exit(…)) makes atexit "
    "fire",
    tried="That recipe × {no child, subprocess.run, Popen + wait, a thread, a pool} × process, "
    "group",
    cells="py-{exit-signals,run-child,popen-child,thread,multiprocessing}/*/none/*/"
    f"{{HUP*,TERM*,hang-up,{OWN_WAY}}}",
    traced=True,
)
def g12(case: Case) -> Answer:
    """The job got HUP or TERM, and its atexit handler began.

    What becomes of its children is told, but the sentence does not promise anything about them.
    """
    observation = case.observation
    cleanup = observation.declared.cleanup
    first = _first(observation, "HUP", "TERM")
    if cleanup is None or first is None:
        return could_not_tell("The job got neither HUP nor TERM.")
    left = [p for p in facts.of_the_job(observation) if p.ended_ms is None]
    rest = f"; {names(left)} ran on" if left else ""
    if begun(observation, cleanup) is None:
        return no(f"{first.signal} came to the job, and atexit did not fire{rest}.")
    return yes(f"{first.signal} came to the job, and atexit fired{rest}.")


def _first(observation: Observation, *wanted: str) -> Signal | None:
    """The first of these signals that came to the job."""
    job = facts.job_process(observation)
    sent = [] if job is None else got(job, observation, *wanted)
    return min(sent, key=lambda signal: signal.at_ms, default=None)
