"""The folder of a run: made once, appended to by many, read whatever happened to it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aftercancel.errors import StorageError, UsageError
from aftercancel.model import Evidence, Observation
from aftercancel.results import (
    OBSERVATIONS,
    BadLine,
    LineWriter,
    Machine,
    Record,
    RunFolder,
    encode,
    now,
)

# Vocabulary


def observation(number: int = 1, attempt: int = 1) -> Observation:
    return Observation(
        cell=f"job-{number}/bash/none/plain/end", evidence=Evidence.PROC, attempt=attempt
    )


def store(folder: RunFolder, *observations: Observation) -> None:
    with folder.writer() as writer:
        for each in observations:
            writer.append(encode(each))


def add_raw(folder: RunFolder, data: bytes) -> None:
    with (folder.path / OBSERVATIONS).open("ab") as file:
        file.write(data)


def cells(folder: RunFolder) -> list[str]:
    return [line.cell for line in folder.observations() if isinstance(line, Observation)]


def problems(folder: RunFolder) -> list[str]:
    return [str(line) for line in folder.observations() if isinstance(line, BadLine)]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run")


# Making and opening


def test_a_run_without_a_folder_gets_one_named_after_the_time(tmp_path: Path) -> None:
    made = RunFolder.create(base=tmp_path / ".aftercancel")
    assert made.path.parent == tmp_path / ".aftercancel"
    assert made.path.name[:2] == "20"


def test_latest_points_at_the_newest_run(tmp_path: Path) -> None:
    RunFolder.create(base=tmp_path)
    newest = RunFolder.create(base=tmp_path)
    assert (tmp_path / "latest").resolve() == newest.path
    assert RunFolder.open(base=tmp_path).path == newest.path


def test_runs_of_the_same_second_get_different_folders(tmp_path: Path) -> None:
    made = [RunFolder.create(base=tmp_path).path for _ in range(5)]
    assert len(set(made)) == 5


def test_stored_runs_are_kept_out_of_version_control(tmp_path: Path) -> None:
    RunFolder.create(base=tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_named_folder_is_made_with_its_parents_and_leaves_latest_alone(tmp_path: Path) -> None:
    made = RunFolder.create(tmp_path / "a" / "b")
    assert made.path.is_dir()
    assert not (tmp_path / "latest").exists()


def test_a_folder_with_other_peoples_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty \(notes\.txt is there\).*--out"):
        RunFolder.create(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path).path == tmp_path


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match=r"is a file, not a folder.*--out"):
        RunFolder.create(tmp_path / "out")


def test_a_folder_that_holds_another_run_is_refused_and_left_alone(folder: RunFolder) -> None:
    store(folder, observation())
    with pytest.raises(UsageError, match=r"holds another run.*--out"):
        RunFolder.create(folder.path)
    assert cells(folder) == [observation().cell]


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(StorageError, match=r"cannot be written: .*--out"):
        RunFolder.create(Path("/proc/nowhere"))


def test_opening_what_is_no_run_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no run: it has no observations.jsonl"):
        RunFolder.open(tmp_path)
    with pytest.raises(UsageError, match="does not exist"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="`aftercancel run`"):
        RunFolder.open(base=tmp_path)


# The record


def test_the_record_is_read_as_it_was_written(folder: RunFolder) -> None:
    record = Record(machine=Machine.this(), started=now(), cells=("a/b/c/d/e",))
    folder.write_record(record)
    assert folder.record() == record


def test_a_record_that_was_never_closed_says_that_the_run_is_incomplete(folder: RunFolder) -> None:
    folder.write_record(Record(machine=Machine.this(), started=now()))
    record = folder.record()
    assert record is not None
    assert not record.complete
    assert record.why_not == "It has not ended yet, or was killed."


def test_the_record_knows_kernel_and_distribution() -> None:
    machine = Machine.this()
    assert os.uname().release in machine.kernel
    assert machine.distribution != "unknown"


def test_a_record_of_another_schema_names_the_version_that_wrote_it(folder: RunFolder) -> None:
    record = replace(Record(machine=Machine.this(), started=now()), schema=7, aftercancel="9.1")
    folder.write_record(record)
    with pytest.raises(UsageError, match=r"schema 7.*aftercancel 9\.1"):
        folder.record()


def test_a_run_may_be_read_without_its_record(folder: RunFolder) -> None:
    assert folder.record() is None


# Appending


def test_what_is_stored_is_read_back(folder: RunFolder) -> None:
    store(folder, observation(1), observation(2))
    assert list(folder.observations()) == [observation(1), observation(2)]


def _append_many(path: Path, first: int) -> None:
    with LineWriter(path) as writer:
        for number in range(first, first + 200):
            writer.append(encode(observation(number)))


def test_lines_of_several_processes_never_mix(folder: RunFolder) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [
        spawn.Process(target=_append_many, args=(folder.path / OBSERVATIONS, first))
        for first in (0, 1000, 2000)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert problems(folder) == []
    assert len(set(cells(folder))) == 600


def test_a_line_after_a_half_written_one_stands_by_itself(folder: RunFolder) -> None:
    store(folder, observation(1))
    add_raw(folder, b'{"cell": "job-2/ba')
    store(folder, observation(3))
    assert cells(folder) == [observation(1).cell, observation(3).cell]
    assert len(problems(folder)) == 1


# Reading what is broken


def test_a_last_line_that_is_cut_off_is_named_and_the_rest_is_read(folder: RunFolder) -> None:
    store(folder, observation(1))
    add_raw(folder, encode(observation(2))[:40])
    assert cells(folder) == [observation(1).cell]
    assert problems(folder) == ["line 2 is cut off: whoever wrote it was stopped in the middle"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"hello\n", "is no JSON"),
        (b"\xff\xfe\n", "is no JSON"),
        (b"[1, 2]\n", "is JSON, but no observation"),
        (b'{"processes": []}\n', "is JSON, but no observation"),
        (b'{"cell": "a", "schema": 99}\n', "was written by a newer aftercancel (schema 99"),
        (b'{"cell": "a", "schema": 0}\n', "was written by an older aftercancel (schema 0"),
        (b'{"cell": 5, "evidence": "trace"}\n', "is no valid observation"),
    ],
)
def test_a_line_that_is_not_ours_is_named(folder: RunFolder, line: bytes, problem: str) -> None:
    add_raw(folder, line)
    store(folder, observation(2))
    assert cells(folder) == [observation(2).cell]
    assert problems(folder)[0].startswith(f"line 1 {problem}")


def test_an_observation_of_another_schema_is_not_taken_for_ours(folder: RunFolder) -> None:
    store(folder, replace(observation(), schema=2))
    assert cells(folder) == []
    assert "newer aftercancel (schema 2" in problems(folder)[0]


def test_of_two_observations_of_one_attempt_the_first_stands(folder: RunFolder) -> None:
    store(folder, observation(1), replace(observation(1), armed_ms=-5.0), observation(1, attempt=2))
    read = list(folder.observations())
    assert read[0] == observation(1)
    assert "a second time" in str(read[1])
    assert read[2] == observation(1, attempt=2)


def test_one_attempt_is_found_by_its_id(folder: RunFolder) -> None:
    store(folder, observation(1), observation(11), observation(1, attempt=2))
    assert folder.find("job-1/bash/none/plain/end") == observation(1)
    assert folder.find("job-1/bash/none/plain/end#2") == observation(1, attempt=2)
    assert folder.find("job-3/bash/none/plain/end") is None


# A disk that fills up

FILL = """
import sys
from pathlib import Path
from aftercancel.errors import StorageError
from aftercancel.model import Evidence, Observation, Stream
from aftercancel.results import RunFolder, encode

folder = RunFolder.create(Path(sys.argv[1]))
pad = Stream("x" * 10_000, 10_000, 0, False)
with folder.writer() as writer:
    for number in range(1000):
        cell = f"job-{number}/bash/none/plain/end"
        try:
            writer.append(encode(Observation(cell=cell, evidence=Evidence.PROC, stdout=pad)))
        except StorageError as error:
            print(number)
            print(error)
            break
lines = list(folder.observations())
print(len(lines), all(isinstance(line, Observation) for line in lines))
"""


def on_a_small_disk(tmp_path: Path, program: str) -> list[str]:
    """Run a program in a mount namespace of its own with a tmpfs of 1 MiB at ``tmp_path/disk``."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=1m tmpfs "{disk}" && exec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            script,
            "sh",
            sys.executable,
            "-c",
            program,
            str(disk / "run"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs of 1 MiB needs root")
def test_a_full_disk_is_said_and_what_was_measured_before_can_be_read(tmp_path: Path) -> None:
    number, message, summary = on_a_small_disk(tmp_path, FILL)
    assert 50 < int(number) < 110
    assert "The disk is full" in message
    assert f"The {number} observations are kept" in message
    assert summary == f"{number} True"


def test_a_file_that_cannot_be_written_leaves_no_half_of_it(folder: RunFolder) -> None:
    (folder.path / "matrix.md").mkdir()
    with pytest.raises(StorageError, match=r"matrix\.md cannot be written"):
        folder.write("matrix.md", b"new")
    assert sorted(each.name for each in folder.path.iterdir()) == ["matrix.md", OBSERVATIONS]


def test_observations_are_stored_one_a_line(folder: RunFolder) -> None:
    store(folder, replace(observation(1), limits=("a\nb",)), observation(2))
    lines = (folder.path / OBSERVATIONS).read_bytes().splitlines()
    assert [msgspec.json.decode(line)["cell"] for line in lines] == cells(folder)
