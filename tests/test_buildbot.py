"""The adapter of Buildbot where things go wrong: no real one is needed for it.

``FakeMaster`` is a fake of the master's REST API and its events; ``_environment`` makes a virtual
environment whose python is a script. The real ones are driven in ``real/test_buildbot.py``.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners import buildbot_processes
from aftercancel.runners.buildbot import KIND
from aftercancel.runners.buildbot_builds import Builds, Request
from aftercancel.runners.buildbot_rest import Rest, Unreachable
from aftercancel.runners.protocol import Found
from tests.driving import Driven, Told

CONTENT = (
    "h/bin/sh job.sh\noworks\nhprocess killed by signal 9\nhprogram finished with exit code -1\n"
)
RUNNING = {"buildid": 3, "buildrequestid": 7, "complete": False, "state_string": "building"}
STOPPED = RUNNING | {"complete": True, "results": 6, "state_string": "cancelled"}
STEP = {"stepid": 4, "buildid": 3, "name": "job"}
LOG = {"logid": 5, "stepid": 4, "type": "s", "num_lines": 4}


class FakeMaster:
    """Answers what it is told to, and sends the events that it is given."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/api/v2/builds": {"builds": []},
            "/api/v2/builds/3/steps": {"steps": [STEP]},
            "/api/v2/steps/4/logs": {"logs": [LOG]},
            "/api/v2/logs/5/contents": {"logchunks": [{"content": CONTENT}]},
        }
        self.events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"master": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.hang_up()
        self._server.shutdown()
        self._server.server_close()

    @property
    def rest(self) -> Rest:
        return Rest(self._server.server_port, timeout_s=5.0)

    def send(self, kind: str, what: str, thing: dict[str, Any]) -> None:
        event = {"key": [kind, "1", what], "message": thing}
        self.events.put(f"event: event\ndata: {json.dumps(event)}\n\n".encode())

    def hang_up(self) -> None:
        self.events.put(None)


class _Handler(BaseHTTPRequestHandler):
    master: FakeMaster

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/sse/"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"event: handshake\ndata: some-id\n\n")
            while (event := self.master.events.get()) is not None:
                self.wfile.write(event)
            return
        answer = self.master.answers.get(path)
        self.send_response(404 if answer is None else 200)
        self.end_headers()
        body = answer if isinstance(answer, str) else json.dumps(answer or {"error": "not found"})
        self.wfile.write(body.encode())


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    with FakeMaster() as made:
        yield made


@pytest.fixture
def builds(master: FakeMaster) -> Iterator[Builds]:
    made = Builds(lambda: master.rest)
    made.start(5)
    yield made
    made._stopped.set()
    master.hang_up()
    made.stop()


def _reported(told: Told) -> tuple[Said, str, End | None]:
    with told.changed:
        assert told.changed.wait_for(lambda: bool(told.reports), 5), "awaited the report for 5 s"
    return told.reports[0]


def test_a_build_is_reported_when_its_event_comes_with_its_log_before(
    master: FakeMaster, builds: Builds
) -> None:
    told = Told()
    builds.watch(Request(7, 0, told))
    master.send("builds", "new", RUNNING)
    master.send("steps", "new", STEP)
    master.send("logs", "finished", LOG)
    master.send("builds", "finished", STOPPED)
    words = "results=6 (cancelled) state_string=cancelled"
    assert _reported(told) == (Said.CANCELLED, words, End(signal="KILL"))
    assert told.log.decode() == "".join(line[1:] for line in CONTENT.splitlines(keepends=True))


def test_what_happened_while_nobody_listened_is_asked_for(
    master: FakeMaster, builds: Builds
) -> None:
    told = Told()
    builds.watch(Request(7, 0, told))
    master.answers["/api/v2/builds"] = {"builds": [STOPPED]}
    master.hang_up()
    assert _reported(told)[0] is Said.CANCELLED
    assert b"works" in told.log


def test_another_build_of_the_same_request_is_not_this_jobs_end(
    master: FakeMaster, builds: Builds
) -> None:
    told = Told()
    builds.watch(Request(7, 0, told))
    master.send("builds", "new", RUNNING)
    master.send("builds", "finished", STOPPED | {"results": 5, "state_string": "lost"})
    assert _reported(told)[:2] == (Said.FAILED, "results=5 (retry) state_string=lost")
    other = Told()
    builds.watch(Request(8, 0, other))
    master.send("builds", "finished", STOPPED | {"buildid": 9, "results": 0})
    master.send("builds", "finished", STOPPED | {"buildid": 10, "buildrequestid": 8})
    _reported(other)
    assert len(told.reports) == 1


@pytest.mark.parametrize("event", [b"data: {nonsense\n\n", b'data: {"key": ["builds"]}\n\n'])
def test_an_event_that_makes_no_sense_is_named_and_survived(
    master: FakeMaster, builds: Builds, event: bytes
) -> None:
    told = Told()
    builds.watch(Request(7, 0, told))
    master.events.put(event)
    master.answers["/api/v2/builds"] = {"builds": [STOPPED]}
    assert _reported(told)[0] is Said.CANCELLED
    assert "nonsensical event" in builds.trouble


def test_a_build_that_does_not_start_is_named(builds: Builds) -> None:
    request = Request(7, 0, Told())
    builds.watch(request)
    with pytest.raises(RunnerError, match="did not start the build within 0 s"):
        builds.build_of(request, 0.05)


def test_answers_that_make_no_sense_are_named(master: FakeMaster) -> None:
    master.answers |= {"/api/v2/workers": "soon", "/api/v2/masters": {"meta": {}}}
    with pytest.raises(RunnerError, match="nonsense: soon"):
        master.rest.get("workers", "workers")
    with pytest.raises(RunnerError, match="without masters"):
        master.rest.get("masters", "masters")
    with pytest.raises(RunnerError, match=r"with 404: .*not found"):
        master.rest.get("nobody", "nobody")


def test_a_master_that_is_not_there_is_unreachable() -> None:
    with FakeMaster() as gone:
        rest = gone.rest
    with pytest.raises(Unreachable, match="does not answer GET /api/v2/workers"):
        rest.get("workers", "workers")


def _environment(folder: Path, python: str) -> Found:
    program = folder / "bin" / "python"
    program.parent.mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    program.write_text(python)
    program.chmod(0o755)
    return Found(program, folder, "0.0")


def test_a_master_that_ends_at_once_is_told_in_its_words(tmp_path: Path) -> None:
    found = _environment(tmp_path / "env", "#!/bin/sh\necho no such reactor; exit 7\n")
    words = r"Buildbot 0.0 did not start: its master ended with status 7. It said: no such reactor"
    with pytest.raises(RunnerError, match=words), Driven(KIND, found, tmp_path / "ground"):
        pass


def test_a_master_that_hangs_at_its_start_is_given_up_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildbot_processes, "START_S", 0.3)
    script = '#!/bin/sh\necho $$ > "$HOME/pid"; trap "" TERM; sleep 60; sleep 60\n'
    driven = Driven(KIND, _environment(tmp_path / "env", script), tmp_path / "ground")
    with pytest.raises(RunnerError, match="nobody listens on port"), driven:
        pass
    pid = int((driven.home / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_a_python_without_buildbot_says_what_it_lacks(tmp_path: Path) -> None:
    script = (
        "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'buildbot_worker'\" >&2; exit 1\n"
    )
    found = _environment(tmp_path / "env", script)
    with pytest.raises(RunnerError, match="it said: ModuleNotFoundError"):
        KIND.find(found.brought)
    with pytest.raises(RunnerError, match="is no virtual environment"):
        KIND.find(tmp_path)


def test_a_program_in_an_environment_leads_to_it(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho 9.8 9.8 9.8\n"
    found = _environment(tmp_path / "env", script)
    (found.program.parent / "buildbot").touch()
    there = Found(found.program, found.brought, "9.8")
    assert KIND.find(found.program.parent / "buildbot") == KIND.find(found.brought) == there


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("usePty", "true", "no option 'usePty'"),
        ("usePTY", "yes", "true or false"),
        ("sigtermTime", "soon", "in seconds"),
    ],
)
def test_an_option_that_it_has_not_is_refused(
    tmp_path: Path, option: str, value: str, words: str
) -> None:
    with pytest.raises(RunnerError, match=words):
        Driven(KIND, Found(tmp_path, tmp_path, "0"), tmp_path, **{option: value})
