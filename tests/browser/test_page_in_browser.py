"""The report as somebody uses it: with a mouse, with keys alone, on a telephone, on paper."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
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


def test_a_cell_leads_to_the_claims_that_rest_on_it(opened: Opener) -> None:
    page = opened(f"#cell={RED}")
    page.locator("#cell").get_by_role("link", name="T1").click()
    expect(page.locator("#claim-T1 .facts").first).to_be_visible()


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


# -- harmless


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


def axe(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    options = {"runOnly": list(rules)} if rules else {}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


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
