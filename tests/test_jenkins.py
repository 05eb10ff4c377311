"""The adapter of Jenkins over a fake server: what it tells of builds, whatever the server answers.

No server is started here; a real Hudson is driven in ``real/test_hudson.py``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.fakes.jenkins import FakeJenkins
from aftercancel.runners.jenkins import HUDSON, KIND, Jenkins
from aftercancel.runners.jenkins_http import JenkinsHttp
from aftercancel.runners.jenkins_jobs import PIPELINE_PLUGINS
from aftercancel.runners.jenkins_server import Flavour, Server
from aftercancel.runners.protocol import Found
from tests.driving import Driven


@dataclass
class ElsewhereServer(Server):
    """No process; the fake answers in its place."""

    answers: JenkinsHttp | None = None

    def prepare(self) -> None:
        """Nothing is to be prepared."""

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self) -> None:
        """Nothing is to be stopped."""

    @property
    def http(self) -> JenkinsHttp:
        assert self.answers is not None
        return JenkinsHttp(self.answers.url, self.answers.user, self.answers.token)


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as made:
        yield made


@pytest.fixture
def drive(fake: FakeJenkins, tmp_path: Path) -> Callable[..., Driven]:
    """Makes an adapter of which the fake is the server."""

    def driven(**options: str) -> Driven:
        made = Driven(KIND, Found(tmp_path, tmp_path, "2.0-fake"), tmp_path, **options)
        assert isinstance(made.adapter, Jenkins)
        login = JenkinsHttp(fake.url, fake.user, fake.token)
        made.adapter._server = ElsewhereServer(made.ground, Flavour.JENKINS, answers=login)
        return made

    return driven


def _begun(driven: Driven, fake: FakeJenkins) -> str:
    """Submit a job, and return its name at the server, which has begun it."""
    driven.submit("sleep 60")
    name = next(reversed(fake.builds))
    driven.until(lambda: b"works" in driven.told.log, "the log's first part")
    return name


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("SUCCESS", Said.SUCCESS),
        ("FAILURE", Said.FAILED),
        ("UNSTABLE", Said.FAILED),
        ("NOT_BUILT", Said.FAILED),
        ("ABORTED", Said.CANCELLED),
    ],
)
def test_each_result_is_told_as_jenkins_means_it(
    drive: Callable[..., Driven], fake: FakeJenkins, result: str, said: Said
) -> None:
    with drive() as driven:
        fake.end(_begun(driven, fake), result)
        assert driven.until_reported() == (said, f"result={result} building=false", None)


def test_the_whole_log_comes_once_and_before_the_report(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    with drive() as driven:
        name = _begun(driven, fake)
        driven.adapter.ask("abort")
        driven.until_reported()
        assert driven.told.log == fake.builds[name].log.replace("\r\n", "\n").encode()


def test_variables_are_declared_and_given(drive: Callable[..., Driven], fake: FakeJenkins) -> None:
    with drive() as driven:
        driven.submit("exit 0", env={"HOLD": "a&b"})
        (name,) = fake.builds
        assert "<name>HOLD</name>\n          <defaultValue>a&amp;b<" in fake.jobs[name]
        assert fake.builds[name].parameters["HOLD"] == "a&b"


def test_a_job_that_waits_for_an_executor_can_still_be_aborted(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    with drive() as driven:
        other = _begun(driven, fake)
        driven.submit("sleep 60")
        waiting = next(reversed(fake.builds))
        assert fake.builds[waiting].waits
        fake.end(other, "SUCCESS")
        driven.adapter.ask("abort")
        assert driven.until_reported()[0] is Said.CANCELLED


def test_answers_that_make_no_sense_are_no_report(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    with drive() as driven:
        name = _begun(driven, fake)
        fake.nonsense = True
        assert isinstance(driven.adapter, Jenkins)
        watch = driven.adapter._watch
        assert watch is not None
        driven.until(lambda: "nonsense" in watch.trouble, "the trouble in words")
        assert not driven.told.reports
        fake.nonsense = False
        fake.end(name, "SUCCESS")
        assert driven.until_reported()[0] is Said.SUCCESS


def test_it_is_idle_when_nothing_is_built_and_nothing_waits(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    with drive() as driven:
        name = _begun(driven, fake)
        driven.adapter.further(1)
        assert not driven.adapter.idle(0)
        fake.end(name, "SUCCESS")
        assert not driven.adapter.idle(0)
        fake.end(next(reversed(fake.builds)), "SUCCESS")
        assert driven.adapter.idle(1)


def test_further_jobs_that_the_server_lost_are_not_listed(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    with drive() as driven:
        _begun(driven, fake)
        driven.adapter.further(2)
        assert [f.listed for f in driven.adapter.queue()] == [True, True]
        fake.builds.popitem()
        assert [f.listed for f in driven.adapter.queue()] == [True, False]


def test_a_pipeline_without_its_plugins_is_refused_before_it_is_tried(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    fake.plugins = PIPELINE_PLUGINS[:1]
    with (
        pytest.raises(RunnerError, match="needs the plugins workflow-cps, "),
        drive(job="pipeline"),
    ):
        pass


def test_a_pipelines_exit_code_is_the_end_of_its_job(
    drive: Callable[..., Driven], fake: FakeJenkins
) -> None:
    fake.plugins = PIPELINE_PLUGINS
    with drive(job="pipeline") as driven:
        name = _begun(driven, fake)
        assert "withEnv(['''MARKS=" in fake.jobs[name]
        fake.builds[name].log += "ERROR: script returned exit code 143\r\n"
        fake.end(name, "FAILURE")
        assert driven.until_reported()[2] == End(status=143)


def test_an_option_that_it_has_not_is_refused(drive: Callable[..., Driven]) -> None:
    with pytest.raises(RunnerError, match="no option 'jobs'"):
        drive(jobs="pipeline")


def test_a_job_that_it_has_not_is_refused(drive: Callable[..., Driven]) -> None:
    with pytest.raises(RunnerError, match="no job 'matrix', but freestyle and pipeline"):
        drive(job="matrix")


def test_a_war_that_java_cannot_run_is_told_in_javas_words(tmp_path: Path) -> None:
    war = tmp_path / "hudson.war"
    with zipfile.ZipFile(war, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nHudson-Version: 9.9\n")
    try:
        found = HUDSON.find(war)
    except RunnerError as no_java:
        pytest.skip(str(no_java))
    driven = Driven(HUDSON, found, tmp_path / "ground")
    with pytest.raises(RunnerError, match=r"Hudson 9.9 did not start.*no main manifest"), driven:
        pass


def test_what_is_no_hudson_is_refused(tmp_path: Path) -> None:
    war = tmp_path / "hudson.war"
    with pytest.raises(RunnerError, match="there is none in or beside it"):
        HUDSON.find(tmp_path)
    war.write_text("nothing")
    with pytest.raises(RunnerError, match="no war that could be read"):
        HUDSON.find(war)
    with zipfile.ZipFile(war, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Jenkins-Version: 2.0\n")
    with pytest.raises(RunnerError, match="no Hudson-Version"):
        HUDSON.find(war)


def test_a_launcher_script_leads_to_the_war_in_the_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "hudson").touch()
    folder = tmp_path / "hudson-9.9"
    (folder / "launcher").mkdir(parents=True)
    with zipfile.ZipFile(folder / "hudson-war-9.9.war", "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nHudson-Version: 9.9\n")
    try:
        found = HUDSON.find(tmp_path / "hudson")
    except RunnerError as no_java:
        pytest.skip(str(no_java))
    assert found == Found(folder / "hudson-war-9.9.war", folder, "9.9")
    assert HUDSON.find(folder) == found


def test_plugins_beside_a_jenkins_war_are_brought_along(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    with zipfile.ZipFile(tmp_path / "jenkins.war", "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nJenkins-Version: 2.9\n")
    try:
        found = KIND.find(tmp_path / "jenkins.war")
    except RunnerError as no_java:
        pytest.skip(str(no_java))
    assert (found.brought, found.version) == (tmp_path, "2.9")
