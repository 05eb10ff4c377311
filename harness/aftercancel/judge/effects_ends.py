"""How a job under ``ssh`` came to its end, or why it did not. Pure, for ``effects``."""

from __future__ import annotations

import re

from aftercancel.judge import facts
from aftercancel.judge.effects_bytes import raw
from aftercancel.judge.words import counted, ended, listed, shortened, visible
from aftercancel.model import End, Observation

_CARRIERS = ("ssh", "sshd")
_KEYS = ("INT", "QUIT", "TSTP")
"""What a terminal makes of keys (termios(3), ISIG)."""
_LONGEST = 60
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[=>])")
"""What moves the cursor or chooses a colour (ECMA-48, 5.4), and less's keypad modes."""


def hung(observation: Observation, *, last_words: bool) -> str:
    """A job that rests for ever: who waits, and (where it matters) what it had said last."""
    living = [p for p in facts.of_the_job(observation) if p.ended_ms is None]
    parents = {p.parent for p in living}
    waiting = [p for p in living if p.key not in parents and p.program not in _CARRIERS]
    names = counted(visible(p.role) for p in waiting or living)
    words = f"hung: {listed(names)} {'waits' if len(names) == 1 else 'wait'}" if names else "hung"
    said = _last_words(observation) if last_words else ""
    return f"{words} after “{said}”" if said else words


def _last_words(observation: Observation) -> str:
    text = raw(observation.stdout).decode("utf-8", "replace")
    lines = [line.strip() for line in _ESCAPES.sub("", text).splitlines() if line.strip()]
    return shortened(visible(lines[-1]), _LONGEST) if lines else ""


def how_it_ended(observation: Observation) -> str | None:
    """What the runner saw of the end: the client's status."""
    if observation.report is None or observation.report.end == End():
        return None
    return f"ssh {ended(observation.report.end)}"


def without_answer(observation: Observation) -> str | None:
    """A job that ended before it could say anything: what its terminal sent it, and the end."""
    job = facts.job_process(observation)
    client = how_it_ended(observation)
    if job is None or client is None or _well(observation):
        return None
    sent = [s.signal for s in observation.signals if s.receiver == job.key and s.sender is None]
    keys = [name for name in _KEYS if name in sent]
    return f"{listed(keys)} to the job, {client}" if keys else client


def _well(observation: Observation) -> bool:
    return observation.report is not None and observation.report.end == End(status=0)


def background(observation: Observation) -> str | None:
    """What became of the child that the job left behind."""
    child = next((p for p in observation.processes if p.role == "background"), None)
    report = observation.report
    if child is None or report is None:
        return None
    if child.ended_ms is None:
        return "it lives on, ssh has ended"
    if child.end is None or child.end == End():
        return None
    if child.end.signal is not None or child.end.status:
        return f"it {ended(child.end)}"
    # Its output is closed some moments before its end is seen: ssh may be gone in between.
    if child.ended_ms > report.at_ms + facts.MARGIN_MS:
        return "it lives on, ssh has ended"
    return "it lives on, ssh waits for it"


def local_modes(observation: Observation) -> str | None:
    """What the client left of the settings of the terminal that it was started at."""
    modes = observation.terminal_modes
    if modes is None or modes.after is None:
        return None
    off = [mode for mode in modes.before if mode not in modes.after]
    on = [mode for mode in modes.after if mode not in modes.before]
    if not off and not on:
        return "as before"
    changes = [
        f"{listed(names, most=len(names))} {how}"
        for names, how in ((off, "off"), (on, "on"))
        if names
    ]
    # "Raw" as people call it: no lines, no echo, no keys that signal (cfmakeraw(3)).
    left_raw = {"icanon", "echo", "isig"} <= set(off)
    return f"{'left raw' if left_raw else 'left changed'}: {'; '.join(changes)}"
