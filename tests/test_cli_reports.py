"""``claims``, ``questions`` and ``report``: a stored run, good or damaged, as people ask for it.

Above 400 lines because each kind of damage is asked of the same commands on the same run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aftercancel.cli import main, ticker
from aftercancel.model import Disposition, Observation, Stream
from aftercancel.results import (
    OBSERVATIONS,
    Machine,
    Meaning,
    Record,
    RunFolder,
    Wording,
    encode,
    key,
)
from tests.observing import RUNNER, cell, job, sent, survivor

# Vocabulary

DIED, LIVES = "no-trap/bash/none/plain/INT-process", "no-trap/dash/none/plain/INT-process"
EVIL = "<script>alert(1)</script>|*`/dash/none/plain/TERM-group"


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def aftercancel(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in this process, with its errors made into messages as everywhere."""
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in arguments])
        said = capfd.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        assert "mistake in aftercancel" not in said.err
        return Said(status, said.out, said.err)

    return command


def died(name: str = DIED) -> Observation:
    """The job died of INT, and its child lives."""
    one = job(of="INT")
    return replace(cell(one, survivor(), signals=(sent("INT", RUNNER, one),)), cell=name)


def lives(name: str = LIVES) -> Observation:
    """Both live."""
    one = survivor("job", key=1)
    signals = (sent("INT", RUNNER, one, Disposition.CAUGHT),)
    return replace(cell(one, survivor(), signals=signals, report=None), cell=name)


def machine() -> Machine:
    return Machine("here", "6.1", "x86_64", "Debian", 2, 4096)


def run_of(folder: Path, *observations: Observation, after: bytes = b"", **more: object) -> Path:
    """A stored run with these observations, and whatever stands behind them."""
    made = RunFolder.create(folder)
    with made.writer() as writer:
        for each in observations:
            writer.append(encode(each))
    with (folder / OBSERVATIONS).open("ab") as file:
        file.write(after)
    cells = tuple(key(each) for each in observations)
    record = Record(machine(), "2026-01-01T00:00:00+00:00", cells=cells, why_not=None)
    made.write_record(dataclasses.replace(record, **more))  # type: ignore[arg-type]
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of(tmp_path / "run", died(), lives())


# claims


def test_all_claims_are_listed_with_their_verdicts(aftercancel: Command, run: Path) -> None:
    said = aftercancel("claims", "--run", run)
    assert said.status == 0
    assert "H1" in said.out
    assert "not measured" in said.out


def test_one_claim_is_told_with_what_decides_its_evidence_and_how_to_reproduce_it(
    aftercancel: Command, run: Path
) -> None:
    said = aftercancel("claims", "h1", "--run", run)
    assert said.status == 0
    for words in ("Verdict", "bash", "dash", "What happened", f"aftercancel again {LIVES}"):
        assert words in said.out


def test_claims_as_json_have_every_case(aftercancel: Command, run: Path) -> None:
    found = json.loads(aftercancel("claims", "--run", run, "--json").out)
    (h1,) = (each for each in found if each["id"] == "H1")
    assert {case["holds"] for case in h1["cases"]} == {"yes", "no"}
    assert json.loads(aftercancel("claims", "H1", "--run", run, "--json").out) == h1


def test_a_claim_that_was_not_measured_could_not_be_told_when_it_is_asked_for(
    aftercancel: Command, run: Path
) -> None:
    said = aftercancel("claims", "R1", "--run", run)
    assert said.status == 2
    assert "not measured" in said.out


def test_a_claim_that_is_not_there_gets_the_nearest(aftercancel: Command, run: Path) -> None:
    said = aftercancel("claims", "G99", "--run", run)
    assert said.status == 3
    assert "There is no claim G99. Did you mean" in said.err


# questions


def test_every_open_question_is_answered_with_its_script(aftercancel: Command, run: Path) -> None:
    said = aftercancel("questions", "--run", run)
    assert said.status == 0
    assert "sudo" in said.out
    assert "scenarios/questions/" in said.out
    found = json.loads(aftercancel("questions", "--run", run, "--json").out)
    assert all(each["short"] and each["text"] for each in found)


# report


def test_the_page_goes_into_the_runs_folder_unless_it_is_told_where(
    aftercancel: Command, run: Path
) -> None:
    said = aftercancel("report", "--run", run)
    assert said.status == 0
    page = (run / "report.html").read_text()
    assert said.out.startswith(str(run / "report.html"))
    assert page.rstrip().endswith("</html>")
    out = run.parent / "elsewhere.html"
    aftercancel("report", "--run", run, "--out", out)
    assert out.read_text().rstrip().endswith("</html>")


def test_the_page_can_be_made_a_second_time(aftercancel: Command, run: Path) -> None:
    aftercancel("report", "--run", run)
    first = (run / "report.html").read_bytes()
    assert aftercancel("report", "--run", run).status == 0
    assert (run / "report.html").read_bytes() == first


def test_markdown_goes_to_stdout_with_the_essential_first(aftercancel: Command, run: Path) -> None:
    out = aftercancel("report", "--run", run, "--format", "md").out
    places = [
        out.index(each) for each in ("# After the cancel", "Open questions", "Claims", "no-trap |")
    ]
    assert places == sorted(places)


def test_json_has_everything_that_a_person_reads(aftercancel: Command, run: Path) -> None:
    found = json.loads(aftercancel("report", "--run", run, "--format", "json").out)
    assert {"outcomes", "claims", "questions", "effects", "environment", "words"} <= found.keys()
    assert {each["cell"] for each in found["outcomes"]} == {DIED, LIVES}
    assert found["unreadable_lines"] == []


def test_junit_is_xml_with_a_case_for_each_cell(aftercancel: Command, run: Path) -> None:
    root = ET.fromstring(  # noqa: S314 it is our own
        aftercancel("report", "--run", run, "--format", "junit").out.encode()
    )
    assert {case.get("name") for case in root.iter("testcase")} == {DIED, LIVES}


def test_a_report_can_be_written_to_stdout(aftercancel: Command, run: Path) -> None:
    assert "</html>" in aftercancel("report", "--run", run, "--out", "-").out


def test_a_folder_that_cannot_be_written_to_is_told_and_nothing_is_half_made(
    aftercancel: Command, run: Path
) -> None:
    said = aftercancel("report", "--run", run, "--out", run / "not" / "there" / "page.html")
    assert said.status == 4
    assert "cannot be written" in said.err
    said = aftercancel("report", "--run", run, "--out", run)
    assert said.status == 3
    assert "is a folder" in said.err
    assert not [each for each in run.iterdir() if each.name.startswith(".")]


def test_the_words_of_the_run_are_shown_and_not_those_of_today(
    aftercancel: Command, tmp_path: Path
) -> None:
    words = Wording(jobs={"no-trap": Meaning("As it was then", "no-trap.sh", "echo then\n")})
    run = run_of(tmp_path / "run", died(), words=words)
    found = json.loads(aftercancel("report", "--run", run, "--format", "json").out)
    assert found["words"]["jobs"]["no-trap"]["text"] == "echo then\n"


@pytest.mark.parametrize("name", ["run.json", "observations.jsonl", "observations.jsonl.xz"])
def test_a_report_never_overwrites_what_was_measured(
    aftercancel: Command, run: Path, name: str
) -> None:
    before = (run / OBSERVATIONS).read_bytes()
    said = aftercancel("report", "--run", run, "--format", "md", "--out", run / name)
    assert said.status == 3
    assert "never overwritten" in said.err
    assert (run / OBSERVATIONS).read_bytes() == before


def test_what_is_no_regular_file_is_written_to_and_stays_what_it_is(
    aftercancel: Command, run: Path
) -> None:
    pipe = run.parent / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    said = aftercancel("report", "--run", run, "--format", "junit", "--out", pipe)
    got = os.read(reader, 1 << 16)
    os.close(reader)
    assert said.status == 0
    assert got.startswith(b"<?xml")
    assert pipe.is_fifo()


def test_a_link_stays_a_link(aftercancel: Command, run: Path) -> None:
    link, target = run.parent / "link.md", run.parent / "target.md"
    link.symlink_to(target)
    target.write_text("old")
    aftercancel("report", "--run", run, "--format", "md", "--out", link)
    assert link.is_symlink()
    assert target.read_text().startswith("# After the cancel")


def test_a_full_disk_behind_stdout_is_told(aftercancel: Command, run: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "aftercancel", "claims", "--run", str(run)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 4
    assert done.stderr == "aftercancel: The output cannot be written: the disk is full.\n"


def test_a_reader_who_has_had_enough_is_no_difference_in_behaviour(run: Path) -> None:
    command = f"{sys.executable} -m aftercancel claims --run {run}"
    done = subprocess.run(
        ["/bin/bash", "-c", f"{command} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, 2}
    assert done.stderr == ""


@pytest.mark.parametrize("width", ["1", "20", "400"])
def test_a_terminal_may_be_of_any_width(
    aftercancel: Command, run: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    assert aftercancel("claims", "--run", run).status == 0
    assert aftercancel("questions", "--run", run).status == 0


def test_the_slices_that_measure_what_a_claim_lacks_are_named(
    aftercancel: Command, run: Path
) -> None:
    said = aftercancel("claims", "H1", "--run", run)
    assert "so far" in said.out
    assert "aftercancel run --slice signals" in said.out


# judge


def test_judge_writes_the_verdicts_on_claims_anew(aftercancel: Command, run: Path) -> None:
    said = aftercancel("judge", run)
    assert "aftercancel claims" in said.out
    lines = [json.loads(line) for line in (run / "claims.jsonl").read_text().splitlines()]
    assert {"H1", "G7"} <= {line["id"] for line in lines}


# Damaged, foreign and hostile runs


def everything(aftercancel: Command, run: Path) -> list[Said]:
    asked = [("claims", "--run", run), ("questions", "--run", run), ("judge", run)]
    asked += [
        ("report", "--run", run, "--format", kind, "--out", "-")
        for kind in ("html", "md", "json", "junit")
    ]
    return [aftercancel(*arguments) for arguments in asked]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b'{"cell": "no-trap/zsh', "is cut off"),
        (b"not json at all\n", "is no JSON"),
        (b'{"some": "thing"}\n', "is JSON, but no observation"),
        (encode(replace(died("a/b/c/d/e"), schema=0)) + b"\n", "an older aftercancel"),
        (encode(replace(died("a/b/c/d/e"), schema=99)) + b"\n", "a newer aftercancel"),
        (encode(died()) + b"\n", "a second time; the first stands"),
        (b"\xff\xfe\x00\x01\n", "is no JSON"),
    ],
    ids=["truncated", "text", "foreign", "older", "newer", "duplicate", "binary"],
)
def test_a_line_that_cannot_be_read_is_told_everywhere_and_the_others_are_judged(
    aftercancel: Command, tmp_path: Path, damage: bytes, words: str
) -> None:
    run = run_of(tmp_path / "run", died(), lives(), after=damage)
    reported = aftercancel("report", "--run", run, "--format", "json")
    assert reported.status == 2
    found = json.loads(reported.out)
    assert len(found["outcomes"]) == 2
    assert words in found["unreadable_lines"][0]["problem"]
    assert words in aftercancel("report", "--run", run, "--format", "md").out
    page = aftercancel("report", "--run", run, "--out", "-")
    assert words in page.err
    assert words in page.out


def test_every_command_names_a_line_that_it_cannot_read(
    aftercancel: Command, tmp_path: Path
) -> None:
    run = run_of(tmp_path / "run", died(), lives(), after=b"not json\n")
    for said in everything(aftercancel, run):
        assert "line 3 is no JSON" in said.err
        assert said.status == 2
    assert "line 3 is no JSON" in (run / "matrix.md").read_text()
    junit = ET.parse(run / "junit.xml")  # noqa: S314 it is our own
    (error,) = junit.iter("error")
    assert error.get("message", "").startswith("observations.jsonl: line 3 is no JSON")


def test_a_damaged_record_is_told_with_what_to_do(aftercancel: Command, run: Path) -> None:
    (run / "run.json").write_text('{"a":')
    said = aftercancel("claims", "--run", run)
    assert said.status == 3
    assert "Restore it; or remove it" in said.err


def test_attempts_are_compared_whatever_the_record_says(
    aftercancel: Command, tmp_path: Path
) -> None:
    other = replace(lives(DIED), attempt=2)
    run = run_of(tmp_path / "run", died(), other, repeat=1)
    found = json.loads(aftercancel("report", "--run", run, "--format", "json").out)
    assert found["unstable"] == [DIED]


def test_a_cell_without_an_observation_is_named_in_every_report(
    aftercancel: Command, tmp_path: Path
) -> None:
    lost = "no-trap/zsh/none/plain/INT-process"
    run = run_of(tmp_path / "run", died(), cells=(DIED, lost))
    for kind in ("html", "md", "json", "junit"):
        said = aftercancel("report", "--run", run, "--format", kind, "--out", "-")
        assert said.status == 2
        assert lost in said.out


def test_an_empty_run_has_reports_that_say_so(aftercancel: Command, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    for said in everything(aftercancel, run):
        assert said.out
    said = aftercancel("report", "--run", run, "--format", "md")
    assert said.status == 2
    assert "0 cells" in said.out


def test_a_run_without_its_record_is_judged_and_shown(aftercancel: Command, run: Path) -> None:
    (run / "run.json").unlink()
    for said in everything(aftercancel, run):
        assert said.out
    assert "whether it is complete cannot be known" in aftercancel("claims", "--run", run).err
    markdown = aftercancel("report", "--run", run, "--format", "md").out
    assert "whether it is complete cannot be known" in markdown
    found = json.loads(aftercancel("report", "--run", run, "--format", "json").out)
    assert len(found["outcomes"]) == 2


def test_names_that_look_like_markup_are_shown_and_do_nothing(
    aftercancel: Command, tmp_path: Path
) -> None:
    raw = "\x1b[31m</script>\x00\ufffd|"
    hostile = replace(died(EVIL), stdout=Stream(raw, 20, 0, cut=False, base64="//4="))
    run = run_of(tmp_path / "run", hostile)
    markdown = aftercancel("report", "--run", run, "--format", "md").out
    assert "<script>" not in markdown
    assert "&lt;script&gt;" in markdown
    page = aftercancel("report", "--run", run, "--out", "-").out
    assert "<script>alert(1)" not in page
    for said in everything(aftercancel, run):
        assert "\x1b[31m" not in said.out
    ET.fromstring(  # noqa: S314 it is our own
        aftercancel("report", "--run", run, "--format", "junit").out.encode()
    )


def test_a_folder_without_a_run_is_told(aftercancel: Command, tmp_path: Path) -> None:
    for command in ("claims", "questions", "report"):
        said = aftercancel(command, "--run", tmp_path)
        assert said.status == 3
        assert "holds no run" in said.err


def test_work_that_takes_long_says_how_far_it_is(
    aftercancel: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticker, "_EVERY_S", -1.0)
    said = aftercancel("report", "--run", run, "--out", run.parent / "page.html")
    assert "judging: 100%\n" in said.err
    assert "rendering: 100%\n" in said.err


def test_work_that_is_over_soon_says_nothing_of_it(aftercancel: Command, run: Path) -> None:
    assert aftercancel("report", "--run", run, "--out", run.parent / "page.html").err == ""
