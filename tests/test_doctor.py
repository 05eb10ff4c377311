"""What the doctor makes of what it sees, and that its probe leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercancel import catalog, doctor
from aftercancel.doctor import Finding, Status, findings
from aftercancel.executor.ownership import own_name
from aftercancel.executor.trace import EVENTS

ALL_RIGHTS = (1 << 41) - 1


LOOKS = (
    findings.namespaces,
    findings.file_system,
    findings.second_host,
    findings.tracing,
)


def healthy() -> dict[str, Any]:
    """What the probe prints on a machine that can do everything."""
    kinds = ("pid", "mount", "network", "ipc", "uts")
    tries = ("private mounts", "overlay", "devices", "proc", "tracefs", "veth")
    return {
        **{f"{kind} namespace": None for kind in kinds},
        **dict.fromkeys(tries),
        "tracing": {"clocks": ["local", "mono"], "lacking": [], "instances": []},
    }


def nothing_tried() -> dict[str, Any]:
    return {"problem": "needs root's rights"}


@pytest.mark.parametrize("look", LOOKS)
def test_a_healthy_machine_can(look: Callable[[dict[str, Any]], Finding]) -> None:
    assert look(healthy()).status is Status.CAN


@pytest.mark.parametrize("look", LOOKS)
def test_what_was_not_tried_is_never_can(look: Callable[[dict[str, Any]], Finding]) -> None:
    finding = look(nothing_tried())
    assert finding.status is not Status.CAN
    assert "needs root's rights" in finding.detail


@pytest.mark.parametrize(
    ("look", "attempt"),
    [
        (findings.namespaces, "network namespace"),
        (findings.file_system, "private mounts"),
        (findings.file_system, "overlay"),
        (findings.file_system, "devices"),
        (findings.file_system, "proc"),
        (findings.second_host, "veth"),
        (findings.tracing, "tracefs"),
    ],
)
def test_a_refusal_is_told_in_the_kernels_words_with_a_remedy(
    look: Callable[[dict[str, Any]], Finding], attempt: str
) -> None:
    finding = look({**healthy(), attempt: "mount: No such device"})
    assert finding.status is not Status.CAN
    assert "mount: No such device" in finding.detail
    assert finding.remedy


def test_a_missing_event_degrades_the_trace() -> None:
    tracing = {**healthy()["tracing"], "lacking": ["signal/signal_generate"]}
    finding = findings.tracing({**healthy(), "tracing": tracing})
    assert finding.status is Status.DEGRADED
    assert "signal/signal_generate" in finding.detail


def test_a_missing_clock_degrades_the_trace() -> None:
    tracing = {**healthy()["tracing"], "clocks": ["local"]}
    assert findings.tracing({**healthy(), "tracing": tracing}).status is Status.DEGRADED


def test_root_with_all_capabilities_has_the_rights() -> None:
    assert findings.rights(0, ALL_RIGHTS).status is Status.CAN


def test_root_without_one_capability_is_told_its_name() -> None:
    finding = findings.rights(0, ALL_RIGHTS & ~(1 << findings.SYS_ADMIN))
    assert finding.status is Status.CANNOT
    assert "--cap-add SYS_ADMIN" in finding.remedy


def test_an_ordinary_user_has_not_the_rights() -> None:
    assert findings.rights(1000, 0).status is Status.CANNOT


def test_another_system_cannot() -> None:
    assert findings.linux("darwin", "25.0").status is Status.CANNOT


def test_a_full_disk_degrades() -> None:
    assert findings.disk_space(1 << 20).status is Status.DEGRADED


# Control groups, as folders.


def version_1(root: Path, *controllers: str) -> Path:
    for name in controllers:
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()
    return root


def test_control_groups_of_version_1_can(tmp_path: Path) -> None:
    finding = findings.control_groups(version_1(tmp_path, "pids", "memory"))
    assert (finding.status, finding.detail) == (Status.CAN, "version 1, pids and memory")


def test_control_groups_of_version_2_can(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("memory pids\n")
    finding = findings.control_groups(tmp_path)
    assert (finding.status, finding.detail) == (Status.CAN, "version 2, pids and memory")


def test_a_controller_that_is_not_handed_down_degrades(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    finding = findings.control_groups(tmp_path)
    assert finding.status is Status.DEGRADED
    assert "pids" in finding.detail


def test_a_missing_controller_degrades(tmp_path: Path) -> None:
    assert findings.control_groups(version_1(tmp_path, "pids")).status is Status.DEGRADED


def test_no_control_groups_at_all_degrade(tmp_path: Path) -> None:
    assert findings.control_groups(tmp_path / "absent").status is Status.DEGRADED


# Leftovers.


def of_this_pid_namespace(pid: int, start: int) -> str:
    return f"aftercancel-{pid}-{start}-{own_name().rsplit('-', 1)[1]}"


def test_what_a_living_run_holds_is_no_leftover() -> None:
    names = [own_name(), own_name() + "-kernel", "somebody-elses"]
    assert findings.leftovers(names).status is Status.CAN


def test_what_a_dead_run_held_is_a_leftover() -> None:
    dead = of_this_pid_namespace(4194999, 12)
    finding = findings.leftovers([dead])
    assert finding.status is Status.DEGRADED
    assert dead in finding.detail


def test_a_run_of_another_pid_namespace_may_be_alive_for_all_we_know() -> None:
    assert findings.leftovers(["aftercancel-4194999-12-1"]).status is Status.CAN


def test_a_process_number_that_was_used_again_does_not_hide_a_leftover() -> None:
    assert findings.leftovers([of_this_pid_namespace(os.getpid(), 1)]).status is Status.DEGRADED


# The whole of it, on this machine.


def test_every_finding_says_why_it_matters_and_the_bad_ones_how_to_get_it() -> None:
    for finding in doctor.examine(catalog.load()):
        assert finding.detail
        assert finding.why
        assert finding.remedy or finding.status is Status.CAN


def test_every_shell_and_every_need_of_the_catalogue_is_looked_for() -> None:
    catalogue = catalog.load()
    names = {finding.name for finding in doctor.examine(catalogue)}
    assert names >= {f"shell {shell.family}" for shell in catalogue.shells.values()}
    needs = [need for job in catalogue.jobs.values() for need in job.needs]
    needs += [need for each in catalogue.launchers.values() for need in each.needs]
    assert names >= {f"program {Path(need).name}" for need in needs}


def host() -> tuple[object, ...]:
    """What the probe could have changed."""
    namespaces = tuple(os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "pid", "net"))
    return (
        namespaces,
        Path("/proc/self/mountinfo").read_text(),
        Path("/etc/aftercancel-probe").exists(),
    )


def probe(*events: str, before: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run the probe as the doctor does, with a command in front of it."""
    done = subprocess.run(
        [*before, sys.executable, "-P", "-m", "aftercancel.doctor.probe", *events],
        capture_output=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.real
def test_the_probe_leaves_mounts_files_and_namespaces_as_they_were() -> None:
    before = host()
    assert probe(*EVENTS)["overlay"] is None
    assert host() == before


@pytest.mark.real
def test_the_probe_does_not_take_an_event_for_there_that_is_not() -> None:
    found = probe("signal/no_such_event")
    if found["tracefs"] is not None:
        pytest.skip(f"no tracefs on this machine: {found['tracefs']}")
    assert found["tracing"]["lacking"] == ["signal/no_such_event"]


@pytest.mark.real
def test_without_the_right_to_mount_nothing_is_taken_for_possible() -> None:
    without = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    found = probe(before=without)
    assert "Operation not permitted" in found["mount namespace"]
    for look in LOOKS:
        finding = look(found)
        assert finding.status is not Status.CAN
        assert "None" not in finding.detail


def test_a_results_folder_that_is_still_to_be_made_is_no_fault(tmp_path: Path) -> None:
    findings_here = doctor.examine(catalog.load(), tmp_path / "still" / "to come")
    assert "disk space" in {finding.name for finding in findings_here}
