"""The adapter of GitLab Runner without the program: its options, its jobs, and bad weather."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.fakes.gitlab_jobs import Final, State
from aftercancel.runners.gitlab_config import Options
from aftercancel.runners.gitlab_runner import KIND, GitLabRunner
from aftercancel.runners.protocol import Found, Work
from tests.driving import Driven, alive

VERSION = """#!/bin/sh
if [ "$1" = --version ]; then
    printf 'Version:      19.4.0\\nGit revision: HEAD\\nGit branch:   HEAD\\n'
    exit 0
fi
"""
REFUSED = "state=failed failure_reason=job_canceled; answered 403: "
SH: dict[str, object] = {"shell": ("/bin/sh",)}
URL = "http://127.0.0.1:1"


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a program that says the right version and then does what a script says."""

    def make(script: str, version: str = VERSION) -> Path:
        path = tmp_path / "gitlab-runner"
        path.write_text(version + script)
        path.chmod(0o755)
        return path

    return make


def started(path: Path, tmp_path: Path, start_s: float = 10.0, **options: str) -> Driven:
    """Not entered yet."""
    driven = Driven(KIND, Found(path, path, "19.4.0"), tmp_path / "driven")
    driven.adapter = GitLabRunner(driven.ground, options, driven, start_s=start_s)
    return driven


def config(options: Mapping[str, str] = MappingProxyType({})) -> dict[str, object]:
    text = Options.of(options).config(Path("/runner"), URL, "glrt-0")
    runners = tomllib.loads(text)["runners"]
    assert len(runners) == 1
    return dict(runners[0])


def work(**words: object) -> Work:
    given: dict[str, object] = {
        "name": "job.sh",
        "script": "trap x EXIT\nsleep 1",
        "path": "/lab/job.sh",
        "shell": ("/bin/bash",),
        "command": ("/bin/bash", "/lab/job.sh"),
        "whole": True,
        "env": (("MARKS", "$HOME/marks"),),
        "folder": "/home/ci",
        **words,
    }
    return Work(**given)  # type: ignore[arg-type]  # Work's own words


def script(**words: object) -> list[str]:
    options = Options.of({"shell": str(words.pop("own", "bash"))})
    steps = options.payload(work(**words), URL)["steps"]
    assert steps[0]["name"] == "script"
    return list(steps[0]["script"])


# -- the program


def test_the_version_is_asked_of_the_program(program: Callable[[str], Path]) -> None:
    path = program("exit 1")
    assert KIND.find(path) == Found(path, path, "19.4.0")


@pytest.mark.parametrize("version", ["#!/bin/sh\necho Version 3", "#!/bin/sh\nexit 1", "\x7fELF"])
def test_another_program_is_refused(program: Callable[..., Path], version: str) -> None:
    with pytest.raises(RunnerError, match="is no GitLab Runner"):
        KIND.find(program("", version=version))


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="No such file"):
        KIND.find(tmp_path / "nothing")


def test_one_that_ends_at_once_is_an_error_with_its_words(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    driven = started(program("echo FATAL: no luck >&2; exit 7"), tmp_path)
    with (
        pytest.raises(RunnerError, match=r"with status 7 before it asked for a job.*no luck"),
        driven,
    ):
        pass


def test_one_that_never_asks_is_an_error_and_is_ended(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    path = program("trap '' TERM; echo $$ > pid; echo nonsense; while :; do sleep 0.1; done")
    driven = started(path, tmp_path, start_s=0.3)
    with pytest.raises(RunnerError, match=r"did not ask for a job within 0\.3 s.*nonsense"), driven:
        pass
    assert not alive(int((driven.folder / "pid").read_text()))


def test_nothing_is_asked_of_one_that_was_not_started(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    driven = started(program("exit 1"), tmp_path)
    with pytest.raises(RunnerError, match="is not running, so it takes no job"):
        driven.submit("true")
    assert not driven.adapter.idle(5.0)
    with pytest.raises(RunnerError, match="no job that could be cancelled"):
        driven.adapter.ask("canceling")
    driven.adapter.stop()


def test_a_way_that_there_is_not_is_an_error(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    driven = started(program("exit 1"), tmp_path)
    with pytest.raises(RunnerError, match="has no way 'abort' to end a job; it has canceling"):
        driven.adapter.ask("abort")


def test_its_user_is_on_its_command_line(program: Callable[[str], Path], tmp_path: Path) -> None:
    driven = started(program('echo "$@"; exit 1'), tmp_path, user="ci")
    with pytest.raises(RunnerError, match=r"run --config .* --user ci"), driven:
        pass


# -- its options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exekutor": "shell"}, "Did you mean executor"),
        ({"executor": "kubernetes"}, "can be shell or custom or docker"),
        ({"shell": "zsh"}, "can be bash or sh"),
        ({"graceful_kill_timeout": "1"}, "only of the custom executor"),
        ({"executor": "custom", "force_kill_timeout": "1.5"}, "a number of seconds"),
        ({"executor": "custom", "user": "ci"}, "does not know the option user"),
        ({"flags": "FF_A"}, "not of the form FF_NAME=true"),
    ],
)
def test_options_that_there_are_not(options: dict[str, str], words: str) -> None:
    with pytest.raises(RunnerError, match=words):
        Options.of(options)


def test_the_shell_executor_is_the_default() -> None:
    told = config()
    assert (told["executor"], told["shell"], "custom" in told) == ("shell", "bash", False)


def test_flags_are_in_the_configuration() -> None:
    told = config({"shell": "sh", "flags": "FF_A=true,FF_B=false"})
    assert told["feature_flags"] == {
        "FF_TIMESTAMPS": False,
        "FF_POSIXLY_CORRECT_ESCAPES": True,
        "FF_A": True,
        "FF_B": False,
    }


def test_the_custom_executor_s_graces_are_in_the_configuration() -> None:
    told = config({"executor": "custom", "graceful_kill_timeout": "2", "force_kill_timeout": "1"})
    assert told["custom"] == {
        "run_exec": "/runner/run",
        "graceful_kill_timeout": 2,
        "force_kill_timeout": 1,
    }


# -- its jobs


def test_a_script_of_its_own_shell_is_written_into_the_job() -> None:
    assert script() == ["cd /home/ci", "trap x EXIT\nsleep 1"]
    assert script(own="sh", **SH)[1] == "trap x EXIT\nsleep 1"


@pytest.mark.parametrize(
    "words",
    [
        {"shell": ("/bin/mksh",), "command": ("/bin/mksh", "/lab/a b")},
        {"shell": ("/bin/bash", "-e"), "command": ("/bin/mksh", "/lab/a b")},
        {"whole": False, "command": ("/bin/mksh", "/lab/a b")},
        {"own": "sh", "command": ("/bin/mksh", "/lab/a b")},
    ],
)
def test_any_other_is_called_by_its_command_line(words: dict[str, object]) -> None:
    assert script(**words) == ["cd /home/ci", "/bin/mksh '/lab/a b'"]


def test_variables_are_given_as_they_are() -> None:
    variables = Options().payload(work(), URL)["variables"]
    assert {
        "key": "MARKS",
        "value": "$HOME/marks",
        "public": True,
        "masked": False,
        "raw": True,
    } in (variables)


def test_the_time_limits_are_those_that_are_asked_for() -> None:
    job = Options().payload(work(ways=("job-timeout",), limit_s=1.5), URL)
    assert job["runner_info"]["timeout"] == 2
    job = Options().payload(work(ways=("script-timeout",), limit_s=1.5), URL)
    assert job["runner_info"]["timeout"] == 3600
    assert ("RUNNER_SCRIPT_TIMEOUT", "1500ms") in [(v["key"], v["value"]) for v in job["variables"]]


def test_what_is_to_run_afterwards_is_an_after_script() -> None:
    steps = Options().payload(work(after="echo after"), URL)["steps"]
    assert [(step["name"], step["when"]) for step in steps] == [
        ("script", "on_success"),
        ("after_script", "always"),
    ]
    assert steps[1]["script"] == ["cd /home/ci", "echo after"]


# -- its reports


@pytest.mark.parametrize(
    ("final", "told"),
    [
        (
            Final(1, "success", "", None, State.RUNNING),
            (Said.SUCCESS, "state=success", End(0)),
        ),
        (
            Final(1, "failed", "script_failure", 3, State.RUNNING),
            (Said.FAILED, "state=failed failure_reason=script_failure exit_code=3", End(3)),
        ),
        (
            Final(1, "success", "", None, State.CANCELING),
            (Said.CANCELLED, "state=success; GitLab shows canceled from now on", End(0)),
        ),
        (
            Final(1, "failed", "job_canceled", None, State.CANCELED),
            (
                Said.CANCELLED,
                REFUSED + "GitLab has shown canceled since it was asked for",
                None,
            ),
        ),
        (
            Final(1, "failed", "job_canceled", None, State.FORGOTTEN),
            (
                Said.CANCELLED,
                REFUSED + "GitLab does not know the job any more",
                None,
            ),
        ),
        (
            Final(1, "canceled", "", None, State.PENDING),
            (Said.CANCELLED, "canceled before a runner took it", None),
        ),
    ],
    ids=["success", "failure", "canceling", "canceled", "forgotten", "pending"],
)
def test_what_a_final_word_means(
    final: Final,
    told: tuple[Said, str, End | None],
    program: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    driven = started(program("exit 1"), tmp_path)
    adapter = driven.adapter
    assert isinstance(adapter, GitLabRunner)
    adapter._job = adapter._gitlab.jobs.add({})
    adapter.over(final)
    assert driven.told.reports == [told]


def test_what_is_said_of_an_earlier_job_is_not_told(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    driven = started(program("exit 1"), tmp_path)
    adapter = driven.adapter
    assert isinstance(adapter, GitLabRunner)
    adapter._gitlab.jobs.add({})
    adapter._job = adapter._gitlab.jobs.add({})
    adapter.over(Final(1, "success", "", None, State.RUNNING))
    adapter.log(1, b"late")
    assert (driven.told.reports, bytes(driven.told.log)) == ([], b"")


def test_the_docker_executor_is_given_the_sandbox_s_only_image_and_no_volume_of_its_own() -> None:
    docker = config({"executor": "docker"})["docker"]
    assert isinstance(docker, dict)
    assert docker["image"] == docker["helper_image"] == "lab"
    assert docker["pull_policy"] == "never"
    assert docker["disable_cache"] is True
    mounted = [volume.split(":")[1] for volume in docker["volumes"]]
    assert {"/lab", "/home/ci", "/usr/bin/gitlab-runner-helper"} <= set(mounted)
    assert any(place.endswith("/builds") for place in mounted)


def test_the_docker_executor_knows_no_user() -> None:
    with pytest.raises(RunnerError, match="docker executor does not know the option user"):
        Options.of({"executor": "docker", "user": "ci"})
