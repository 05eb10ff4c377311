"""Whom the modelled runners signal when that end groups, containers and services, as their sources
have it.
"""

from __future__ import annotations

import pytest

from aftercancel.model import Said
from aftercancel.runners.models import (
    buildbot,
    buildkite_agent,
    gitlab_runner,
    kubernetes,
    semaphore_2_10,
    semaphore_4228,
    systemd,
)
from tests.pretending import FIRST, Being, PretendedJob, asked, deaf, handler, left_alone

ALL = -FIRST
CHILD = FIRST + 1


# -- Semaphore


def test_semaphore_2_10_kills_the_first_process_and_shows_an_error() -> None:
    job = asked("stop", Being(parent=1), Being()).live(semaphore_2_10.MODEL)
    assert job.told() == [("KILL", FIRST)]
    assert (job.said, job.survivors) == (Said.FAILED, [CHILD])


def test_semaphore_2_10_shows_a_forced_stop_before_it_kills() -> None:
    job = asked("force-stop", Being(parent=1)).live(semaphore_2_10.MODEL)
    assert (job.said, job.told()) == (Said.CANCELLED, [("KILL", FIRST)])


def test_semaphore_2_10_does_not_wait_for_output() -> None:
    job = left_alone(Being(status=0), Being()).live(semaphore_2_10.MODEL)
    assert (job.said, job.reported_at, job.let_go_at) == (Said.SUCCESS, 1.0, 1.0)


def test_semaphore_4228_sends_term_to_the_group_and_kill_fifteen_seconds_later() -> None:
    job = asked("stop", deaf(Being(parent=1)), deaf(), deaf(Being(in_group=False)))
    job.live(semaphore_4228.MODEL)
    assert job.sent == [(0.0, "TERM", ALL), (15.0, "KILL", ALL)]
    assert (job.said, job.survivors) == (Said.CANCELLED, [CHILD + 1])


def test_semaphore_4228_kills_the_rest_of_the_group_as_soon_as_the_first_has_ended() -> None:
    job = asked("stop", handler(2, "TERM"), deaf()).live(semaphore_4228.MODEL)
    assert job.sent == [(0.0, "TERM", ALL), (2.0, "KILL", ALL)]


def test_semaphore_4228_kills_the_group_after_a_normal_end() -> None:
    job = left_alone(Being(status=0), deaf()).live(semaphore_4228.MODEL)
    assert job.told() == [("KILL", ALL)]
    assert job.said is Said.SUCCESS


def test_semaphore_4228_never_shows_the_end_of_a_stopped_task_that_exits_with_zero() -> None:
    assert asked("stop", handler(0, "TERM", status=0)).live(semaphore_4228.MODEL).said is None


# -- Kubernetes and systemd


def test_kubernetes_cannot_term_a_first_process_without_a_handler() -> None:
    job = asked("stop", Being(parent=1), Being()).live(kubernetes.MODEL)
    assert job.sent == [(30.0, "KILL", FIRST), (30.0, "KILL", CHILD)]
    assert (job.said, job.survivors) == (Said.CANCELLED, [])


def test_kubernetes_ends_everybody_with_the_first_process() -> None:
    job = asked("stop", handler(3, "TERM"), deaf(Being(parent=1, in_group=False)))
    job.live(kubernetes.MODEL)
    assert job.sent == [(0.0, "TERM", FIRST), (3.0, "KILL", CHILD)]
    assert job.reported_at == 3.0


def service(mode: str, way: str = "stop", *beings: Being) -> PretendedJob:
    job = asked(way, *beings, mode=mode)
    if not way:
        job.beings[FIRST].ends_at = 1.0
    return job.live(systemd.MODEL)


def test_systemd_control_group_terms_all_and_kills_what_is_left() -> None:
    job = service("control-group", "stop", Being(parent=1), deaf(Being(parent=1, in_group=False)))
    assert job.sent == [
        (0.0, "TERM", FIRST),
        (0.0, "TERM", CHILD),
        (0.0, "CONT", CHILD),
        (0.0, "TERM", CHILD),
        (0.0, "CONT", CHILD),
        (90.0, "KILL", CHILD),
    ]
    assert (job.said, job.reported_at) == (Said.CANCELLED, 90.0)


def test_systemd_kills_a_main_process_that_ignores_term() -> None:
    job = service("process", "stop", deaf(Being(parent=1)), Being())
    assert job.told("TERM", "KILL") == [("TERM", FIRST), ("KILL", FIRST)]
    assert (job.reported_at, job.survivors) == (90.0, [CHILD])


def test_systemd_mixed_kills_the_others_when_the_main_process_has_ended() -> None:
    job = service("mixed", "stop", handler(2, "TERM"), Being())
    assert [(at, name, pid) for at, name, pid in job.sent if name != "CONT"] == [
        (0.0, "TERM", FIRST),
        (2.0, "KILL", CHILD),
    ]


def test_systemd_none_sends_nobody_anything_and_says_stopped() -> None:
    job = service("none", "stop", Being(parent=1), Being())
    assert (job.sent, job.said, job.reported_at) == ([], Said.CANCELLED, 0.0)


@pytest.mark.parametrize(
    ("mode", "signal"),
    [("control-group", "TERM"), ("mixed", "KILL"), ("process", None), ("none", None)],
)
def test_systemd_treats_a_service_that_ends_by_itself_alike(mode: str, signal: str | None) -> None:
    job = service(mode, "", Being(status=0), Being())
    assert job.told("TERM", "KILL") == ([(signal, CHILD)] if signal else [])
    assert job.said is Said.SUCCESS


# -- Buildbot, Buildkite, GitLab


def test_buildbot_kills_the_group_at_once() -> None:
    job = asked("stop", Being(parent=1), Being(), Being(in_group=False)).live(buildbot.MODEL)
    assert job.sent == [(0.0, "KILL", ALL)]
    assert (job.said, job.survivors) == (Said.CANCELLED, [CHILD + 1])


def test_buildbot_with_sigterm_time_forgets_the_group_when_it_kills() -> None:
    job = asked("stop", deaf(Being(parent=1)), deaf(), sigterm_time="2").live(buildbot.MODEL)
    assert job.sent == [(0.0, "TERM", ALL), (2.0, "KILL", FIRST)]
    assert job.survivors == [CHILD]


def test_buildbot_gives_up_held_output_when_the_time_is_over() -> None:
    job = asked("stop", Being(parent=1), deaf(), sigterm_time="2").live(buildbot.MODEL)
    assert (job.told(), job.reported_at) == ([("TERM", ALL)], 2.0)


def test_buildbot_waits_for_held_output_for_ever_if_nobody_stops_it() -> None:
    assert left_alone(Being(status=0), Being()).live(buildbot.MODEL).said is None


def test_buildkite_lets_go_of_what_has_not_ended_after_nine_seconds() -> None:
    job = asked("cancel", deaf(Being(parent=1)), deaf()).live(buildkite_agent.MODEL)
    assert job.sent == [(0.0, "TERM", ALL)]
    assert job.let_go_at == pytest.approx(9.0)
    assert job.said is Said.CANCELLED


def test_buildkite_gives_up_held_output_after_ten_seconds() -> None:
    job = left_alone(Being(status=0), Being()).live(buildkite_agent.MODEL)
    assert job.reported_at == pytest.approx(11.0, abs=0.06)
    assert job.said is Said.SUCCESS


def test_gitlab_kills_the_group_ten_minutes_later() -> None:
    job = asked("canceling", deaf(Being(parent=1)), deaf()).live(gitlab_runner.MODEL)
    assert job.sent == [(0.0, "TERM", ALL), (600.0, "KILL", ALL)]
    assert (job.said, job.survivors) == (Said.CANCELLED, [])


def test_gitlab_waits_for_held_output_as_for_the_process() -> None:
    stray = deaf(Being(in_group=False))
    job = asked("canceling", Being(parent=1), stray).live(gitlab_runner.MODEL)
    assert job.told() == [("TERM", ALL)]  # when KILL was due there was nobody in the group
    assert (job.reported_at, job.survivors) == (610.0, [CHILD])


def test_gitlab_kills_nobody_when_the_first_has_ended_and_nobody_holds_the_output() -> None:
    job = asked("canceling", Being(parent=1), deaf(Being(holds_output=False)))
    job.live(gitlab_runner.MODEL)
    assert (job.told(), job.reported_at, job.survivors) == ([("TERM", ALL)], 0.0, [CHILD])


def test_gitlab_gives_up_a_canceled_job_after_five_minutes() -> None:
    job = asked("canceled", deaf(Being(parent=1))).live(gitlab_runner.MODEL)
    assert job.reported_at == 300.0
    assert job.told() == [("TERM", ALL), ("KILL", ALL)]


def test_gitlab_s_custom_executor_has_graces_of_its_own() -> None:
    job = asked("canceling", deaf(Being(parent=1)))
    job.options = {"executor": "custom", "graceful_kill_timeout": "2"}
    assert job.live(gitlab_runner.MODEL).sent == [(0.0, "TERM", ALL), (2.0, "KILL", ALL)]
