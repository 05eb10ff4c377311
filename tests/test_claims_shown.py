"""Claims as people and programs read them: table, story, Markdown, data."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from aftercancel.judge.claims import Claim, Finding, Judged
from aftercancel.judge.words import visible
from aftercancel.render import claims as render
from aftercancel.render.claims_markdown import markdown
from tests.finding import (
    BY_SHELL,
    BY_SHELL_AND_TARGET,
    N,
    U,
    V,
    Y,
    answers,
    case,
    cell,
    found,
    said,
)

NASTY = "a|b <script>alert(1)</script> `x` \x1b[31m"
MANY_SHELLS = answers({cell(f"shell{n}"): Y if n % 2 else N for n in range(30)})

# Vocabulary


def shown(*findings: tuple[Claim, Finding], width: int = 80, encoding: str = "utf-8") -> str:
    """What a terminal without colour shows."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, width=width, color_system=None, highlight=False)
    render.terminal_table(findings, console)
    file.flush()
    return raw.getvalue().decode(encoding)


def joined(text: str) -> str:
    """Without the breaks of lines."""
    return " ".join(text.split())


def story(claim: Claim, finding: Finding) -> str:
    return "\n".join(
        render.claim_story(claim, finding, lambda name, n: [f"story of {visible(name)} #{n}"])
    )


def row(page: str, name: str) -> list[str]:
    """The entries of a claim's row in the page's table."""
    line = next(line for line in page.splitlines() if line.startswith(f"| [{name}]"))
    return [entry.strip() for entry in line.replace("\\|", "¦").strip("|").split("|")]


# The table


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        ([case(cell())], "confirmed"),
        ([case(cell(), N)], "refuted"),
        (BY_SHELL, "depends"),
        ([case(cell(), V)], "depends"),
        ([case(cell(), U)], "could not tell"),
        ([], "not measured"),
    ],
)
@pytest.mark.parametrize("width", [80, 140])
def test_the_table_says_the_verdict_in_words(cases: list[Judged], verdict: str, width: int) -> None:
    line = shown((said(), found(cases)), width=width).splitlines()[1]
    assert line.startswith(f"T1  {verdict} ")


@pytest.mark.parametrize("width", [40, 80, 140, 200])
@pytest.mark.parametrize("cases", [BY_SHELL, BY_SHELL_AND_TARGET, MANY_SHELLS])
def test_no_line_of_the_table_is_wider_than_the_terminal(cases: list[Judged], width: int) -> None:
    long = said(sentence="The handler runs whoever is told, and whatever else is to be done. " * 3)
    assert max(map(len, shown((long, found(cases)), width=width).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_says_what_decides_and_how_many_cases_said_what(width: int) -> None:
    text = joined(shown((said(), found([*BY_SHELL, case(cell("ash"), U)])), width=width))
    assert "by shell: bash, zsh: yes · dash: no" in joined(
        text.replace("2 yes", "").replace("1 no", "")
    )
    assert "2 yes" in text
    assert "1 no" in text
    assert "1 could not" in text


def test_verdicts_are_counted_below_the_table() -> None:
    text = shown((said("T1"), found(BY_SHELL)), (said("T2"), found([case(cell())])))
    assert "2 claims: 1 confirmed, 1 depends" in text


def test_what_was_not_measured_is_named_with_the_reason() -> None:
    text = shown((said("T7"), found(why_not="It needs cells that no run here has: a/b/c/d/e.")))
    assert "T7  It needs cells that no run here has: a/b/c/d/e." in text


def test_a_terminal_without_utf_8_gets_other_characters() -> None:
    text = shown((said(), found(BY_SHELL)), encoding="ascii")
    assert "by shell: bash, zsh: yes ; dash: no" in text


def test_control_bytes_of_a_claim_do_not_reach_the_terminal() -> None:
    finding = found([case(cell(NASTY), N), case(cell("bash"))], why_not=NASTY)
    assert "\x1b" not in shown((said(sentence=NASTY), finding))
    assert "\x1b" not in story(said(sentence=NASTY), finding)


def test_no_claim_at_all_is_said() -> None:
    assert shown() == "There is no claim.\n"


# One claim


def test_the_story_tells_the_claim_and_when_a_case_counts() -> None:
    text = story(said(asks="Is it so?"), found(BY_SHELL))
    for words in ("“The handler runs”", "When you cancel", "TERM × every shell", "Is it so?"):
        assert words in text
    assert "When a case counts as yes\n  The handler began." in text


def test_what_decides_is_a_nested_list() -> None:
    assert (
        "What decides\n"
        "  by shell\n"
        "    bash: yes (2 cases)\n"
        "    dash: no (2 cases)\n"
        "    mksh (2 cases), by target:\n"
        "      group: yes (1 case)\n"
        "      process: no (1 case)\n"
    ) in story(said(), found(BY_SHELL_AND_TARGET))


def test_the_nested_list_shortens_no_values() -> None:
    text = story(said(), found(MANY_SHELLS))
    assert all(f"shell{n}" in text for n in range(30))


def test_each_piece_of_evidence_has_its_story_and_its_command() -> None:
    text = story(said(), found(BY_SHELL))
    for each in BY_SHELL:
        name = each.cells["cell"]
        assert f"aftercancel again {name}\n" in text
        assert f"story of {name} #1" in text


def test_the_story_is_of_the_attempt_that_the_answer_rests_on() -> None:
    text = story(said(), found([case(cell(), attempts=(3, 4))]))
    assert f"story of {cell()} #3" in text


def test_the_cells_of_a_case_of_several_are_named_by_their_parts() -> None:
    both = case(cell())
    both = type(both)(
        {"before": cell(), "after": cell("dash")}, both.words, both.holds, both.because, (1,)
    )
    text = story(said(), found([both]))
    assert f"before: aftercancel again {cell()}" in text
    assert f"after: aftercancel again {cell('dash')}" in text


def test_cases_that_could_not_be_told_are_named_by_reason() -> None:
    reason = "The claim's function failed (KeyError: 'x')."
    cases = [case(cell("ash"), U, reason), case(cell("dash"), U, reason), case(cell())]
    text = joined(story(said(), found(cases)))
    assert f"2 cases: {reason} {cell('ash')} and {cell('dash')}" in text


def test_cells_that_are_missing_are_named_and_very_many_are_counted() -> None:
    few = story(said(), found(BY_SHELL, missing=("x/y/none/plain/end",)))
    many = story(
        said(), found(BY_SHELL, missing=tuple(f"x{n}/y/none/plain/end" for n in range(50)))
    )
    assert "Cells that were not measured\n  x/y/none/plain/end" in few
    assert "and 30 more" in many


def test_a_cell_that_a_shell_would_read_otherwise_is_quoted() -> None:
    assert render.again("my job;rm/bash/none/plain/end") == (
        "aftercancel again 'my job;rm/bash/none/plain/end'"
    )


# Markdown


def test_every_claim_has_a_row_that_leads_to_its_section() -> None:
    page = markdown([(said("G1"), found()), (said("G5a"), found(BY_SHELL))])
    for name in ("g1", "g5a"):
        assert f"](#claim-{name})" in page
        assert f'<a id="claim-{name}"></a>' in page


def test_names_with_special_characters_stay_text_in_the_page() -> None:
    nasty = [case(cell(NASTY), N, f"It said {NASTY}."), case(cell("bash"))]
    page = markdown([(said(sentence=NASTY), found(nasty, missing=(NASTY,), why_not=NASTY))])
    outside_code = "".join(part for n, part in enumerate(page.split("``")) if n % 2 == 0)
    assert "<script>" not in outside_code
    assert "\x1b" not in page
    assert len(row(page, "T1")) == 5


def test_a_row_of_the_table_does_not_change_with_another_row() -> None:
    alone = markdown([(said("T1"), found(BY_SHELL))])
    beside = markdown([(said("T1"), found(BY_SHELL)), (said("T2", "long " * 40), found())])
    assert row(alone, "T1") == row(beside, "T1")
    assert next(line for line in alone.splitlines() if line.startswith("| [T1]")) in beside


def test_the_page_names_the_command_and_tells_no_story() -> None:
    page = markdown([(said(), found(BY_SHELL))])
    assert f"- **no**: The handler began.\n  - `aftercancel again {cell('dash')}`" in page
    assert "story" not in page


def test_the_page_is_the_same_whatever_attempts_it_rests_on() -> None:
    once = markdown([(said(), found([case(cell())]))])
    often = markdown([(said(), found([case(cell(), attempts=(1, 2, 3))]))])
    assert once == often


def test_a_page_without_claims_says_so() -> None:
    assert "There is no claim." in markdown([])


# Data


def test_the_data_have_all_cases_and_are_json() -> None:
    data = json.loads(
        json.dumps(render.as_data(said(), found(MANY_SHELLS, missing=("a/b/c/d/e",))))
    )
    assert len(data["cases"]) == 30
    assert data["counts"]["yes"] == data["counts"]["no"] == 15
    assert data["missing"] == ["a/b/c/d/e"]
    assert data["deciding"]["axis"] == "shell"
    assert data["evidence"][0]["commands"] == [f"aftercancel again {cell('shell0')}"]


def test_the_data_of_a_claim_that_was_not_measured_say_why() -> None:
    data = render.as_data(said(), found(why_not="It needs more."))
    assert (data["verdict"], data["why_not"]) == ("not measured", "It needs more.")
    assert data["deciding"] is None
