"""What decides a claim, in sentences: ``It depends on the shell. Yes under bash; no under dash.``"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aftercancel.judge.claims.deciding import Arm, Branch, Deciding
from aftercancel.judge.claims.statements import Holds
from aftercancel.judge.words import visible

Words = Mapping[Holds, str]
"""What each answer is called."""
PLAIN: Words = {
    Holds.YES: "yes",
    Holds.NO: "no",
    Holds.VARIES: "now yes and now no",
    Holds.UNTOLD: "it could not be told",
}
_NAMED = 8
"""As many values are named in a sentence; of more, some and the number."""
_SOME = 3
_FEW = 3
"""As many exceptions are named behind “all but”."""


class _Axis(NamedTuple):
    noun: str
    """What it depends on."""
    kind: str
    """The values, as a plural."""
    before: str
    """What stands before values."""
    last: str = "and"
    """What stands before the last of several: one case has one of them."""

    @property
    def one(self) -> str:
        """What stands before a single value, or before “all”."""
        return self.before.replace(" the jobs", "")


_AXES = {
    "shell": _Axis("the shell", "shells", "under"),
    "flags": _Axis("the shell's flags", "kinds of flags", "with", "or"),
    "launcher": _Axis("the launcher", "launchers", "behind", "or"),
    "runner": _Axis("the runner", "runners", "with", "or"),
    "version": _Axis("the runner's version", "versions", "in", "or"),
    "cancellation": _Axis("the cancellation", "cancellations", "on", "or"),
    "signal": _Axis("the signal", "signals", "on", "or"),
    "target": _Axis("whom the signal is sent to", "targets", "when sent to", "or"),
    "job": _Axis("the job", "jobs", "in the jobs"),
}
_UNLIKE = {
    ("flags", ""): "without flags",
    ("launcher", "none"): "without a launcher",
    ("version", ""): "where no version is told",
    ("signal", ""): "where it is not one signal",
    ("target", ""): "when not sent to one of these",
}
"""Values that are the lack of one."""
_CALLED = {
    "process": "the process alone",
    "group": "the group",
    "leaf-first": "the whole tree, leaf first",
}
_BY_ROOT = "-by-root"


def prose(deciding: Deciding, words: Words = PLAIN) -> str:
    """The whole tree as sentences, a sentence for each arm that branches again."""
    return " ".join(filter(None, (headline(deciding, words), details(deciding, words))))


def details(deciding: Deciding, words: Words = PLAIN) -> str:
    """What ``headline`` leaves out; empty where that is nothing."""
    return "" if isinstance(deciding, Holds) else " ".join(_further(deciding, words))


def headline(deciding: Deciding, words: Words = PLAIN) -> str:
    """The answer as far as one axis gives it."""
    if isinstance(deciding, Holds):
        if deciding is Holds.VARIES:
            return f"{_capital(words[deciding])}: nothing that the lab varies decides it."
        return f"{_capital(words[deciding])}, in every case that could be told."
    told = _leaves(deciding, words)
    depends = f"It depends on {_axis(deciding.axis).noun}."
    return f"{depends} {_capital('; '.join(told))}." if told else depends


def among(axis: str, values: Sequence[str], everything: Sequence[str] = ()) -> str:
    """Values with what stands before them: ``under bash and zsh``, ``on HUP, INT or TERM``."""
    known = _axis(axis)
    unlike = [_UNLIKE[axis, value] for value in values if (axis, value) in _UNLIKE]
    named = [_called(axis, value) for value in values if (axis, value) not in _UNLIKE]
    parts: list[str] = []
    if len(named) > _NAMED:
        of = f" of the {len(everything)}" if len(everything) > len(values) else ""
        some = enumerated([*named[:_SOME], f"{len(named) - _SOME} more"], "and")
        parts.append(f"{known.before} {len(named)}{of} {known.kind} ({some})")
    elif named:
        before = known.before if len(named) > 1 else known.before.replace("jobs", "job")
        parts.append(f"{before} {enumerated(named, known.last)}")
    return " and ".join([*unlike, *parts])


def enumerated(words: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``: none is left out."""
    if len(words) < 2:
        return "".join(words)
    comma = "; " if any("," in word for word in words) else ", "
    return f"{comma.join(words[:-1])} {last} {words[-1]}"


# -- one axis


def _leaves(branch: Branch, words: Words) -> list[str]:
    """The arms that branch no further, a clause for each."""
    leaves = [(arm, arm.then) for arm in branch.arms if isinstance(arm.then, Holds)]
    everything = _values(branch.arms)
    if len(leaves) == len(branch.arms) == 2:
        largest, other = sorted(leaves, key=lambda leaf: -len(leaf[0].values))
        if _is_rest(branch.axis, largest[0], everything):
            return _all_but(branch.axis, largest, other, words)
    return [f"{words[then]} {among(branch.axis, arm.values, everything)}" for arm, then in leaves]


def _is_rest(axis: str, arm: Arm, everything: Sequence[str]) -> bool:
    """Whether an arm is shorter told by what is not in it."""
    others = len(everything) - len(arm.values)
    return axis not in ("target", "version") and others <= _FEW < len(arm.values)


def _all_but(
    axis: str, rest: tuple[Arm, Holds], other: tuple[Arm, Holds], words: Words
) -> list[str]:
    (arm, then), (exceptions, otherwise) = rest, other
    known = _axis(axis)
    count = len(arm.values) + len(exceptions.values)
    named = enumerated([_called(axis, value) for value in exceptions.values])
    those = "that one" if len(exceptions.values) == 1 else f"those {len(exceptions.values)}"
    return [
        f"{words[then]} {known.one} all {count} {known.kind} but {named}",
        f"{words[otherwise]} {known.one} {those}",
    ]


def _further(branch: Branch, words: Words) -> Iterable[str]:
    everything = _values(branch.arms)
    for arm in branch.arms:
        if isinstance(arm.then, Branch):
            where = _capital(among(branch.axis, arm.values, everything))
            noun = _axis(arm.then.axis).noun
            clauses = "; ".join([*_leaves(arm.then, words), *_within(arm.then, words)])
            yield f"{where} it depends on {noun}: {clauses}."


def _within(branch: Branch, words: Words) -> Iterable[str]:
    """What branches within a sentence: in parentheses, so that it is clear what belongs where."""
    everything = _values(branch.arms)
    for arm in branch.arms:
        if isinstance(arm.then, Branch):
            where = among(branch.axis, arm.values, everything)
            clauses = "; ".join([*_leaves(arm.then, words), *_within(arm.then, words)])
            yield f"{where} it depends on {_axis(arm.then.axis).noun} ({clauses})"


def _values(arms: Iterable[Arm]) -> list[str]:
    return [value for arm in arms for value in arm.values]


def _axis(axis: str) -> _Axis:
    return _AXES.get(axis) or _Axis(f"the {axis}", f"values of {axis}", f"with {axis}", "or")


def _called(axis: str, value: str) -> str:
    shown = visible(value) or "none"
    if axis != "target":
        return shown
    root = " by root" if shown.endswith(_BY_ROOT) else ""
    return f"{_CALLED.get(shown.removesuffix(_BY_ROOT), shown)}{root}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
