"""Which programs are there, and what a run cannot do without."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from aftercancel import absence, catalog, doctor, programs
from aftercancel.doctor import Finding, Status, findings
from aftercancel.errors import MissingError
from aftercancel.programs import Program
from tests.test_doctor import ALL_RIGHTS, nothing_tried

ABSENT = Program("shell absent", "/none/absent", "absent-package")


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
