"""What is said of shells."""

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, no, yes
from aftercancel.judge.words import ended

FLAGS = ("*/*-e/*/*/*", "*/*-xe/*/*/*")
"""Shells with flags: the plain ones are meant."""


@claim(
    "H1",
    source=Source.SHELLS,
    sentence="bash that gets INT alone while a foreground child runs, ends",
    tried="INT to the process × every shell",
    cells="no-trap/*/none/plain/INT-process",
    without=FLAGS,
)
def h1(case: Case) -> Answer:
    """The job has ended when the cell is decided."""
    job = facts.job_process(case.observation)
    assert job is not None
    if job.ended_ms is None:
        return no("The job was still running.")
    return yes(f"The job {ended(job.end)}.")
