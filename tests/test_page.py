"""The report as one HTML file: what Python puts into it, before any browser looks at it.

Above 400 lines because every part of the page is looked for in one page that is made once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from aftercancel.judge import judged
from aftercancel.judge.claims import Finding, Holds, Judged, Verdict
from aftercancel.model import Observation, Outcome, Stream, TroubleKind
from aftercancel.render import Results
from aftercancel.render.page import Chunk, PageData, pack, page, payload
from aftercancel.render.page.disagreements import disagreements
from aftercancel.render.signs import as_text
from tests import reporting
from tests.observing import trouble
from tests.reporting import BINARY, EVIL, EVIL_CELL, GREEN, MISSING, RED, UNSTABLE, bad, good


class Elements(HTMLParser):
    """What a browser would find, roughly: elements, and the text of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._inside = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            n = len(self.found) - 1
            self.texts[n] = self.texts.get(n, "") + data

    def data(self, name: str) -> Any:
        """The value of a data element, by its id."""
        (n,) = (n for n, (_, given) in enumerate(self.found) if given.get("id") == name)
        return inflated(self.texts[n])


def inflated(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text), wbits=-15))


@pytest.fixture(scope="module")
def html() -> str:
    return reporting.html()


@pytest.fixture(scope="module")
def elements(html: str) -> Elements:
    return Elements(html)


def of(
    outcomes: Iterable[Outcome],
    missing: tuple[str, ...] = (),
    **more: Any,
) -> str:
    """The page of these outcomes and nothing else."""
    return "".join(page(PageData("A run", Results(tuple(outcomes), missing=missing), **more)))


# -- one file, and harmless


def test_the_page_loads_nothing(elements: Elements) -> None:
    for tag, given in elements.found:
        assert tag not in {"img", "link", "iframe", "object", "embed", "base", "form"} or (
            tag == "form" and "action" not in given
        )
        assert "src" not in given
        assert given.get("href", "#").startswith("#")  # type: ignore[union-attr]


def test_the_policy_lets_in_exactly_the_pages_own_scripts_and_style(elements: Elements) -> None:
    policy = next(
        str(given["content"])
        for _, given in elements.found
        if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    hashes = set(re.findall(r"'sha256-([^']+)'", policy))
    ours = {
        base64.b64encode(hashlib.sha256(elements.texts[n].encode()).digest()).decode()
        for n, (tag, given) in enumerate(elements.found)
        if tag in ("script", "style") and "type" not in given
    }
    assert hashes == ours
    assert len(ours) == 3


def test_no_name_from_a_run_becomes_an_element_or_an_attribute(elements: Elements) -> None:
    tags = {tag for tag, _ in elements.found}
    assert tags.isdisjoint({"tests", "here", "smp", "i"})
    assert not any(name.startswith("on") for _, given in elements.found for name in given)
    assert [tag for tag, given in elements.found if tag == "script" and "type" not in given] == [
        "script",
        "script",
    ]


def test_names_are_shown_as_they_are(html: str) -> None:
    assert "A run of &lt;tests&gt; | 2026" in html
    assert "&lt;script&gt;alert(&#39;claim&#39;)&lt;/script&gt;" in html
    assert EVIL not in html


def test_data_elements_hold_base64_and_nothing_else(elements: Elements) -> None:
    kind = "application/octet-stream;base64"
    data = [n for n, (_, given) in enumerate(elements.found) if given.get("type") == kind]
    assert len(data) == 7
    for n in data:
        assert re.fullmatch(r"[A-Za-z0-9+/=]+", elements.texts[n])


def test_control_bytes_are_spelt_out() -> None:
    html = of([judged(good("e\x1b[31m/dash/none/plain/end"))], missing=("x\x07/a/b/c/d",))
    assert "\x1b" not in html
    assert "\x07" not in html
    assert "x\\x07/a/b/c/d" in html


# -- what is missing is said


@pytest.mark.parametrize(
    "words",
    [
        "<strong>This run is incomplete. It was interrupted.</strong>",
        "1 cell not measured.",
        "1 stored line not taken.",
        "line 7 is cut off &lt;here&gt;",
        "Not tried:</strong> uv-run.",
        "1 observation could not be told.",
        "1 cell unstable:",
        MISSING,
    ],
)
def test_what_makes_a_run_incomplete_is_said(html: str, words: str) -> None:
    assert words in html


def test_a_run_without_a_cell_is_a_page_that_says_so() -> None:
    assert "There is no cell in it." in of([])


def test_a_run_in_which_nothing_is_missing_says_that() -> None:
    html = of([judged(good(RED))])
    assert "Every cell that was selected was measured" in html
    assert 'class="notice" role="note"' not in html


# -- the index and the chunks


def test_every_cell_is_in_the_index_once(elements: Elements) -> None:
    index = elements.data("index")
    columns = [index["cells"][axis] for axis in index["words"]]
    known = [
        [index["words"][axis][n] for n in column]
        for axis, column in zip(index["words"], columns, strict=True)
    ]
    ids = ["/".join(words) for words in zip(*known, strict=True)]
    assert len(ids) == len(set(ids)) == 38
    assert {RED, MISSING, EVIL_CELL, UNSTABLE} <= set(ids)


def test_the_index_leads_to_the_payload_of_each_cell(elements: Elements) -> None:
    index = elements.data("index")
    cells = index["cells"]
    for n, (chunk, at) in enumerate(zip(cells["chunk"], cells["at"], strict=True)):
        words = [index["words"][axis][cells[axis][n]] for axis in index["words"]]
        if "/".join(words) == MISSING:
            assert (chunk, at) == (-1, -1)
            continue
        found = elements.data(f"chunk-{chunk}")[at]
        assert found["observation"]["cell"] == "/".join(words)


def test_an_attempt_that_is_in_no_chunk_is_known_all_the_same(elements: Elements) -> None:
    index = elements.data("index")
    ((cell, attempts),) = index["attempts"].items()
    assert [each[0] for each in attempts] == [1, 2, 3]
    assert [each[2] >= 0 for each in attempts] == [True, True, False]
    assert index["repeats"][cell]["variants"] == [[1, 3], [2]]


def test_equal_outcomes_are_told_once(elements: Elements) -> None:
    outcomes = elements.data("index")["outcomes"]
    said = ["".join(sign[0] for sign in each["signs"]) for each in outcomes]
    assert len(said) == len(set(said))
    assert {"✓✓✓", "OSe", "~~~", "---", "???"} <= set(said)


def test_a_cell_of_two_slices_is_in_both(elements: Elements) -> None:
    slices = {each["id"]: each["cells"] for each in elements.data("index")["slices"]}
    assert set(slices["traps"]) < set(slices["all|<b>"])
    assert len(slices["other cells"]) == 1


def test_a_cell_knows_the_claims_that_rest_on_it(elements: Elements) -> None:
    claims = {id_: cells for id_, _, cells in elements.data("index")["claims"]}
    assert len(claims["T1"]) == 16
    assert claims["T2"] == []


def test_all_cases_of_a_claim_are_there(elements: Elements) -> None:
    cases = elements.data("cases")
    assert len(cases["T1"]) == 16
    assert ["no", "✗", "bad", "The child ran on.", [RED], ""] in cases["T1"]


def cells_of(index: dict[str, Any]) -> list[str]:
    """The ids of the cells, in the index's order."""
    columns = [[index["words"][a][n] for n in index["cells"][a]] for a in index["words"]]
    return ["/".join(words) for words in zip(*columns, strict=True)]


def test_a_claim_rests_on_the_cells_of_every_part() -> None:
    before, after = "a/dash/none/plain/end", "a/bash/none/plain/end"
    case = Judged({"before": before, "after": after}, {}, Holds.YES, "So it is.", (1,))
    finding = Finding("T1", Verdict.CONFIRMED, Holds.YES, (case,))
    outcomes = (judged(good(after)), judged(good(before)))
    found = Elements(of(outcomes, findings=((reporting.gone, finding),))).data("index")
    ((_, _, cells),) = found["claims"]
    assert {cells_of(found)[n] for n in cells} == {before, after}


def test_each_attempt_leads_to_its_own_payload() -> None:
    first, third = good(RED), replace(bad(RED), attempt=3)
    only = replace(good(GREEN), attempt=2)
    made = [pack([payload(first), payload(third)]), pack([payload(only)])]
    outcomes = [judged(each) for each in (first, third, only)]
    elements = Elements(of(outcomes, chunks=made))
    index = elements.data("index")
    found = {
        (cells_of(index)[int(n)], attempt): elements.data(f"chunk-{chunk}")[at]["observation"]
        for n, attempts in index["attempts"].items()
        for attempt, _, chunk, at in attempts
    }
    assert list(found) == [(RED, 1), (RED, 3), (GREEN, 2)]
    assert all((each["cell"], each["attempt"]) == key for key, each in found.items())
    cells = index["cells"]
    assert list(zip(cells["chunk"], cells["at"], strict=True)) == [(0, 0), (1, 0)]


def completed(value: Any, described: dict[str, Any]) -> Any:
    """As the page's script does it."""
    if value is None:
        return None
    if isinstance(value, list):
        return [completed(each, described) for each in value]
    whole = {**described["defaults"], **value}
    return {
        **whole,
        **{name: completed(whole[name], inside) for name, inside in described["within"].items()},
    }


def test_what_a_line_may_leave_out_is_in_the_index(elements: Elements) -> None:
    line = b'{"cell":"a/b/c/d/e","evidence":"trace","left":{},"report":'
    line += b'{"at_ms":1.0,"said":"cancelled","end":{}}}'
    whole = msgspec.to_builtins(msgspec.json.decode(line, type=Observation))
    found = completed(json.loads(line), elements.data("index")["unsaid"])
    assert json.dumps(found, sort_keys=True) == json.dumps(whole, sort_keys=True)


def test_attempts_are_named_where_some_of_them_said_something_else() -> None:
    case = Judged({"cell": RED}, {}, Holds.NO, "It ran on.", (2, 3), others=(1,), shown=(2,))
    same = Judged({"cell": GREEN}, {}, Holds.NO, "It ran on.", (1, 2), shown=(1,))
    finding = Finding("T1", Verdict.REFUTED, Holds.NO, (case, same), evidence=(0, 1))
    html = of((judged(bad(RED)),), findings=((reporting.gone, finding),))
    assert [each[4:] for each in Elements(html).data("cases")["T1"]] == [
        [[f"{RED}#2"], "in attempts 2, 3; attempt 1 could not tell"],
        [[GREEN], ""],
    ]
    assert html.count("In attempts 2, 3; attempt 1 could not tell.") == 1
    assert html.count("In attempt") == 1


def test_a_chunk_names_its_attempts_and_holds_them_in_that_order() -> None:
    made = pack([payload(good(RED)), payload(replace(bad(RED), attempt=2))])
    assert made.keys == (RED, f"{RED}#2")
    assert [each["observation"]["attempt"] for each in inflated(made.data)] == [1, 2]


def test_a_payload_has_the_raw_facts_the_happenings_and_the_reason() -> None:
    found = json.loads(payload(bad(RED)).data)
    assert found["observation"]["signals"][0]["call"] == "kill"
    assert [0.0, "— the cancellation: TERM to group"] in found["happenings"]
    assert found["reason"] == judged(bad(RED)).reason


def test_a_payload_carries_the_line_that_was_stored_as_it_stands() -> None:
    line = b'{"cell": "as", "it": "stands"}'
    assert json.loads(payload(bad(RED), line).data)["observation"] == json.loads(line)


def test_half_a_surrogate_pair_in_the_output_is_no_reason_to_fail() -> None:
    odd = replace(good(RED), stdout=Stream("\ud800", 3, 0, cut=False))
    (found,) = inflated(pack([payload(odd)]).data)
    assert found["observation"]["stdout"]["text"] == "\ud800"


def test_chunks_are_asked_for_one_by_one_while_the_page_is_made() -> None:
    asked: list[int] = []

    def chunks() -> Iterable[Chunk]:
        for n in range(3):
            asked.append(n)
            yield Chunk((f"a{n}/b/c/d/e",), "AAAA")

    pieces = page(PageData("A run", Results(()), chunks=chunks()))
    for piece in pieces:
        if piece == "AAAA":
            break
    assert asked == [0]
    list(pieces)
    assert asked == [0, 1, 2]


# -- what is read first


def test_disagreements_name_who_behaves_how() -> None:
    outcomes = [
        judged(good("a/bash/none/plain/TERM-group")),
        judged(bad("a/dash/none/plain/TERM-group")),
        judged(bad("a/zsh/none/plain/TERM-group")),
        judged(good("b/bash/none/plain/TERM-group")),
        judged(good("b/dash/none/plain/TERM-group")),
    ]
    (found,) = disagreements(Results(tuple(outcomes)).cells().values())
    assert (found.job, found.cancellation, found.axis) == ("a", "TERM-group", "shell")
    assert found.fixed == (("launcher", "none"), ("runner", "plain"))
    assert [(part.label, as_text(part.signs)) for part in found.parts] == [
        ("dash, zsh", "OSe"),
        ("bash", "✓✓✓"),
    ]


def test_cells_that_could_not_be_told_disagree_with_nobody() -> None:
    unknown = replace(trouble(TroubleKind.NOT_ARMED), cell="a/dash/none/plain/TERM-group")
    outcomes = (judged(good("a/bash/none/plain/TERM-group")), judged(unknown))
    assert disagreements(Results(outcomes).cells().values()) == ()


def test_at_most_ten_disagreements_are_listed_one_for_each_job() -> None:
    outcomes = [
        judged(make(f"job{n}/{shell}/none/plain/{cancellation}"))
        for n in range(14)
        for cancellation in ("TERM-group", "end")
        for shell, make in (("bash", good), ("dash", bad))
    ]
    found = disagreements(Results(tuple(outcomes)).cells().values())
    assert len(found) == 10
    assert len({each.job for each in found}) == 10


def test_a_claim_shows_its_verdict_what_decides_and_its_evidence(html: str) -> None:
    claim = html[html.index('id="claim-T1"') : html.index('id="claim-T2"')]
    assert "depends" in claim
    assert claim.count('class="exhibit"') == 3
    # One of the three cases is now yes, now no: an attempt for each.
    assert claim.count("aftercancel again ") == 4
    assert "Nothing of the job runs any more." in claim


def test_what_decides_is_told_as_a_tree_with_every_value(html: str) -> None:
    claim = html[html.index('id="claim-T1"') : html.index('id="claim-T2"')]
    tree = " ".join(re.sub(r"<[^>]+>", " ", claim[claim.index("What decides") :]).split())
    assert tree.startswith(
        "What decides by job recipe (8 cases) : ✓ yes exit-trap (8 cases) : "
        "by shell dash (4 cases) : ✗ no bash (4 cases) : "
        "by launcher sudo (2 cases) : ✗ no none (2 cases) : "
        "by target process (1 case) : ✓ yes group (1 case) : ~ now yes, now no"
    )


def test_a_claim_that_was_not_measured_says_what_is_missing(html: str) -> None:
    claim = html[html.index('id="claim-T2"') :]
    assert "not measured" in claim
    assert "It needs cells that no run here has: */*/*/some-runner*/cancel." in claim


def test_a_question_is_answered_with_claims_evidence_and_script(html: str) -> None:
    question = html[html.index('id="question-shells"') :]
    assert "No: dash skips the clean-up." in question
    assert "Under bash it runs. &lt;b&gt;Not bold.&lt;/b&gt;" in question
    assert 'href="#claim-T1"' in question
    assert f'href="#cell={RED}"' in question
    assert '<code class="command">sh shells.sh</code>' in question
    assert '<code class="command">dash shells.sh</code>' in question


def test_a_small_run_is_there_without_scripts_too(html: str) -> None:
    plain = html[html.index('class="without-script"') :]
    assert '<th scope="row">exit-trap</th>' in plain


def test_a_large_run_is_not_put_into_tables_that_nobody_could_read() -> None:
    outcomes = [judged(good(f"job{n}/dash/none/plain/end")) for n in range(5001)]
    html = of(outcomes)
    assert '<th scope="row">job0</th>' not in html
    assert "is shown by the script only" in html


def test_a_bytes_stream_keeps_its_bytes_in_the_page(elements: Elements) -> None:
    chunks = [
        n
        for n, (_, given) in enumerate(elements.found)
        if str(given.get("id")).startswith("chunk-")
    ]
    every = [each for n in chunks for each in inflated(elements.texts[n])]
    (found,) = (each for each in every if each["observation"]["cell"] == BINARY)
    assert base64.b64decode(found["observation"]["stdout"]["base64"]).startswith(b"</script>")
