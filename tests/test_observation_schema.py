"""The JSON Schema that the package carries."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from aftercancel import judge
from aftercancel.judge import observation_schema
from aftercancel.model import Left, LeftFile, Lock
from tests.observing import RUNNER, cell, job, says, sent, trouble, with_cleanup


@pytest.fixture(scope="module")
def check() -> jsonschema.Draft202012Validator:
    schema = judge.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def stored(observation: object) -> Any:
    return json.loads(msgspec.json.encode(observation))


def test_the_file_in_the_package_is_made_from_the_types() -> None:
    assert observation_schema.FILE.read_text(encoding="utf-8") == observation_schema.text(), (
        "the types have changed: run python -m aftercancel.judge.observation_schema"
    )


def test_observations_fit_it(check: jsonschema.Draft202012Validator) -> None:
    check.validate(stored(trouble()))
    check.validate(stored(cell(job(), report=None, signals=(sent("TERM", RUNNER, job()),))))
    left = Left((LeftFile("/tmp/a", 0, "dir"),), (Lock("/tmp/a", "FLOCK", "job"),))
    check.validate(stored(with_cleanup(says("EXIT", role=None), left=left)))


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"schema": 2},
        {"evidence": "rumour"},
        {"fired": [{"at_ms": "now", "what": "TERM"}]},
    ],
    ids=["unknown field", "other schema", "unknown evidence", "wrong type"],
)
def test_something_else_does_not_fit(
    check: jsonschema.Draft202012Validator, change: dict[str, Any]
) -> None:
    assert not check.is_valid({**stored(cell(job())), **change})


def test_it_says_what_the_docstrings_say() -> None:
    definitions = judge.schema()["$defs"]
    assert definitions["Process"]["properties"]["key"]["description"] == (
        "Number in the order of start; 0 is the runner."
    )
    assert "at rest: Some processes live" in definitions["Decided"]["description"]
    assert definitions["Observation"]["description"].startswith("The raw facts")
