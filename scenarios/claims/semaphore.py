"""What Semaphore's issue #3681 says, asked of every runner with a queue, and of its stop."""

from collections.abc import Sequence

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.words import listed, visible
from aftercancel.model import Observation, Process, Queued, Signal

NO_QUEUE = "*/*/*/plain*/*"
"""The lab's own runner runs one job and has no queue."""
WATCHED_MS = 2_000.0
"""For how long a job must have been in the queue before it can be said that it does not start."""
GRACE_MS, SLACK_MS = 15_000.0, 1_500.0
"""Between TERM and KILL, and what a runner that looks once a second may be late."""


def _gone(observation: Observation) -> bool:
    """Whether the runner itself had ended: then it can neither report nor start anything."""
    runner = next((p for p in observation.processes if p.key == facts.RUNNER_KEY), None)
    return observation.runner_end is not None or (runner is not None and runner.end is not None)


@claim(
    "S1",
    source=Source.SEMAPHORE,
    sentence="A task whose subprocess is killed from outside (SIGKILL, OOM) stays “running”, and "
    "“any new task for the same template will be blocked forever”",
    tried="SIGKILL of the job's shell, of its child, of the whole group; with a survivor that holds "
    "the output open; then a second job of the same kind × every runner with a queue",
    cells="*/*/*/*/{KILL-*,[oO][oO][mM]*}",
    without=NO_QUEUE,
)
def s1(case: Case) -> Answer:
    """KILL ended a process of the job; until the watching ended the runner had not reported the
    end, and none of the jobs of the same kind behind it had started. (That they waited is the lab's
    doing: each runner has one job at a time.)
    """
    observation = case.observation
    if not observation.queued or _gone(observation):
        return could_not_tell("No job waited behind it, or the runner itself had ended.")
    killed = [p for p in facts.of_the_job(observation) if p.end and p.end.signal == "KILL"]
    if not killed:
        return could_not_tell("No process of the job was killed.")
    who = listed(sorted({visible(p.role) for p in killed}))
    there = sorted({visible(p.role) for p in facts.of_the_job(observation) if p.ended_ms is None})
    left = f"; {listed(there)} was still there" if there else ""
    started = any(q.started_ms is not None for q in observation.queued)
    if observation.report is not None:
        following = "started" if started else "had not started"
        said = f"the runner said {observation.report.said}"
        return no(f"{who} was killed, {said}, and the next job {following}{left}.")
    if started:
        return no(f"{who} was killed and stayed “running”, but the next job started{left}.")
    return yes(f"{who} was killed, stayed “running”, and the next job had not started{left}.")


@claim(
    "S2",
    source=Source.SEMAPHORE,
    sentence="Waiting tasks “are silently lost on every restart”",
    tried="two jobs queued behind one; the runner's server stopped (TERM, KILL) and started × every "
    "runner with a queue",
    cells="*/*/*/*/server-*",
    without=NO_QUEUE,
)
def s2(case: Case) -> Answer:
    """Jobs were waiting when the server was stopped, and of all of them: none has started, and the
    runner has none any more, neither as waiting nor as ended.
    """
    observation = case.observation
    stopped = facts.since_ms(observation)
    waiting = [
        q
        for q in observation.queued
        if q.submitted_ms <= stopped and (q.started_ms is None or q.started_ms > stopped)
    ]
    if not observation.fired or not waiting:
        return could_not_tell("No job was waiting when the server was stopped.")
    lost = [q for q in waiting if q.started_ms is None and not q.listed]
    if len(lost) == len(waiting):
        return yes(f"Of {len(waiting)} waiting jobs the runner knew nothing any more.")
    started = sum(q.started_ms is not None for q in waiting)
    kept = len(waiting) - len(lost)
    return no(f"Of {len(waiting)} waiting jobs {kept} were still known, {started} of them started.")


@claim(
    "S3",
    source=Source.SEMAPHORE,
    sentence="Tasks with status “running” in the database after a restart have no effect on the "
    "task pool",
    tried="the runner's server restarted in the middle of a job, then the same job again × every "
    "runner with a queue",
    cells="*/*/*/*/server-*",
    without=NO_QUEUE,
)
def s3(case: Case) -> Answer:
    """The job was running when the server was stopped, the runner had not reported its end when the
    next job of the same kind came (or started) after the restart, and that one did start.
    """
    observation = case.observation
    job = facts.job_process(observation)
    stopped = facts.since_ms(observation)
    back = max((f.at_ms for f in observation.fired), default=stopped)
    if (
        not observation.fired
        or job is None
        or (job.ended_ms is not None and job.ended_ms < stopped)
    ):
        return could_not_tell("The job was not running when the server was stopped.")
    after = [q for q in observation.queued if q.submitted_ms > back] or _kept(observation, back)
    if not after:
        return could_not_tell("No job of the same kind came after the restart.")
    decided = observation.decided_ms or 0.0
    if all(q.started_ms is None and q.submitted_ms > decided - WATCHED_MS for q in after):
        return could_not_tell("The watching ended too soon after the next job of its kind came.")
    report = observation.report
    moment = min(q.submitted_ms if q.started_ms is None else q.started_ms for q in after)
    if report is not None and report.at_ms <= moment:
        return could_not_tell("The job was not left as running: its end had been reported.")
    if any(q.started_ms is not None for q in after):
        return yes("The job was left as running, and the next one of its kind started.")
    return no("The job was left as running, and the next one of its kind did not start.")


def _kept(observation: Observation, back: float) -> Sequence[Queued]:
    """Jobs from before the restart that started after it; a lost one would say nothing here."""
    return [q for q in observation.queued if q.started_ms is not None and q.started_ms > back]


@claim(
    "S4",
    source=Source.SEMAPHORE,
    sentence='stop with {"force":true} frees a stuck task; an empty body is answered 400',
    tried="the API calls, at a task that an ordinary stop does not end",
    cells={
        "stop": "*/*/*/semaphore*/stop",
        "force": "*/*/*/semaphore*/force-stop",
        "empty": "*/*/*/semaphore*/stop-empty-body",
    },
    apart=("cancellation",),
)
def s4(case: Case) -> Answer:
    """An ordinary stop left the task without an end, one with force did not, and the runner
    answered a stop with an empty body with the error 400.
    """
    stop, force, empty = case["stop"], case["force"], case["empty"]
    refused = [f.error for f in empty.fired if f.error is not None]
    if not any("400" in error for error in refused):
        return no("A stop with an empty body was not answered 400.")
    if stop.report is not None:
        return could_not_tell("An ordinary stop ends the task: it is not stuck.")
    if force.report is None:
        return no("A stop with force did not free the task.")
    if force.queued and all(q.started_ms is None for q in force.queued):
        return no("A stop with force ended the task, but the next one had not started.")
    return yes("An ordinary stop left the task stuck, one with force freed it.")


@claim(
    "S5",
    source=Source.SEMAPHORE,
    sentence="Stop sends TERM to the job's process group and 15 s later KILL, also after a normal "
    "end (since PR #4228; before, stop reaches only the top process, #3512)",
    tried="three-level tree, TERM-ignorer, setsid child × stop, normal end × versions",
    cells=(
        "{deep-tree*,*ignor*,setsid-child*}/*/none/semaphore*/{stop,cancel}",
        "{background-*,setsid-child*,daemon*,nohup-child*}/*/none/semaphore*/end",
    ),
    without="*/*/*/semaphore-2.10-modelled/*",  # the real one can be had
    traced=True,
    modelled=True,
)
def s5(case: Case) -> Answer:
    """Everybody who was in the group of the job's first process at the stop (or was left in it by
    a normal end) was sent TERM by the runner, and what lived on was sent KILL 15 s later.
    """
    observation = case.observation
    first = facts.first_process(observation)
    if first is None or first.group is None:
        return could_not_tell("The job's process group is not known.")
    members = _members(first, observation)
    if not members or members == [first]:
        return could_not_tell("There was nobody in the group beside its first process.")
    sent = [s for s in facts.effects(observation) if s.sender == facts.RUNNER_KEY]
    term = {s.receiver: s for s in sent if s.signal == "TERM"}
    unsent = [p for p in members if p.key not in term]
    if unsent:
        only = ", only the top process" if set(term) == {first.key} else ""
        roles = listed(sorted({visible(p.role) for p in unsent}))
        return no(f"The runner did not send TERM to {roles}{only}{_instead(sent, unsent)}.")
    return _grace(members, term, sent, observation)


def _members(first: Process, observation: Observation) -> list[Process]:
    """Who was in the group when the runner had to act: at the stop, or at the normal end."""
    moment = facts.since_ms(observation)
    if not facts.cancelled(observation):
        moment = first.ended_ms if first.ended_ms is not None else float("inf")
    return [
        p
        for p in facts.of_the_job(observation)
        if p.group == first.group
        and p.started_ms <= moment
        and (p.ended_ms is None or p.ended_ms > moment)
    ]


def _instead(sent: Sequence[Signal], unsent: Sequence[Process]) -> str:
    keys = {p.key for p in unsent}
    others = sorted({s.signal for s in sent if s.receiver in keys})
    return f", but {listed(others)}" if others else ""


def _grace(
    members: Sequence[Process],
    term: dict[int | None, Signal],
    sent: Sequence[Signal],
    observation: Observation,
) -> Answer:
    """Whether what outlived its TERM was sent KILL when it was due."""
    kill = {s.receiver: s for s in sent if s.signal == "KILL"}
    there = [p for p in members if p.ended_ms is None and p.key not in kill]
    watched_ms = (observation.decided_ms or 0.0) - max(s.at_ms for s in term.values())
    if there and watched_ms < GRACE_MS + SLACK_MS:
        return could_not_tell(
            "The group was sent TERM, and the watching ended before a KILL is due."
        )
    if there:
        return no("The group was sent TERM, but what ignored it was not sent KILL.")
    waits = [kill[p.key].at_ms - term[p.key].at_ms for p in members if p.key in kill]
    if any(abs(wait - GRACE_MS) > SLACK_MS for wait in waits):
        return no("The group was sent TERM and then KILL, but not 15 s later.")
    later = ", and KILL 15 s later" if waits else ", and nobody of it lived until a KILL was due"
    return yes(f"The whole group was sent TERM{later}.")
