"""The table of effects as people and programs read it, from a stored run."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from rich.console import Console

from aftercancel.cli.main import main
from aftercancel.judge.effects import Compared, Difference, Side, compare
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.model import End, Observation, Report, Said, Stream
from aftercancel.render import effects as render
from aftercancel.results import RunFolder
from aftercancel.results.lines import encode
from tests.observing import cell, job

# Vocabulary

LONG = "255 of 256 bytes as they were; 0x0a arrived as 0x0d 0x0a; lost: “~” 0x7f"
WITHOUT, WITH = "tty-streams/dash/ssh/plain/end", "tty-streams/dash/ssh-tt/plain/end"


def row(difference: Difference, without: str, with_terminal: str) -> Compared:
    """One effect, measured once on each side."""
    return Compared(
        id="one",
        group="Output",
        question="Where does the job's stderr come out?",
        difference=difference,
        without=Side(WITHOUT, 1, (without,)),
        with_terminal=Side(WITH, 1, (with_terminal,)),
    )


DIFFERS = row(Difference.DIFFERS, "on stderr", LONG)


def shown(*table: Compared, width: int = 80, encoding: str = "utf-8") -> str:
    """What a terminal without colour shows."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    render.terminal(table, Console(file=file, width=width, color_system=None, highlight=False))
    file.flush()
    return raw.getvalue().decode(encoding)


def column(text: str, head: str) -> str:
    """What stands below a head, its lines joined again."""
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if head in line)
    start = lines[first].index(head)
    body = lines[first + 1 : next(n for n, line in enumerate(lines) if WITHOUT[:11] in line)]
    return " ".join(line[start:].strip() for line in body if line[start:].strip())


# In a terminal


@pytest.mark.parametrize("width", [80, 60, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(width: int) -> None:
    text = shown(DIFFERS, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert column(text, "with -tt") == LONG


def test_each_effect_names_the_cells_that_it_rests_on() -> None:
    assert "tty-streams/dash/*/plain/end" in shown(DIFFERS)


@pytest.mark.parametrize(
    ("difference", "sign"),
    [
        (Difference.DIFFERS, "≠"),
        (Difference.SAME, "="),
        (Difference.COULD_NOT_TELL, "?"),
        (Difference.NOT_MEASURED, "-"),
    ],
)
def test_a_sign_says_without_colour_whether_an_effect_shows(
    difference: Difference, sign: str
) -> None:
    lines = shown(row(difference, "one", "other")).splitlines()
    assert next(line for line in lines if "Where does" in line).startswith(f"{sign} Where")
    assert f"{sign} {render.SIGNS[difference][1]}" in " ".join(lines[-4:-1])


def test_a_terminal_without_such_signs_gets_others() -> None:
    text = shown(DIFFERS, encoding="ascii")
    assert "! Where does" in text
    assert "! differs" in text
    assert 'lost: "~"' in text


def test_why_nothing_could_be_told_is_said_in_its_place() -> None:
    lost = Side(WITH, 1, (), "not measured (sandbox): no sshd")
    text = shown(replace(DIFFERS, difference=Difference.COULD_NOT_TELL, with_terminal=lost))
    assert column(text, "with -tt") == "could not tell: not measured (sandbox): no sshd"


def test_a_side_without_its_cell_is_shown_as_not_measured() -> None:
    missing = replace(DIFFERS, difference=Difference.NOT_MEASURED, with_terminal=Side(WITH, 0, ()))
    assert column(shown(missing), "with -tt") == "not measured"


def test_answers_of_attempts_that_differ_are_all_shown() -> None:
    both = replace(DIFFERS, with_terminal=Side(WITH, 2, ("on stdout", "nowhere")))
    assert column(shown(both), "with -tt") == "on stdout; at another attempt: nowhere"


def test_the_last_line_counts_every_effect() -> None:
    same = row(Difference.SAME, "no", "no")
    assert shown(DIFFERS, same, same).splitlines()[-1] == "3 questions: differs 1, same 2"


# As Markdown


def test_markdown_has_the_same_answers_and_both_cells_in_full() -> None:
    text = render.markdown([row(Difference.DIFFERS, "a | b", "<c>")])
    line = next(line for line in text.splitlines() if "Where does" in line)
    assert r"a \| b" in line
    assert "&lt;c&gt;" in line
    assert f"`{WITHOUT}`<br>`{WITH}`" in line
    assert "**differs**" in line


def test_markdown_has_a_table_for_each_group() -> None:
    other = replace(DIFFERS, group="Input")
    assert re.findall("^### (.*)$", render.markdown([DIFFERS, other]), re.MULTILINE) == [
        "Output",
        "Input",
    ]


# The command


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


Command = Callable[..., Answer]


@pytest.fixture
def aftercancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Answer:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        told = capsys.readouterr()
        return Answer(int(ended.value.code or 0), told.out, told.err)

    return call


def observed(cell_id: str, stdout: str, stderr: str = "") -> Observation:
    """A cell whose job printed that, and ended."""
    ended = job(dies_at=-1.0, of="", signal=None, status=0)
    return replace(
        cell(ended, fired=(), report=Report(0.0, Said.SUCCESS, End(status=0))),
        cell=cell_id,
        stdout=Stream(stdout, len(stdout), 0, cut=False),
        stderr=Stream(stderr, len(stderr), 0, cut=False),
    )


def store(*observations: Observation) -> None:
    """The newest run below the current folder."""
    with RunFolder.create().writer() as writer:
        for observation in observations:
            writer.append(encode(observation))


STREAMS = (
    observed(WITHOUT, "to stdout\n", "to stderr\n"),
    observed(WITH, "to stdout\r\nto stderr\r\n"),
)


def test_the_table_is_read_from_the_newest_run(aftercancel: Command) -> None:
    store(*STREAMS)
    said = aftercancel("effects")
    assert "on stdout" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_a_table_with_gaps_says_so_by_its_status(aftercancel: Command) -> None:
    store(*STREAMS)
    assert aftercancel("effects").status == 2


def test_json_has_every_effect_with_its_cells_and_answers(aftercancel: Command) -> None:
    store(*STREAMS)
    rows = {each["id"]: each for each in json.loads(aftercancel("effects", "--json").out)}
    assert list(rows) == [effect.id for effect in EFFECTS]
    assert rows["stderr-apart"]["with_terminal"] == {
        "cell": WITH,
        "measured": 1,
        "seen": ["on stdout"],
        "why_not": "",
    }
    assert rows["ctrl-c"]["difference"] == "not measured"


def test_json_and_the_terminal_say_the_same(aftercancel: Command) -> None:
    store(*STREAMS)
    table = compare(STREAMS, EFFECTS)
    rows = json.loads(aftercancel("effects", "--json").out)
    assert [each["difference"] for each in rows] == [str(each.difference) for each in table]
    assert render.numbers(table) in aftercancel("effects").out


def test_a_run_without_any_of_the_cells_is_an_error_that_says_what_to_do(
    aftercancel: Command,
) -> None:
    store(observed("no-trap/dash/none/plain/end", ""))
    said = aftercancel("effects")
    assert said.status == 3
    assert "`aftercancel run --slice forced-terminal` measures them" in said.err
    assert said.out == ""


def test_a_line_that_cannot_be_read_is_named_and_the_others_count(aftercancel: Command) -> None:
    store(*STREAMS)
    lines = RunFolder.open().path / "observations.jsonl"
    lines.write_text(lines.read_text() + "{\n")
    said = aftercancel("effects")
    assert "line 3 is no JSON" in said.err
    assert "on stdout" in said.out
