"""What the executor makes of a runner's words over the control socket."""

from __future__ import annotations

import json
from typing import Any

from aftercancel.executor.reports import EndReport, FiredStep, Reports


def told(*messages: dict[str, Any]) -> Reports:
    reports = Reports()
    for message in messages:
        reports.take(b"j" + json.dumps(message).encode())
    return reports


def test_a_runner_of_which_nothing_was_heard_is_neither_ready_nor_over() -> None:
    reports = Reports()
    assert (reports.ready, reports.started, reports.over, reports.idle) == (
        False,
        False,
        False,
        None,
    )


def test_a_real_runner_that_is_ready_says_who_it_is() -> None:
    reports = told({"up": True}, {"ready": True, "runner": 12})
    assert (reports.ready, reports.runner, reports.started) == (True, 12, False)


def test_a_runner_that_starts_anew_for_each_job_is_nobody_until_then() -> None:
    assert told({"ready": True, "runner": None}).runner is None
    assert told({"ready": True, "runner": None}, {"started": True, "runner": 12}).runner == 12


def test_a_runner_that_is_started_may_still_be_on_trial() -> None:
    reports = told({"up": True})
    assert (reports.up, reports.ready) == (True, False)


def test_a_runner_that_is_started_again_is_another_process() -> None:
    fired = {"at_ns": 5, "what": "start the runner again", "error": None}
    assert told({"ready": True, "runner": 12}, {"fired": fired, "runner": 31}).runner == 31


def test_whether_it_takes_a_further_job_is_told_with_who_it_is_now() -> None:
    reports = told({"ready": True, "runner": 12}, {"idle": True, "runner": 15})
    assert (reports.idle, reports.runner) == (True, 15)
    assert told({"idle": False, "runner": None}).idle is False


def test_its_word_on_the_job_is_kept_literally() -> None:
    reports = told({"report": {"at_ns": 5, "said": "failed", "words": "state=failed"}})
    assert reports.end == EndReport(5, "failed", words="state=failed")
    assert (reports.over, reports.over_ns) == (True, 5)


def test_how_the_first_process_ended_comes_with_the_report_where_the_runner_knows() -> None:
    words = {"at_ns": 5, "said": "cancelled", "words": "signal 15", "status": None}
    assert told({"report": {**words, "signal": "TERM"}}).end == EndReport(
        5, "cancelled", None, "TERM", "signal 15"
    )


def test_a_model_says_until_when_it_may_go_on() -> None:
    assert told({"goes_on_ns": 7_000}).goes_on_ns == 7_000


def test_and_that_it_will_do_nothing_more() -> None:
    assert told({"goes_on_ns": 7_000}, {"goes_on_ns": None}).goes_on_ns is None


def test_the_queue_is_as_it_was_told_last() -> None:
    waiting = {"submitted_ns": 1, "started_ns": None, "listed": True}
    reports = told({"queue": [waiting]}, {"counts": {"o": [0, 0, 0]}})
    assert reports.queue == [waiting]
    assert told({"queue": [waiting]}, {"queue": []}).queue == []


def test_an_error_comes_with_the_end_of_the_runner_s_log() -> None:
    reports = told({"error": "it does not start", "log": "FATAL: no configuration"})
    assert (reports.error, reports.log) == ("it does not start", "FATAL: no configuration")


def test_steps_are_kept_in_the_order_in_which_they_were_fired() -> None:
    reports = told(
        {"fired": {"at_ns": 1, "what": "ask for stop", "error": None}},
        {"fired": {"at_ns": 2, "what": "ask for force-stop", "error": "404"}},
    )
    assert reports.fired == [
        FiredStep(1, "ask for stop", None),
        FiredStep(2, "ask for force-stop", "404"),
    ]


def test_output_is_put_together() -> None:
    reports = Reports()
    for packet in (b"oone ", b"otwo", b"eother"):
        reports.take(packet)
    assert reports.output == {"o": b"one two", "e": b"other"}


def test_an_empty_packet_is_the_end_of_the_runner() -> None:
    reports = Reports()
    reports.take(b"")
    assert reports.closed
    assert reports.over
    assert reports.over_ns == reports.closed_ns > 0
