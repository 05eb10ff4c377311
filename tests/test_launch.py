"""A launcher's templates, filled in for one job."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from aftercancel.executor.engine import Engine as StartedEngine
from aftercancel.executor.launch import Launch, for_sudoers, launch
from aftercancel.model import Engine, EngineKind, Far, Launcher, LauncherFile, Server

JOB = ("/bin/dash", "/lab/job.sh")
AWKWARD = ("/bin/dash", "/lab/work/it's a $job.sh")
VARIABLES = {"MARKS": "/lab/marks", "HOLD": "600"}


def launched(launcher: Launcher, job: tuple[str, ...] = JOB) -> Launch:
    return launch(launcher, job, VARIABLES, "/home/ci")


def test_without_a_launcher_the_job_s_command_line_stands_alone() -> None:
    assert launched(Launcher("none", "")) == Launch(JOB)


def test_without_a_placeholder_the_job_s_words_come_last() -> None:
    assert launched(Launcher("nice", "", ("nice", "-n", "5"))).argv == ("nice", "-n", "5", *JOB)


def test_a_word_can_stand_for_all_the_job_s_words() -> None:
    found = launched(Launcher("x", "", ("x", "@ARGV@", "end")))
    assert found.argv == ("x", *JOB, "end")


@pytest.mark.parametrize("job", [JOB, AWKWARD], ids=["plain", "awkward"])
def test_a_shell_reads_the_command_as_the_job_s_words(job: tuple[str, ...]) -> None:
    command = launched(Launcher("su", "", ("su", "-c", "@COMMAND@")), job).argv[-1]
    assert tuple(shlex.split(command)) == job


@pytest.mark.parametrize("job", [JOB, AWKWARD], ids=["plain", "awkward"])
def test_make_reads_the_command_as_the_job_s_words(job: tuple[str, ...]) -> None:
    file = LauncherFile("Makefile", "job:\n\t@printf '%s\\n' @MAKE@\n")
    (made,) = launched(Launcher("make", "", ("make",), files=(file,)), job).files
    said = subprocess.run(
        ["make", "-s", "-f", "-", "job"],
        input=made.text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tuple(said.splitlines()) == job


def test_a_job_that_a_file_names_does_not_follow_the_command_line() -> None:
    file = LauncherFile("Makefile", "job:\n\t@MAKE@")
    assert launched(Launcher("make", "", ("make", "job"), files=(file,))).argv == ("make", "job")


def test_a_job_that_a_rule_names_does() -> None:
    file = LauncherFile("/etc/doas.conf", "permit nopass ci cmd @PROGRAM@ args @ARGUMENTS@")
    found = launched(Launcher("doas", "", ("doas",), files=(file,)))
    assert found.argv == ("doas", *JOB)
    assert found.files[0].text == 'permit nopass ci cmd /bin/dash args "/lab/job.sh"'


def test_a_relative_file_stands_where_the_job_starts_and_belongs_to_its_user() -> None:
    files = (LauncherFile("Makefile", "x"), LauncherFile("/etc/doas.conf", "y", 0o400))
    found = launched(Launcher("x", "", ("x",), files=files)).files
    assert [(f.path, f.of_user, f.mode) for f in found] == [
        ("/home/ci/Makefile", True, 0o644),
        ("/etc/doas.conf", False, 0o400),
    ]


def test_variables_stand_for_themselves_by_name_and_as_assignments() -> None:
    found = launched(Launcher("x", "", ("x", "@NAMES@", "@ASSIGNMENTS@")))
    assert found.argv[1:] == ("MARKS HOLD", "MARKS=/lab/marks HOLD=600")


def test_a_rule_names_the_whole_command_line_without_a_wildcard() -> None:
    assert for_sudoers(("/bin/dash", "/a*b", "A=b,c:d")) == r"/bin/dash /a\*b A\=b\,c\:d"


def test_what_is_no_placeholder_stays_as_it_is() -> None:
    assert launched(Launcher("x", "", ("x", "a@b", "@HOME@", "@ARGV@"))).argv[1:3] == (
        "a@b",
        "@HOME@",
    )


INNER = Launcher("npm", "", ("npm", "run"), env=(("CACHE", "/lab/state"),))
OUTER = Launcher(
    "sudo", "", ("sudo",), sudoers=("keep @NAMES@", "ci ALL=(root) @SUDOERS@"), inner=INNER
)


def test_in_a_chain_each_starts_the_next() -> None:
    found = launched(OUTER)
    assert found.argv == ("sudo", "npm", "run", *JOB)
    assert found.sudoers[1] == "ci ALL=(root) npm run /bin/dash /lab/job.sh"


def test_what_an_inner_launcher_needs_comes_through_the_outer_one() -> None:
    found = launched(OUTER)
    assert found.sudoers[0] == "keep MARKS HOLD CACHE"
    assert found.env == (("CACHE", "/lab/state"),)


def test_a_forced_command_is_filled_in_like_any_other() -> None:
    far = Far(Server.OPENSSH, forced="env @ASSIGNMENTS@ @COMMAND@")
    found = launched(Launcher("ssh", "", ("ssh", "far", "deploy"), far=far))
    assert found.argv == ("ssh", "far", "deploy")
    assert found.far is not None
    assert found.far.forced == "env MARKS=/lab/marks HOLD=600 /bin/dash /lab/job.sh"


DOCKER = Engine(EngineKind.DOCKER)
RUN = Launcher(
    "docker-run", "", ("docker", "run", "@MOUNTS@", "@ENVIRONMENT@", "lab", "@ARGV@"), engine=DOCKER
)


def test_a_container_has_the_lab_s_folder_the_job_s_and_the_variables() -> None:
    mounts = ("--volume", "/lab:/lab", "--volume", "/home/ci:/home/ci")
    variables = ("--env", "MARKS", "--env", "HOLD")
    assert launched(RUN).argv == ("docker", "run", *mounts, *variables, "lab", *JOB)


def test_without_a_placeholder_for_the_job_its_words_follow_those_of_the_container() -> None:
    short = Launcher("docker-run", "", ("docker", "run", "@ENVIRONMENT@", "lab"), engine=DOCKER)
    assert launched(short).argv[-3:] == ("lab", *JOB)


def test_an_engine_is_told_what_root_runs_before_the_job() -> None:
    before = Engine(EngineKind.DOCKER, ("docker", "run", "@MOUNTS@", "lab", "sleep", "infinity"))
    found = launched(Launcher("docker-exec", "", ("docker", "exec"), engine=before)).engine
    assert found is not None
    assert found.before[2:4] == ("--volume", "/lab:/lab")
    assert found.started == 2
    assert StartedEngine(EngineKind.DOCKER).started == 1


def test_a_launcher_round_a_container_s_has_its_engine() -> None:
    assert launched(Launcher("timeout", "", ("timeout", "60"), inner=RUN)).engine == StartedEngine(
        EngineKind.DOCKER
    )
