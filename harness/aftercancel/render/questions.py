"""The open questions with their answers: one page of Markdown, and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from aftercancel.judge.answers import Seen
from aftercancel.judge.effects import SLICE, Compared, Difference
from aftercancel.judge.questions import Question
from aftercancel.judge.words import visible
from aftercancel.render import effects
from aftercancel.render.claims import again
from aftercancel.render.claims_markdown import code, table
from aftercancel.render.encodings import encodable
from aftercancel.render.markdowns import escaped
from aftercancel.render.summaries import hanging

_TITLE = "Open questions, answered"
_WIDEST = 100


def markdown(questions: Sequence[Question]) -> str:
    """The page. No time and no host stands in it: its diff shows behaviour."""
    blocks = [f"# {_TITLE}"]
    if not questions:
        return "\n\n".join([*blocks, "There is no question."]) + "\n"
    for question in questions:
        blocks += _section(question)
    return "\n\n".join(blocks) + "\n"


def terminal(
    questions: Sequence[Question], console: Console | None = None, width: int | None = None
) -> None:
    """Print the questions for people."""
    console = console or Console(width=width, highlight=False)
    for line in lines(questions, console.width):
        console.print(encodable(line, console.encoding), soft_wrap=True, highlight=False)


def lines(questions: Sequence[Question], width: int) -> Iterator[Text]:
    """Everything that is printed, line by line."""
    if not questions:
        yield Text("There is no question.")
    room = min(width, _WIDEST)
    for n, question in enumerate(questions):
        if n:
            yield Text()
        yield from hanging("", visible(question.asked), room, style="bold")
        yield from hanging("  ", visible(question.short), room)
        for paragraph in question.paragraphs:
            yield Text()
            yield from hanging("  ", visible(paragraph), room)
        if question.effects:
            yield Text()
            told = "`aftercancel effects` shows each of them, with and without."
            yield from hanging("  ", told, room)
        yield from _seen(question.evidence, room)
        yield Text()
        yield Text("  By hand:", style="bold")
        for how in question.how:
            yield Text(f"    {visible(how)}")
        if question.needs:
            yield from hanging("    ", f"It needs {visible(question.needs)}", room, style="dim")


def _seen(evidence: Sequence[Seen], width: int) -> Iterator[Text]:
    if not evidence:
        return
    yield Text()
    yield Text("  Evidence:", style="bold")
    for seen in evidence:
        yield from hanging("    ", f"{seen.answer}: {visible(seen.because)}", width)
        for cell in seen.cells:
            yield Text(f"      {again(cell)}", style="dim")


# -- Markdown


def _section(question: Question) -> Iterator[str]:
    yield f'<a id="question-{question.id}"></a>\n\n## {escaped(question.asked)}'
    yield f"**{escaped(question.short)}**"
    for paragraph in question.paragraphs:
        yield escaped(paragraph)
    yield from _effects(question.effects)
    if question.evidence:
        yield "Evidence:"
        yield "\n".join(_evidence(seen) for seen in question.evidence)
    yield f"The script that shows it, {code(question.script)}:"
    yield _block(question.text, "python" if question.script.endswith(".py") else "sh")
    yield "To run it:"
    yield _block("\n".join(question.how), "sh")
    if question.needs:
        yield f"It needs {escaped(question.needs)}"


def _evidence(seen: Seen) -> str:
    commands = "".join(f"\n  - {code(again(cell))}" for cell in seen.cells)
    return f"- **{escaped(seen.answer)}**: {escaped(seen.because)}{commands}"


def _effects(compared: Sequence[Compared]) -> Iterator[str]:
    """What differs, in full; the rest is in the paragraphs."""
    differing = [row for row in compared if row.difference is Difference.DIFFERS]
    if differing:
        yield f"What differs, each with the cell that shows it (slice {code(SLICE)}):"
    for group, rows in groupby(differing, key=lambda row: row.group):
        entries = [
            [escaped(text) for text in (row.question, *_sides(row))]
            + [code(visible(row.with_terminal.cell))]
            for row in rows
        ]
        headers = [escaped(group), "without -tt", "with -tt", "cell"]
        yield table(headers, entries)


def _sides(row: Compared) -> tuple[str, str]:
    return effects.words(row.without), effects.words(row.with_terminal)


def _block(text: str, language: str) -> str:
    """A block of code whose fence does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
