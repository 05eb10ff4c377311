"""The files of claims: found, put in order, and every mistake in them told with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.errors import ScenarioError
from aftercancel.judge.claims import Claim, read_claims
from aftercancel.judge.claims.words import meant, of_a_model


def written(folder: Path, text: str, name: str = "some.py") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


GOOD = '''\
from aftercancel.judge.claims import Source, claim, yes


@claim("Q1", source=Source.SHELLS, sentence="s", tried="t", cells="*/*/*/*/*")
def q1(case):
    """Always."""
    return yes("so")
'''


def test_every_claim_of_the_package_can_be_read_and_says_when_it_holds() -> None:
    root = Path(__file__).resolve().parent.parent / "scenarios" / "claims"
    found = read_claims(root)
    assert found
    assert all(each.reading and each.sentence and each.tried for each in found.values())


def of_which(claim: Claim, cells: Iterable[str]) -> list[str]:
    """The cells that the claim looks at: those of modelled runners only where it may."""
    return [cell for cell in cells if claim.modelled or not of_a_model(cell)]


def test_every_claim_that_a_slice_is_said_to_answer_has_cells_in_it() -> None:
    claims = read_claims(Path(__file__).resolve().parent.parent / "scenarios" / "claims")
    for piece in catalog.load().slices.values():
        for name in piece.answers:
            found = any(
                meant(of_which(each, piece.cells), part, each.without)
                for each in claims.values()
                if re.fullmatch(rf"{name}[a-z]?", each.id)
                for part in each.parts.values()
            )
            assert found, f"{piece.id} has no cell for {name}"


def test_a_claim_is_one_function(tmp_path: Path) -> None:
    assert list(read_claims(written(tmp_path / "claims", GOOD))) == ["Q1"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def broken(:\n", 1, "SyntaxError"),
        ("x = 1\nimport not_there_at_all\n", 2, "not_there_at_all"),
        (GOOD.replace('"*/*/*/*/*"', '{"a": "*", "b": "*"}'), 4, "several parts need the axes"),
        (GOOD.replace('cells="*/*/*/*/*"', 'cells="*", apart=("color",)'), 4, "no axis color"),
        (GOOD.replace('    """Always."""\n', ""), 4, "does not say when it holds"),
        (GOOD + GOOD.replace("def q1", "def q2"), 11, "Q1 is there twice"),
    ],
    ids=["syntax", "import", "parts", "axis", "docstring", "twice"],
)
def test_a_mistake_in_a_claims_file_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_claims(written(tmp_path / "claims", text))
    (fault,) = caught.value.faults
    assert fault.line == line
    assert words in fault.problem


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="folder of the claims is missing"):
        read_claims(tmp_path / "none")
