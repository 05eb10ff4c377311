"""Open questions: their scripts' heads, and answers that are made from findings."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aftercancel.catalog.questions import Asked, read_questions
from aftercancel.errors import ScenarioError
from aftercancel.judge.claims import Finding, Holds
from aftercancel.judge.claims.deciding import Arm, Branch, decide
from aftercancel.judge.effects import Compared, Difference, Side
from aftercancel.judge.prose import among, enumerated, prose
from aftercancel.judge.questions import Question, answered
from aftercancel.render import questions as render
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

QUESTIONS = Path(__file__).parent.parent / "scenarios" / "questions"
HEAD = 'asked = "Is it so?"\nclaims = ["T1"]\nhow = ["sh it.sh"]\n'

# Vocabulary


def asked(**more: Any) -> Asked:
    given: dict[str, Any] = {"claims": ("T1",), "text": "#!/bin/sh\necho it\n", **more}
    return Asked(
        id="it",
        asked="Is it so?",
        how=("sh it.sh",),
        needs="",
        script="scenarios/questions/it.sh",
        **given,
    )


def answer(finding: Finding | None, table: tuple[Compared, ...] = (), **more: Any) -> Question:
    """The question with what these findings answer."""
    findings = {} if finding is None else {"T1": finding}
    (question,) = answered([asked(**more)], {"T1": said()}, findings, table)
    return question


def told(by_cell: Mapping[str, Holds]) -> str:
    """What decides these cases, in prose."""
    return prose(decide([(each.words, each.holds) for each in answers(by_cell)]))


def in_full(question: Question) -> str:
    return " ".join([question.short, *question.paragraphs])


def effect(difference: Difference, question: str = "Is it in colour?", n: int = 1) -> Compared:
    sides = (Side("a/dash/ssh/plain/end", n, ("no",)), Side("a/dash/ssh-tt/plain/end", n, ("yes",)))
    return Compared("one", "Output", question, difference, *sides)


def head(folder: Path, text: str, name: str = "it.sh") -> Path:
    """A folder with one question."""
    lines = "".join(f"# {line}\n" for line in text.splitlines())
    folder.joinpath(name).write_text(f"#!/bin/sh\n# /// aftercancel\n{lines}# ///\necho it\n")
    return folder


def shown(*questions: Question, width: int = 80) -> str:
    file = io.StringIO()
    render.terminal(questions, Console(file=file, width=width, color_system=None))
    return file.getvalue()


# Prose of what decides


def test_one_axis_is_two_sentences() -> None:
    assert told({cell("bash"): Y, cell("zsh"): Y, cell("dash"): N}) == (
        "It depends on the shell. Yes under bash and zsh; no under dash."
    )


def test_an_answer_without_an_axis_is_for_every_case() -> None:
    assert prose(Y) == "Yes, in every case that could be told."
    assert prose(N) == "No, in every case that could be told."


def test_an_axis_below_another_has_a_sentence_of_its_own() -> None:
    by_cell = {each.cells["cell"]: each.holds for each in BY_SHELL_AND_TARGET}
    assert told(by_cell) == (
        "It depends on the shell. Yes under bash; no under dash. Under mksh it depends on whom the "
        "signal is sent to: yes when sent to the group; no when sent to the process alone."
    )


def test_a_third_axis_stands_in_parentheses() -> None:
    third = Branch("signal", (Arm(("INT",), Y, 1), Arm(("HUP", "TERM"), N, 2)))
    second = Branch("target", (Arm(("process",), Y, 1), Arm(("group",), third, 3)))
    first = Branch("shell", (Arm(("bash",), Y, 1), Arm(("dash",), second, 4)))
    assert "(yes on INT; no on HUP or TERM)." in prose(first)


def test_exceptions_are_named_behind_all_but() -> None:
    shells = ("bash", "dash", "ash", "mksh", "zsh", "yash")
    by_cell = {cell(shell): N if shell in ("ash", "yash") else Y for shell in shells}
    assert told(by_cell) == (
        "It depends on the shell. Yes under all 6 shells but ash and yash; no under those 2."
    )


def test_all_but_is_not_said_where_something_branches_further() -> None:
    deeper = Branch("signal", (Arm(("INT",), Y, 1), Arm(("TERM",), N, 1)))
    tree = Branch("shell", (Arm(("a", "b", "c", "d", "e", "f"), Y, 6), Arm(("g",), deeper, 2)))
    assert "all" not in prose(tree)
    assert "Yes under a, b, c, d, e and f." in prose(tree)


@pytest.mark.parametrize(
    ("axis", "values", "words"),
    [
        ("signal", ("HUP", "INT", "TERM"), "on HUP, INT or TERM"),
        ("shell", ("bash", "zsh"), "under bash and zsh"),
        ("flags", ("", "-e", "-xe"), "without flags and with -e or -xe"),
        ("launcher", ("none",), "without a launcher"),
        ("launcher", ("sudo", "ssh"), "behind sudo or ssh"),
        (
            "target",
            ("group", "process-by-root"),
            "when sent to the group or the process alone by root",
        ),
        ("job", ("flock",), "in the job flock"),
        ("job", ("flock", "daemon"), "in the jobs flock and daemon"),
    ],
)
def test_values_have_the_words_that_belong_before_and_between_them(
    axis: str, values: tuple[str, ...], words: str
) -> None:
    assert among(axis, values) == words


def test_many_values_are_counted() -> None:
    values = [f"l{n}" for n in range(20)]
    assert among("launcher", values[:10], values) == (
        "behind 10 of the 20 launchers (l0, l1, l2 and 7 more)"
    )


def test_an_enumeration_leaves_nothing_out() -> None:
    assert [enumerated(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


# Answers


def test_the_short_answer_is_what_one_axis_says() -> None:
    question = answer(found(BY_SHELL_AND_TARGET))
    assert question.short == "It depends on the shell. Yes under bash; no under dash."
    assert any(paragraph.startswith("Under mksh it depends") for paragraph in question.paragraphs)


def test_other_findings_make_another_answer() -> None:
    turned = [case(each.cells["cell"], N if each.holds is Y else Y) for each in BY_SHELL]
    assert answer(found(BY_SHELL)).short == (
        "It depends on the shell. Yes under bash and zsh; no under dash."
    )
    assert answer(found(turned)).short == (
        "It depends on the shell. Yes under dash; no under bash and zsh."
    )


def test_attempts_that_differ_are_neither_yes_nor_no() -> None:
    short = answer(found([case(cell(), V)])).short
    assert short == "Now yes and now no: nothing that the lab varies decides it."


def test_answers_can_have_words_of_their_own() -> None:
    words = {"yes": "Jenkins signals the group", "no": "it does not"}
    assert answer(found([case(cell())]), words=words).short == (
        "Jenkins signals the group, in every case that could be told."
    )


def test_a_question_whose_claim_was_not_measured_says_what_is_missing() -> None:
    question = answer(found(why_not="It needs cells that no run here has: a/b/c/d/e."))
    assert question.short == (
        "This was not measured. It needs cells that no run here has: a/b/c/d/e."
    )
    assert question.evidence == ()


def test_a_question_whose_cases_could_not_be_told_says_why() -> None:
    reason = "The claim's function failed (KeyError: 'x')."
    question = answer(found([case(cell(), U, reason)], why_not=reason))
    assert question.short == f"This could not be told. {reason}"


def test_a_claim_that_nobody_judged_is_said() -> None:
    assert answer(None).short == "T1 was not judged here."


def test_the_cases_are_counted_and_the_cells_that_are_missing_named() -> None:
    text = in_full(answer(found([*BY_SHELL, case(cell("ash"), U)], missing=(cell("ksh93"),))))
    assert "Of 4 cases: 2 yes; 1 no; 1 could not be told." in text
    assert f"1 cell that it needs was not measured, as {cell('ksh93')}." in text


def test_the_evidence_is_that_of_the_finding() -> None:
    evidence = answer(found(BY_SHELL)).evidence
    assert [(seen.cells, seen.answer) for seen in evidence] == [
        ((cell("bash"),), "yes"),
        ((cell("zsh"),), "yes"),
        ((cell("dash"),), "no"),
    ]


def test_only_the_first_claim_gives_the_short_answer() -> None:
    claims = {"T1": said("T1"), "T2": said("T2", "Another thing holds")}
    findings = {"T1": found([case(cell())]), "T2": found([case(cell(), N)], name="T2")}
    (question,) = answered([asked(claims=("T1", "T2"))], claims, findings)
    assert question.short == "Yes, in every case that could be told."
    assert "Another thing holds" in in_full(question)
    assert "No, in every case that could be told." in question.paragraphs


# Comparing along an axis


def test_a_comparison_names_who_differs_and_who_does_not() -> None:
    question = answer(found(BY_SHELL), compares="shell", than="bash")
    assert question.short == "Yes: dash differs from bash. zsh does not."


def test_a_comparison_without_a_difference_is_a_no() -> None:
    cases = answers({cell("bash"): N, cell("dash"): N, cell("zsh"): N})
    question = answer(found(cases), compares="shell", than="bash")
    assert question.short == "No: dash and zsh answer as bash does."


def test_a_comparison_says_where_there_is_a_difference() -> None:
    question = answer(found(BY_SHELL_AND_TARGET), compares="shell", than="bash")
    assert question.short == "Yes: dash and mksh differ from bash."
    text = in_full(question)
    assert "dash in 2 of 2 and mksh in 1 of 2." in text
    assert "Under mksh it depends on whom the signal is sent to" in text


def test_cases_without_a_counterpart_are_not_compared() -> None:
    cases = answers({cell("bash"): Y, cell("dash", "INT-group"): N})
    question = answer(found(cases), compares="shell", than="bash")
    assert question.short.startswith("There is nothing to compare")


# The effects of a terminal


def test_effects_are_counted() -> None:
    table = (effect(Difference.DIFFERS), effect(Difference.SAME), effect(Difference.DIFFERS))
    question = answer(None, table, claims=(), effects=True)
    assert question.short == (
        "Of 3 things that were looked at, 2 are different where a terminal is forced."
    )


def test_without_a_difference_no_effect_is_claimed() -> None:
    question = answer(None, (effect(Difference.SAME),) * 2, claims=(), effects=True)
    assert question.short == ("None was found: all 2 things that were looked at are as without it.")


def test_effects_that_were_not_measured_are_no_answer() -> None:
    question = answer(None, (effect(Difference.NOT_MEASURED, n=0),), claims=(), effects=True)
    assert question.short.startswith("This was not measured")


def test_effects_that_could_not_be_told_are_named() -> None:
    table = (effect(Difference.DIFFERS), effect(Difference.COULD_NOT_TELL, "Does it hang?"))
    question = answer(None, table, claims=(), effects=True)
    assert "It could not be told: Does it hang?" in in_full(question)


# The page and the terminal


def test_the_page_has_answer_evidence_script_and_how_to_run_it() -> None:
    page = render.markdown([answer(found(BY_SHELL))])
    for part in (
        "## Is it so?",
        "**It depends on the shell. Yes under bash and zsh; no under dash.**",
        f"  - `aftercancel again {cell('dash')}`",
        "```sh\n#!/bin/sh\necho it\n```",
        "```sh\nsh it.sh\n```",
    ):
        assert part in page


def test_the_page_shows_effects_that_differ_with_both_sides() -> None:
    table = (effect(Difference.DIFFERS), effect(Difference.SAME, "Is it the same?"))
    page = render.markdown([answer(None, table, claims=(), effects=True)])
    assert "| Is it in colour? | no | yes | `a/dash/ssh-tt/plain/end` |" in page
    assert "| Is it the same? |" not in page


def test_a_script_with_a_fence_in_it_stays_in_its_block() -> None:
    page = render.markdown([answer(found(BY_SHELL), text="#!/bin/sh\necho '```'\n")])
    assert "````sh\n#!/bin/sh\necho '```'\n````" in page


def test_names_with_special_characters_stay_text() -> None:
    nasty = "a|b<script>\x1b[31m"
    cases = [case(cell(nasty), N, f"It said {nasty}."), case(cell("bash"))]
    question = answer(found(cases, why_not=nasty))
    page = re.sub(r"`[^`]*`", "", render.markdown([question]))
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "\x1b" not in shown(question)


@pytest.mark.parametrize("width", [60, 80])
def test_prose_in_the_terminal_is_not_wider_than_it(width: int) -> None:
    question = answer(found(BY_SHELL_AND_TARGET))
    lines = [line for line in shown(question, width=width).splitlines() if "again" not in line]
    assert max(map(len, lines)) <= width


def test_no_question_at_all_is_said() -> None:
    assert "There is no question." in shown()
    assert "There is no question." in render.markdown([])


# Heads


def test_the_project_has_questions_and_their_heads_are_right() -> None:
    found_here = read_questions(QUESTIONS)
    assert {"G1", "G7", "G16"} <= {claim for each in found_here for claim in each.claims}
    assert any(each.effects for each in found_here)


def test_a_head_says_what_is_asked(tmp_path: Path) -> None:
    (question,) = read_questions(head(tmp_path, HEAD), claims=["T1"])
    assert (question.id, question.asked, question.claims) == ("it", "Is it so?", ("T1",))
    assert question.text.endswith("echo it\n")


def test_questions_are_in_the_order_of_their_claims(tmp_path: Path) -> None:
    for name, claim in (("a.sh", "G16"), ("b.sh", "G7"), ("c.sh", "B1")):
        head(tmp_path, HEAD.replace("T1", claim), name)
    assert [each.claims[0] for each in read_questions(tmp_path)] == ["B1", "G7", "G16"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("asked", "askd"), "Did you mean asked?"),
        (HEAD.replace('claims = ["T1"]\n', ""), "Nothing answers this question."),
        (HEAD.replace("T1", "T11"), "it.sh:4: There is no claim T11. Did you mean T1?"),
        (HEAD + 'compares = "shell"\n', "compares and than belong together."),
        (HEAD + 'compares = "shel"\nthan = "bash"\n', "There is no axis shel. Did you mean shell?"),
        (HEAD + 'words = { maybe = "x" }\n', "maybe is no answer of a claim."),
        (HEAD.replace('how = ["sh it.sh"]\n', ""), "how is missing."),
    ],
)
def test_a_mistake_in_a_head_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        read_questions(head(tmp_path, text), claims=["T1"])
    assert words in str(raised.value)


def test_a_script_without_a_head_is_told(tmp_path: Path) -> None:
    tmp_path.joinpath("it.sh").write_text("echo it\n")
    with pytest.raises(ScenarioError, match=r"head has no entry\. Describe the question between"):
        read_questions(tmp_path)


def test_a_file_that_is_no_script_and_a_folder_that_is_missing_are_told(tmp_path: Path) -> None:
    head(tmp_path, HEAD, "it.txt")
    with pytest.raises(ScenarioError, match="This is no question"):
        read_questions(tmp_path)
    with pytest.raises(ScenarioError, match="The folder is missing"):
        read_questions(tmp_path / "nothing")
