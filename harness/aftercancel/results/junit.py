"""junit.xml: one test case for each outcome, named by its cell, the axes as properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from aftercancel.judge.claims.words import of_a_model
from aftercancel.judge.models import Agreement
from aftercancel.model import Outcome
from aftercancel.render.models import in_short
from aftercancel.results.lines import attempt_key
from aftercancel.results.record import Record

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def axes(outcome: Outcome) -> list[tuple[str, str]]:
    """The outcome as name and value, as every report of test cases shows it."""
    pairs = [
        ("processes", outcome.processes.value),
        ("clean-up", outcome.cleanup.value),
        ("report", outcome.report.value),
    ]
    if outcome.roles:
        pairs.append(("roles", " ".join(outcome.roles)))
    if of_a_model(outcome.cell):
        pairs.append(("modelled", "true"))
    return pairs


def junit(
    outcomes: Sequence[Outcome],
    missing: Sequence[str],
    record: Record | None,
    unreadable: Sequence[str] = (),
    models: Sequence[Agreement] = (),
) -> bytes:
    """The whole document. A cell that could not be measured is a failure; behaviour never is.

    ``unreadable``: stored lines, in words; each is an error. ``models``: what the word of each is
    worth, as properties of the whole.
    """
    unknown = sum(not outcome.known for outcome in outcomes)
    skipped = [(name, "not measured: the run ended before it") for name in missing]
    for not_tried in record.not_tried if record is not None else ():
        skipped += [(name, f"not measured: {not_tried.why}") for name in not_tried.cells]
    suite = ET.Element(
        "testsuite",
        name="aftercancel",
        tests=str(len(outcomes) + len(skipped) + len(unreadable)),
        failures=str(unknown),
        errors=str(len(unreadable)),
        skipped=str(len(skipped)),
    )
    if record is not None:
        suite.set("hostname", record.machine.host)
        suite.set("timestamp", record.started)
    if models:
        whole = ET.SubElement(suite, "properties")
        for each in models:
            name = f"model {each.model}" + (f" beside {each.real}" if each.real else "")
            words = in_short(each)
            ET.SubElement(whole, "property", name=_clean(name), value=_clean(words))
    for outcome in outcomes:
        case = _case(suite, attempt_key(outcome.cell, outcome.attempt))
        properties = ET.SubElement(case, "properties")
        for name, value in axes(outcome):
            ET.SubElement(properties, "property", name=name, value=_clean(value))
        if not outcome.known:
            failure = ET.SubElement(case, "failure", message="could not tell")
            failure.text = _clean(outcome.reason)
    for words in unreadable:
        where = words.partition(" is ")[0]
        ET.SubElement(_case(suite, where), "error", message=_clean(words))
    for name, why in skipped:
        ET.SubElement(_case(suite, name), "skipped", message=_clean(why))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _case(suite: ET.Element, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname="aftercancel", name=_clean(name), time="0")


def _clean(text: str) -> str:
    """Without the characters that XML cannot say, escaped or not."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
