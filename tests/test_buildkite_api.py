"""The fake Buildkite and the adapter of its agent, without the program: requests, bad weather.

``Agent`` here stands for the agent: it asks what the real one asks. That the real one is content
with the fake is shown by tests/real/test_buildkite_agent.py.
"""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import Said
from aftercancel.runners.buildkite_agent import KIND, BuildkiteAgent
from aftercancel.runners.fakes.buildkite import FakeBuildkite
from aftercancel.runners.fakes.buildkite_jobs import Final, State
from aftercancel.runners.protocol import Found
from tests.driving import DEADLINE_S, Driven, alive

VERSION = """#!/bin/sh
if [ "$1" = --version ]; then echo 'buildkite-agent version 3.62.0+x.0'; exit 0; fi
if [ "$2" = --help ]; then echo '--cancel-grace-period value'; exit 0; fi
"""


@dataclass
class Heard:
    """What the fake has told its listener."""

    logged: bytearray = field(default_factory=bytearray)
    finals: list[Final] = field(default_factory=list)

    def log(self, job: str, data: bytes) -> None:
        self.logged += data

    def over(self, final: Final) -> None:
        self.finals.append(final)


class Agent:
    """Asks what an agent asks."""

    def __init__(self, fake: FakeBuildkite) -> None:
        self.fake = fake
        self.token = fake.token

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] = b"") -> tuple[int, Any]:
        host = self.fake.url.removeprefix("http://").removesuffix("/v3")
        connection = http.client.HTTPConnection(host, timeout=DEADLINE_S)
        try:
            sent = json.dumps(body).encode() if isinstance(body, dict) else body
            headers = {"Authorization": f"Token {self.token}"}
            connection.request(method, f"/v3{path}", sent or None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def register(self) -> None:
        self.token = self.fake.token
        status, said = self.ask("POST", "/register", {"name": "agent"})
        assert status == 200
        self.token = said["access_token"]

    def take(self) -> str:
        """Take a job as far as running."""
        name = str(self.ask("GET", "/ping")[1]["job"]["id"])
        assert self.ask("PUT", f"/jobs/{name}/accept")[0] == 200
        assert self.ask("PUT", f"/jobs/{name}/start", {"started_at": "now"})[0] == 200
        return name

    def finish(self, name: str, **words: str) -> int:
        return self.ask("PUT", f"/jobs/{name}/finish", dict(words))[0]

    def chunk(self, name: str, number: int, data: bytes) -> int:
        path = f"/jobs/{name}/chunks?sequence={number}&offset=0&size={len(data)}"
        return self.ask("POST", path, gzip.compress(data))[0]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def fake(heard: Heard) -> Iterator[FakeBuildkite]:
    made = FakeBuildkite(heard)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def agent(fake: FakeBuildkite) -> Agent:
    made = Agent(fake)
    made.register()
    return made


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a program that says the right version and then does what a script says."""

    def make(script: str) -> Path:
        path = tmp_path / "buildkite-agent"
        path.write_text(VERSION + script)
        path.chmod(0o755)
        return path

    return make


def driven(path: Path, tmp_path: Path, start_s: float = 10.0, **options: str) -> Driven:
    """Not entered yet."""
    made = Driven(KIND, Found(path, path, "3.62.0"), tmp_path / "driven")
    made.adapter = BuildkiteAgent(made.ground, options, made, start_s=start_s)
    return made


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < end, f"awaited {what}"
        time.sleep(0.01)


# -- jobs


def test_a_job_is_given_out_as_soon_as_there_is_one(fake: FakeBuildkite, agent: Agent) -> None:
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(agent.ask("GET", "/ping")))
    asking.start()
    until(fake.asked_for_work, "the question for work")
    job = fake.jobs.add({"GREETING": "hello"})
    asking.join(DEADLINE_S)
    status, said = answers[0]
    assert (status, said["job"]["id"], said["job"]["env"]["GREETING"]) == (200, job.id, "hello")


def test_an_agent_with_a_job_gets_no_other(fake: FakeBuildkite, agent: Agent) -> None:
    fake.jobs.add({})
    waiting = fake.jobs.add({})
    agent.take()
    fake.release()
    assert agent.ask("GET", "/ping")[1] == {"action": "idle"}
    assert waiting.state is State.SCHEDULED


def test_a_job_whose_agent_hung_up_is_not_given_to_it(fake: FakeBuildkite, agent: Agent) -> None:
    host = fake.url.removeprefix("http://").removesuffix("/v3")
    connection = http.client.HTTPConnection(host, timeout=DEADLINE_S)
    connection.request("GET", "/v3/ping", headers={"Authorization": f"Token {agent.token}"})
    until(fake.asked_for_work, "the question for work")
    connection.close()
    job = fake.jobs.add({})
    assert job.state is State.SCHEDULED
    assert agent.take() == job.id


def test_an_agent_that_registers_anew_gets_what_the_last_one_had_not_accepted(
    fake: FakeBuildkite, agent: Agent
) -> None:
    accepted, assigned = fake.jobs.add({}), fake.jobs.add({})
    agent.take()
    agent.finish(accepted.id, exit_status="0")
    agent.ask("GET", "/ping")
    assert assigned.state is State.ASSIGNED
    agent.register()
    assert agent.take() == assigned.id


def test_a_running_job_of_an_agent_that_is_gone_stays_running(
    fake: FakeBuildkite, agent: Agent, heard: Heard
) -> None:
    lost, waiting = fake.jobs.add({}), fake.jobs.add({})
    agent.take()
    agent.register()
    assert agent.take() == waiting.id
    assert lost.state is State.RUNNING
    assert agent.finish(lost.id, exit_status="0") == 404
    assert heard.finals == []


def test_a_cancelled_job_is_told_at_once(fake: FakeBuildkite, agent: Agent) -> None:
    job = fake.jobs.add({})
    agent.take()
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(agent.ask("GET", f"/jobs/{job.id}")[1]["state"])
    )
    asking.start()
    assert fake.jobs.cancel(job) is State.RUNNING
    asking.join(DEADLINE_S)
    assert answers == ["canceling"]


def test_the_end_of_a_cancelled_job_is_told_once_and_as_cancelled(
    fake: FakeBuildkite, agent: Agent, heard: Heard
) -> None:
    job = fake.jobs.add({})
    agent.take()
    fake.jobs.cancel(job)
    words = {"exit_status": "-1", "signal": "SIGTERM", "signal_reason": "cancel"}
    assert agent.finish(job.id, **words) == 200
    assert agent.finish(job.id, **words) == 422
    assert heard.finals == [Final(job.id, cancelled=True, **words)]
    assert job.state is State.CANCELED


def test_a_log_is_passed_on_in_its_order_and_each_chunk_once(
    fake: FakeBuildkite, agent: Agent, heard: Heard
) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    for number, data in ((2, b"two "), (1, b"one "), (1, b"one "), (3, b"three")):
        assert agent.chunk(name, number, data) == 201
    assert heard.logged == b"one two three"


def test_a_chunk_that_never_came_does_not_hold_back_the_others(
    fake: FakeBuildkite, agent: Agent, heard: Heard
) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    agent.chunk(name, 2, b"two")
    agent.finish(name, exit_status="0")
    assert heard.logged == b"two"


# -- what is not taken


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/jobs/unknown", 404),
        ("PUT", "/jobs/unknown/finish", 404),
        ("POST", "/ping", 405),
        ("DELETE", "/register", 405),
        ("PUT", "/../ping", 404),
    ],
)
def test_what_the_fake_does_not_have_is_refused(
    fake: FakeBuildkite, agent: Agent, method: str, path: str, status: int
) -> None:
    assert agent.ask(method, path)[0] == status
    assert fake.refused == [f"{method} /v3{path}: {status}"]


def test_a_wrong_token_is_refused(fake: FakeBuildkite, agent: Agent) -> None:
    agent.token = agent.token[::-1]
    assert agent.ask("GET", "/ping")[0] == 401
    assert agent.ask("POST", "/register", {"name": "agent"})[0] == 401


def test_an_agent_that_has_not_registered_is_refused(fake: FakeBuildkite) -> None:
    assert Agent(fake).ask("GET", "/ping")[0] == 401


def test_a_body_that_is_too_large_is_refused(fake: FakeBuildkite, agent: Agent) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    host = fake.url.removeprefix("http://").removesuffix("/v3")
    connection = http.client.HTTPConnection(host, timeout=DEADLINE_S)
    connection.putrequest("PUT", f"/v3/jobs/{name}/finish")
    connection.putheader("Authorization", f"Token {agent.token}")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_chunk_that_unpacks_to_too_much_is_refused(
    fake: FakeBuildkite, agent: Agent, heard: Heard
) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    assert agent.chunk(name, 1, bytes(1 << 23)) == 413
    assert heard.logged == b""


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b"{"])
def test_a_body_that_is_no_json_object_is_refused(
    fake: FakeBuildkite, agent: Agent, body: bytes
) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    assert agent.ask("PUT", f"/jobs/{name}/finish", body)[0] == 400


def test_a_chunk_that_is_no_gzip_is_refused(fake: FakeBuildkite, agent: Agent) -> None:
    name = fake.jobs.add({}).id
    agent.take()
    assert agent.ask("POST", f"/jobs/{name}/chunks?sequence=1", b"plain")[0] == 422
    assert agent.ask("POST", f"/jobs/{name}/chunks", gzip.compress(b"x"))[0] == 422


# -- the adapter's bad weather


def test_a_program_of_another_name_is_no_agent(tmp_path: Path) -> None:
    path = tmp_path / "buildkite-agent"
    path.write_text("#!/bin/sh\necho 'something else 1.0'\n")
    path.chmod(0o755)
    with pytest.raises(RunnerError, match="is no Buildkite agent: `--version` said 'something"):
        KIND.find(path)


def test_a_file_that_is_not_there_is_no_agent(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="is no Buildkite agent"):
        KIND.find(tmp_path / "absent")


def test_an_agent_that_ends_at_its_start_is_an_error_with_its_words(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    path = program("echo 'no token for you' >&2; exit 7")
    with (
        pytest.raises(RunnerError, match=r"ended with status 7 before it asked.*no token for you"),
        driven(path, tmp_path),
    ):
        pass


def test_an_agent_that_never_asks_for_work_is_given_up_and_ended(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    path = program(f"trap '' TERM QUIT; echo $$ > {tmp_path}/pid; sleep 60")
    with (
        pytest.raises(RunnerError, match=r"did not ask for a job within 0\.5 s"),
        driven(path, tmp_path, start_s=0.5),
    ):
        pass
    assert not alive(int((tmp_path / "pid").read_text()))


def test_an_option_that_this_version_does_not_have_is_an_error(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    made = driven(program("exit 1"), tmp_path)
    made.adapter = KIND.make(made.ground, {"signal-grace-period-seconds": "1"}, made)
    with pytest.raises(RunnerError, match="has no option --signal-grace-period-seconds"), made:
        pass


def test_an_option_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="there is no option 'colour'"):
        driven(tmp_path, tmp_path, colour="blue")


def test_an_agent_that_does_not_run_takes_no_job(
    program: Callable[[str], Path], tmp_path: Path
) -> None:
    made = driven(program("exit 1"), tmp_path)
    with pytest.raises(RunnerError, match="is not running, so it takes no job"):
        made.submit("true")
    assert not made.adapter.idle(0.1)
    made.adapter.stop()
    made.adapter.stop()


@pytest.mark.parametrize(
    ("cancelled", "exit_status", "said"),
    [(True, "0", Said.CANCELLED), (False, "0", Said.SUCCESS), (False, "-1", Said.FAILED)],
)
def test_what_buildkite_shows_is_what_is_reported(
    tmp_path: Path, cancelled: bool, exit_status: str, said: Said
) -> None:
    made = driven(tmp_path, tmp_path)
    adapter = made.adapter
    assert isinstance(adapter, BuildkiteAgent)
    adapter._job = adapter._buildkite.jobs.add({})
    adapter.over(Final(adapter._job.id, cancelled, exit_status, "", "cancel" if cancelled else ""))
    assert [report[0] for report in made.told.reports] == [said]
    assert f"exit_status={exit_status}" in made.told.reports[0][1]
