"""Errors carry an exit status and say everything in their message."""

from __future__ import annotations

import pytest

from aftercancel.errors import (
    AftercancelError,
    CouldNotTell,
    ExitStatus,
    Fault,
    MissingError,
    ScenarioError,
    StorageError,
    UsageError,
    did_you_mean,
    nearest,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [(CouldNotTell, 2), (UsageError, 3), (ScenarioError, 3), (MissingError, 4), (StorageError, 4)],
)
def test_each_class_has_its_documented_exit_status(
    kind: type[AftercancelError], status: int
) -> None:
    assert kind.status == status
    assert issubclass(kind, AftercancelError)


def test_the_exit_statuses_are_the_documented_five() -> None:
    assert [each.value for each in ExitStatus] == [0, 1, 2, 3, 4]


def test_a_scenario_error_names_every_fault_with_file_and_line_in_order() -> None:
    error = ScenarioError(
        [
            Fault("b.toml", 3, "Unknown key sentense.", "Did you mean sentence?"),
            Fault("a.toml", None, "It is empty."),
        ]
    )
    assert str(error).splitlines() == [
        "The scenarios have 2 mistakes; nothing was run.",
        "  a.toml: It is empty.",
        "  b.toml:3: Unknown key sentense. Did you mean sentence?",
    ]


def test_the_nearest_spelling_comes_first() -> None:
    assert nearest("exit-trp", ["term-trap", "exit-trap", "daemon"])[0] == "exit-trap"


def test_a_word_that_is_near_to_nothing_gets_no_offer() -> None:
    assert did_you_mean("xyzzy", ["exit-trap", "daemon"]) == ""
