"""Real and modelled runners on the page: tables of their own, versions, queues, logs, notices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from aftercancel.judge import judged
from aftercancel.judge.models import Agreement
from aftercancel.model import (
    Disposition,
    End,
    Observation,
    Process,
    Queued,
    Report,
    Said,
    TroubleKind,
)
from aftercancel.render import Results
from aftercancel.render.page import PageData, Word, Words, pack, page, payload
from tests.browser.conftest import Opener, axe
from tests.observing import RUNNER, cell, job, says, sent, trouble
from tests.reporting import bad, good

MODEL, REAL = "hudson-modelled", "hudson@3.3.2"
FOLLOWS = "hudson.core 3.3.2 hudson/util/ProcessTree.java killRecursively"


def at(runner: str, how: str = "abort", name: str = "exit-trap") -> str:
    return f"{name}/dash/none/{runner}/{how}"


AGREEMENT = Agreement(
    MODEL, REAL, cells=2, agreeing=1, differing=(("nohup/dash/none/abort", "said: <b>other</b>"),)
)


def html_of(*some: Observation, **more: Any) -> str:
    """A page of these observations."""
    results = Results(
        tuple(map(judged, some)),
        models=more.pop("models", ()),
        unavailable=more.pop("unavailable", ()),
    )
    chunks = [pack([payload(each) for each in some])]
    return "".join(page(PageData("Runners", results, chunks=chunks, **more)))


def with_models() -> str:
    words = Words(
        runners={
            MODEL: Word(MODEL, "Modelled: Hudson", follows=FOLLOWS),
            REAL: Word(REAL, "Hudson, a freestyle job"),
        }
    )
    cells = [at(runner, name=name) for runner in (MODEL, REAL) for name in ("exit-trap", "nohup")]
    return html_of(*map(good, cells), words=words, models=(AGREEMENT,))


def captions(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#table caption").all_inner_texts()]


def heads(page: Page, table: int = 0) -> list[str]:
    found = page.locator("#table table").nth(table).locator("thead th").all_inner_texts()
    return [re.sub(r"\s+", " ", text) for text in found][1:]


def opened_cell(opened: Opener, one: Observation) -> Page:
    made = opened(f"#cell={one.cell}", html=html_of(one))
    expect(made.locator("#cell-title")).to_be_visible()
    return made


def moments(page: Page) -> list[str]:
    """The labels above the timeline's lanes."""
    return [text for text in page.locator(".timeline .moment text").all_text_contents() if text]


def fits(page: Page) -> bool:
    """Whether nobody has to scroll sideways."""
    width = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    return bool(page.evaluate(width))


# -- the matrix


def of_runners(*runners: str, how: Iterable[str] = ("abort",)) -> str:
    return html_of(*(good(at(runner, each)) for runner in runners for each in how))


def test_each_real_runner_has_a_table_of_its_own(opened: Opener) -> None:
    page = opened(html=of_runners("act@0.2", REAL, MODEL))
    assert [text.splitlines()[-1] for text in captions(page)] == ["act@0.2", REAL, MODEL]


def test_the_lab_s_own_runners_share_one(opened: Opener) -> None:
    page = opened(html=of_runners("plain", "plain-eof", "plain-tty"))
    expect(page.locator("#table table")).to_have_count(1)
    expect(page.locator("#choose-tables")).to_have_count(0)


def test_versions_stand_beside_each_other_cancellation_by_cancellation(opened: Opener) -> None:
    page = opened(html=of_runners("b@3.137.0", "b@3.62.0", how=("cancel", "end")))
    expect(page.locator("#table table")).to_have_count(1)
    assert heads(page) == ["cancel @3.62.0", "cancel @3.137.0", "end @3.62.0", "end @3.137.0"]
    labels = page.locator("#table .entry").evaluate_all("all => all.map((each) => each.title)")
    assert [label.split(":")[0] for label in labels][:2] == [
        "exit-trap, cancel @3.62.0",
        "exit-trap, cancel @3.137.0",
    ]


def test_jobs_about_which_versions_disagree_come_first(opened: Opener) -> None:
    same = [good(at(f"b@{n}", name="a-same")) for n in (1, 2)]
    other = [good(at("b@1", name="z-differs")), bad(at("b@2", name="z-differs"))]
    page = opened(html=html_of(*same, *other))
    rows = page.locator("#table tbody th")
    assert rows.all_inner_texts() == ["z-differs", "a-same"]


def test_one_table_for_all_can_be_chosen_and_is_in_the_address(opened: Opener) -> None:
    page = opened(html=of_runners("act@0.2", REAL))
    page.select_option("#choose-tables", "together")
    expect(page.locator("#table table")).to_have_count(1)
    assert "tables=together" in page.evaluate("location.hash")


def test_of_one_job_all_runners_are_in_one_table(opened: Opener) -> None:
    page = opened("#matrix?job=exit-trap&cancellation=abort", html=of_runners("act@0.2", REAL))
    expect(page.locator("#table table")).to_have_count(1)


def test_an_entry_of_a_version_opens_its_cell(opened: Opener) -> None:
    page = opened(html=of_runners("b@1", "b@2"))
    page.locator("#table .entry").nth(1).click()
    expect(page.locator("#cell-title")).to_have_text(at("b@2"))


def test_without_script_the_tables_have_versions_too(opened: Opener) -> None:
    page = opened(html=of_runners("b@1", "b@2"), java_script_enabled=False)
    found = page.locator(".without-script table.matrix thead th").all_inner_texts()
    assert found[2:] == ["abort @1", "abort @2"]


# -- models


def test_a_cell_of_a_model_says_what_its_word_is_worth(opened: Opener) -> None:
    page = opened(f"#cell={at(MODEL)}", html=with_models())
    expect(page.locator("#cell .modelled")).to_have_text(
        f"Modelled: follows {FOLLOWS}. Beside {REAL} it agreed in 1 of 2 cells."
    )


def test_a_cell_in_which_the_real_one_differs_leads_to_it(opened: Opener) -> None:
    page = opened(f"#cell={at(MODEL, name='nohup')}", html=with_models())
    expect(page.locator("#cell .modelled")).to_contain_text(
        f"In this cell it differs from {REAL}: said: <b>other</b>"
    )
    page.locator("#cell .modelled a").click()
    expect(page.locator("#cell-title")).to_have_text(at(REAL, name="nohup"))


def test_a_cell_of_a_real_runner_has_no_such_notice(opened: Opener) -> None:
    page = opened(f"#cell={at(REAL)}", html=with_models())
    expect(page.locator("#cell-title")).to_have_text(at(REAL))
    expect(page.locator("#cell .modelled")).to_have_count(0)


def test_a_model_without_a_real_one_says_so(opened: Opener) -> None:
    page = opened(f"#cell={at(MODEL)}", html=html_of(good(at(MODEL))))
    expect(page.locator("#cell .modelled")).to_contain_text("No real one was run beside it.")


def test_the_section_of_models_is_reached_from_the_bar(opened: Opener) -> None:
    page = opened(html=with_models())
    page.locator("nav").get_by_role("link", name="Models").click()
    row = page.locator("#models tbody tr")
    expect(row).to_contain_text(FOLLOWS)
    expect(row).to_contain_text("1 of 2 cells")
    expect(row.locator("a.cell")).to_have_count(2)


def test_a_run_without_models_has_no_such_section(opened: Opener) -> None:
    page = opened(html=of_runners(REAL))
    expect(page.locator("#models")).to_have_count(0)
    expect(page.locator("nav").get_by_role("link", name="Models")).to_have_count(0)


@pytest.mark.parametrize("fragment", ["", f"#cell={at(MODEL, name='nohup')}"])
def test_axe_finds_nothing_serious_in_either_colour(opened: Opener, fragment: str) -> None:
    page = opened(fragment, html=with_models())
    if fragment:
        expect(page.locator("#cell .modelled")).to_be_visible()
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe(page, ("color-contrast",)) == []
    page.emulate_media(color_scheme="light")


# -- one cell


def test_the_words_of_a_report_are_short_in_the_picture_and_whole_beside_it(
    opened: Opener,
) -> None:
    words = "state=failed failure_reason=job_execution_timeout exit_code=1 and more of it"
    one = replace(cell(job(), report=Report(5.0, Said.FAILED, End(), words)), cell=at(REAL))
    page = opened_cell(opened, one)
    (label,) = [text for text in moments(page) if text.startswith("the runner reports")]
    assert label.endswith("…)")
    expect(page.locator(".timeline .moment.report title")).to_contain_text(words)
    expect(page.locator("#cell .happenings")).to_contain_text(f"failed ({words})")


def test_jobs_that_waited_are_in_the_timeline(opened: Opener) -> None:
    waiting = (Queued(-9.0, 30.0), Queued(-8.0, None), Queued(-7.0, None, listed=False))
    one = replace(cell(job(), queued=waiting), cell=at(REAL))
    page = opened_cell(opened, one)
    assert "waiting job 1 starts" in moments(page)
    assert (
        "all gone; waiting job 2 still waits; waiting job 3 is not known to the runner any more"
        in moments(page)
    )
    expect(page.locator("#cell .happenings")).to_contain_text("waiting job 2 still waits")


def test_signals_that_came_thousands_of_times_are_one_arrow_with_a_number(
    opened: Opener,
) -> None:
    one = job()
    again = sent("TERM", one, one, Disposition.CAUGHT, times=7586)
    page = opened_cell(opened, replace(cell(one, signals=(again,)), cell=at(REAL)))
    expect(page.locator(".timeline .arrow")).to_have_count(1)
    expect(page.locator(".timeline .arrow .call")).to_have_text("kill ×7,586")


def test_what_a_runtime_does_with_its_own_threads_is_counted_and_not_drawn(
    opened: Opener,
) -> None:
    one = job()
    own = [
        sent("URG", one, one, Disposition.CAUGHT, call="tgkill"),
        sent("USR2", RUNNER, RUNNER, Disposition.CAUGHT, call="tgkill"),
        sent("SEGV", None, RUNNER, Disposition.CAUGHT),
    ]
    found = cell(one, signals=(*own, sent("TERM", RUNNER, one)))
    page = opened_cell(opened, replace(found, cell=at(REAL)))
    expect(page.locator(".timeline .arrow")).to_have_count(1)
    expect(page.locator(".timeline-box > .hint")).to_contain_text(
        "3 signals that a runtime sends its own threads not drawn."
    )


def ticks(page: Page) -> list[str]:
    return page.locator(".timeline .ticks text").all_text_contents()


def of_long_ago(process: Process) -> Process:
    return replace(process, started_ms=-24_841_000.0)


def test_a_runner_that_served_other_jobs_before_does_not_stretch_the_picture(
    opened: Opener,
) -> None:
    found = cell(job(), marks=(says("ready", -20.0),))
    first, *others = found.processes
    page = opened_cell(
        opened, replace(found, cell=at(REAL), processes=(of_long_ago(first), *others))
    )
    assert not any("24" in tick for tick in ticks(page))
    expect(page.locator(".timeline .bar.runner rect")).to_have_attribute("x", "0")


def test_a_runner_that_could_not_be_had_is_said_with_its_own_log(opened: Opener) -> None:
    log = "starting\npanic: <b>\x1b[31mno\n"
    lost = trouble(TroubleKind.RUNNER, "gitlab-runner did not start: port 80 is taken")
    page = opened_cell(opened, replace(lost, cell=at(REAL), runner_log=log))
    expect(page.locator("#cell .notice")).to_have_text(
        "It could not be measured (runner): gitlab-runner did not start: port 80 is taken"
    )
    page.click("text=The end of the runner’s own log")
    lines = page.get_by_role("region", name="The runner’s own log").locator(".line")
    assert [text.strip() for text in lines.all_text_contents()] == [
        "starting",
        "panic: <b>\\e[31mno",
    ]


# -- what was not measured


def test_a_long_way_to_get_a_runner_is_folded_and_can_be_read_whole(opened: Opener) -> None:
    why = "37 cells: jenkins was not found. " + "Put it into the folder of runners. " * 12
    page = opened(html=html_of(good(at(REAL)), unavailable=(("jenkins", why + "The end."),)))
    shown = page.locator("#unmeasured dd")
    expect(shown.locator("summary")).to_contain_text("37 cells: jenkins was not found.")
    assert "The end." not in shown.inner_text()
    shown.locator("summary").click()
    assert "The end." in shown.inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_a_word_without_an_end_does_not_widen_the_page(opened: Opener, width: int) -> None:
    endless = "/usr/share/" + "x" * 900
    lost = replace(trouble(TroubleKind.RUNNER, endless), cell=at(REAL))
    html = html_of(lost, unavailable=(("jenkins", f"1 cell: {endless}"),))
    page = opened(html=html, width=width)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert fits(page)
    page = opened(f"#cell={lost.cell}", html=html, width=width)
    expect(page.locator("#cell .notice")).to_be_visible()
    assert fits(page)
