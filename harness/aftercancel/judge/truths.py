"""The outcome's third axis: was what the runner said true when it said it?"""

from __future__ import annotations

from typing import NamedTuple

from aftercancel.judge import facts
from aftercancel.judge.words import counted, ended, listed, sentence, span, visible
from aftercancel.model import End, Observation, Process, Processes, Report, Said, Truth

_ROOT = "root"
"""Who sends what a cancellation aims at a real runner."""


class TruthVerdict(NamedTuple):
    """One value and the sentence that explains it."""

    value: Truth
    sentence: str


def judge(observation: Observation, processes: Processes) -> TruthVerdict:
    """The report of a cell that was measured, ``processes`` being judged already."""
    report = observation.report
    if report is None:
        if observation.runner_end is not None:
            # Where it was the cell's own doing, that nobody reports is the answer.
            meant = any(
                s.receiver == facts.RUNNER_KEY and s.sender_role == _ROOT
                for s in facts.effects(observation)
            )
            value = Truth.HUNG if meant else Truth.UNKNOWN
            return TruthVerdict(value, _runner_died(observation))
        return TruthVerdict(Truth.HUNG, _hung(observation))
    said = f"the runner said {report.said}"
    lie = _lie(observation, report)
    if processes is Processes.GONE:
        moment = "when the last process was gone"
    elif processes is Processes.UNKNOWN:
        moment = "and whether every process was gone by then is not known"
    else:
        moment = "while processes of the job were still there"
    words = sentence([f"{said} {lie or moment}", *_lost(observation)])
    if lie is not None:
        return TruthVerdict(Truth.WRONG, words)
    if processes is Processes.UNKNOWN:
        return TruthVerdict(Truth.UNKNOWN, words)
    if processes is Processes.GONE:
        return TruthVerdict(Truth.TRUTHFUL, words)
    return TruthVerdict(Truth.EARLY, words)


def _lie(observation: Observation, report: Report) -> str | None:
    """What makes the runner's word wrong; None: the word itself is right."""
    if observation.fired and not facts.over_before(observation):
        return "although the job was cancelled" if report.said is Said.SUCCESS else None
    if report.said is Said.CANCELLED:
        return "although nobody had cancelled the job"
    job, first = facts.job_process(observation), facts.first_process(observation)
    if job is None or first is None or job is first:
        return (
            f"although the job {ended(report.end)}" if _differs(report.end, report.said) else None
        )
    launcher = f"{visible(first.role)} {ended(report.end)}"
    if _differs(report.end, report.said):
        return f"although {launcher}"
    # A launcher's status need not be the job's: then the runner was told wrong, and passed it on.
    if _differs(job.end, report.said):
        return f"although {visible(job.role)} {ended(job.end)}: {launcher}"
    return None


def _differs(end: End | None, said: Said) -> bool:
    """Whether an end that is known is another than the one that was said."""
    if end is None or (end.signal is None and end.status is None):
        return False
    well = end.signal is None and end.status == 0
    return well is not (said is Said.SUCCESS)


def _hung(observation: Observation) -> str:
    when = f"{span(observation.decided_ms or 0.0)} after the cancellation"
    moment = when if observation.fired else "when the watching ended"
    said = f"The runner had not reported the end {moment}"
    first, job = facts.first_process(observation), facts.job_process(observation)
    if first is not None and first.ended_ms is None:
        return f"{said}: {visible(first.role)} was still there{_and_the_job(first, job)}."
    others = counted(visible(p.role) for p in facts.of_the_job(observation) if p.ended_ms is None)
    rest = f"only {listed(others)} was still there" if others else "nobody was there any more"
    gone = facts.JOB if first is None or first is job else visible(first.role)
    return f"{said}, although {gone} was gone and {rest}."


def _and_the_job(first: Process, job: Process | None) -> str:
    """What became of the job where it is not what the runner had started."""
    if job is None or job is first:
        return ""
    there = job.ended_ms is None
    return (
        f", and so was {visible(job.role)}" if there else f", although {visible(job.role)} was gone"
    )


def _runner_died(observation: Observation) -> str:
    end = observation.runner_end
    signal = end.signal if end is not None else None
    killer = next(
        (
            s
            for s in observation.signals
            if s.receiver == facts.RUNNER_KEY and s.signal == signal and facts.ends_by_default(s)
        ),
        None,
    )
    by = f" from {visible(killer.sender_role)} ({killer.call} to {killer.to})" if killer else ""
    return f"The runner could not report: it {ended(end)}{by}."


def _lost(observation: Observation) -> list[str]:
    streams = (("stdout", observation.stdout), ("stderr", observation.stderr))
    return [
        f"{stream.lost_bytes} bytes of {name} came only after that"
        for name, stream in streams
        if stream.lost_bytes
    ]
