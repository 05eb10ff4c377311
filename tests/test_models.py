"""What each modelled runner starts and whom it signals when, as its source has it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aftercancel.model import Said
from aftercancel.runners import models
from aftercancel.runners.models import (
    MODELS,
    github_actions,
    hudson,
    jenkins,
    jenkins_pipeline,
)
from aftercancel.runners.models.pattern import Given, Leads, Start
from tests.pretending import FIRST, Being, PretendedJob, asked, deaf, handler, left_alone

ALL = -FIRST
CHILD = FIRST + 1
COMMAND = ("/bin/dash", "/lab/job.sh")


def started(model: str, argv: tuple[str, ...] = COMMAND, **options: str) -> Start:
    return MODELS[model].start(Given(argv, "/home/ci", "/lab/state", options))


# -- the files


def test_every_file_is_a_model_under_its_own_name() -> None:
    folder = Path(models.__file__).parent
    vocabulary = {"__init__", "pattern", "process_tree"}
    assert {path.stem for path in folder.glob("*.py")} - vocabulary == set(MODELS)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_says_what_it_follows_and_what_it_leaves_out(name: str) -> None:
    text = (Path(models.__file__).parent / f"{name}.py").read_text()
    head = text.split('"""')[1]
    assert "Follows" in head
    assert "Left out" in head or name == "hudson"  # which is told as a difference to jenkins


@pytest.mark.parametrize(
    ("model", "leads"),
    [
        ("github_actions", Leads.NOTHING),
        ("jenkins", Leads.NOTHING),
        ("jenkins_pipeline", Leads.NOTHING),
        ("hudson", Leads.NOTHING),
        ("semaphore_2_10", Leads.NOTHING),
        ("semaphore_4228", Leads.SESSION),
        ("kubernetes", Leads.SESSION),
        ("systemd", Leads.SESSION),
        ("buildbot", Leads.GROUP),
        ("buildkite_agent", Leads.GROUP),
        ("gitlab_runner", Leads.GROUP),
    ],
)
def test_what_the_first_process_leads(model: str, leads: Leads) -> None:
    assert started(model).leads is leads


# -- GitHub Actions


def test_github_sends_int_term_and_kill_to_the_shell_alone() -> None:
    job = asked("cancel", deaf(), deaf()).live(github_actions.MODEL)
    assert job.sent == [(0.0, "INT", FIRST), (7.5, "TERM", FIRST), (10.0, "KILL", FIRST)]
    assert job.survivors == [CHILD]


def test_github_sends_nothing_more_to_what_ends_in_time() -> None:
    job = asked("cancel", handler(7.0, "INT")).live(github_actions.MODEL)
    assert job.told() == [("INT", FIRST)]
    assert (job.said, job.reported_at) == (Said.CANCELLED, 7.0)


def test_github_calls_a_job_cancelled_whatever_its_status() -> None:
    assert asked("cancel", handler(1, "INT", status=0)).live(github_actions.MODEL).said == (
        Said.CANCELLED
    )


def test_github_waits_five_seconds_for_output_that_somebody_holds() -> None:
    job = asked("cancel", handler(0, "INT"), deaf()).live(github_actions.MODEL)
    assert job.told() == [("INT", FIRST)]
    assert job.reported_at == pytest.approx(5.0, abs=0.06)


def test_github_sends_term_to_nobody_where_it_waits_for_output_longer_than_for_int() -> None:
    job = asked("cancel", handler(4, "INT"), deaf()).live(github_actions.MODEL)
    assert job.told() == [("INT", FIRST)]
    assert job.reported_at == pytest.approx(9.0, abs=0.06)


@pytest.mark.parametrize("way", ["cancel", ""])
def test_github_kills_at_the_end_what_still_has_its_variable(way: str) -> None:
    tracked = deaf(Being(environment={**github_actions.TRACKING, "X": "1"}))
    escaped = deaf(Being(environment={"RUNNER_TRACKING_ID": "0"}))
    job = asked(way, handler(0, "INT"), tracked, escaped)
    job.beings[FIRST].ends_at = 1.0
    job.live(github_actions.MODEL)
    assert job.told("KILL") == [("KILL", CHILD)]
    assert job.survivors == [CHILD + 1]


# -- Jenkins and Hudson


def test_jenkins_sends_term_to_children_before_their_parents() -> None:
    grandchild = Being(parent=CHILD)
    job = asked("abort", Being(parent=1), Being(), grandchild, Being()).live(jenkins.MODEL)
    assert [pid for _, pid in job.told()] == [CHILD + 1, CHILD, CHILD + 2, FIRST]
    assert job.said is Said.CANCELLED


def test_jenkins_waits_for_one_before_it_goes_on_to_the_next() -> None:
    job = asked("abort", Being(parent=1), handler(2.0, "TERM")).live(jenkins.MODEL)
    (first, second) = job.sent
    assert first == (0.0, "TERM", CHILD)
    assert second[1:] == ("TERM", FIRST)
    assert 2.0 <= second[0] < 3.3  # it looks again after 0.01, 0.02, … up to 1 s


def test_jenkins_waits_five_seconds_for_all_of_a_tree_together_and_kills_nobody() -> None:
    job = asked("abort", deaf(Being(parent=1)), deaf(), deaf()).live(jenkins.MODEL)
    assert {name for name, _ in job.told()} == {"TERM"}
    assert job.reported_at is not None and 5.0 <= job.reported_at < 7.6
    assert job.survivors == [FIRST, CHILD, CHILD + 1]


def test_jenkins_finds_by_its_cookie_who_has_left_the_tree() -> None:
    stray = Being(parent=1, in_group=False, environment=jenkins.COOKIE)
    job = asked("abort", Being(parent=1), stray, Being(parent=1)).live(jenkins.MODEL)
    assert job.told() == [("TERM", FIRST), ("TERM", CHILD)]
    assert job.survivors == [CHILD + 1]


@pytest.mark.parametrize("model", [jenkins, hudson], ids=["jenkins", "hudson"])
def test_the_end_of_a_build_ends_whoever_still_carries_all_of_its_variables(
    model: object,
) -> None:
    build = jenkins.BUILD if model is jenkins else hudson.BUILD
    kept = Being(parent=1, holds_output=False, environment=build)
    escaped = Being(parent=1, holds_output=False, environment={**build, "BUILD_ID": "dontKillMe"})
    job = left_alone(Being(status=0), kept, escaped)
    job.live(jenkins.MODEL if model is jenkins else hudson.MODEL)
    assert job.told() == [("TERM", CHILD)]
    assert job.said is Said.SUCCESS


def test_an_aborted_build_does_not_come_to_that() -> None:
    stray = Being(parent=1, environment=jenkins.BUILD)
    job = asked("abort", Being(parent=1), stray).live(jenkins.MODEL)
    assert job.survivors == [CHILD]


def test_jenkins_gives_up_held_output_after_ten_seconds() -> None:
    job = left_alone(Being(status=0), Being(environment={})).live(jenkins.MODEL)
    assert (job.said, job.reported_at) == (Said.SUCCESS, 11.0)


def test_hudson_waits_for_nobody() -> None:
    job = asked("abort", deaf(Being(parent=1)), deaf()).live(hudson.MODEL)
    assert job.sent == [(0.0, "TERM", CHILD), (0.0, "TERM", FIRST)]
    assert job.reported_at == 0.0


def test_hudson_kills_where_its_java_is_newer() -> None:
    job = asked("abort", deaf(Being(parent=1)), signal="KILL").live(hudson.MODEL)
    assert job.told() == [("KILL", FIRST)]


# -- Jenkins Pipeline


def test_pipeline_starts_the_wrapper_that_the_plugin_writes() -> None:
    control = f"/lab/state/{jenkins_pipeline.CONTROL}"
    script, log = f"{control}/script.sh", f"{control}/jenkins-log.txt"
    result = f"{control}/jenkins-result.txt"
    text = (
        f"(cp '{script}' '{script}.copy'; "
        f"{{ while [ -d '{control}' -a \\! -f '{result}' ]; do touch '{log}'; sleep 3; done }} & "
        f"jsc={jenkins_pipeline.COOKIE}; JENKINS_SERVER_COOKIE=$jsc /bin/dash /lab/job.sh "
        f"> '{log}' 2>&1; echo $? > '{result}.tmp'; mv '{result}.tmp' '{result}'; wait) "
        ">&- 2>&- &"
    )
    assert started("jenkins_pipeline").argv == ("nohup", "sh", "-c", text)


def pipeline(folder: Path, way: str, *others: Being, **options: str) -> PretendedJob:
    """Its first process has gone at once, as the wrapper does; the job itself is the next."""
    job = asked(way, Being(ends_at=0.0), *others, **options)
    job.folder = str(folder)
    control = folder / jenkins_pipeline.CONTROL
    control.mkdir()
    (control / "jenkins-log.txt").write_text("hello\n")
    return job


def ends(folder: Path, status: int) -> None:
    (folder / jenkins_pipeline.CONTROL / "jenkins-result.txt").write_text(f"{status}\n")


COOKIE = {jenkins_pipeline.COOKIE_NAME: jenkins_pipeline.COOKIE}


def test_pipeline_asks_for_the_cookie_and_spares_its_wrapper(tmp_path: Path) -> None:
    wrapper = Being(parent=1, environment={jenkins_pipeline.COOKIE_NAME: "please-do-not-kill-me"})
    inner = Being(parent=CHILD, environment=COOKIE)
    job = pipeline(tmp_path, "abort", wrapper, inner).live(jenkins_pipeline.MODEL, until=10)
    assert job.told() == [("TERM", CHILD + 1)]


def test_pipeline_gives_up_after_twenty_seconds(tmp_path: Path) -> None:
    job = pipeline(tmp_path, "abort", deaf(Being(parent=1, environment=COOKIE)))
    job.live(jenkins_pipeline.MODEL)
    assert (job.said, job.reported_at) == (Said.CANCELLED, 20.0)
    assert job.survivors == [CHILD]
    assert not (tmp_path / jenkins_pipeline.CONTROL).exists()


@pytest.mark.parametrize(
    ("way", "status", "options", "said"),
    [
        ("", 0, {}, Said.SUCCESS),
        ("", 3, {}, Said.FAILED),
        ("abort", 143, {}, Said.CANCELLED),
        ("abort", 0, {}, Said.CANCELLED),
        ("abort", 0, {"exit_status": "wins"}, Said.SUCCESS),
    ],
)
def test_pipeline_reads_the_end_from_a_file(
    tmp_path: Path, way: str, status: int, options: dict[str, str], said: Said
) -> None:
    job = pipeline(tmp_path, way, **options)
    ends(tmp_path, status)
    job.live(jenkins_pipeline.MODEL)
    assert (job.said, job.reported_at, job.log) == (said, 0.25, b"hello\n")


# -- what GitLab starts


def test_gitlab_evaluates_a_script_of_its_own_shell_as_text(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("echo 'it is me'\n")
    own = started("gitlab_runner", ("/bin/bash", str(script)))
    assert own.argv == ("bash", "-l")
    assert b"echo '\"'\"'it is me'\"'\"'" in (own.input or b"")
    other = started("gitlab_runner", ("/bin/bash", "-e", str(script)))
    assert f"/bin/bash -e {script}".encode() in (other.input or b"")


def test_gitlab_s_wrapper_is_the_one_of_its_source() -> None:
    text = (started("gitlab_runner").input or b"").decode()
    assert text == (
        "#!/usr/bin/env bash\n\n"
        "trap 'exit 1' TERM\n\n"
        'case "$(set -o)" in *"pipefail"*) set -o pipefail;; esac; set -o errexit\n'
        "set +o noclobber\n"
        "(trap 'exit 1' TERM; eval 'cd /home/ci\n/bin/dash /lab/job.sh\n') < /dev/null\n"
        "exit 0\n"
    )


def test_gitlab_s_custom_executor_is_given_a_file() -> None:
    made = started("gitlab_runner", executor="custom")
    assert made.argv == ("bash", "/lab/state/script")
    assert made.input is None
    assert "/bin/dash /lab/job.sh" in made.files["/lab/state/script"]


# -- all


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"jenkins_pipeline"}))
def test_every_model_says_how_a_job_ended_that_nobody_cancelled(name: str) -> None:
    for status, said in ((0, Said.SUCCESS), (3, Said.FAILED)):
        assert left_alone(Being(status=status)).live(MODELS[name]).said is said


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"jenkins_pipeline"}))
def test_no_model_signals_anybody_before_it_is_asked(name: str) -> None:
    way = MODELS[name].ways[0]
    job = asked("", Being(parent=1), Being())
    job.asks = ((3.0, way),)
    job.live(MODELS[name])
    assert min((at for at, _, _ in job.sent), default=math.inf) >= 3.0
