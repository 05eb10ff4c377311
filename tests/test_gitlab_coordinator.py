"""The fake GitLab: what it takes from a runner, what it refuses, and when it says what."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from aftercancel.errors import RunnerError
from aftercancel.runners.fakes import gitlab
from aftercancel.runners.fakes.gitlab import FakeGitLab
from aftercancel.runners.fakes.gitlab_jobs import Final, Job, State

TOKEN = "glrt-the-runner-s-own-token"  # noqa: S105  # the fake's
GRACEFUL = {"features": {"cancel_gracefully": True}}
WITHIN_S = 10.0


@dataclass
class Heard:
    """What the fake passes on."""

    text: bytes = b""
    finals: list[Final] = field(default_factory=list)

    def log(self, job: int, data: bytes) -> None:
        self.text += data

    def over(self, final: Final) -> None:
        self.finals.append(final)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A scripted runner."""

    def __init__(self, fake: FakeGitLab) -> None:
        self.fake = fake

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        port = int(self.fake.url.rsplit(":", 1)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
        try:
            sent = data if data is not None else json.dumps(body).encode()
            connection.request(method, f"/api/v4/{path}", sent, dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def job(self, info: Mapping[str, Any] = GRACEFUL, token: str = TOKEN) -> Answer:
        return self.ask("POST", "jobs/request", {"info": info, "token": token})

    def update(self, job: Job, state: str, token: str | None = None, **more: Any) -> Answer:
        document = {"token": token or job.token, "state": state, **more}
        return self.ask("PUT", f"jobs/{job.id}", document)

    def patch(
        self, job: Job, start: int, data: bytes, token: str = "", span: str | None = None
    ) -> Answer:
        headers = {
            "JOB-TOKEN": token or job.token,
            "Content-Range": f"{start}-{start + len(data) - 1}" if span is None else span,
        }
        return self.ask(
            "PATCH", f"jobs/{job.id}/trace?debug_trace=false", headers=headers, data=data
        )


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def fake(heard: Heard) -> Iterator[FakeGitLab]:
    with FakeGitLab(heard, TOKEN) as started:
        yield started


@pytest.fixture
def client(fake: FakeGitLab) -> Client:
    return Client(fake)


@pytest.fixture
def job(fake: FakeGitLab, client: Client) -> Job:
    """One that the scripted runner was given; nothing keeps it talking."""
    fake.talk = False
    added = fake.jobs.add({"steps": []})
    assert client.job().status == 201
    return added


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end, f"awaited {what}"
        time.sleep(0.01)


def test_a_job_from_its_submission_to_its_end(
    fake: FakeGitLab, client: Client, heard: Heard
) -> None:
    fake.talk = False
    job = fake.jobs.add({"steps": [{"name": "script"}]})
    given = client.job()
    assert (given.status, given.json["id"], given.json["token"]) == (201, job.id, job.token)
    assert given.json["steps"] == [{"name": "script"}]
    running = client.update(job, "running")
    assert (running.status, running.headers["Job-Status"]) == (200, "running")
    first = client.patch(job, 0, b"hello ")
    assert (first.status, first.headers["Range"]) == (202, "0-6")
    assert first.headers["X-GitLab-Trace-Update-Interval"] == "1"
    assert client.patch(job, 6, b"world").headers["Range"] == "0-11"
    assert client.update(job, "success").status == 200
    assert heard.text == b"hello world"
    assert heard.finals == [Final(job.id, "success", "", None, State.RUNNING)]
    assert job.state is State.SUCCESS


def test_a_failure_comes_with_its_reason_and_exit_code(
    client: Client, job: Job, heard: Heard
) -> None:
    client.update(job, "failed", failure_reason="script_failure", exit_code=3)
    assert heard.finals == [Final(job.id, "failed", "script_failure", 3, State.RUNNING)]


def test_only_the_first_end_of_a_job_is_told(client: Client, job: Job, heard: Heard) -> None:
    assert client.update(job, "success").status == 200
    assert client.update(job, "failed").status == 403
    assert [final.state for final in heard.finals] == ["success"]


# -- cancelling


def test_canceling_is_said_with_the_next_part_of_the_log(
    fake: FakeGitLab, client: Client, job: Job, heard: Heard
) -> None:
    assert fake.cancel(job) is State.RUNNING
    answer = client.patch(job, 0, b"x")
    assert (answer.status, answer.headers["Job-Status"]) == (202, "canceling")
    assert client.update(job, "running").headers["Job-Status"] == "canceling"
    client.update(job, "success")
    assert (heard.finals[0].known_as, job.state) == (State.CANCELING, State.CANCELED)


def test_a_runner_that_cannot_cancel_gracefully_hears_canceled(
    fake: FakeGitLab, client: Client
) -> None:
    job = fake.jobs.add({})
    client.job(info={"features": {}})
    fake.cancel(job)
    assert job.state is State.CANCELED


def test_canceled_refuses_the_log_and_says_why(
    fake: FakeGitLab, client: Client, job: Job, heard: Heard
) -> None:
    fake.jobs.move(job, State.CANCELED)
    answer = client.patch(job, 0, b"x")
    assert (answer.status, answer.headers["Job-Status"]) == (403, "canceled")
    assert client.update(job, "failed", failure_reason="job_canceled").status == 403
    assert heard.text == b""
    assert heard.finals == [Final(job.id, "failed", "job_canceled", None, State.CANCELED)]


def test_a_forgotten_job_is_refused_without_a_state(
    fake: FakeGitLab, client: Client, job: Job
) -> None:
    fake.jobs.move(job, State.FORGOTTEN)
    answer = client.patch(job, 0, b"x")
    assert answer.status == 403
    assert "Job-Status" not in answer.headers


def test_a_job_that_no_runner_has_is_over_when_it_is_cancelled(
    fake: FakeGitLab, client: Client, heard: Heard
) -> None:
    job = fake.jobs.add({})
    assert fake.cancel(job) is State.PENDING
    assert [final.known_as for final in heard.finals] == [State.PENDING]
    assert not fake.jobs.waiting()


def test_a_job_that_is_over_stays_as_it_is(fake: FakeGitLab, client: Client, job: Job) -> None:
    client.update(job, "success")
    assert fake.cancel(job) is State.SUCCESS
    assert job.state is State.SUCCESS


# -- keeping a runner talking


def test_a_runner_is_asked_for_the_last_byte_again_so_that_it_comes_back(
    fake: FakeGitLab, client: Client, job: Job, heard: Heard
) -> None:
    fake.talk = True
    answer = client.patch(job, 0, b"hello\n")
    assert (answer.status, answer.headers["Range"]) == (416, "0-5")
    assert answer.headers["Job-Status"] == "running"
    assert client.patch(job, 5, b"\nmore").status == 416
    fake.cancel(job)
    assert client.patch(job, 9, b"e").status == 202
    assert heard.text == b"hello\nmore"


def test_the_end_of_a_log_is_taken_at_once(
    fake: FakeGitLab, client: Client, job: Job, heard: Heard
) -> None:
    fake.talk = True
    assert client.patch(job, 0, b"hi\n\x1b[32;1mJob succeeded\x1b[0;m\n").status == 202


# -- the queue


def test_a_request_is_held_until_there_is_a_job(fake: FakeGitLab, client: Client) -> None:
    answers: list[Answer] = []
    waiting = threading.Thread(target=lambda: answers.append(client.job()))
    waiting.start()
    until(fake.asked_for, "the request")
    job = fake.jobs.add({})
    waiting.join(WITHIN_S)
    assert [answer.json["id"] for answer in answers] == [job.id]
    assert not fake.asked_for()


def test_jobs_are_given_in_the_order_of_their_submission(fake: FakeGitLab, client: Client) -> None:
    jobs = [fake.jobs.add({}) for _ in range(3)]
    assert [client.job().json["id"] for _ in jobs] == [job.id for job in jobs]
    started = [job.started_ns or 0 for job in jobs]
    assert 0 < started[0] < started[1] < started[2]


def test_after_a_while_without_a_job_the_answer_is_none(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitlab, "HOLD_S", 0.1)
    assert client.job().status == 204


def test_who_hung_up_gets_no_job(fake: FakeGitLab) -> None:
    port = int(fake.url.rsplit(":", 1)[1])
    body = json.dumps({"token": TOKEN}).encode()
    head = f"POST /api/v4/jobs/request HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        until(fake.asked_for, "the request")
    until(lambda: not fake.asked_for(), "the hang-up to be noticed")
    fake.jobs.add({})
    assert fake.jobs.waiting()


def test_nothing_that_is_said_of_a_dropped_job_is_heard(
    fake: FakeGitLab, client: Client, job: Job, heard: Heard
) -> None:
    fake.jobs.drop_all()
    assert client.patch(job, 0, b"late").status == 403
    assert client.update(job, "failed").status == 403
    assert (heard.text, heard.finals) == (b"", [])


def test_stopping_ends_the_requests_that_are_held(fake: FakeGitLab, client: Client) -> None:
    answers: list[Answer] = []
    waiting = threading.Thread(target=lambda: answers.append(client.job()))
    waiting.start()
    until(fake.asked_for, "the request")
    fake.stop()
    waiting.join(WITHIN_S)
    assert [answer.status for answer in answers] == [204]
    fake.stop()


# -- what is refused


def test_a_wrong_runner_token(client: Client) -> None:
    assert client.job(token="glrt-of-somebody-else").status == 403  # noqa: S106  # none
    assert client.ask("POST", "runners/verify", {"token": "x"}).status == 403
    assert client.ask("GET", "runners/router/discovery").status == 403


def test_the_right_runner_token(client: Client) -> None:
    assert client.ask("POST", "runners/verify", {"token": TOKEN}).json["token"] == TOKEN
    router = client.ask("GET", "runners/router/discovery", headers={"RUNNER-TOKEN": TOKEN})
    assert router.status == 501


def test_a_wrong_job_token(client: Client, job: Job, heard: Heard) -> None:
    assert client.update(job, "success", token="x").status == 403  # noqa: S106  # none
    assert client.patch(job, 0, b"x", token="x").status == 403  # noqa: S106  # none
    assert (heard.text, heard.finals) == (b"", [])


def test_a_job_that_there_is_not(client: Client, job: Job) -> None:
    other = Job(job.id + 1, job.token, {})
    assert client.update(other, "success").status == 403
    assert client.patch(other, 0, b"x").status == 403


@pytest.mark.parametrize("path", ["jobs", "jobs/x", "jobs/1/artifacts", "runners", "../admin"])
def test_a_wrong_path(client: Client, path: str) -> None:
    assert client.ask("POST", path, {"token": TOKEN}).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "jobs/request", "POST"),
        ("DELETE", "jobs/1", "PUT"),
        ("PUT", "jobs/1/trace", "PATCH"),
    ],
)
def test_a_wrong_method(client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.ask(method, path, {"token": TOKEN})
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


def test_a_body_that_is_too_large(client: Client, job: Job) -> None:
    assert client.ask("POST", "jobs/request", {"token": TOKEN, "x": "y" * 300_000}).status == 413
    assert client.patch(job, 0, b"x" * (3 << 20)).status == 413


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_is_no_json_object(client: Client, data: bytes) -> None:
    assert client.ask("POST", "jobs/request", data=data).status == 400


def test_a_body_of_no_known_length(client: Client) -> None:
    headers = {"Transfer-Encoding": "chunked"}
    answer = client.ask("POST", "jobs/request", headers=headers, data=b"0\r\n\r\n")
    assert answer.status == 411


def test_a_state_that_there_is_not(client: Client, job: Job) -> None:
    assert client.update(job, "done").status == 400


@pytest.mark.parametrize("span", ["", "x", "0", "0-9", "-1-3"])
def test_a_content_range_that_does_not_fit(client: Client, job: Job, span: str) -> None:
    assert client.patch(job, 0, b"abc", span=span).status == 400


def test_a_part_of_the_log_that_does_not_follow(client: Client, job: Job, heard: Heard) -> None:
    client.patch(job, 0, b"abc")
    answer = client.patch(job, 9, b"xyz")
    assert (answer.status, answer.headers["Range"]) == (416, "0-3")
    assert heard.text == b"abc"


def test_a_port_that_is_taken(fake: FakeGitLab, heard: Heard) -> None:
    second = FakeGitLab(heard, TOKEN)
    with pytest.raises(RunnerError, match=r"cannot listen on 127\.0\.0\.1"):
        second.start(int(fake.url.rsplit(":", 1)[1]))
    second.stop()
