"""reports/: behaviour apart from chance, so that a diff of it shows behaviour and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aftercancel.model import Observation
from aftercancel.results import Machine, Record, RunFolder, claims, encode, key
from tests.observing import RUNNER, cell, child, job, sent, survivor

PROJECT = Path(__file__).resolve().parent.parent
SCRIPT = PROJECT / "scripts" / "reports.py"
TEXTS = ("behaviour.tsv", "claims.md", "matrix.md", "questions.md", "versions.txt")

# Vocabulary


def observed(
    shell: str, *, later_ms: float = 0.0, attempt: int = 1, well: bool = True
) -> Observation:
    """One behaviour; ``later_ms``: everything that is left to chance is otherwise."""
    died = replace(job(of="INT", dies_at=1.0 + later_ms), pid=3 + int(later_ms))
    other = child(ended=1.2 + later_ms) if well else survivor()
    signals = (sent("INT", RUNNER, died, at=0.1 + later_ms / 10),)
    return replace(
        cell(died, other, signals=signals, decided_ms=700.0 + later_ms),
        cell=f"no-trap/{shell}/none/plain/INT-process",
        attempt=attempt,
    )


def run_of(folder: Path, observations: Sequence[Observation], host: str) -> Path:
    made = RunFolder.create(folder)
    with made.writer() as writer:
        for each in observations:
            writer.append(encode(each))
    made.write_record(
        Record(
            Machine(host, f"6.1 of {host}", "x86_64", "Debian", 2, 4096),
            f"2026-01-01T00:00:00+00:00 at {host}",
            shells={"bash": "5.2"},
            cells=tuple(sorted(key(each) for each in observations)),
            repeat=2,
            why_not=None,
        )
    )
    return folder


def asked_for(run: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(run), str(out)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def reports(run: Path, out: Path) -> Path:
    done = asked_for(run, out)
    assert done.returncode == 0, done.stderr
    return out


def differing(one: Path, other: Path) -> list[str]:
    return [name for name in TEXTS if (one / name).read_text() != (other / name).read_text()]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    some = [observed(shell, attempt=n) for shell in ("bash", "dash") for n in (1, 2)]
    return reports(run_of(tmp_path / "one", some, "kestrel"), tmp_path / "one-reports")


def test_another_time_another_host_and_another_order_change_no_text(
    first: Path, tmp_path: Path
) -> None:
    some = [observed(shell, attempt=n, later_ms=1.5) for n in (2, 1) for shell in ("dash", "bash")]
    second = reports(run_of(tmp_path / "two", some, "osprey"), tmp_path / "two-reports")
    assert differing(first, second) == []
    assert all("kestrel" not in (first / name).read_text() for name in TEXTS)


def test_another_behaviour_changes_the_texts_that_tell_of_it(first: Path, tmp_path: Path) -> None:
    some = [
        observed(shell, attempt=n, well=shell == "bash")
        for shell in ("bash", "dash")
        for n in (1, 2)
    ]
    second = reports(run_of(tmp_path / "two", some, "kestrel"), tmp_path / "two-reports")
    assert {"behaviour.tsv", "matrix.md"} <= set(differing(first, second))


def test_how_often_an_unstable_cell_showed_which_behaviour_is_not_told(tmp_path: Path) -> None:
    texts = []
    for name, well in (("one", (True, True, False)), ("two", (True, False, False))):
        some = [observed("bash", attempt=n, well=each) for n, each in enumerate(well, 1)]
        made = reports(run_of(tmp_path / name, some, "kestrel"), tmp_path / f"{name}-reports")
        texts.append((made / "behaviour.tsv").read_text())
    assert texts[0] == texts[1]
    assert len(texts[0].splitlines()) == 2


def test_the_observations_are_kept_and_can_be_judged_again(first: Path, tmp_path: Path) -> None:
    again = reports(first / "measured", tmp_path / "again")
    assert differing(first, again) == []
    stored = RunFolder.open(again / "measured")
    assert len(list(stored.observations())) == 4
    assert (again / "measured" / "report.html").read_text().rstrip().endswith("</html>")


def test_an_incomplete_run_makes_no_reports(first: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "half", [observed("bash")], "kestrel")
    record = run / "run.json"
    record.write_text(record.read_text().replace("bash/none/plain", "zsh/none/plain"))
    before = {name: (first / name).read_text() for name in TEXTS}
    done = asked_for(run, first)
    assert done.returncode == 2
    assert "was left as it is" in done.stderr
    assert {name: (first / name).read_text() for name in TEXTS} == before


def test_reports_can_be_made_anew_where_they_stand(first: Path) -> None:
    before = (first / "measured" / "observations.jsonl.xz").read_bytes()
    reports(first / "measured", first)
    assert (first / "measured" / "observations.jsonl.xz").read_bytes() == before


def test_the_committed_texts_are_what_the_judge_makes_of_the_committed_observations() -> None:
    spec = importlib.util.spec_from_file_location("reports_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    folder = RunFolder.open(PROJECT / "reports" / "measured")
    with script.judged_run(folder, folder.record(), claims.read(), 2, prints=True) as run:
        made = dict(script.texts(run))
    stale = [
        name for name, text in made.items() if (PROJECT / "reports" / name).read_text() != text
    ]
    assert not stale, "make reports RUN=reports/measured, and read the diff"
