"""What must be the same when a cell is run again.

A fingerprint holds what the kernel, the shell or the runner promises, and leaves out what they
leave open. In particular:

- No times, no ids; processes as a multiset, so that a group may die in any order.
- Only what happened from the cancellation on.
- Of signals what ``signal_prints`` says.
- Output that came after the report is not in it: what a survivor writes at once may arrive before
  or after. The outcome's reason tells it.
- Of processes that only came after the cell was armed and have no role (``rm``, ``sleep`` in a
  clean-up) it is a finding that there were some, not how many; and of those that were not even at
  rest when the cancellation came, or belong to a job that never rests, nothing unless they
  outlived the report. Where some of them did and some did not (the ``sleep`` of a loop that goes
  on), only that some did.
- Of what an engine was told to execute in a container after the cell was armed, and has no role,
  nothing unless it outlived the report: it is the runner's own.
- Dispositions are promised for a process that was at rest when the cancellation came, and only of
  the signals that people send; which ones a shell blocks meanwhile is its own affair.
- With which status the other host's server ends the connection is left open: whether the client
  said goodbye or was just gone depends on how far it came.
- The order of marks is promised within one role only; one that is said twice in a row, by a handler
  that got its signal from two senders at once, counts once.
- With evidence from /proc, ends, senders and short-lived processes are seen by chance or not at
  all: they do not count there.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby

from aftercancel.judge import facts
from aftercancel.judge.cleanups import fits
from aftercancel.judge.prints import (
    PROMISED,
    SOME,
    Fingerprint,
    MarksPrint,
    ProcessPrint,
    word,
)
from aftercancel.judge.sentences import Sentences, death_sentences
from aftercancel.judge.signal_prints import signal_prints, told_twice_at_once
from aftercancel.model import (
    End,
    Evidence,
    Observation,
    Process,
    Processes,
    Signal,
)


def fingerprint(observation: Observation) -> Fingerprint:
    """The fingerprint of one observation."""
    if observation.trouble is not None:
        return Fingerprint(observation.evidence, observation.trouble.kind, "unknown")
    processes = facts.of_the_job(observation)
    fates = {p.key: facts.fate(p, observation) for p in processes}
    counted = {p.key: p for p in processes if _counts(p, fates[p.key], observation)}
    sentences = death_sentences(observation)
    return Fingerprint(
        evidence=observation.evidence,
        trouble=None,
        report=_report(observation),
        processes=_processes(observation, counted, fates, sentences),
        signals=signal_prints(observation, counted, sentences),
        marks=_marks(observation),
        left=_left(observation),
        locks=tuple(
            sorted({f"{word(k.path)} {k.kind} by {word(k.role)}" for k in observation.left.locks})
        ),
        refused=tuple(
            sorted(
                {
                    f"{word(f.what)} ({f.error})"
                    for f in observation.fired
                    if f.error not in (None, facts.NO_SUCH_PROCESS)
                }
            )
        ),
        limits=tuple(sorted(set(observation.limits))),
    )


# -- processes

_IN_PASSING = {Processes.GONE.value, Processes.LATE.value}


def _counts(process: Process, fate: Processes, observation: Observation) -> bool:
    """Whether its being there is promised."""
    since = facts.since_ms(observation)
    if process.ended_ms is not None and process.ended_ms < since:
        return False
    if fate in (Processes.LATE, Processes.ORPHANED, Processes.UNKNOWN) or facts.has_role(process):
        return True
    if observation.evidence is Evidence.PROC:
        return process.dispositions is not None
    if process.key in facts.of_later_execs(observation):
        return False
    armed = observation.armed_ms
    in_motion = armed is not None and armed < process.started_ms <= since
    return observation.declared.rests and not in_motion


def _processes(
    observation: Observation,
    counted: dict[int, Process],
    fates: dict[int, Processes],
    sentences: Sentences,
) -> tuple[ProcessPrint, ...]:
    first, servers = facts.first_process(observation), facts.servers(observation)
    many: Counter[tuple[str, str, str, str]] = Counter()
    some: dict[tuple[str, str, str], set[str]] = {}
    for process in counted.values():
        ended = _ended(process, observation, sentences.of(process), is_first=process is first)
        if process.key in servers and ended.startswith("status"):
            ended = "ended"
        fate, dispositions = fates[process.key].value, _dispositions(process, observation)
        if _number_counts(process, observation):
            many[process.role, ended, fate, dispositions] += 1
        else:
            some.setdefault((process.role, ended, dispositions), set()).add(fate)
    prints = [ProcessPrint(*print_, count) for print_, count in many.items()]
    for (role, ended, dispositions), seen in some.items():
        told = {Processes.LATE.value} if seen == _IN_PASSING else seen
        prints += [ProcessPrint(role, ended, fate, dispositions, SOME) for fate in told]
    return tuple(sorted(prints))


def _number_counts(process: Process, observation: Observation) -> bool:
    """How many there are is promised of what was at rest before the cancellation came.

    A job that met the limit on processes has as many as the machine let it make by then.
    """
    if "processes" in observation.limits:
        return False
    armed = observation.armed_ms
    at_rest = armed is None or process.started_ms <= armed
    return facts.has_role(process) or (bool(observation.fired) and at_rest)


def _ended(
    process: Process, observation: Observation, sentence: Signal | None, *, is_first: bool
) -> str:
    if process.ended_ms is None:
        return "still there"
    if sentence is not None:
        return sentence.signal
    if observation.evidence is Evidence.PROC:
        # The runner is its parent and knows, whatever /proc shows.
        report = observation.report
        return _end(report.end if is_first and report is not None else None)
    return _end(process.end)


def _end(end: End | None) -> str:
    if end is not None and end.signal is not None:
        return end.signal
    return "?" if end is None or end.status is None else f"status {end.status}"


def _dispositions(process: Process, observation: Observation) -> str:
    armed = observation.armed_ms
    in_motion = armed is not None and process.started_ms > armed
    if process.dispositions is None or in_motion or not observation.declared.rests:
        return ""
    words = [
        f"{verb} {' '.join(names)}"
        for verb, signals in (
            ("catches", process.dispositions.caught),
            ("ignores", process.dispositions.ignored),
        )
        if (names := [name for name in PROMISED if name in signals])
    ]
    return ", ".join(words)


# -- the rest


def _report(observation: Observation) -> str:
    if observation.report is not None:
        return observation.report.said.value
    if observation.runner_end is not None:
        return f"none, runner {_end(observation.runner_end)}"
    return "none"


def _marks(observation: Observation) -> tuple[MarksPrint, ...]:
    by_role: dict[str, list[str]] = {}
    for mark in facts.marks_since(observation):
        by_role.setdefault(mark.role or "?", []).append(mark.name)
    if "?" in by_role:
        # Written by nobody knows whom, so perhaps by several: then no order is promised.
        by_role["?"].sort()
    for role in told_twice_at_once(observation) & by_role.keys():
        by_role[role] = [name for name, _ in groupby(by_role[role])]
    return tuple(sorted(MarksPrint(role, tuple(names)) for role, names in by_role.items()))


def _left(observation: Observation) -> tuple[str, ...]:
    if observation.left.cut:
        return ("… more than the lab looks at",)
    pids = {str(p.pid) for p in observation.processes if p.pid is not None and p.pid > 1}
    patterns = observation.declared.removes
    return tuple(sorted({_path(f.path, patterns, pids) for f in observation.left.files}))


def _path(path: str, patterns: tuple[str, ...], pids: set[str]) -> str:
    """The path without what mktemp(1) or a process id made of it."""
    for pattern in patterns:
        if pattern != path and fits(path, pattern):
            return pattern
    return "/".join(_component(name, pids) for name in path.split("/"))


_MADE_UP = re.compile(
    # mktemp(1): ten X; mkstemp(3) in most programs: six. Python's tempfile: tmp and eight.
    r"(?<=[._-])(?=\w*[A-Z0-9])[A-Za-z0-9]{6}(?:[A-Za-z0-9]{4})?(?=$|\.)|(?<=^tmp)[a-z0-9_]{8}(?=$|\.)"
    # Ansible's modules (AnsiballZ: tempfile with the prefix ansible_MODULE_payload_).
    r"|(?<=_payload_)[a-z0-9_]{8}(?=$|\.)"
)

_NUMBER = re.compile(r"\d+(?![A-Za-z0-9])")


def _component(name: str, pids: set[str]) -> str:
    if _MADE_UP.search(name):
        return _MADE_UP.sub("<random>", name)
    return _NUMBER.sub(lambda found: "<pid>" if found[0] in pids else found[0], name)
