"""How a reason names processes, signals and spans of time.

What comes from a job (roles, command lines, file names, output) is only ever shown through
``visible``: a control byte in it can neither break a line nor speak to a terminal.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from aftercancel.model import End, Process

LONGEST = 60
"""How much of a command line a sentence carries."""

# Category C of Unicode: controls, formats (writing direction), surrogates, private, unassigned.
_BACKSLASHED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e"}


@lru_cache(maxsize=8192)
def visible(text: str) -> str:
    """The text with every character that prints nothing, or moves something, spelt out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelt(character) for character in text)


def _spelt(character: str) -> str:
    if character in _BACKSLASHED:
        return _BACKSLASHED[character]
    # Zl and Zp (line and paragraph separators) end a line for some terminals and for JavaScript.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character


def shortened(text: str, longest: int = LONGEST) -> str:
    """At most ``longest`` characters; an ellipsis says that there were more."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def command(process: Process) -> str:
    """The command line, with the program's own name for its path."""
    words = [word.rsplit("/", 1)[-1] if not i else word for i, word in enumerate(process.argv)]
    return shortened(visible(" ".join(words).strip()))


def who(process: Process) -> str:
    """A process for a sentence: ``child (sleep 600)``; ``sleep 0.2`` where it has no role."""
    line = command(process)
    role = visible(process.role)
    if not line:
        return role
    return line if process.role == process.program else f"{role} ({line})"


def span(milliseconds: float) -> str:
    """A span of time as a person says it: ``40 ms``, ``0.7 s``, ``30 s``."""
    seconds = milliseconds / 1000
    if abs(seconds) < 0.1:
        return f"{milliseconds:.0f} ms"
    return f"{seconds:.1f} s" if abs(seconds) < 10 else f"{seconds:.0f} s"


def ended(end: End | None) -> str:
    """How a process ended, as the rest of a sentence."""
    if end is None or (end.signal is None and end.status is None):
        return "ended in a way that is not known"
    if end.signal is not None:
        return f"died of {end.signal}"
    return f"ended with status {end.status}"


def listed(words: Sequence[str], most: int = 4) -> str:
    """``a``, ``a and b``, ``a, b and c``; the ones beyond ``most`` are counted, not dropped."""
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def counted(words: Iterable[str]) -> list[str]:
    """Equal words once, with how often: ``2 × child``."""
    return [f"{n} × {word}" if n > 1 else word for word, n in Counter(words).items()]


def sentence(parts: Sequence[str]) -> str:
    """One sentence of several parts."""
    text = "; ".join(parts)
    # A role stays as it is written: only our own words get a capital.
    ours = text.startswith(("every ", "the "))
    return f"{text[0].upper()}{text[1:]}." if ours else f"{text}."
