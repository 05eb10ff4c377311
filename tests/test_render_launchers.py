"""Sections that try many launchers: one table, in which every reader finds the launcher he has."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import pytest
from rich.console import Console

from aftercancel import render
from aftercancel.model import CleanUp, Outcome, Processes, Truth
from aftercancel.render import Results, Section, Table
from aftercancel.render.labels import of_launchers
from aftercancel.render.matrix import narrowed
from aftercancel.render.signs import as_text

FEW = ("none", "env", "sudo", "ssh")
MANY = (*FEW, *(f"wrapper{n}" for n in range(40)))
JOBS = ("no-trap", "exit-trap")
CANCELLATIONS = ("TERM-process", "TERM-group", "KILL-process")
WORDS = [
    "aha",
    "bay",
    "cat",
    "dog",
    "elk",
    "fox",
    "gnu",
    "hen",
    "ibis",
    "jay",
    "kite",
    "lark",
    "mink",
    "newt",
    "owl",
    "pug",
    "quail",
    "rat",
    "swan",
    "toad",
]


def ids(
    launchers: tuple[str, ...] = FEW,
    jobs: tuple[str, ...] = JOBS,
    shells: tuple[str, ...] = ("dash",),
    cancellations: tuple[str, ...] = CANCELLATIONS,
    runner: str = "plain",
) -> list[str]:
    words = itertools.product(jobs, shells, launchers, [runner], cancellations)
    return ["/".join(word) for word in words]


def well(cell: str) -> Outcome:
    return Outcome(cell, Processes.GONE, CleanUp.RAN, Truth.TRUTHFUL, "All is well.")


def results(cells: list[str], *orphaning: str) -> Results:
    """Everything goes well but in the cells of which a word is ``orphaning``."""
    return Results(
        tuple(
            replace(well(cell), processes=Processes.ORPHANED)
            if set(cell.split("/")) & set(orphaning)
            else well(cell)
            for cell in cells
        )
    )


def the_table(found: Results) -> Table:
    (table,) = render.tables(found)
    return table


def on_paper(found: Results, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    render.terminal(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# -- what is grouped


def test_launchers_that_agree_share_a_row_of_their_job() -> None:
    table = the_table(results(ids(jobs=("no-trap",)), "ssh"))
    assert [row.label for row in table.rows] == ["all but ssh", "ssh"]
    assert [as_text(row.entries[0]) for row in table.rows] == ["✓✓✓", "O✓✓"]


def test_the_most_common_behaviour_comes_first() -> None:
    table = the_table(results(ids(jobs=("no-trap",)), "none"))
    assert [row.launchers for row in table.rows] == [("env", "sudo", "ssh"), ("none",)]


def test_shells_share_rows_where_there_are_as_many_of_them_as_launchers() -> None:
    tables = render.tables(results(ids(launchers=("none", "sudo"), shells=("dash", "bash"))))
    assert [table.place for table in tables] == [
        "launcher none, runner plain",
        "launcher sudo, runner plain",
    ]
    assert [row.label for table in tables for row in table.rows] == ["both shells"] * 4


def test_each_runner_of_a_section_is_looked_at_alone() -> None:
    cells = ids() + ids(launchers=("none",), shells=("dash", "bash"), runner="plain-tty")
    assert [table.place for table in render.tables(results(cells))] == [
        "4 launchers, shell dash, runner plain",
        "launcher none, runner plain-tty",
    ]


def test_a_job_under_another_shell_than_the_most_is_named_with_it() -> None:
    cells = ids() + ids(jobs=("py-plain",), shells=("python3",))
    table = the_table(results(cells))
    assert table.place == "4 launchers, shell dash unless said, runner plain"
    assert table.titles == ("no-trap", "exit-trap", "py-plain (python3)")


def test_a_job_under_several_shells_has_rows_for_each() -> None:
    table = the_table(results(ids(shells=("dash", "zsh")), "zsh"))
    assert table.titles == (
        "no-trap (dash)",
        "no-trap (zsh)",
        "exit-trap (dash)",
        "exit-trap (zsh)",
    )
    assert [row.label for row in table.rows] == ["all 4 launchers"] * 4


@pytest.mark.parametrize("launchers", [FEW, MANY])
def test_every_cell_is_behind_exactly_one_entry(launchers: tuple[str, ...]) -> None:
    values = itertools.cycle(itertools.product(Processes, CleanUp, Truth))
    cells = ids(launchers, shells=("dash", "zsh"))
    cells += ids(launchers, jobs=("py-plain",), shells=("python3",), cancellations=("link-down",))
    outcomes = tuple(Outcome(cell, *next(values), "") for cell in cells)
    table = the_table(Results(outcomes))
    entries = [
        f"{row.job}/{shell}/{launcher}/plain/{column}"
        for row in table.rows
        for shell in row.shells
        for launcher in row.launchers
        for column, entry in zip(table.columns, row.entries, strict=True)
        if entry
    ]
    assert sorted(entries) == sorted(cells)
    assert table.cells == len(cells)


# -- names


def test_launchers_of_one_name_are_put_together_where_all_of_them_are_there() -> None:
    everybody = ("none", "sudo", "sudo-tty", "tini", "tini-g", "ssh", "nice", "make")
    assert of_launchers(("none", "sudo", "sudo-tty", "tini"), everybody) == "none sudo* tini"
    assert of_launchers(everybody, everybody) == "all 8 launchers"
    assert of_launchers(everybody[:-1], everybody) == "all but make"
    assert of_launchers(("sudo", "ssh"), ("sudo", "ssh")) == "both launchers"
    assert of_launchers(("sudo",), ("sudo",)) == "sudo"


def test_a_name_that_others_begin_with_stands_for_nobody_else() -> None:
    everybody = ("su", "su-login", "sudo", "none", "env", "nice", "make", "flock")
    assert of_launchers(("su", "su-login"), everybody) == "su su-login"
    assert of_launchers(("su", "su-login", "sudo"), everybody) == "su su-login sudo"


def test_all_launchers_are_those_of_the_table_and_not_of_one_job() -> None:
    cells = ids() + ids(launchers=("none", "env"), jobs=("deploy",))
    labels = {row.job: row.label for row in the_table(results(cells)).rows}
    assert labels == {
        "no-trap": "all 4 launchers",
        "exit-trap": "all 4 launchers",
        "deploy": "none env",
    }


def test_all_launchers_are_those_of_the_whole_table_in_a_block_of_its_columns_too() -> None:
    cells = ids() + ids(launchers=("env", "ssh"), cancellations=("link-down",))
    table = the_table(results(cells))
    assert [row.label for row in narrowed(table, [3]).rows] == ["env ssh"] * 2


# -- the index


def test_a_few_launchers_need_no_index() -> None:
    assert not the_table(results(ids())).index
    assert "letter" not in on_paper(results(ids()))
    assert "letter" not in render.markdown(results(ids()))


def test_the_index_says_which_row_of_each_job_is_a_launchers() -> None:
    table = the_table(results(ids(MANY), "sudo"))
    by_letter = {(row.title, row.letter): row for row in table.rows}
    assert table.index["sudo"] == ("b", "b")
    for launcher, letters in table.index.items():
        for title, letter in zip(table.titles, letters, strict=True):
            assert launcher in by_letter[title, letter].launchers


def test_the_index_is_in_the_order_of_names_behind_none() -> None:
    names = list(the_table(results(ids(MANY))).index)
    assert set(names) == set(MANY)
    assert names == ["none", *sorted(name for name in MANY if name != "none")]


def test_a_launcher_that_a_job_was_not_tried_with_has_no_letter_there() -> None:
    cells = ids(MANY) + ids(("none",), jobs=("deploy",))
    assert the_table(results(cells)).index["env"] == ("a", "a", "")
    assert "****" not in render.markdown(results(cells))


def test_more_behaviours_of_a_job_than_letters_are_told_apart() -> None:
    values = itertools.product(Processes, CleanUp, Truth)
    cells = ids(MANY, jobs=("no-trap",), cancellations=("TERM-process",))
    outcomes = tuple(Outcome(cell, *next(values), "") for cell in cells)
    letters = [row.letter for row in the_table(Results(outcomes)).rows]
    assert letters[25:28] == ["z", "aa", "ab"]
    assert len(set(letters)) == len(MANY)


def test_rows_keep_their_letters_where_a_table_is_cut_into_blocks_of_columns() -> None:
    cells = ids(MANY)
    outcomes = tuple(
        replace(well(cell), report=Truth.HUNG) if "ssh/plain/KILL" in cell else well(cell)
        for cell in cells
    )
    table = the_table(Results(outcomes))
    assert [row.letter for row in narrowed(table, [0]).rows] == ["a", "b"] * 2
    assert narrowed(table, [0]).cells == len(cells) / 3


def test_rows_without_letters_that_agree_in_a_block_of_columns_are_put_together() -> None:
    outcomes = tuple(
        replace(well(cell), report=Truth.HUNG) if "ssh/plain/KILL" in cell else well(cell)
        for cell in ids()
    )
    table = the_table(Results(outcomes))
    assert len(table.rows) == 4
    assert [row.label for row in narrowed(table, [0, 1]).rows] == ["all 4 launchers"] * 2


# -- on paper


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    names = tuple(f"a-launcher-with-a-long-name-{n}" for n in range(30))
    cells = ids(names, jobs=tuple(f"a-job-with-a-name-{n}" for n in range(20)))
    text = on_paper(results(cells, *names[::2]), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.count("O✓✓") == 20 * len(CANCELLATIONS)


@pytest.mark.parametrize("width", range(70, 80))
def test_a_name_is_not_broken_in_front_of_its_row(width: int) -> None:
    names = tuple(f"{word}-with-a-name" for word in WORDS)
    above = on_paper(results(ids(names), *names[::2]), width).partition("letter")[0]
    assert all(name in above for name in names)


def test_each_launcher_has_a_line_of_its_own_below_the_table() -> None:
    below = on_paper(results(ids(MANY), "sudo")).partition("letter")[2]
    assert [line.split() for line in below.splitlines() if line.startswith("sudo ")] == [
        ["sudo", "b", "b"]
    ]


def test_the_star_is_explained_where_launchers_share_rows() -> None:
    assert "ssh* is every launcher" in on_paper(results(ids()))
    assert "bash* is bash" not in on_paper(results(ids()))
    assert "`ssh*` is every launcher" in render.markdown(results(ids()))


def test_the_page_has_the_letters_and_the_index() -> None:
    page = render.markdown(
        Results(results(ids(MANY), "sudo").outcomes, (Section("launchers", tuple(ids(MANY))),))
    )
    assert "44 launchers, shell dash, runner plain, 264 cells:" in page
    lines = [[word.strip() for word in line.split("|")] for line in page.splitlines()]
    assert ["", "no-trap", "b", "sudo", "**O✓✓**", "**O✓✓**", "**O✓✓**", ""] in lines
    assert ["", "launcher", "no-trap", "exit-trap", ""] in lines
    assert ["", "sudo", "**b**", "**b**", ""] in lines
    assert ["", "env", "a", "a", ""] in lines
