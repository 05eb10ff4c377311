"""The JSON Schema of a stored observation, made from the types and their docstrings.

``python -m aftercancel.judge.observation_schema`` writes it beside ``model.py``, where the package
carries it for those who read observations with something else than this package.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import msgspec

from aftercancel import model
from aftercancel.model import SCHEMA, Observation

FILE = Path(model.__file__).with_name("observation.schema.json")


def schema() -> dict[str, Any]:
    """The schema of one line of ``observations.jsonl``."""
    (top,), components = msgspec.json.schema_components(
        [Observation], ref_template="#/$defs/{name}"
    )
    definitions = {name: _described(name, made) for name, made in sorted(components.items())}
    definitions["Observation"]["properties"]["schema"] = {
        "const": SCHEMA,
        "description": "Version of the line.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An observation of aftercancel",
        **top,
        "$defs": definitions,
    }


def text() -> str:
    """The schema as the file has it."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def _described(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """With what the docstrings of fields and members say, and closed to unknown fields."""
    notes = _docstrings().get(name, {})
    described = {**made, "description": inspect.getdoc(getattr(model, name)) or name}
    if "properties" in made:
        described["additionalProperties"] = False
        described["properties"] = {
            field: {**rule, "description": notes[field]} if field in notes else rule
            for field, rule in made["properties"].items()
        }
    elif "enum" in made:
        members = {member.name: member.value for member in getattr(model, name)}
        told = [f"{members[key]}: {note}" for key, note in notes.items() if key in members]
        described["description"] = "\n".join([described["description"], *told])
    return described


def _docstrings() -> dict[str, dict[str, str]]:
    """Class → field or member → the string that stands under it in the source."""
    return {
        node.name: dict(_notes(node))
        for node in ast.parse(inspect.getsource(model)).body
        if isinstance(node, ast.ClassDef)
    }


def _notes(class_: ast.ClassDef) -> list[tuple[str, str]]:
    notes = []
    for statement, below in zip(class_.body, class_.body[1:], strict=False):
        target = _assigned(statement)
        if target is None or not isinstance(below, ast.Expr):
            continue
        if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            notes.append((target, inspect.cleandoc(below.value.value)))
    return notes


def _assigned(statement: ast.stmt) -> str | None:
    target: ast.expr | None = None
    if isinstance(statement, ast.AnnAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign):
        target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else None


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(FILE)
