"""The report as somebody uses it: with a mouse, with keys alone, on a telephone, on paper.

Above 400 lines so that one browser and one page serve all of it: opening them takes longest.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from aftercancel.model import Observation
from aftercancel.render.page import Word, Words
from tests import reporting
from tests.browser.conftest import Opener, axe
from tests.observing import cell as observed
from tests.observing import job, says, with_cleanup
from tests.reporting import (
    BINARY,
    EVIL,
    EVIL_CELL,
    FAR,
    GREEN,
    LONG,
    MISSING,
    RED,
    UNKNOWN,
    UNSTABLE,
    bad,
    good,
    over_there,
)


def shown(page: Page) -> str:
    return page.locator("#count").inner_text()


def cell(page: Page) -> str:
    """The text of the cell that is open."""
    expect(page.locator("#cell-title")).to_be_visible()
    return page.locator("#cell").inner_text()


def unfold(page: Page) -> None:
    """Open everything that can be opened, and wait for what is made then."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    expect(page.locator("details.cases[open] tbody, .raw[open] pre").first).to_be_attached()


def has(page: Page, fragment: str) -> None:
    """Wait until the page's address ends so."""
    page.wait_for_function("wanted => decodeURIComponent(location.hash) === wanted", arg=fragment)


# -- the matrix


def test_the_first_slice_is_shown_and_the_page_says_how_many_cells_that_is(opened: Opener) -> None:
    page = opened()
    assert shown(page) == "12 of 38 cells are shown."
    assert page.locator("table.entries tbody th").all_inner_texts() == ["exit-trap"]


def test_everything_can_be_shown(opened: Opener) -> None:
    page = opened()
    page.click("#everything")
    assert shown(page) == "All 38 cells are shown."


def test_an_entry_shows_each_distinct_outcome_with_its_number(opened: Opener) -> None:
    page = opened()
    entry = page.get_by_role("button", name="exit-trap, TERM-process: 4 cells")
    assert entry.locator(".kind").all_text_contents() == ["OSe3", "✓✓✓1"]
    assert "1 × processes gone, clean-up ran, report truthful" in str(
        entry.get_attribute("aria-label")
    )


@pytest.mark.parametrize(
    ("field", "value", "count"),
    [
        ("shell", "dash", 6),
        ("launcher", "sudo", 6),
        ("processes", "gone", 2),
        ("report", "early", 9),
    ],
)
def test_a_choice_narrows_the_matrix(opened: Opener, field: str, value: str, count: int) -> None:
    page = opened()
    page.select_option(f"#choose-{field}", value)
    expect(page.locator("#count")).to_have_text(f"{count} of 38 cells are shown.")


def test_the_search_looks_at_ids_and_at_sentences(opened: Opener) -> None:
    page = opened()
    page.click("#everything")
    page.fill("#choose-find", "almquist no-trap")
    expect(page.locator("#count")).to_have_text("6 of 38 cells are shown.")
    assert page.locator("table.entries tbody th").all_inner_texts() == ["no-trap"]


def test_where_nothing_fits_the_page_says_so_and_offers_the_way_back(opened: Opener) -> None:
    page = opened()
    page.fill("#choose-find", "nothing-is-called-so")
    page.get_by_role("button", name="show everything", exact=True).click()
    assert shown(page) == "All 38 cells are shown."


def test_jobs_that_disagree_come_first_unless_the_catalogues_order_is_chosen(
    opened: Opener,
) -> None:
    page = opened()
    page.click("#everything")
    jobs = page.locator("table.entries tbody th")
    assert jobs.all_inner_texts() == ["no-trap", "exit-trap", "recipe", EVIL]
    page.select_option("#choose-sort", "catalogue")
    assert jobs.all_inner_texts() == ["exit-trap", "no-trap", "recipe", EVIL]


def test_a_choice_is_in_the_address_and_the_address_brings_it_back(opened: Opener) -> None:
    page = opened()
    page.select_option("#choose-shell", "dash")
    again = opened(page.evaluate("location.hash"))
    assert shown(again) == "6 of 38 cells are shown."
    expect(again.locator("#choose-shell")).to_have_value("dash")


def test_a_disagreement_leads_to_the_matrix_with_its_cells_alone(opened: Opener) -> None:
    page = opened()
    page.click("#disagreements li a >> nth=0")
    expect(page.locator("#only button")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 of 38 cells are shown.")
    page.click("#only button >> nth=0")
    expect(page.locator("#only button")).to_have_count(1)


# -- a cell


def test_an_entry_opens_the_list_of_its_cells_and_one_of_them_its_view(opened: Opener) -> None:
    page = opened()
    page.get_by_role("button", name="exit-trap, TERM-process: 4 cells").click()
    page.get_by_role("dialog").get_by_role("link", name="dash · none").click()
    has(page, f"#cell={RED}")
    assert "processes orphaned" in cell(page)


def test_a_deep_link_opens_its_cell_and_its_timeline(opened: Opener) -> None:
    page = opened(f"#cell={RED}")
    text = cell(page)
    assert "An EXIT trap alone." in text
    assert "The clean-up (EXIT) never began" in text
    assert "aftercancel again " + RED in text
    expect(page.locator(".timeline .arrow.deadly")).to_have_count(1)
    expect(page.locator(".timeline .bar.runs")).to_have_count(1)
    assert page.locator(".timeline .moment.fired text").text_content() == (
        "cancellation: TERM to group"
    )
    assert page.locator(".beside .line").count() == 3


def test_back_leads_to_where_the_reader_was(opened: Opener) -> None:
    page = opened()
    page.select_option("#choose-shell", "dash")
    page.select_option("#choose-launcher", "none")
    entry = page.get_by_role("button", name="exit-trap, TERM-process")
    entry.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    entry.click()
    cell(page)
    page.go_back()
    expect(page.locator("#overview")).to_be_visible()
    expect(page.locator("#cell")).to_be_hidden()
    expect(entry).to_be_focused()
    assert shown(page) == "3 of 38 cells are shown."
    assert abs(page.evaluate("scrollY") - before) < 5


def test_a_red_cell_names_the_remedy_that_is_green_there(opened: Opener) -> None:
    page = opened(f"#cell={RED}")
    page.locator(".remedy").get_by_role("link", name="the job recipe").click()
    has(page, f"#cell={GREEN}")
    expect(page.locator("#cell-title")).to_have_text(GREEN)
    expect(page.locator(".remedy")).to_have_count(0)


def test_a_cell_that_is_fine_needs_no_remedy(opened: Opener) -> None:
    page = opened(f"#cell={BINARY}")
    cell(page)
    expect(page.locator(".remedy")).to_have_count(0)


def test_where_no_remedy_is_green_that_is_said(opened: Opener) -> None:
    page = opened(f"#cell={EVIL_CELL.replace('|', '%7C')}")
    cell(page)
    page.evaluate("location.hash = '#cell=exit-trap/zsh/none/plain/TERM-group'")
    expect(page.locator(".remedy")).to_contain_text("None of the remedies that was measured")


def remedies(page: Page) -> list[str]:
    """What is offered where a cell is red, by its words."""
    cell(page)
    return page.locator(".remedy li a").all_inner_texts()


def without_cleanup(cell: str) -> Observation:
    """Everything ends, and there was nothing to clean up."""
    return replace(observed(job(dies_at=0.2)), cell=cell)


def to_copy(*jobs: str, launchers: tuple[str, ...] = ()) -> Words:
    """Words of which all are remedies."""
    return Words(
        jobs={name: Word(name, "To copy.", remedy=True) for name in jobs},
        launchers={name: Word(name, "To copy.", remedy=True) for name in launchers},
    )


def test_a_remedy_that_is_not_green_itself_is_not_offered(opened: Opener) -> None:
    red, green, bare = (f"{name}/dash/none/plain/end" for name in ("red", "green", "bare"))
    html = reporting.html_of(
        bad(RED.replace("TERM-process", "end")),
        bad(red),
        good(green),
        without_cleanup(bare),
        words=to_copy("red", "green", "bare"),
    )
    page = opened("#cell=exit-trap/dash/none/plain/end", html=html)
    assert remedies(page) == ["the job green"]


def test_a_launcher_whose_job_declares_no_cleanup_is_offered_with_these_words(
    opened: Opener,
) -> None:
    def under(launcher: str, name: str = "a") -> str:
        return f"{name}/dash/{launcher}/plain/end"

    html = reporting.html_of(
        bad(under("ssh")),
        without_cleanup(under("ssh-bare")),
        good(under("ssh-green")),
        bad(under("ssh-red")),
        words=to_copy(launchers=("ssh-bare", "ssh-green", "ssh-red")),
    )
    page = opened(f"#cell={under('ssh')}", html=html)
    assert remedies(page) == ["the launcher ssh-bare", "the launcher ssh-green"]
    bare, green = page.locator(".remedy li").all_inner_texts()
    assert "this job declares no clean-up: none ran" in bare
    assert "no clean-up" not in green


def test_one_way_over_ssh_is_not_offered_for_sudo(opened: Opener) -> None:
    red, other = "a/dash/sudo/plain/end", "a/dash/ssh-green/plain/end"
    html = reporting.html_of(bad(red), good(other), words=to_copy(launchers=("ssh-green",)))
    page = opened(f"#cell={red}", html=html)
    assert remedies(page) == []


def test_a_cell_leads_to_the_claims_that_rest_on_it(opened: Opener) -> None:
    page = opened(f"#cell={RED}")
    page.locator("#cell").get_by_role("link", name="T1").click()
    expect(page.locator("#claim-T1 .facts").first).to_be_visible()


def test_a_launchers_command_line_is_beside_its_name_and_its_files_are_folded(
    opened: Opener,
) -> None:
    text = "sudo JOB\n# sudoers\nDefaults use_pty\n# ./Makefile\njob:\n\tJOB"
    words = Words(launchers={"sudo": Word("sudo", "sudo to root.", text=text)})
    page = opened(f"#cell={BINARY}", html=reporting.html_of(good(BINARY), words=words))
    cell(page)
    expect(page.locator(".words .command")).to_have_text("sudo JOB")
    files = page.locator(".words details")
    expect(files.locator("pre")).to_be_hidden()
    files.locator("summary").click()
    said = "".join(files.locator(".line").all_inner_texts())
    assert said == "# sudoers\nDefaults use_pty\n# ./Makefile\njob:\n\\tJOB\n"


def test_a_launcher_with_a_command_line_alone_has_nothing_to_unfold(opened: Opener) -> None:
    page = opened(f"#cell={BINARY}")
    cell(page)
    expect(page.locator(".words .command")).to_have_text("sudo job.sh")
    expect(page.locator(".words details")).to_have_count(0)


def test_signals_are_told_apart_by_shape_and_by_what_they_met(opened: Opener) -> None:
    page = opened(f"#cell={FAR}")
    cell(page)
    for met in ("deadly", "ignored", "pending", "failed"):
        expect(page.locator(f".timeline .arrow.{met}")).to_have_count(1)
    assert "far host" in page.locator(".lanes").inner_text()


def test_the_axis_can_be_true_to_time_and_wider(opened: Opener) -> None:
    page = opened(f"#cell={FAR}")
    expect(page.locator(".timeline-box > .hint")).to_contain_text("The axis is broken")
    page.select_option(".tools select", "around")
    expect(page.locator(".timeline-box > .hint")).to_contain_text("True to time, from")
    wide = page.locator(".timeline svg").bounding_box()
    page.get_by_role("button", name="Wider").click()
    wider = page.locator(".timeline svg").bounding_box()
    assert wide and wider and wider["width"] > wide["width"]


def test_a_mark_of_a_role_that_has_no_lane_stands_at_the_head_of_the_timeline(
    opened: Opener,
) -> None:
    marks = (says("ready", -20.0, role="shell before exec"), says("EXIT begin", 0.5))
    found = replace(with_cleanup(*marks, says("lost", 1.0, role=None)), cell=RED)
    page = opened(f"#cell={RED}", html=reporting.html_of(found))
    strays = page.locator(".timeline .mark.stray")
    assert strays.locator("text").all_text_contents() == [
        "shell before exec: “ready”",
        "somebody: “lost”",
    ]
    expect(page.locator(".timeline .mark:not(.stray)")).to_have_count(1)
    first = page.locator(".lanes .lane").first.bounding_box()
    stray = strays.first.locator("circle").bounding_box()
    assert first and stray and stray["y"] + stray["height"] <= first["y"]


def test_a_cell_that_is_far_too_long_is_cut_and_says_so(opened: Opener) -> None:
    page = opened(f"#cell={LONG}")
    text = cell(page)
    assert "Not drawn, because there are so many: 42 processes, 2,850 signals" in text
    assert page.locator("#cell .happenings tbody tr").count() == 300
    page.locator("#cell").get_by_role("button", name="Show all").click()
    assert page.locator("#cell .happenings tbody tr").count() > 3000


def test_output_that_is_no_text_is_shown_as_what_it_is(opened: Opener) -> None:
    page = opened(f"#cell={BINARY}")
    assert "</script>\\e[31m��\\x00" in cell(page)
    page.click("text=Not all of it is UTF-8")
    assert "3c 2f 73 63 72 69 70 74" in cell(page)


def test_an_unstable_cell_leads_to_its_other_behaviours(opened: Opener) -> None:
    page = opened(f"#cell={UNSTABLE}")
    text = cell(page)
    assert "Unstable. It behaved in 2 ways: 2 of 3, 1 of 3." in text
    assert "behaved as attempt 1" in text
    page.get_by_role("link", name="attempt 2", exact=True).click()
    has(page, f"#cell={UNSTABLE}#2")
    expect(page.locator("#cell .axes")).to_contain_text("processes orphaned")


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        (UNKNOWN, "It could not be measured (not armed): no mark <i>at all</i>"),
        (MISSING, "It was not measured."),
        ("nothing/of/this/is/here", "This run has no such cell."),
    ],
)
def test_a_cell_without_an_answer_says_why(opened: Opener, fragment: str, words: str) -> None:
    assert words in cell(opened(f"#cell={fragment}"))


def test_the_raw_observation_can_be_read_and_copied(opened: Opener) -> None:
    page = opened(f"#cell={RED}", permissions=["clipboard-read", "clipboard-write"])
    page.click("text=Raw observation")
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.locator(".raw button")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText().then(JSON.parse)")
    assert copied["cell"] == RED


# -- lines that leave fields out


def test_a_line_without_optional_fields_is_shown_and_kept_as_it_is(opened: Opener) -> None:
    name = "x/dash/none/plain/TERM-process"
    line = f'{{"cell":"{name}","evidence":"trace"}}'.encode()
    found = msgspec.json.decode(line, type=Observation)
    page = opened(f"#cell={name}", html=reporting.html_of(found, lines={name: line}))
    text = cell(page)
    assert "cannot be shown" not in text
    assert "Nothing was recorded." in text
    assert "Nothing: no process, no file, no lock." in text
    page.click("text=Raw observation")
    assert json.loads(page.locator(".raw code").inner_text()) == json.loads(line)


LATER = {"far", "doomed_ms", "error", "base64", "files", "locks", "status", "marks", "trouble"}
"""Fields that a line may leave out where there is nothing to say."""


def shorn(value: Any) -> Any:
    """As a line that was written before these fields were added."""
    if isinstance(value, list):
        return [shorn(each) for each in value]
    if not isinstance(value, dict):
        return value
    nothing: tuple[Any, ...] = (None, [], "")
    return {
        name: shorn(each)
        for name, each in value.items()
        if name not in LATER or not (each is False or each in nothing)
    }


def test_a_line_from_before_a_field_was_added_shows_the_same(opened: Opener) -> None:
    found = over_there(FAR)
    line = msgspec.json.encode(shorn(json.loads(msgspec.json.encode(found))))
    assert b'"far":false' in msgspec.json.encode(found)
    assert b'"far":false' not in line
    page = opened(f"#cell={FAR}", html=reporting.html_of(found))
    cell(page)
    whole = page.locator("#cell").text_content()
    page = opened(f"#cell={FAR}", html=reporting.html_of(found, lines={FAR: line}))
    cell(page)
    assert page.locator("#cell").text_content() == whole


# -- harmless


def test_words_that_mean_something_to_javascript_are_words(opened: Opener) -> None:
    known, unknown = "__proto__/dash/none/plain/end", "constructor/dash/none/toString/end"
    words = Words(jobs={"__proto__": Word("__proto__", "The user's own.", text="echo own\n")})
    html = reporting.html_of(good(known), bad(unknown), words=words)
    page = opened(html=html)
    assert shown(page) == "All 2 cells are shown."
    text = cell(opened(f"#cell={known}", html=html))
    assert "The user's own." in text
    assert "echo own" in text
    assert "Its source is not in this report." in cell(opened(f"#cell={unknown}", html=html))


def test_a_page_whose_script_fails_says_so_and_is_ready(opened: Opener) -> None:
    page = opened("#matrix?shell=dash", without="URLSearchParams")
    expect(page.locator("#count")).to_contain_text("The cells cannot be shown. URLSearchParams")
    expect(page.locator(".without-script table.matrix").first).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-ready", "no")


def test_names_with_script_and_pipes_are_shown_and_harmless(opened: Opener) -> None:
    page = opened()
    page.click("#everything")
    page.fill("#choose-find", "<script>")
    expect(page.locator("#count")).to_have_text("1 of 38 cells are shown.")
    expect(page.locator("table.entries tbody th")).to_have_text(EVIL)
    page.locator(".entry").click()
    text = cell(page)
    assert f"{EVIL}/dash/none/plain/TERM-group" in text
    assert f"{EVIL} (file, 3 bytes)" in text
    assert f"job says “{EVIL}”" in text
    assert page.locator("script:not([type])").count() == 2


# -- keys alone


def test_the_matrix_is_used_with_keys_alone(opened: Opener) -> None:
    page = opened()
    page.keyboard.press("/")
    expect(page.locator("#choose-find")).to_be_focused()
    page.click("#everything")
    page.locator(".entry[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    focused = page.locator(".entry:focus")
    expect(focused).to_have_attribute(
        "aria-label", page.locator(".entry").nth(1).get_attribute("aria-label") or ""
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(focused).to_have_count(1)


def test_escape_leaves_a_cell(opened: Opener) -> None:
    page = opened(f"#cell={RED}")
    cell(page)
    page.keyboard.press("Escape")
    expect(page.locator("#overview")).to_be_visible()


def test_focus_is_visible_and_the_first_stop_skips_to_the_content(opened: Opener) -> None:
    page = opened()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


# -- claims and questions


def test_a_claim_opens_with_its_evidence_and_all_its_cases(opened: Opener) -> None:
    page = opened("#claim-T1")
    claim = page.locator("#claim-T1")
    expect(claim.locator(".exhibit")).to_have_count(3)
    claim.locator("details.story summary").first.click()
    expect(claim.locator("table.happenings").first).to_be_visible()
    claim.locator("details.cases > summary").click()
    expect(claim.locator("table.cases tbody tr")).to_have_count(16)


def test_cases_that_cannot_be_read_are_told(opened: Opener) -> None:
    page = opened("#claim-T1", html=re.sub(r'(id="cases">)[^<]+', r"\1AAAA", reporting.html()))
    page.locator("#claim-T1 details.cases > summary").click()
    expect(page.locator("#claim-T1 .cases")).to_contain_text("The cases cannot be shown.")


def test_cases_name_the_attempts_that_said_something_else(opened: Opener) -> None:
    ((claim, finding), *_) = reporting.findings(tuple(reporting.observations()))
    some = (replace(finding.cases[0], attempts=(1, 3), others=(2,)), finding.cases[1])
    html = reporting.html(findings=((claim, replace(finding, cases=some, evidence=(0,))),))
    page = opened("#claim-T1", html=html)
    page.locator("#claim-T1 details.cases > summary").click()
    rows = page.locator("#claim-T1 table.cases tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("in attempts 1, 3; attempt 2 could not tell")
    expect(rows.last).not_to_contain_text("attempt")


def test_a_question_opens_with_its_script(opened: Opener) -> None:
    page = opened("#question-shells")
    assert "trap 'echo bye' EXIT" in page.locator("#question-shells").inner_text()


# -- colours, paper, telephone, no script


def colour(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_follows_the_system_and_the_button_turns_it(opened: Opener) -> None:
    # A tab of its own, since the page remembers what was chosen.
    page = opened(width=1000)
    light = colour(page)
    page.emulate_media(color_scheme="dark")
    dark = colour(page)
    assert light != dark
    page.click("#theme")
    assert colour(page) == light
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "false")
    page.reload()
    assert colour(page) == light


@pytest.mark.parametrize("fragment", ["", f"#cell={FAR}", f"#cell={LONG}", "#claim-T1"])
def test_a_telephone_never_scrolls_the_page_sideways(opened: Opener, fragment: str) -> None:
    page = opened(fragment, width=375, height=800)
    if fragment.startswith("#cell"):
        cell(page)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_paper_has_the_claims_and_the_matrix_and_no_controls(opened: Opener) -> None:
    page = opened(width=760)
    page.emulate_media(media="print")
    expect(page.locator("#claims")).to_be_visible()
    expect(page.locator("table.entries")).to_be_visible()
    expect(page.locator("#choice")).to_be_hidden()
    expect(page.locator("header.bar")).to_be_hidden()


def test_paper_has_the_cell_that_is_open_and_nothing_else(opened: Opener) -> None:
    page = opened(f"#cell={RED}", width=760)
    cell(page)
    page.emulate_media(media="print")
    expect(page.locator(".timeline svg")).to_be_visible()
    expect(page.locator("#overview")).to_be_hidden()


def test_without_scripts_the_page_is_of_use(opened: Opener) -> None:
    page = opened(java_script_enabled=False)
    text = page.locator("body").inner_text()
    assert "need JavaScript" in text
    assert page.locator(".without-script table.matrix").count() == 5
    expect(page.locator("#choice")).to_be_hidden()


def test_a_browser_that_cannot_unpack_the_cells_says_so_and_shows_plain_tables(
    opened: Opener,
) -> None:
    page = opened(without="DecompressionStream")
    expect(page.locator("#count")).to_contain_text("This browser cannot unpack the data")
    expect(page.locator(".without-script table.matrix").first).to_be_visible()


def test_an_address_that_is_no_address_is_harmless(opened: Opener) -> None:
    assert "This run has no such cell." in cell(opened("#cell=%zz"))


# -- for somebody who does not see it


@pytest.mark.parametrize("fragment", ["", f"#cell={FAR}"])
def test_axe_finds_nothing_serious_in_either_colour(opened: Opener, fragment: str) -> None:
    page = opened(fragment)
    if fragment:
        cell(page)
    else:
        page.click("#everything")
    unfold(page)
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe(page, ("color-contrast",)) == []
    page.emulate_media(color_scheme="light")


def test_axe_finds_nothing_serious_in_an_open_entry(opened: Opener) -> None:
    page = opened()
    page.get_by_role("button", name="exit-trap, TERM-process: 4 cells").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert axe(page) == []


def test_the_matrix_is_a_table_with_heads(opened: Opener) -> None:
    page = opened()
    table = page.get_by_role("table", name="traps: EXIT traps.")
    assert table.locator("thead th[scope='col']").count() == 4
    assert table.locator("tbody th[scope='row']").count() == 1
