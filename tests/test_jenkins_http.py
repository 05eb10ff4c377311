"""The HTTP side of Jenkins: what is asked of a server, and how its answers are understood.

Tried against a fake of ours (``fakes/jenkins``), and, by the same tests, against a real server:
one that AFTERCANCEL_JENKINS_URL points at (with AFTERCANCEL_JENKINS_USER and _TOKEN; jobs named
``aftercancel-…`` are made there and removed again), or one that is started of the war that
AFTERCANCEL_JENKINS_WAR names.
"""

from __future__ import annotations

import http.client
import os
import pwd
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from aftercancel.errors import RunnerError
from aftercancel.runners import jenkins_jobs as jobs
from aftercancel.runners.fakes.jenkins import BODY_LIMIT, FakeJenkins
from aftercancel.runners.ground import Ground
from aftercancel.runners.jenkins_http import JenkinsHttp, Ticket, Unknown, Unreachable
from aftercancel.runners.jenkins_server import Flavour, Server, find
from aftercancel.runners.protocol import Work

T = TypeVar("T")
FAST = "echo works"
SLOW = "echo works; exec sleep 600"


@dataclass
class Site:
    """A server with what a test made there."""

    http: JenkinsHttp
    finish: Callable[[str], None] = lambda _: None
    """Lets a job of the fake end well; a real one ends by itself."""
    made: list[str] = field(default_factory=list)

    def job(self, script: str, **variables: str) -> str:
        name = f"aftercancel-{uuid.uuid4().hex[:12]}"
        self.http.create(name, jobs.freestyle(work(script, env=tuple(variables.items()))))
        self.made.append(name)
        return name

    def begun(self, ticket: Ticket) -> int:
        return until(lambda: self.http.number(ticket), f"the number of {ticket.job}")

    def over(self, job: str, number: int) -> str | None:
        def state() -> bool:
            return not self.http.state(job, number).building

        until(state, f"the end of {job}")
        return self.http.state(job, number).result


def until(ask: Callable[[], T | None], what: str, within_s: float = 60.0) -> T:
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"awaited {what} for {within_s:.0f} s"
        time.sleep(0.02)
    return answer


def work(  # each is a word of the job's definition
    script: str,
    *,
    by: tuple[str, ...] = ("/bin/dash", "-e"),
    whole: bool = True,
    env: tuple[tuple[str, str], ...] = (),
    after: str = "",
) -> Work:
    command = (*by, "/jobs/job.sh")
    return Work("job.sh", script, "/jobs/job.sh", by, command, whole, env, "/tmp", after)


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JenkinsHttp]:
    """The one that the environment names."""
    if url := os.environ.get("AFTERCANCEL_JENKINS_URL"):
        user, token = (os.environ.get(f"AFTERCANCEL_JENKINS_{n}", "") for n in ("USER", "TOKEN"))
        yield JenkinsHttp(url, user, token)
        return
    war = os.environ.get("AFTERCANCEL_JENKINS_WAR")
    if war is None:
        pytest.skip("neither AFTERCANCEL_JENKINS_URL nor AFTERCANCEL_JENKINS_WAR names a Jenkins")
    found = find(Flavour.JENKINS, Path(war))
    folder = tmp_path_factory.mktemp("jenkins")
    me = pwd.getpwuid(os.getuid())
    ground = Ground(found.program, found.version, folder, folder, me.pw_uid, me.pw_name)
    server = Server(ground, Flavour.JENKINS)
    server.prepare()
    try:
        server.start()
        yield server.http
    finally:
        server.stop()


@pytest.fixture(params=["fake", "fake Hudson", "real"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with ExitStack() as stack:
        if request.param == "real":
            made = Site(request.getfixturevalue("real_server"))
        else:
            hudson = request.param == "fake Hudson"
            fake = FakeJenkins(hudson=hudson, secured=not hudson, crumbs=not hudson)
            stack.enter_context(fake)
            login = ("", "") if hudson else (fake.user, fake.token)
            made = Site(JenkinsHttp(fake.url, *login), lambda job: fake.end(job, "SUCCESS"))
        yield made
        for name in made.made:
            made.http.delete(name)


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as made:
        yield made


def client_of(fake: FakeJenkins, token: str | None = None) -> JenkinsHttp:
    return JenkinsHttp(fake.url, fake.user, fake.token if token is None else token)


def test_a_build_is_followed_from_the_queue_to_its_end(site: Site) -> None:
    job = site.job(FAST)
    ticket = site.http.build(job)
    number = site.begun(ticket)
    site.finish(job)
    assert site.over(job, number) == "SUCCESS"
    assert b"\nworks\n" in site.http.console(job, number).text


def test_the_log_is_read_on_from_where_one_was(site: Site) -> None:
    job = site.job(SLOW)
    number = site.begun(site.http.build(job))
    first = until(lambda: _with(b"\nworks\n", site.http, job, number), "the job's line")
    assert site.http.console(job, number, first).more
    site.http.abort(job, number)
    site.over(job, number)
    until(lambda: not site.http.console(job, number, first).more, "the log's end")
    rest = site.http.console(job, number, first).text
    assert b"works" not in rest
    assert b"Finished: ABORTED" in rest


def _with(words: bytes, http: JenkinsHttp, job: str, number: int) -> int | None:
    console = http.console(job, number)
    return console.end if words in console.text else None


def test_an_aborted_build_is_over_as_aborted(site: Site) -> None:
    job = site.job(SLOW)
    number = site.begun(site.http.build(job))
    assert site.http.state(job, number).building
    site.http.abort(job, number)
    assert site.over(job, number) == "ABORTED"


def test_aborting_what_is_over_changes_nothing(site: Site) -> None:
    job = site.job(FAST)
    number = site.begun(site.http.build(job))
    site.finish(job)
    site.over(job, number)
    site.http.abort(job, number)
    assert site.http.state(job, number).result == "SUCCESS"


def test_variables_are_parameters_of_the_build(site: Site) -> None:
    job = site.job("echo works", MARKS="/tmp/with space", HOLD="a&b=c\"'é")
    number = site.begun(site.http.build(job, [("MARKS", "/tmp/with space"), ("HOLD", "x")]))
    site.finish(job)
    assert site.over(job, number) == "SUCCESS"


def test_a_job_that_is_there_is_not_made_twice(site: Site) -> None:
    job = site.job(FAST)
    with pytest.raises(RunnerError, match=f"already exists with the name .{job}"):
        site.http.create(job, jobs.freestyle(work(FAST)))


def test_a_job_that_is_not_there_is_unknown(site: Site) -> None:
    with pytest.raises(Unknown, match="/job/nobody/build"):
        site.http.build("nobody")
    with pytest.raises(Unknown):
        site.http.number(Ticket("nobody", None))


def test_a_definition_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(RunnerError, match="createItem with 500"):
        site.http.create(f"aftercancel-{uuid.uuid4().hex[:12]}", "<nonsense/>")


def test_the_server_says_what_it_is(site: Site) -> None:
    name, version = site.http.version()
    assert name in ("Jenkins", "Hudson")
    assert version[0].isdigit()


def test_hudson_is_never_taken_for_a_jenkins() -> None:
    with FakeJenkins(hudson=True, secured=False, crumbs=False) as fake:
        assert JenkinsHttp(fake.url).version() == ("Hudson", "3.3.2")


def test_further_builds_wait_in_the_queue(fake: FakeJenkins) -> None:
    site = Site(client_of(fake))
    first, second = site.job(SLOW), site.job(FAST)
    site.begun(site.http.build(first))
    waits = site.http.build(second)
    assert site.http.number(waits) is None
    assert site.http.waiting() == [second]
    assert site.http.executors() == (1, 1)
    fake.end(first, "SUCCESS")
    assert site.http.number(waits) == 1
    assert site.http.waiting() == []


def test_a_queue_item_that_is_forgotten_leads_to_the_job(fake: FakeJenkins) -> None:
    site = Site(client_of(fake))
    job = site.job(FAST)
    site.http.build(job)
    assert site.http.number(Ticket(job, "/queue/item/4711")) == 1


def test_a_crumb_is_fetched_anew_when_the_server_has_forgotten_it(fake: FakeJenkins) -> None:
    site = Site(client_of(fake))
    site.job(FAST)
    fake.crumb = "crumb-2"
    assert site.job(FAST) in fake.jobs


def test_a_post_without_a_crumb_is_refused(fake: FakeJenkins) -> None:
    client = client_of(fake)
    client._crumb = {}
    fake.crumbs = True
    answer = client._exchange("POST", "/createItem?name=x", b"<project></project>")
    assert (answer.status, answer.words) == (
        403,
        "Error No valid crumb was included in the request",
    )


def test_a_wrong_token_is_refused_in_the_servers_words(fake: FakeJenkins) -> None:
    with pytest.raises(RunnerError, match=r"as lab \(401\): .*Invalid password/token"):
        client_of(fake, "wrong").executors()


def test_nobody_is_let_in_without_a_login_where_it_is_wanted(fake: FakeJenkins) -> None:
    with pytest.raises(RunnerError, match=r"without a user \(403\)"):
        JenkinsHttp(fake.url).create("x", "<project></project>")


def test_an_answer_that_is_no_json_is_named_as_nonsense(fake: FakeJenkins) -> None:
    fake.nonsense = True
    with pytest.raises(RunnerError, match=r"nonsense.*soon"):
        client_of(fake).executors()


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with FakeJenkins() as gone:
        url = gone.url
    with pytest.raises(Unreachable, match="does not answer GET"):
        JenkinsHttp(url).executors()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/createItem", 405),
        ("GET", "/job/x/build", 405),
        ("GET", "/somewhere/else", 404),
        ("POST", "/somewhere/else", 404),
    ],
)
def test_the_fake_refuses_what_is_not_its(
    fake: FakeJenkins, method: str, path: str, status: int
) -> None:
    client = client_of(fake)
    assert client._exchange(method, path, b"", client._crumbs()).status == status


def test_the_fake_refuses_what_is_too_large(fake: FakeJenkins) -> None:
    connection = http_connection(fake)
    connection.putrequest("POST", "/createItem?name=x")
    connection.putheader("Content-Length", str(BODY_LIMIT + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def http_connection(fake: FakeJenkins) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(fake.url.removeprefix("http://"), timeout=5)


def test_a_text_says_by_its_first_line_who_interprets_it() -> None:
    script = "#!/bin/sh\ntrap 'x' EXIT\n"
    assert jobs.execute_shell(work(script)) == "#!/bin/dash -e\ntrap 'x' EXIT\n"


def test_what_jenkins_does_by_itself_needs_no_first_line() -> None:
    text = jobs.execute_shell(work("#!/bin/sh\necho x\n", by=("/bin/sh", "-xe")))
    assert text == "echo x\n"


def test_a_job_with_a_launcher_is_a_command_line() -> None:
    assert jobs.execute_shell(work("echo x\n", whole=False)) == "/bin/dash -e /jobs/job.sh"
    assert jobs.sh_step(work("echo x\n", whole=False)) == "cd /tmp\n/bin/dash -e /jobs/job.sh"


def test_what_xml_cannot_hold_is_given_as_a_command_line() -> None:
    assert jobs.execute_shell(work("printf '\x1b[1m'\n")) == "/bin/dash -e /jobs/job.sh"


def test_a_pipeline_goes_to_its_folder_and_sets_its_variables() -> None:
    text = jobs.jenkinsfile(work("echo 'x' \\n\n", env=(("MARKS", "/tmp/it's"),), after="echo y"))
    assert text == (
        "node { withEnv(['''MARKS=/tmp/it\\'s''']) { try { "
        "sh '''#!/bin/dash -e\ncd /tmp\necho \\'x\\' \\\\n\n''' } "
        "finally { sh '''cd /tmp\necho y''' } } }\n"
    )


def test_a_pipelines_first_line_passes_several_flags_through_env() -> None:
    text = jobs.sh_step(work("echo x\n", by=("/bin/bash", "--posix", "-e")))
    assert text.startswith("#!/usr/bin/env -S /bin/bash --posix -e\ncd /tmp\n")


def test_a_pipelines_script_that_is_no_shells_is_given_as_a_command() -> None:
    text = jobs.sh_step(work("import os\n", by=("/usr/bin/python3",)))
    assert text == "cd /tmp\n/usr/bin/python3 /jobs/job.sh"
