"""What decides a claim where runners differ in more than their name."""

from __future__ import annotations

from aftercancel.judge.claims.deciding import decide, in_words
from aftercancel.judge.claims.statements import Holds


def test_a_shell_that_only_one_runner_was_tried_with_is_not_what_decides() -> None:
    told = decide(
        [
            ({"shell": "dash", "runner": "hudson", "version": "3.3.2"}, Holds.YES),
            ({"shell": "bash", "runner": "semaphore", "version": "2.10"}, Holds.NO),
            ({"shell": "bash", "runner": "buildbot", "version": "4.3.0"}, Holds.NO),
        ]
    )
    assert in_words(told) == "by runner: hudson: yes · semaphore, buildbot: no"


def test_a_version_is_one_of_a_runner() -> None:
    told = decide(
        [
            ({"runner": "builder", "version": "1"}, Holds.YES),
            ({"runner": "builder", "version": "2"}, Holds.NO),
            ({"runner": "other", "version": "1"}, Holds.NO),
        ]
    )
    assert in_words(told) == "by runner: other: no · builder: (by version: 1: yes · 2: no)"
