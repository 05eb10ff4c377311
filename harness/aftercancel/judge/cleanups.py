"""The outcome's second axis: did the clean-up run, by the job's own marks and by what it left?"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from aftercancel.judge import facts
from aftercancel.judge.words import ended, listed, visible, who
from aftercancel.model import CleanUp, Decided, Evidence, Mark, Observation, Process


class CleanUpVerdict(NamedTuple):
    """One value and the sentence that explains it."""

    value: CleanUp
    sentence: str


def judge(observation: Observation) -> CleanUpVerdict:
    """The clean-up of a cell that was measured."""
    name = observation.declared.cleanup
    if name is None and observation.declared.removes:
        return _by_files(observation)
    if name is None:
        return CleanUpVerdict(CleanUp.NONE_DECLARED, "The job declares no clean-up.")
    marks = facts.marks_since(observation)
    begins = [m for m in marks if m.name in (name, f"{name} begin")]
    ends = [m for m in marks if m.name in (name, f"{name} end")]
    shown = f"The clean-up ({visible(name)})"
    if not begins and not ends:
        return CleanUpVerdict(CleanUp.SKIPPED, f"{shown} never began: {_fate(observation)}.")
    finished = _finished(begins, ends)
    if finished is None:
        return CleanUpVerdict(
            CleanUp.UNKNOWN,
            f"{shown} began {len(begins)} times and ended {len(ends)} times, and which of the "
            "job's processes wrote which mark is not known.",
        )
    if not finished:
        return _unfinished(observation, begins[-1] if begins else ends[-1], shown)
    return _checked(observation, shown)


def _finished(begins: list[Mark], ends: list[Mark]) -> bool | None:
    """Whether nobody who began was cut off; None: cannot be told.

    Begin and end may come from two processes (a handler that lets a child do the work), so the
    numbers decide where they can. Where somebody began again, the last time counts.
    """
    if not ends or len(begins) <= len(ends):
        return bool(ends)
    if any(mark.role is None for mark in (*begins, *ends)):
        return None
    last_end = {mark.role: mark.at_ms for mark in ends}
    return all(last_end.get(mark.role, float("-inf")) >= mark.at_ms for mark in begins)


def _unfinished(observation: Observation, begin: Mark, shown: str) -> CleanUpVerdict:
    writers = [p for p in facts.of_the_job(observation) if p.role == begin.role]
    still_there = any(p.ended_ms is None for p in writers or facts.of_the_job(observation))
    if still_there and observation.decided is Decided.SETTLE_TIME_OVER:
        return CleanUpVerdict(
            CleanUp.UNKNOWN, f"{shown} had begun, and was not over when the watching ended."
        )
    why = _life(observation, writers[0]) if writers else _fate(observation)
    return CleanUpVerdict(CleanUp.CUT_OFF, f"{shown} began and did not finish: {why}.")


def _checked(observation: Observation, shown: str) -> CleanUpVerdict:
    """The marks say that it ran: what does the file system say?"""
    removes, left = observation.declared.removes, observation.left
    kept = [f.path for f in left.files if any(fits(f.path, path) for path in removes)]
    if kept:
        return CleanUpVerdict(
            CleanUp.CUT_OFF,
            f"{shown} says that it ended, but {_paths(kept)} is still there: it lies.",
        )
    if removes and left.cut:
        return CleanUpVerdict(
            CleanUp.UNKNOWN,
            f"{shown} says that it ended, but more files were left than the lab looks at, so "
            "whether it removed its own is not known.",
        )
    return CleanUpVerdict(CleanUp.RAN, f"{shown} ran to its end.")


def _by_files(observation: Observation) -> CleanUpVerdict:
    """Without a mark, by nothing but the files that the clean-up must remove."""
    removes = observation.declared.removes
    names = _paths(removes)
    there = [p for p in observation.present if any(fits(p, path) for path in removes)]
    kept = [f.path for f in observation.left.files if any(fits(f.path, path) for path in removes)]
    removed = [path for path in there if path not in kept]
    if removed and observation.left.cut:
        return CleanUpVerdict(
            CleanUp.UNKNOWN,
            f"More files were left than the lab looks at: {_paths(removed)} may be among them.",
        )
    if kept and removed:
        return CleanUpVerdict(
            CleanUp.CUT_OFF, f"The clean-up removed {_paths(removed)}, but not {_paths(kept)}."
        )
    if kept:
        return CleanUpVerdict(CleanUp.SKIPPED, f"Nothing of {_paths(kept)} was removed.")
    if not there:
        return CleanUpVerdict(
            CleanUp.UNKNOWN,
            f"Nothing of {names} was there when the job was cancelled, so that it is not there "
            "now says nothing.",
        )
    return CleanUpVerdict(CleanUp.RAN, f"The clean-up removed {names}.")


def _paths(paths: Sequence[str]) -> str:
    return listed([visible(path) for path in paths])


def fits(path: str, pattern: str) -> bool:
    """Whether a file that was left is one that the clean-up removes.

    A pattern may have wildcards (a temporary name), and one without a leading slash stands below
    whichever folder the job worked in.
    """
    if path == pattern or fnmatchcase(path, pattern):
        return True
    return not pattern.startswith("/") and fnmatchcase(path, f"*/{pattern}")


def _fate(observation: Observation) -> str:
    job = facts.job_process(observation)
    return "no process of the job was seen" if job is None else _life(observation, job)


def _life(observation: Observation, process: Process) -> str:
    if process.ended_ms is None:
        return f"{who(process)} was still there"
    sent = facts.by_receiver(observation).get(process.key, [])
    cause = facts.cause_of_death(process, sent)
    by = "" if cause is None else f" from {visible(cause.sender_role)}"
    if cause is None and observation.evidence is Evidence.TRACE and _killed(process):
        by = ", and nobody was seen to send it"
    return f"{who(process)} {ended(process.end)}{by}"


def _killed(process: Process) -> bool:
    return process.end is not None and process.end.signal is not None
