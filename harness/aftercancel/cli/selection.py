"""``-k``: the same expressions as pytest's, asked before anything is started."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from _pytest.mark.expression import Expression

from aftercancel.errors import UsageError, nearest

Thing = TypeVar("Thing")
_WORD = re.compile(r"[\w:+.\[\]\\/-]+")


def select(
    expression: str | None, things: Iterable[Thing], name: Callable[[Thing], str]
) -> list[Thing]:
    """The things whose name the expression matches, word by word, as pytest does it."""
    if not expression:
        return list(things)
    try:
        compiled = Expression.compile(expression)
    except SyntaxError as error:
        raise UsageError(
            f"-k {expression!r} is no expression: {error.msg}. Words are joined by and, or, not "
            "and brackets, as in -k 'exit-trap and not (dash or zsh)'."
        ) from error
    return [thing for thing in things if compiled.evaluate(_matcher(name(thing).lower()))]


def _matcher(name: str) -> Callable[..., bool]:
    def matches(word: str, /, **_: str | int | bool | None) -> bool:
        return word.lower() in name

    return matches


def nothing_selected(expression: str, what: str, known: Sequence[str]) -> UsageError:
    """The error for an expression that matches nothing, with the nearest of the known words."""
    words = [word for word in _WORD.findall(expression) if word not in ("and", "or", "not")]
    offers = []
    for word in words:
        if not any(word.lower() in each.lower() for each in known):
            near = nearest(word, known)
            offers.append(f"Nothing is called {word}." + (_offer(near) if near else ""))
    hint = " ".join(offers) or "Each word is known, but no cell has them all."
    return UsageError(f"-k {expression!r} selects no {what}. {hint} `aftercancel list` has all.")


def _offer(near: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(near)}?"
