"""What is said of containers."""

from aftercancel.judge import facts, judged
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.words import ended, listed, visible
from aftercancel.model import CleanUp, Disposition, Observation


@claim(
    "X1",
    source=Source.CONTAINERS,
    sentence="docker stop gives a script time to clean up; --init makes a difference",
    tried="the job as PID 1 × shells, Python × with and without --init × traps or none",
    cells={
        "without": "*/*/docker-run/*/docker-stop",
        "with": "*/*/docker-run-init/*/docker-stop",
    },
    apart=("launcher",),
)
def x1(case: Case) -> Answer:
    """With --init and without, the job's clean-up was not cut off, and at least once it ran to its
    end; and the two differ in that, in how the job ended or in what was left. A job without a
    clean-up shows the second half only.
    """
    parts = {part: judged(case[part]) for part in ("without", "with")}
    cleanups = [outcome.cleanup for outcome in parts.values()]
    if CleanUp.UNKNOWN in cleanups:
        return could_not_tell("What became of the clean-up is not known.")
    told = [f"{part} --init {_told(case[part], parts[part].cleanup)}" for part in parts]
    if CleanUp.CUT_OFF in cleanups:
        return no(f"docker stop cut a clean-up off: {listed(told)}.")
    if CleanUp.RAN not in cleanups and CleanUp.NONE_DECLARED not in cleanups:
        return no(f"The clean-up never ran: {listed(told)}.")
    if _how(case["without"], cleanups[0]) == _how(case["with"], cleanups[1]):
        return no(f"--init made no difference: {listed(told)}.")
    return yes(f"--init made a difference: {listed(told)}.")


def _how(observation: Observation, cleanup: CleanUp) -> tuple[object, ...]:
    """What somebody who stops a container can care about."""
    left = sorted(p.role for p in facts.of_the_job(observation) if p.ended_ms is None)
    job = facts.job_process(observation)
    return cleanup, None if job is None else job.end, left


def _told(observation: Observation, cleanup: CleanUp) -> str:
    job = facts.job_process(observation)
    assert job is not None
    fate = "was still there" if job.ended_ms is None else ended(job.end)
    words = {
        CleanUp.RAN: "and its clean-up ran",
        CleanUp.CUT_OFF: "and its clean-up was cut off",
        CleanUp.SKIPPED: "and its clean-up never began",
    }
    return " ".join(filter(None, [f"the job {fate}", words.get(cleanup, "")]))


@claim(
    "X2",
    source=Source.CONTAINERS,
    sentence="TERM to a docker exec or docker run client reaches the process in the container",
    tried="TERM to the client × docker exec, docker run, with a terminal, --sig-proxy",
    cells="*/*/docker-{exec,run}*/*/TERM-process",
    traced=True,
)
def x2(case: Case) -> Answer:
    """The client was sent TERM, and so was, afterwards and by whomever, the job in the container."""
    observation = case.observation
    job, client = facts.job_process(observation), facts.first_process(observation)
    by_receiver = facts.by_receiver(observation)
    if job is None or client is None or job.key == client.key:
        return could_not_tell("The client is not told from the job.")
    if not any(s.signal == "TERM" for s in by_receiver.get(client.key, [])):
        return could_not_tell("The client was not sent TERM.")
    met = [s for s in by_receiver.get(job.key, []) if s.signal == "TERM"]
    if met and met[0].disposition is Disposition.IGNORED:
        return yes("TERM reached the job, which ignored it.")
    if met:
        return yes(f"TERM reached the job, sent by {visible(met[0].sender_role)}.")
    fate = "was still there" if job.ended_ms is None else ended(job.end)
    return no(f"TERM did not reach the job, which {fate}.")
