"""The matrix in the terminal and as Markdown: everything is there, readable and harmless."""

from __future__ import annotations

import io
import itertools
import re
from dataclasses import replace

import pytest
from rich.console import Console

from aftercancel import render
from aftercancel.judge import stability
from aftercancel.model import CleanUp, Outcome, Processes, Truth
from aftercancel.render import Results, Section, Table
from aftercancel.render.labels import of_shells
from aftercancel.render.matrix import narrowed
from aftercancel.render.signs import as_text
from tests.observing import cell, job, says

SHELLS = ("bash", "bash-e", "bash-xe", "dash", "dash-e", "dash-xe", "zsh")
CANCELLATIONS = ("TERM-process", "TERM-group", "TERM-leaf-first", "INT-group", "hang-up")


def result(
    cell_id: str,
    processes: Processes = Processes.GONE,
    cleanup: CleanUp = CleanUp.RAN,
    report: Truth = Truth.TRUTHFUL,
    *,
    reason: str = "All is well.",
    attempt: int = 1,
) -> Outcome:
    return Outcome(cell_id, processes, cleanup, report, reason, attempt=attempt)


def ids(
    job: str = "exit-trap",
    shells: tuple[str, ...] = SHELLS,
    cancellations: tuple[str, ...] = CANCELLATIONS,
    runner: str = "plain",
) -> list[str]:
    pairs = itertools.product(shells, cancellations)
    return [f"{job}/{shell}/none/{runner}/{cancellation}" for shell, cancellation in pairs]


def well(cells: list[str]) -> tuple[Outcome, ...]:
    return tuple(map(result, cells))


def on_paper(results: Results, width: int = 100) -> str:
    """What a file gets: no terminal, no colour."""
    console = Console(file=io.StringIO(), width=width)
    render.terminal(results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def on_screen(results: Results) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    render.terminal(results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def runner(table: Table) -> str:
    return table.place.rsplit(" ", 1)[1]


# -- the table model


def test_shells_that_agree_share_a_row() -> None:
    (table,) = render.tables(Results(well(ids())))
    (row,) = table.rows
    assert row.label == "all 7 shells"
    assert [as_text(entry) for entry in row.entries] == ["✓✓✓"] * 5


def test_a_shell_that_deviates_in_one_column_gets_a_row_of_its_own() -> None:
    outcomes = list(well(ids()))
    zsh = outcomes.index(result("exit-trap/zsh/none/plain/TERM-group"))
    outcomes[zsh] = replace(outcomes[zsh], cleanup=CleanUp.SKIPPED)
    (table,) = render.tables(Results(tuple(outcomes)))
    assert [row.label for row in table.rows] == ["all but zsh", "zsh"]
    assert [as_text(entry) for entry in table.rows[1].entries] == ["✓✓✓", "✓S✓"] + ["✓✓✓"] * 3


def test_a_shell_with_all_its_flags_is_named_once() -> None:
    assert of_shells(("dash", "dash-e", "dash-xe"), SHELLS) == "dash*"
    assert of_shells(("dash", "dash-e"), SHELLS) == "dash dash-e"
    assert of_shells(("zsh",), SHELLS) == "zsh"
    assert of_shells(("python3",), ("python3",)) == "python3"
    assert of_shells(("bash-posix", "bash-posix-e"), (*SHELLS, "bash-posix", "bash-posix-e")) == (
        "bash-posix*"
    )


def test_shells_that_only_their_flags_tell_apart_are_named_by_them() -> None:
    shells = (*SHELLS, "zsh-e", "zsh-xe")
    assert of_shells(("bash", "dash", "zsh"), shells) == "all without flags"
    assert of_shells(("bash-e", "dash-e", "zsh-e"), shells) == "all with -e"
    assert of_shells(tuple(s for s in shells if "-" in s), shells) == "all with -e or -xe"
    assert of_shells(("bash-e", "dash-e"), shells) == "bash-e dash-e"
    assert of_shells(("bash", "zsh"), ("bash", "zsh")) == "both shells"


def test_every_cell_of_a_section_is_behind_exactly_one_entry() -> None:
    values = itertools.cycle(itertools.product(Processes, CleanUp, Truth))
    cells = ids() + ids("no-trap", cancellations=("end",)) + ids(runner="plain-tty")
    outcomes = tuple(result(cell, *next(values)) for cell in cells)
    tables = render.tables(Results(outcomes))
    entries = [
        f"{row.job}/{shell}/{launcher}/{runner(table)}/{column}"
        for table in tables
        for row in table.rows
        for shell in row.shells
        for launcher in row.launchers
        for column, entry in zip(table.columns, row.entries, strict=True)
        if entry
    ]
    assert sorted(entries) == sorted(cells)
    assert sum(table.cells for table in tables) == len(cells)


def test_runners_stand_in_tables_of_their_own() -> None:
    tables = render.tables(Results(well(ids() + ids(runner="plain-tty"))))
    assert [runner(table) for table in tables] == ["plain", "plain-tty"]


def test_cells_outside_every_section_come_last_and_are_not_lost() -> None:
    section = Section("traps", tuple(ids()), "What traps do.")
    results = Results(well(ids() + ids("no-trap")), (section,))
    assert [table.section for table in render.tables(results)] == ["traps", "other cells"]


def test_a_section_without_a_result_takes_no_room() -> None:
    section = Section("launchers", ("a/b/c/d/e",))
    assert [t.section for t in render.tables(Results(well(ids()), (section,)))] == ["other cells"]


def test_a_cell_that_was_not_measured_shows_as_that() -> None:
    (table,) = render.tables(Results((), missing=("exit-trap/bash/none/plain/end",)))
    assert as_text(table.rows[0].entries[0]) == "---"


def test_attempts_that_differ_show_on_the_axis_where_they_do() -> None:
    one = result("a/bash/none/plain/end")
    other = replace(one, cleanup=CleanUp.SKIPPED, attempt=2)
    (table,) = render.tables(Results((one, other)))
    assert as_text(table.rows[0].entries[0]) == "✓~✓"


def test_an_id_that_is_none_still_shows() -> None:
    (table,) = render.tables(Results((result("nonsense"),)))
    assert table.rows[0].job == "nonsense"


def test_a_job_may_have_a_path_for_a_name() -> None:
    (table,) = render.tables(Results((result("./ci/deploy.sh/bash/none/plain/end"),)))
    assert table.rows[0].job == "./ci/deploy.sh"


# -- the terminal


def test_a_file_gets_no_escape_sequences() -> None:
    assert "\x1b" not in on_paper(Results(well(ids())))


def test_a_terminal_gets_colour_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m✓" in on_screen(Results(well(ids())))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in on_screen(Results(well(ids())))


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_and_no_column_is_dropped(width: int) -> None:
    cancellations = tuple(f"{s}-{to}" for s in "ABCDEFGHIJKL" for to in ("process", "group"))
    cells = ids("background-holds-output", cancellations=cancellations)
    text = on_paper(Results(well(cells)), width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("✓✓✓") == len(cancellations)


def test_a_column_whose_name_is_shortened_is_spelt_out_below() -> None:
    assert "TERM proc = TERM-process" in on_paper(Results(well(ids())))


def test_counts_and_the_legend_are_in_words() -> None:
    outcomes = (*well(ids()), result("x/bash/none/plain/end", Processes.ORPHANED))
    text = on_paper(Results(outcomes))
    assert "36 cells" in text
    assert "processes  gone 35  orphaned 1" in text
    assert "O orphaned: still running" in text


def test_what_could_not_be_told_is_named_with_its_reason() -> None:
    bad = [
        result(f"x/{n}/none/plain/end", Processes.UNKNOWN, reason="Not measured (sandbox): full.")
        for n in range(8)
    ]
    text = on_paper(Results(tuple(bad)))
    assert "Could not tell: 8" in text
    assert "Not measured (sandbox): full." in text
    assert "and 3 more" in text


def test_what_is_missing_and_what_was_not_tried_is_said() -> None:
    results = Results(
        well(ids()),
        missing=("a/b/none/plain/end",),
        unavailable=(("yash", "it is not installed: apt install yash"),),
    )
    text = on_paper(results)
    assert "Not measured: 1" in text
    assert "yash: it is not installed" in text
    assert "Not tried" in render.markdown(results)


def test_an_unstable_cell_is_shown_with_its_distribution_and_what_differs() -> None:
    observations = (cell(job()), replace(cell(job(), marks=(says("after"),)), attempt=2))
    outcomes = tuple(result(o.cell, attempt=o.attempt) for o in observations)
    results = Results(outcomes, stability=stability(observations))
    text = on_paper(results)
    assert "✓✓✓~" in text
    assert "Unstable: 1" in text
    assert "1 of 2, 1 of 2" in text
    assert "attempt 2: marks: (nothing of that) or (job says after)" in text
    assert "Unstable: 1" in render.markdown(results)


def test_an_empty_run_says_so() -> None:
    assert "0 cells" in on_paper(Results(()))
    assert "nothing was measured" in on_paper(Results(()))


def test_a_terminal_without_unicode_gets_other_signs() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=100)
    render.terminal(Results((*well(ids()), result("jöb/bash/none/plain/end"))), console)
    console.file.flush()
    text = raw.getvalue().decode("ascii")
    assert "+++" in text
    assert "j?b" in text


def test_a_block_of_columns_in_which_all_shells_agree_has_one_row() -> None:
    outcomes = (*well(ids()), result("exit-trap/zsh/none/plain/INT-group", Processes.LATE))
    (table,) = render.tables(Results(outcomes))
    assert len(table.rows) == 2
    assert [row.label for row in narrowed(table, [0, 1]).rows] == ["all 7 shells"]
    assert narrowed(table, [0, 1]).cells == 14


# -- names that want to be something else

HOSTILE = "a|b<script>alert(1)</script>\x1b[2J\n`x` [l](u) *s* _e_ \u202e\x00"


def test_a_hostile_name_is_harmless_in_the_terminal() -> None:
    text = on_paper(Results((result(f"{HOSTILE}/bash/none/plain/end", reason=HOSTILE),)))
    assert all(character.isprintable() for line in text.split("\n") for character in line)


def test_rich_markup_in_a_name_is_shown_as_it_stands() -> None:
    assert "[red]x" in on_paper(Results((result("[red]x/bash/none/plain/end"),)))


def test_a_hostile_name_is_harmless_in_markdown() -> None:
    text = render.markdown(
        Results(
            (result(f"{HOSTILE}/bash/none/plain/end", Processes.UNKNOWN, reason=HOSTILE),),
            (Section(HOSTILE, (f"{HOSTILE}/bash/none/plain/end",), HOSTILE),),
        )
    )
    assert "<" not in text
    assert "\x1b" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| a\\|b")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 4
    assert not re.search(r"(?<!\\)[`\[*]x?", row.replace("**", ""))


# -- Markdown


def test_every_entry_of_the_table_is_in_the_page() -> None:
    text = render.markdown(Results(well(ids() + ids("no-trap")), (Section("traps", ()),)))
    rows = [line for line in text.splitlines() if "✓✓✓" in line]
    assert len(rows) == 2
    assert all(row.count("✓✓✓") == len(CANCELLATIONS) for row in rows)


def test_what_a_reader_should_look_at_is_bold() -> None:
    outcomes = (
        result("a/bash/none/plain/end", Processes.ORPHANED),
        result("b/bash/none/plain/end", cleanup=CleanUp.NONE_DECLARED),
    )
    text = render.markdown(Results(outcomes))
    assert "**O✓✓**" in text
    assert "| ✓·✓" in text


def test_signs_that_mean_strikethrough_are_escaped() -> None:
    one = result("a/bash/none/plain/end")
    text = render.markdown(Results((one, replace(one, report=Truth.WRONG, attempt=2))))
    assert "✓✓\\~" in text


def test_sections_are_headings_with_their_sentences() -> None:
    text = render.markdown(Results(well(ids()), (Section("traps", tuple(ids()), "Who runs?"),)))
    assert "## traps\n\nWho runs?" in text
