"""Reading ``scenarios/claims/``: Python files, each with claims that belong together."""

from __future__ import annotations

import importlib.util
import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from aftercancel.errors import Fault, ScenarioError
from aftercancel.judge.claims.statements import Claim, Source

_PREFIX = "aftercancel_claims_"
"""So that a file's name cannot hide a module of somebody else."""


def read_claims(folder: Path) -> dict[str, Claim]:
    """Every claim by its id, by source and number.

    ScenarioError, with every fault, where a file cannot be read or a claim is there twice.
    """
    claims: dict[str, Claim] = {}
    where: dict[str, str] = {}
    faults: list[Fault] = []
    if not folder.is_dir():
        raise ScenarioError([Fault(_shown(folder), None, "The folder of the claims is missing.")])
    for path in sorted(folder.glob("*.py")):
        try:
            found = _claims_of(_module(path))
        except Exception as error:  # noqa: BLE001 it is Python: anything can be wrong with it
            faults.append(_fault(path, error))
            continue
        for each in found:
            if each.id in claims:
                problem = f"{each.id} is there twice: {where[each.id]} has it too."
                faults.append(Fault(_shown(path), _line(each), problem, "Rename one of them."))
            claims.setdefault(each.id, each)
            where.setdefault(each.id, _shown(path))
            if not each.reading:
                problem = f"{each.id} does not say when it holds."
                hint = "Write it as the docstring of its function."
                faults.append(Fault(_shown(path), _line(each), problem, hint))
    if faults:
        raise ScenarioError(faults)
    return dict(sorted(claims.items(), key=_in_order))


def _in_order(item: tuple[str, Claim]) -> tuple[int, str, int, str]:
    """By the source, and then as people count: G2, G9, G9a, G10."""
    name, claim = item
    found = re.fullmatch(r"(\D*)(\d*)(.*)", name, re.DOTALL)
    assert found is not None
    return list(Source).index(claim.source), found[1], int(found[2] or 0), found[3]


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{_PREFIX}{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _claims_of(module: ModuleType) -> Iterable[Claim]:
    return [value for value in vars(module).values() if isinstance(value, Claim)]


def _fault(path: Path, error: Exception) -> Fault:
    """With the line of this file in which it went wrong."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    if line is None and frames:
        line = frames[-1].lineno
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    return Fault(_shown(path), line, f"{type(error).__name__}: {words}.")


def _line(claim: Claim) -> int:
    return claim.predicate.__code__.co_firstlineno


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
