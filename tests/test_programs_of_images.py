"""Which programs an image has: what is asked, what is answered, what follows for cells."""

from __future__ import annotations

import json
import sys

import pytest

from aftercancel import absence, catalog, programs
from aftercancel.doctor import require
from aftercancel.errors import MissingError
from aftercancel.model import Cell
from aftercancel.places import asking, in_image
from aftercancel.places.choice import Kind, kind
from aftercancel.places.image_programs import ImagePrograms
from aftercancel.programs import Program, of_need, of_shell

CATALOGUE = catalog.load()
DASH, ZSH = (of_shell(CATALOGUE.shells[name]) for name in ("dash", "zsh"))


def image(*there: Program) -> ImagePrograms:
    return ImagePrograms(
        image="some:image",
        distribution="Some Linux",
        paths={program.command: program.command for program in there},
        versions={program.name: "1.2" for program in there},
    )


def cell(name: str) -> Cell:
    return CATALOGUE.cell(name)


def test_the_answer_is_that_of_the_programs_where_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known, absent = of_need("sh"), of_need("absent-tool")
    monkeypatch.setattr(sys, "argv", ["asking", asking.question([known, absent])])
    asking.main()
    found = ImagePrograms.of("here", json.loads(capsys.readouterr().out))
    assert found.path(known) == known.path is not None
    assert found.path(absent) is None
    assert found.distribution != ""


def test_everything_that_any_cell_needs_is_asked_for() -> None:
    asked = in_image._programs_of(CATALOGUE)
    assert len(asked) == len(set(asked))
    assert {DASH, ZSH, of_need("sudo")} <= set(asked)


def test_a_shell_that_the_image_lacks_keeps_its_cells_from_being_tried() -> None:
    cells = [cell(f"exit-trap/{name}/none/plain/TERM-group") for name in ("dash", "zsh", "zsh-e")]
    found = absence.absent(cells, {}, image(DASH))
    assert list(found.words) == ["shell zsh"]
    assert found.without(cells) == cells[:1]
    why = found.why(cells[2])
    assert why == (
        "/bin/zsh is not there: install it in the image some:image (Debian's way: "
        "apt-get install zsh)"
    )


def test_a_program_of_a_job_that_the_image_lacks_is_named_with_the_job() -> None:
    name, job = next((name, job) for name, job in CATALOGUE.jobs.items() if job.needs)
    wanted = next(cell for cell in CATALOGUE.matrix.values() if cell.job.id == name)
    there = [of_shell(wanted.shell), *programs.of_launcher(wanted.launcher)]
    found = absence.absent([wanted], {}, image(*there))
    assert found.of(wanted) == f"job {name}"
    assert job.needs[0] in str(found.why(wanted))


def test_on_this_machine_a_missing_shell_is_refused_and_not_left_out() -> None:
    wanted = cell("exit-trap/dash/none/plain/TERM-group")
    assert absence.absent([wanted], {}, programs.HERE).words == {}


def test_where_an_image_has_nothing_of_what_is_asked_nothing_is_run() -> None:
    cells = [cell("exit-trap/zsh/none/plain/TERM-group")]
    with pytest.raises(MissingError, match="shell zsh: /bin/zsh is not there"):
        require((), cells, absence.absent(cells, {}, image(DASH)))


def test_an_image_without_any_shell_is_refused() -> None:
    with pytest.raises(MissingError, match=r"some:image has no shell .*/bin/dash"):
        in_image._refuse_without_shell(image(of_need("sudo")), CATALOGUE)


@pytest.mark.parametrize(
    ("named", "root", "docker", "user_namespaces", "taken"),
    [
        ("any", True, False, False, Kind.IMAGE),
        (None, True, True, True, Kind.THIS_MACHINE),
        (None, False, True, True, Kind.IMAGE),
        (None, False, False, True, Kind.USER_NAMESPACES),
        (None, False, False, False, Kind.THIS_MACHINE),
    ],
)
def test_the_best_place_that_can_be_had_is_taken(
    named: str | None, root: bool, docker: bool, user_namespaces: bool, taken: Kind
) -> None:
    assert kind(named, root=root, docker=docker, user_namespaces=user_namespaces) is taken
