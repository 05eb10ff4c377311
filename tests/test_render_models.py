"""Runners with versions, and models of runners, in tables and in words."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
from rich.console import Console

from aftercancel import render
from aftercancel.judge.models import Agreement
from aftercancel.model import CleanUp, Outcome, Processes, Truth
from aftercancel.render import Results, Table
from aftercancel.render.digest import digest
from aftercancel.render.models import as_data, in_short, notice
from aftercancel.render.page import PageData, Word, Words, page
from aftercancel.render.page.disagreements import disagreements
from aftercancel.render.signs import as_text
from tests.reporting import good, html_of

MODEL, REAL = "buildbot-modelled", "buildbot@4.3.0"
CELL = "exit-trap/bash/none/stop"
ALL = Agreement(MODEL, REAL, cells=6, agreeing=6)
ALONE = Agreement("systemd-modelled", "")
DIFFERS = Agreement(
    MODEL, REAL, cells=12, agreeing=11, differing=((CELL, "said: failed in the model"),)
)
UNTOLD = Agreement(MODEL, REAL, untold=(CELL,))


def outcome(runner: str, how: str = "stop", job: str = "exit-trap", gone: bool = True) -> Outcome:
    cell = f"{job}/bash/none/{runner}/{how}"
    there = Processes.GONE if gone else Processes.ORPHANED
    return Outcome(cell, there, CleanUp.RAN, Truth.TRUTHFUL, "")


def tables(*outcomes: Outcome) -> tuple[Table, ...]:
    return render.tables(Results(outcomes))


def on_paper(results: Results, width: int = 100) -> str:
    file = io.StringIO()
    render.terminal(results, Console(file=file, width=width, no_color=True))
    return file.getvalue()


def models(*found: Agreement) -> Results:
    return Results((outcome(MODEL),), models=found)


# -- tables


def test_each_runner_has_a_table_with_its_own_cancellations() -> None:
    found = tables(outcome("buildbot@4.3.0"), outcome("hudson@3.3.2", "abort"), outcome("plain"))
    assert [(table.place, table.columns) for table in found] == [
        ("launcher none, runner buildbot@4.3.0", ("stop",)),
        ("launcher none, runner hudson@3.3.2", ("abort",)),
        ("launcher none, runner plain", ("stop",)),
    ]


def test_versions_of_a_runner_stand_beside_each_other() -> None:
    versions = ("3.137.0", "3.62.0")
    (table,) = tables(*(outcome(f"b@{v}", how) for v in versions for how in ("cancel", "end")))
    assert table.place == "launcher none, runner b in versions 3.62.0 and 3.137.0"
    assert table.columns == ("cancel @3.62.0", "cancel @3.137.0", "end @3.62.0", "end @3.137.0")


def test_what_a_version_did_stands_below_its_number() -> None:
    (table,) = tables(outcome("b@1.9", gone=False), outcome("b@1.10"))
    (row,) = table.rows
    assert list(zip(table.columns, map(as_text, row.entries), strict=True)) == [
        ("stop @1.9", "O✓✓"),
        ("stop @1.10", "✓✓✓"),
    ]
    assert table.cells == 2


def test_a_cancellation_that_one_version_did_not_get_has_one_column() -> None:
    (table,) = tables(outcome("b@1"), outcome("b@2"), outcome("b@2", "end"))
    assert table.columns == ("stop @1", "stop @2", "end @2")


def test_a_model_is_not_a_version_of_the_real_one() -> None:
    found = tables(outcome("buildbot@4.3.0"), outcome("buildbot-modelled"))
    assert [table.place for table in found] == [
        "launcher none, runner buildbot@4.3.0",
        "launcher none, runner buildbot-modelled",
    ]


def test_a_terminal_has_the_version_below_the_cancellation() -> None:
    lines = on_paper(Results(tuple(outcome(f"b@3.{n}", "runner-KILL") for n in (9, 10))))
    heads = [line.split() for line in lines.splitlines()[3:6]]
    assert heads == [["runner", "runner"], ["KILL", "KILL"], ["3.9", "3.10"]]
    assert "runner KILL" not in lines.replace("runner KILL runner", "")


def test_cancellations_of_runners_are_told_apart_by_their_heads() -> None:
    lines = on_paper(Results((outcome("g@1", "canceling"), outcome("g@1", "canceled"))))
    assert "canceling canceled" in lines


@pytest.mark.parametrize("width", [60, 80, 100])
def test_many_versions_are_no_wider_than_the_terminal(width: int) -> None:
    versions = [f"{n}.4.0" for n in range(10, 20)]
    many = tuple(outcome(f"g@{v}", how) for v in versions for how in ("canceling", "canceled"))
    text = on_paper(Results(many), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("✓✓✓") == len(many)


def test_markdown_has_a_column_for_each_version() -> None:
    text = render.markdown(Results((outcome("b@1"), outcome("b@2"))))
    assert "| stop @1   | stop @2   |" in text


def test_runners_that_disagree_are_real_ones() -> None:
    two = outcome("buildbot@4.3.0"), outcome("buildbot-modelled", gone=False)
    assert disagreements(Results(two).cells().values()) == ()
    (found,) = disagreements(Results((*two, outcome("act@1", gone=False))).cells().values())
    assert [part.label for part in found.parts] == ["buildbot@4.3.0", "act@1"]


# -- what a model is worth


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        (ALL, f"{MODEL} agrees with {REAL} in all 6 cells"),
        (DIFFERS, f"{MODEL} agrees with {REAL} in 11 of 12 cells; differs in {CELL}"),
        (ALONE, "systemd-modelled: no real one was measured beside it"),
        (UNTOLD, f"{MODEL} could not be compared with {REAL}: 1 cell could not be told"),
        (
            Agreement(MODEL, REAL, cells=1, agreeing=1, untold=("a", "b")),
            f"{MODEL} agrees with {REAL} in the one cell; 2 cells could not be told",
        ),
    ],
)
def test_a_comparison_is_one_line(agreement: Agreement, words: str) -> None:
    assert in_short(agreement) == words


def test_a_terminal_lists_the_models_below_the_tables() -> None:
    text = on_paper(models(DIFFERS, ALONE), 120)
    _, _, after = text.partition("Models beside the real runners\n")
    assert after.splitlines()[:2] == [f"  {in_short(DIFFERS)}", f"  {in_short(ALONE)}"]


@pytest.mark.parametrize("make", [render.markdown, digest])
def test_markdown_has_a_table_of_models_and_what_differs(make: object) -> None:
    assert callable(make)
    text = make(models(DIFFERS, ALONE))
    assert "## Models beside the real runners" in text
    assert "11 of 12 cells" in text
    assert f"- {MODEL}, {REAL}, {CELL}: said: failed in the model" in text
    assert "no real one was measured beside it" in text


def every_report(results: Results) -> Iterable[str]:
    yield on_paper(results)
    yield render.markdown(results)
    yield digest(results)
    html = "".join(page(PageData("A run", results)))
    yield html[html.index('<main id="main"') : html.index("</main>")]


def test_a_run_without_models_says_nothing_of_them() -> None:
    for text in every_report(Results((outcome("plain"),))):
        assert "odel" not in text


def test_a_model_s_name_is_shortened_nowhere() -> None:
    long = "systemd-control-group-modelled"
    for text in every_report(Results((outcome(long),), models=(Agreement(long, ""),))):
        assert long in text


def test_a_model_s_page_says_whom_it_follows_and_how_often_it_agreed() -> None:
    assert notice(MODEL, "buildbot @61f", [ALONE, DIFFERS]) == (
        f"Modelled: follows buildbot @61f. Beside {REAL} it agreed in 11 of 12 cells."
    )


def test_every_version_beside_which_it_was_measured_is_said() -> None:
    other = Agreement(MODEL, "buildbot@5.0", cells=2, agreeing=2)
    assert notice(MODEL, "buildbot @61f", [ALL, other]).endswith(
        f"Beside {REAL} it agreed in all 6 cells; beside buildbot@5.0 it agreed in all 2 cells."
    )


def test_a_model_alone_says_that_no_real_one_was_run_beside_it() -> None:
    assert notice("systemd-modelled", "systemd @000", [ALL, ALONE]) == (
        "Modelled: follows systemd @000. No real one was run beside it."
    )


def test_a_run_that_did_not_store_whom_a_model_follows_says_so() -> None:
    assert notice(MODEL, "", [UNTOLD]) == (
        f"Modelled: the run does not say what it follows. Beside {REAL} no cell could be told."
    )


def test_json_has_the_comparison_as_data_and_as_a_sentence() -> None:
    found = as_data(DIFFERS)
    assert (found["model"], found["real"], found["cells"], found["agreeing"]) == (
        MODEL,
        REAL,
        12,
        11,
    )
    assert found["differing"] == [{"cell": CELL, "words": "said: failed in the model"}]
    assert found["sentence"].startswith(f"{MODEL} behaves as {REAL} does in 11 of the 12 cells")
    assert as_data(ALONE)["real"] is None


def test_the_page_has_a_section_with_links_to_both_cells() -> None:
    words = Words(runners={MODEL: Word(MODEL, "Modelled: Buildbot", follows="buildbot @61f")})
    html = "".join(page(PageData("A run", models(DIFFERS), words=words)))
    assert '<h2 id="models-title">Models beside the real runners</h2>' in html
    assert f'href="#cell=exit-trap/bash/none/{MODEL}/stop"' in html
    assert 'href="#cell=exit-trap/bash/none/buildbot%404.3.0/stop"' in html
    assert "buildbot @61f" in html


def test_a_hostile_model_is_harmless_on_the_page() -> None:
    evil = Agreement("<b>-modelled", "<i>@1", cells=1, differing=(("<u>/a/b/c", "<s>"),))
    html = "".join(page(PageData("A run", models(evil))))
    assert not {"<b>-", "<i>@", "<u>/", "<s>"} & {html[n : n + 4] for n in range(len(html))}


def test_an_old_line_of_a_model_needs_no_words() -> None:
    assert MODEL in html_of(good(f"exit-trap/bash/none/{MODEL}/stop"))
