"""Stored observations judged where they stand: side by side, packed, damaged, foreign."""

from __future__ import annotations

import json
import lzma
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from aftercancel.errors import CouldNotTell, StorageError
from aftercancel.model import Observation
from aftercancel.results import OBSERVATIONS, BadLine, RunFolder, encode
from aftercancel.results import claims as claims_module
from aftercancel.results import stored as stored_module
from aftercancel.results.claims import judge_claims, read
from aftercancel.results.stored import JudgedLines, StoredLines, side_by_side
from tests.observing import cell, child, job

# Vocabulary


def observation(number: int = 1, attempt: int = 1) -> Observation:
    return replace(cell(job(), child()), cell=f"job-{number}/bash/none/plain/end", attempt=attempt)


def lines(*observations: Observation | bytes) -> bytes:
    return b"".join(
        (each if isinstance(each, bytes) else encode(each)) + b"\n" for each in observations
    )


def written(folder: Path, data: bytes, *, packed: bool = False) -> RunFolder:
    folder.mkdir()
    if packed:
        (folder / f"{OBSERVATIONS}.xz").write_bytes(lzma.compress(data))
    else:
        (folder / OBSERVATIONS).write_bytes(data)
    return RunFolder.open(folder)


def judged(folder: RunFolder, *, processes: int = 1, prints: bool = True) -> JudgedLines:
    with StoredLines(folder.stored) as stored:
        return stored.judged(prints=prints, processes=processes)


SOME = [observation(n) for n in range(1, 60)]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few lines are several pieces."""
    monkeypatch.setattr(stored_module, "_BATCH", 5000)


@pytest.mark.usefixtures("small_pieces")
def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    data = lines(*SOME, b"{", SOME[3], b"", b'{"cell": 1}')
    folder = written(tmp_path / "run", data)
    assert judged(folder, processes=3) == judged(folder, processes=1)


@pytest.mark.usefixtures("small_pieces")
def test_every_observation_is_found_again_where_it_stands(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", lines(*SOME))
    with StoredLines(folder.stored) as stored:
        found = stored.judged(prints=False).lines
        assert [stored.observation(line.place) for line in found.values()] == SOME


@pytest.mark.usefixtures("small_pieces")
def test_bad_lines_are_named_by_their_number_as_when_they_are_read_one_by_one(
    tmp_path: Path,
) -> None:
    data = lines(*SOME[:20], b"no json", SOME[0], *SOME[20:], b'{"cell": "x"}')
    folder = written(tmp_path / "run", data + encode(observation(99))[:100])
    bad = judged(folder, processes=2).bad
    assert bad == tuple(line for line in folder.observations() if isinstance(line, BadLine))
    assert [line.number for line in bad] == [21, 22, 62, 63]


def test_the_first_of_two_observations_of_an_attempt_stands(tmp_path: Path) -> None:
    second = replace(observation(1), stdout=replace(observation(1).stdout, text="second"))
    folder = written(tmp_path / "run", lines(observation(1), second))
    with StoredLines(folder.stored) as stored:
        found = stored.judged(prints=False)
        (line,) = found.lines.values()
        assert stored.observation(line.place) == observation(1)
    assert "a second time" in found.bad[0].problem


def test_an_attempt_whose_first_line_is_broken_is_taken_from_the_second(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", encode(observation(1))[:80] + b"\n" + lines(observation(1)))
    found = judged(folder)
    assert list(found.lines) == [observation(1).cell]
    assert len(found.bad) == 1


def test_a_carriage_return_does_not_end_a_line(tmp_path: Path) -> None:
    found = judged(written(tmp_path / "run", b"{\r}\n" + lines(observation(1))))
    assert [line.number for line in found.bad] == [1]
    assert len(found.lines) == 1


def test_a_run_without_an_observation_is_empty(tmp_path: Path) -> None:
    found = judged(written(tmp_path / "run", b""))
    assert not found.lines
    assert not found.bad


@pytest.mark.parametrize("schema", [0, 99])
def test_lines_of_another_schema_are_told_and_the_others_judged(
    tmp_path: Path, schema: int
) -> None:
    foreign = replace(observation(2), schema=schema)
    found = judged(written(tmp_path / "run", lines(foreign, observation(1))))
    assert f"schema {schema}" in found.bad[0].problem
    assert len(found.lines) == 1


def test_a_packed_file_is_the_same_run(tmp_path: Path) -> None:
    data = lines(*SOME, b"{")
    plain, packed = written(tmp_path / "a", data), written(tmp_path / "b", data, packed=True)
    assert judged(packed) == judged(plain)
    assert list(packed.observations()) == list(plain.observations())
    assert packed.find(SOME[7].cell) == SOME[7]


def test_a_packed_file_that_is_cut_off_is_told_with_the_way_to_save_the_rest(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f"{OBSERVATIONS}.xz").write_bytes(lzma.compress(lines(*SOME))[:-40])
    with (
        pytest.raises(StorageError, match="xz --decompress"),
        StoredLines(RunFolder.open(folder).stored),
    ):
        pass
    with pytest.raises(StorageError, match="xz --decompress"):
        list(RunFolder.open(folder).observations())


def test_equal_behaviour_has_one_fingerprint_and_different_behaviour_two(tmp_path: Path) -> None:
    other = replace(cell(job(of="KILL"), child()), cell=observation(1).cell, attempt=3)
    data = lines(observation(1), replace(observation(1), attempt=2), other)
    found = judged(written(tmp_path / "run", data))
    one, two, three = (line.behaviour for line in found.lines.values())
    assert one == two != three
    assert len(found.prints) == 2


def test_claims_are_judged_alike_by_one_process_and_by_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "_FEW", 0)
    names = [f"no-trap/{shell}/none/plain/INT-process" for shell in ("bash", "dash", "zsh")]
    data = lines(*(replace(cell(job(), child()), cell=name) for name in names))
    folder = written(tmp_path / "run", data)
    with StoredLines(folder.stored) as stored:
        found = stored.judged(prints=False)
        claims = read()
        alone = judge_claims(claims, stored, found, processes=1)
        together = judge_claims(claims, stored, found, processes=2)
    assert alone == together
    assert any(finding.cases for _, finding in alone)


def test_the_order_in_which_cells_ended_does_not_show_in_the_findings(tmp_path: Path) -> None:
    names = [f"no-trap/{shell}/none/plain/INT-process" for shell in ("bash", "dash", "zsh")]
    some = [replace(cell(job(), child()), cell=name) for name in names]
    claims = read()
    found = []
    for n, order in enumerate((some, some[::-1])):
        folder = written(tmp_path / f"run-{n}", lines(*order))
        with StoredLines(folder.stored) as stored:
            found.append(judge_claims(claims, stored, stored.judged(prints=False)))
    assert found[0] == found[1]


def test_a_process_that_is_killed_while_it_judges_is_told() -> None:
    def dies(_: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(CouldNotTell, match="was killed"):
        list(side_by_side(dies, [1, 2, 3], 2))


def test_a_line_that_is_nested_too_deeply_is_a_bad_line(tmp_path: Path) -> None:
    found = judged(written(tmp_path / "run", lines(b"[" * 200_000, observation(1))))
    assert "nested deeper" in found.bad[0].problem
    assert len(found.lines) == 1


@pytest.mark.parametrize("name", ['a"b', "a\\b", "ü", "a#2b"])
def test_an_observation_is_found_by_its_name_however_json_spells_it(
    tmp_path: Path, name: str
) -> None:
    one = replace(observation(1), cell=f"{name}/bash/none/plain/end")
    assert written(tmp_path / "ours", lines(one)).find(one.cell) == one
    foreign = json.dumps(json.loads(encode(one))).encode()
    assert written(tmp_path / "foreign", lines(foreign)).find(one.cell) == one


def test_the_order_is_kept_by_several_processes() -> None:
    assert list(side_by_side(str, list(range(50)), 3)) == [str(n) for n in range(50)]
