"""Control groups of a container's own. Version 2 is a folder here; the files are the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftercancel.executor import hierarchies


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A container's own group with two processes in it, and nothing handed on."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("\n")
    (tmp_path / "cgroup.procs").write_text("10\n20\n")
    (tmp_path / "cgroup.type").write_text("domain\n")
    return tmp_path


def test_processes_step_aside_before_controllers_are_handed_on(root: Path) -> None:
    hierarchies.step_aside(root)
    # The kernel appends; a plain file keeps the last one that was moved.
    assert (root / "aftercancel/cgroup.procs").read_text() == "20"
    assert (root / "cgroup.subtree_control").read_text() == "+pids +memory"


def test_the_first_group_of_all_is_left_as_it_is(root: Path) -> None:
    (root / "cgroup.type").unlink()
    hierarchies.step_aside(root)
    assert (root / "cgroup.subtree_control").read_text() == "\n"
    assert not (root / "aftercancel").exists()


def test_where_controllers_are_handed_on_nobody_moves(root: Path) -> None:
    (root / "cgroup.subtree_control").write_text("memory pids\n")
    hierarchies.step_aside(root)
    assert not (root / "aftercancel").exists()


def test_what_is_writable_is_not_mounted_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: list[str] = []
    monkeypatch.setattr("aftercancel.executor.linux.mount", lambda *a: mounted.append(a[1]))
    hierarchies.make_writable(root)
    assert mounted == []


def test_what_is_read_only_is_made_writable_in_each_hierarchy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted: list[str] = []
    for name in ("pids", "memory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "no hierarchy").mkdir()
    monkeypatch.setattr(hierarchies, "_is_read_only", lambda _: True)
    monkeypatch.setattr("aftercancel.executor.linux.mount", lambda *a: mounted.append(a[1]))
    hierarchies.make_writable(tmp_path)
    assert mounted == [str(tmp_path / "memory"), str(tmp_path / "pids")]
