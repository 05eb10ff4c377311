"""Open questions: scripts that a reader runs by hand, with what is asked in their own head.

The head is a block as jobs have it. It names the claims whose verdicts answer the question; no
answer stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from aftercancel.catalog.fields import Fields, check_id
from aftercancel.catalog.jobs import head_of
from aftercancel.catalog.source import Source, Sources
from aftercancel.errors import Fault, ScenarioError

_SUFFIXES = (".sh", ".py")
_AXES = ("job", "shell", "flags", "launcher", "runner", "version", "cancellation", "signal")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as its script's head puts it."""

    id: str
    asked: str
    """In the words of whoever asked."""
    claims: tuple[str, ...]
    """Whose verdicts answer it: the first one gives the answer, the others stand beside it."""
    how: tuple[str, ...]
    """Command lines that run the script by hand, in the folder of the project."""
    needs: str
    """What the script needs, as a sentence; empty: nothing but a shell."""
    script: str
    """The file, as ``scenarios/questions/NAME``."""
    text: str
    """The whole script."""
    compares: str = ""
    """An axis: it is asked whether the claim's answer differs along it. Empty: it is asked
    whether the claim holds."""
    than: str = ""
    """The value of that axis with which the others are compared."""
    effects: bool = False
    """Whether the effects of a forced terminal answer it."""
    words: Mapping[str, str] | None = None
    """What "yes" and "no" to the claim mean as answers, where it is no question of yes or no."""


def read_questions(folder: Path, claims: Collection[str] | None = None) -> tuple[Asked, ...]:
    """Every question of ``scenarios/questions/``, in the order of their first claims.

    ScenarioError tells every mistake at once; with ``claims``, their ids, also claims that are
    not there.
    """
    sources = Sources(folder)
    found: list[Asked] = []
    if not folder.is_dir():
        raise ScenarioError([Fault(sources.file(folder), None, "The folder is missing.")])
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.suffix == ".md":
            continue
        if path.suffix not in _SUFFIXES:
            hint = f"Allowed: {', '.join(f'NAME{suffix}' for suffix in _SUFFIXES)}."
            sources.faults.append(Fault(sources.file(path), None, "This is no question.", hint))
            continue
        asked = _read(sources, path, claims)
        if asked is not None:
            found.append(asked)
    if sources.faults:
        raise ScenarioError(sources.faults)
    return tuple(sorted(found, key=_order))


def _read(sources: Sources, path: Path, claims: Collection[str] | None) -> Asked | None:
    text = sources.read(path)
    source = None if text is None else head_of(sources, path, text, "the question")
    if text is None or source is None:
        return None
    check_id(sources, source, (), path.stem)
    fields = Fields(sources, source, (), source.data)
    asked = Asked(
        id=path.stem,
        asked=fields.text("asked"),
        claims=fields.texts("claims"),
        how=fields.texts("how", required=True),
        needs=fields.text("needs", required=False),
        script=f"scenarios/questions/{path.name}",
        text=text,
        compares=fields.text("compares", required=False),
        than=fields.text("than", required=False),
        effects=fields.flag("effects", default=False),
        words=dict(fields.environment("words")) or None,
    )
    _check(fields, source, asked, claims)
    fields.close()
    return asked


def _check(fields: Fields, source: Source, asked: Asked, claims: Collection[str] | None) -> None:
    if not asked.claims and not asked.effects:
        hint = 'Write claims = ["ID"], or effects = true.'
        fields.fault(None, "Nothing answers this question.", hint)
    if bool(asked.compares) is not bool(asked.than):
        hint = 'As compares = "shell" and than = "bash".'
        fields.fault(None, "compares and than belong together.", hint)
    if asked.compares and asked.compares not in _AXES:
        fields.sources.unknown(source, ("compares",), "axis", asked.compares, _AXES)
    for word in asked.words or {}:
        if word not in ("yes", "no"):
            fields.fault("words", f"{word} is no answer of a claim.", "Allowed: no, yes.", word)
    for each in asked.claims if claims is not None else ():
        if each not in (claims or ()):
            known = tuple(claims or ())
            fields.sources.unknown(source, ("claims",), "claim", each, known)


def _order(asked: Asked) -> tuple[str, int, str]:
    """By the first claim's letter and number; what has none comes last."""
    first = asked.claims[0] if asked.claims else "~0"
    found = re.fullmatch(r"(\D*)(\d*).*", first)
    assert found is not None
    return found[1], int(found[2] or 0), asked.id
