"""What the doctor makes of what it sees, and that its probe leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from aftercancel import absence, catalog, doctor, programs
from aftercancel.doctor import Finding, Status, findings
from aftercancel.errors import MissingError
from aftercancel.executor.ownership import own_name
from aftercancel.executor.trace import EVENTS
from aftercancel.programs import Program

ALL_RIGHTS = (1 << 41) - 1
ABSENT = Program("shell absent", "/none/absent", "absent-package")


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


# Programs.


def test_a_program_that_is_there_has_a_version() -> None:
    shell = Program("shell sh", "/bin/sh", "dash", (sys.executable, "-c", "print('\\n 1.2 \\n3')"))
    finding = findings.program(shell)
    assert (finding.status, finding.detail) == (Status.CAN, "1.2")


def test_a_program_that_is_not_there_names_its_package() -> None:
    finding = findings.program(ABSENT)
    assert finding.status is Status.CANNOT
    assert "apt-get install absent-package" in finding.remedy


def test_without_a_version_command_the_package_is_asked() -> None:
    known = programs.version(Program("program dpkg", "dpkg", "dpkg"))
    assert known is not None
    assert known[0].isdigit()


def test_an_unknown_version_is_not_made_up() -> None:
    assert programs.version(replace(ABSENT, version=("/none/absent", "--version"))) is None


# What a run cannot do without.


@dataclass
class Word:
    """A fake of a shell, a job or a launcher: what ``needed_by`` looks at."""

    family: str = "absent"
    argv: tuple[str, ...] = ("/none/absent",)
    package: str = "absent-package"
    version: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    id: str = "absent"
    get: str = ""
    inner: None = None
    common: bool = True


@dataclass
class FakeCell:
    shell: Word = field(default_factory=Word)
    job: Word = field(default_factory=Word)
    launcher: Word = field(default_factory=Word)
    runner: Word = field(default_factory=lambda: Word(id="plain"))


SH = Word(family="sh", argv=("/bin/sh",))


def test_a_machine_that_can_is_not_refused() -> None:
    doctor.require([findings.linux("linux", "6.1"), findings.rights(0, ALL_RIGHTS)])


def test_what_is_only_degraded_refuses_nothing() -> None:
    doctor.require([findings.tracing(nothing_tried()), findings.disk_space(0)])


def test_a_foundation_that_is_missing_refuses_with_all_three_answers() -> None:
    finding = Finding("pidfd", Status.CANNOT, "what was seen", "the reason", "the remedy")
    with pytest.raises(MissingError, match=r"(?s)what was seen.*the reason.*the remedy") as told:
        doctor.require([finding])
    assert told.value.status == 4


def test_without_rights_only_that_is_told_and_not_what_follows_from_it() -> None:
    with pytest.raises(MissingError) as told:
        doctor.require([findings.rights(1000, 0), findings.namespaces(nothing_tried())])
    assert "not root" in str(told.value)
    assert "namespaces:" not in str(told.value)


def test_a_shell_that_not_every_release_has_refuses_nothing_and_its_cells_are_not_tried() -> None:
    finding = findings.program(replace(ABSENT, required=False))
    assert finding.status is Status.DEGRADED
    known = catalog.load()
    shell = replace(known.shells["yash"], argv=("/nowhere/bin/yash",))
    cell = replace(known.cell("exit-trap/yash/none/plain/TERM-group"), shell=shell)
    missing = absence.absent([cell])
    assert missing.why(cell) == "/nowhere/bin/yash is not there: apt-get install yash"


def test_a_missing_shell_refuses_only_the_cells_that_use_it() -> None:
    seen = [findings.program(ABSENT)]
    doctor.require(seen, [FakeCell(shell=SH)])  # type: ignore[list-item]
    with pytest.raises(MissingError, match="shell absent"):
        doctor.require(seen, [FakeCell()])  # type: ignore[list-item]


def test_a_program_that_a_job_needs_is_required() -> None:
    seen = [findings.program(programs.of_need("absent-tool"))]
    with pytest.raises(MissingError, match="program absent-tool"):
        doctor.require(seen, [FakeCell(job=Word(needs=("absent-tool",)))])  # type: ignore[list-item]


def test_a_missing_launcher_refuses_nothing_while_another_cell_remains() -> None:
    without = FakeCell(shell=SH, launcher=Word(id="gone", needs=("absent-tool",)))
    doctor.require([], [without, FakeCell(shell=SH)])  # type: ignore[list-item]


def test_where_every_launcher_is_missing_all_ways_to_get_one_are_told() -> None:
    cells = [
        FakeCell(shell=SH, launcher=Word(id="one", needs=("absent-1", "absent-2"))),
        FakeCell(shell=SH, launcher=Word(id="two", needs=("absent-3",), get="ask for it")),
    ]
    with pytest.raises(MissingError) as told:
        doctor.require([], cells)  # type: ignore[arg-type]
    words = str(told.value)
    assert "one: absent-1 and absent-2 are not there: apt-get install absent-1 absent-2" in words
    assert "two: absent-3 is not there: ask for it" in words


def test_a_shell_that_only_cells_without_their_launcher_have_is_not_required() -> None:
    seen = [findings.program(ABSENT)]
    without = FakeCell(launcher=Word(id="gone", needs=("absent-tool",)))
    doctor.require(seen, [without, FakeCell(shell=SH)])  # type: ignore[list-item]


BUILDER = FakeCell(shell=SH, runner=Word(id="builder"))
WITHOUT_BUILDER = {"builder": "builder was not found. Buy it."}


def absent(*cells: FakeCell, **runners: str) -> absence.Absent:
    return absence.absent(cells, runners)  # type: ignore[arg-type]  # FakeCell


def test_a_missing_runner_refuses_nothing_while_another_cell_remains() -> None:
    cells = [BUILDER, FakeCell(shell=SH)]
    doctor.require([], cells, absent(*cells, **WITHOUT_BUILDER))  # type: ignore[arg-type]


def test_where_every_runner_is_missing_it_is_told_how_to_get_one() -> None:
    with pytest.raises(MissingError, match=r"builder: builder was not found\. Buy it\."):
        doctor.require([], [BUILDER], absent(BUILDER, **WITHOUT_BUILDER))  # type: ignore[list-item]


def test_a_shell_that_only_cells_without_their_runner_have_is_not_required() -> None:
    seen = [findings.program(ABSENT)]
    cells = [FakeCell(runner=Word(id="builder")), FakeCell(shell=SH)]
    doctor.require(seen, cells, absent(*cells, **WITHOUT_BUILDER))  # type: ignore[arg-type]


def test_what_keeps_a_cell_from_being_tried_is_named_with_its_words() -> None:
    known = absent(BUILDER, **WITHOUT_BUILDER)
    assert known.of(BUILDER) == "builder"  # type: ignore[arg-type]
    assert known.why(BUILDER) == WITHOUT_BUILDER["builder"]  # type: ignore[arg-type]


def test_a_cell_that_can_be_tried_lacks_nothing() -> None:
    other = FakeCell(shell=SH)
    known = absent(BUILDER, other, **WITHOUT_BUILDER)
    assert known.of(other) is None  # type: ignore[arg-type]
    assert known.why(other) is None  # type: ignore[arg-type]
    assert known.without([BUILDER, other]) == [other]  # type: ignore[list-item, comparison-overlap]


def test_of_a_launcher_and_a_runner_that_are_both_missing_the_launcher_is_named() -> None:
    both = replace(BUILDER, launcher=Word(id="gone", needs=("absent-tool",)))
    assert absent(both, **WITHOUT_BUILDER).of(both) == "gone"  # type: ignore[arg-type]


def test_a_missing_runner_that_no_cell_has_is_not_told_of() -> None:
    assert absent(FakeCell(shell=SH), **WITHOUT_BUILDER).words == {}


def test_what_only_launchers_need_degrades_and_says_which_of_them() -> None:
    launchers = [Word(id="one", get="ask for it"), Word(id="two", get="ask for two things")]
    finding = findings.program_of_launchers(programs.of_need("absent-tool"), launchers)  # type: ignore[arg-type]
    assert finding.status is Status.DEGRADED
    assert "one, two" in finding.why
    assert finding.remedy == "ask for it"


def test_words_on_how_to_get_more_than_the_first_launcher_needs_are_not_taken() -> None:
    launchers = [Word(id="one"), Word(id="two", get="ask for two things")]
    finding = findings.program_of_launchers(programs.of_need("absent-tool"), launchers)  # type: ignore[arg-type]
    assert finding.remedy == "apt-get install absent-tool"


def test_a_module_of_pythons_need_not_be_a_program(tmp_path: Path) -> None:
    module = tmp_path / "dist-packages" / "paramiko"
    assert programs.of_need(str(module)).path is None
    module.mkdir(parents=True)
    assert programs.of_need(str(module)).path == str(module)
    assert programs.of_need(str(module)).package == "python3-paramiko"


def test_a_program_by_its_path_must_be_one(tmp_path: Path) -> None:
    program = tmp_path / "sbin" / "sshd"
    program.parent.mkdir()
    program.touch()
    assert programs.of_need(str(program)).path is None
    program.chmod(0o755)
    assert programs.of_need(str(program)).path == str(program)
    assert programs.of_need(str(program)).package == "openssh-server"


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
