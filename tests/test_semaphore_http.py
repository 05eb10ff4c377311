"""The Semaphore adapter against a fake server, and its HTTP side against a real one where there is.

A real one is the binary that AFTERCANCEL_SEMAPHORE names, else what the lab finds.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners import finding, semaphore_http, semaphore_server
from aftercancel.runners.protocol import Found
from aftercancel.runners.semaphore import KIND, Semaphore
from aftercancel.runners.semaphore_http import Api
from tests.driving import Driven, Told, alive, end_by_pid

# -- the vocabulary

ARMED = 'echo armed >> "$MARKS"\n'
FOREVER = ARMED + 'trap "echo handled >> \\"$MARKS\\"" TERM EXIT\nsleep 60 & wait\n'
SERVES = "from http.server import BaseHTTPRequestHandler as H, HTTPServer as S\n"


def fake(folder: Path) -> Path:
    """The fake as a program."""
    program = folder / "semaphore"
    module = "aftercancel.runners.fakes.semaphore"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
    program.chmod(0o755)
    return program


def bad(folder: Path, server: str, *, version: str = "v2.10.32-bad-0", user: str = "") -> Path:
    """A program that calls itself Semaphore and does this in Python as a server."""
    program = folder / "semaphore"
    program.write_text(
        f"#!{sys.executable} -IS\n"
        "import json, os, signal, sys, time\n"
        f"if sys.argv[1] == 'version':\n    print({version!r}); sys.exit()\n"
        f"if sys.argv[1] == 'user':\n    {user or 'sys.exit()'}\n"
        "config = json.load(open(sys.argv[sys.argv.index('--config') + 1]))\n"
        "port = int(config['port'][1:])\n"
        f"open({str(folder / 'pid')!r}, 'w').write(str(os.getpid()))\n" + server
    )
    program.chmod(0o755)
    return program


def everything(answer: str) -> str:
    """A server that answers this to whatever it is asked."""
    return (
        f"{SERVES}class A(H):\n"
        "    def do_GET(self):\n"
        "        self.rfile.read(int(self.headers.get('Content-Length') or 0))\n"
        "        self.send_response(200); self.send_header('Set-Cookie', 'a=b')\n"
        f"        self.end_headers(); self.wfile.write({answer.encode()!r})\n"
        "    do_POST = do_GET\n"
        "S(('127.0.0.1', port), A).serve_forever()\n"
    )


def real() -> Path:
    """The real program, or the test is skipped."""
    named = os.environ.get("AFTERCANCEL_SEMAPHORE")
    found = finding.find(KIND, [Path(named)] if named else ())
    if not found.found:
        problem = found.problems[0] if found.problems else "no Semaphore is here"
        pytest.skip(f"{problem}; AFTERCANCEL_SEMAPHORE may name one")
    return found.found[-1].program


def started(program: Path, folder: Path, **options: str) -> Driven:
    return Driven(KIND, KIND.find(program), folder / "driven", **options)


@pytest.fixture(scope="module")
def one_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    folder = tmp_path_factory.mktemp("semaphore")
    with started(fake(folder), folder) as one:
        yield one


@pytest.fixture
def driven(one_for_all: Driven) -> Iterator[Driven]:
    """A started fake; what the test leaves running is ended."""
    yield one_for_all
    with suppress(RunnerError):
        one_for_all.adapter.ask("force-stop")
    assert one_for_all.adapter.idle(5)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Driven]:
    """A started fake that the test may break."""
    with started(fake(tmp_path), tmp_path) as one:
        yield one


@pytest.fixture(scope="module", params=["fake", "real"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An open door to project 1 of a server that has one template, 1, of a job that ends."""
    folder = tmp_path_factory.mktemp("semaphore")
    program = fake(folder) if request.param == "fake" else real()
    with started(program, folder) as one:
        one.submit("exit 0\n")
        adapter = one.adapter
        assert isinstance(adapter, Semaphore)
        yield adapter._api


def why_not(program: Path, folder: Path, **options: str) -> str:
    """What is said when it does not start; its server must be gone."""
    with pytest.raises(RunnerError) as raised, started(program, folder, **options):
        pass
    pid = folder / "pid"
    assert not pid.exists() or not alive(int(pid.read_text()))
    return str(raised.value)


# -- the HTTP side, fake and real


def test_the_server_says_which_version_it_is(api: Api) -> None:
    assert semaphore_server.version_in(api.version()) is not None


def test_a_wrong_password_is_refused(api: Api) -> None:
    with closing(Api(api.port)) as other, pytest.raises(RunnerError, match="login answered 401"):
        other.log_in("lab", "wrong")


def test_a_wrong_token_is_refused(api: Api) -> None:
    with closing(Api(api.port, "wrong")) as other, pytest.raises(RunnerError, match="answered 401"):
        other.tasks(1)


def test_a_path_that_there_is_not_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match="GET /api/project/1/nonsense answered 404"):
        api.call("GET", "/project/1/nonsense")


def test_a_method_that_there_is_not_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match="DELETE /api/project/1/tasks answered 40"):
        api.call("DELETE", "/project/1/tasks")


def test_another_project_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match="answered 404"):
        api.tasks(77)


def test_a_task_that_there_is_not_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match="answered 40"):
        api.task(1, 5)


def test_a_template_that_there_is_not_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match="POST /api/project/1/tasks answered"):
        api.run(1, 99)


def test_what_is_made_without_a_word_is_found_by_its_name(api: Api) -> None:
    fields = {"name": "mine", "project_id": 1, "json": "{}", "env": "{}"}
    made = api.make("/project/1/environment", fields)
    listed = api.call("GET", "/project/1/environment")
    assert [one["name"] for one in listed if one["id"] == made] == ["mine"]


def test_a_thing_without_a_name_is_refused_in_the_servers_words(api: Api) -> None:
    fields = {"name": "", "project_id": 1, "json": "{}", "env": "{}"}
    with pytest.raises(RunnerError, match=r"answered 400 Bad Request: .*name can not be empty"):
        api.make("/project/1/environment", fields)


def test_a_new_project_has_the_key_that_stands_for_none(api: Api) -> None:
    assert api.no_key(1) == 1


def test_a_task_is_listed_and_has_a_log_from_its_submission_on(api: Api) -> None:
    number = api.run(1, 1)
    assert number in api.tasks(1)
    assert semaphore_http.until(
        lambda: any("added to queue" in line for line in api.log(1, number)), 5
    )


def test_a_stop_without_a_body_is_refused(api: Api) -> None:
    with pytest.raises(RunnerError, match=r"/stop answered 400 Bad Request: no further word"):
        api.stop(1, api.run(1, 1), None)


def test_a_waiting_task_that_is_stopped_by_force_is_stopped_at_once(api: Api) -> None:
    number = api.run(1, 1)
    api.stop(1, number, {"force": True})
    assert api.task(1, number).status in {"stopped", "success"}


# -- what becomes of a job, by the fake


def test_a_job_that_ends_well_is_a_success(driven: Driven) -> None:
    driven.submit("echo done")
    assert driven.until_reported() == (Said.SUCCESS, "status=success", None)


def test_a_job_that_fails_is_reported_with_its_exit_status(driven: Driven) -> None:
    driven.submit("exit 3")
    words = "status=error; Running app failed: exit status 3"
    assert driven.until_reported() == (Said.FAILED, words, End(status=3))


def test_the_log_is_whole_when_the_report_comes(driven: Driven) -> None:
    driven.submit("for i in $(seq 300); do echo line $i; done")
    driven.until_reported()
    assert driven.told.log.count(b"line") == 300


def test_a_job_starts_in_its_folder_with_its_variables_and_its_own_file(driven: Driven) -> None:
    driven.submit('echo "$PWD|$0|$ONE"', env={"ONE": "a 'b\" $c"})
    driven.until_reported()
    assert f"{driven.home}|{driven.jobs / 'job.sh'}|a 'b\" $c".encode() in driven.told.log


def test_the_file_in_the_repository_is_named_by_its_path_in_there(driven: Driven) -> None:
    """Later versions take no other (semaphore#4012)."""
    driven.submit("exit 0")
    driven.until_reported()
    adapter = driven.adapter
    assert isinstance(adapter, Semaphore)
    assert not str(adapter._template["playbook"]).startswith(("/", "."))


def test_a_job_whose_folder_is_gone_fails(driven: Driven) -> None:
    work = replace(driven.work("exit 0"), folder=str(driven.home / "gone"))
    driven.told = Told()
    driven.adapter.submit(work)
    assert driven.until_reported()[2] == End(status=1)


@pytest.mark.parametrize("shell", [("/bin/sh", "-e"), ("/bin/bash", "-u"), (sys.executable, "-I")])
def test_a_job_under_another_interpreter_is_its_first_process(
    driven: Driven, shell: tuple[str, ...]
) -> None:
    script = "print('py')" if "python" in shell[0] else "echo $-"
    driven.submit(script, shell=shell)
    assert driven.until_reported()[0] is Said.SUCCESS


def test_a_stop_kills_the_first_process_alone_and_is_shown_as_an_error(driven: Driven) -> None:
    driven.submit(ARMED + 'sleep 60 & echo "$!" >> "$MARKS"\nwait')
    driven.until(lambda: len(driven.marked()) == 2, "the child's number")
    driven.adapter.ask("stop")
    words = "status=error; Running app failed: signal: killed"
    assert driven.until_reported() == (Said.FAILED, words, End(signal="KILL"))
    child = int(driven.marked()[1])
    assert alive(child)
    end_by_pid(child)


def test_a_stop_by_force_is_shown_as_stopped(driven: Driven) -> None:
    driven.submit(FOREVER)
    driven.until_marked("armed")
    driven.adapter.ask("force-stop")
    said, words, _ = driven.until_reported()
    assert said is Said.CANCELLED and words.startswith("status=stopped")


def test_a_stop_without_a_body_stops_nothing(driven: Driven) -> None:
    driven.submit(FOREVER)
    driven.until_marked("armed")
    with pytest.raises(RunnerError, match="answered 400"):
        driven.adapter.ask("stop-empty-body")
    assert not driven.adapter.idle(0.3)
    assert not driven.told.reports


def test_a_job_that_ends_well_while_it_is_stopped_is_over() -> None:
    """TaskRunner.go, run: such a task has an end, and stays *stopping*."""
    task = semaphore_http.SemaphoreTask(1, "stopping", None, ended=True)
    assert task.over
    assert not replace(task, ended=False).over


def test_a_way_that_it_has_not_is_refused(driven: Driven) -> None:
    driven.submit("exit 0")
    with pytest.raises(RunnerError, match="no way 'abort'"):
        driven.adapter.ask("abort")


def test_with_ansible_the_job_is_a_command_of_a_playbook(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.write_text(
        f"#!{sys.executable} -IS\n"
        "import json, subprocess, sys\n"
        "print(*sys.argv[1:-1])\n"
        "task = json.load(open(sys.argv[-1]))[0]['tasks'][0]['ansible.builtin.command']\n"
        "sys.exit(2 * subprocess.run(task['argv'], cwd=task['chdir']).returncode)\n"
    )
    python.chmod(0o755)
    with started(fake(tmp_path), tmp_path, app="ansible", ansible=str(tmp_path)) as driven:
        driven.submit(ARMED + "exit 1")
        words = "status=error; Running app failed: exit status 2"
        assert driven.until_reported() == (Said.FAILED, words, None)
        assert driven.marked() == ["armed"]
        assert b"-m ansible playbook" in driven.told.log


def test_one_report_for_one_job(driven: Driven) -> None:
    driven.submit("exit 0")
    driven.until_reported()
    first = driven.told
    assert driven.adapter.idle(5)
    driven.submit("exit 1")
    assert driven.until_reported()[0] is Said.FAILED
    assert len(first.reports) == 1


def test_further_jobs_wait_behind_the_one_that_runs(driven: Driven) -> None:
    driven.submit(FOREVER)
    driven.until_marked("armed")
    driven.adapter.further(2)
    assert [each.started_ns for each in driven.adapter.queue()] == [None, None]
    driven.adapter.ask("stop")
    assert driven.adapter.idle(10)
    first, second = driven.adapter.queue()
    assert first.started_ns is not None and second.started_ns is not None
    assert first.submitted_ns < first.started_ns < second.started_ns


def test_a_server_that_is_killed_leaves_its_job_running_for_ever(fresh: Driven) -> None:
    fresh.submit('echo "$$" >> "$MARKS"; exec sleep 60')
    fresh.until(lambda: bool(fresh.marked()), "the job's number")
    fresh.adapter.further(1)
    assert fresh.adapter.runner is not None
    os.kill(fresh.adapter.runner, signal.SIGKILL)
    fresh.adapter.start_again()
    job = int(fresh.marked()[0])
    assert alive(job)
    assert fresh.adapter.idle(5)
    assert [(each.listed, each.started_ns) for each in fresh.adapter.queue()] == [(True, None)]
    assert not fresh.told.reports
    fresh.submit("exit 0")
    assert fresh.until_reported()[0] is Said.SUCCESS
    end_by_pid(job)


def test_a_server_that_still_runs_is_not_started_again(
    driven: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aftercancel.runners.semaphore.START_S", 0.1)
    with pytest.raises(RunnerError, match="still runs"):
        driven.adapter.start_again()


def test_a_stopped_adapter_leaves_no_process_and_stops_again(tmp_path: Path) -> None:
    with started(fake(tmp_path), tmp_path) as driven:
        server = driven.adapter.server
        driven.submit('echo "$$" >> "$MARKS"; exec sleep 60')
        driven.until(lambda: bool(driven.marked()), "the job's number")
    assert server is not None and not alive(server)
    driven.until(lambda: not alive(int(driven.marked()[0])), "the end of the job")
    driven.adapter.stop()


def test_nothing_is_imported_after_the_start(driven: Driven) -> None:
    before = set(sys.modules)
    driven.submit(FOREVER)
    driven.until_marked("armed")
    driven.adapter.further(1)
    driven.adapter.ask("stop")
    driven.until_reported()
    driven.adapter.queue()
    assert set(sys.modules) == before


# -- bad weather


def test_what_is_no_program_is_no_semaphore(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="is no Semaphore"):
        KIND.find(tmp_path / "semaphore")


@pytest.mark.parametrize(
    ("version", "words"),
    [("semaphore, a signalling tool", "is no Semaphore"), ("v2.9.64-abc-1", "came with 2.10")],
)
def test_another_program_of_this_name_is_refused(tmp_path: Path, version: str, words: str) -> None:
    with pytest.raises(RunnerError, match=words):
        KIND.find(bad(tmp_path, "", version=version))


def test_a_program_that_does_not_say_its_version_in_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semaphore_server, "_VERSION_S", 0.2)
    program = tmp_path / "semaphore"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(RunnerError, match="timed out"):
        KIND.find(program)


def test_a_server_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    said = why_not(bad(tmp_path, "sys.exit('no such database')\n"), tmp_path)
    assert "does not stay" in said
    assert "no such database" in said


def test_a_user_that_cannot_be_added_is_told_with_its_own_words(tmp_path: Path) -> None:
    said = why_not(bad(tmp_path, "", user="sys.exit('a user too many')"), tmp_path)
    assert "`user add` does not do it (1)" in said
    assert "a user too many" in said


def test_a_user_add_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semaphore_server, "START_S", 0.5)
    said = why_not(bad(tmp_path, "", user="time.sleep(60)"), tmp_path)
    assert "no end within" in said


def test_a_server_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semaphore_server, "START_S", 1.0)
    monkeypatch.setattr(semaphore_http, "_ANSWER_S", 0.3)
    said = why_not(bad(tmp_path, "time.sleep(60)\n"), tmp_path)
    assert "does not answer within 1 s" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("<html>welcome</html>", "POST /api/auth/login"),
        ("{", "answered"),
        ('{"id": "1"}', "answered"),
        ("", "answered"),
    ],
)
def test_a_server_that_answers_nonsense_is_told_with_its_answer(
    tmp_path: Path, answer: str, words: str
) -> None:
    assert words in why_not(bad(tmp_path, everything(answer)), tmp_path)


def test_a_port_that_is_taken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(semaphore_server, "free_port", lambda: taken.getsockname()[1])
        monkeypatch.setattr(semaphore_http, "_ANSWER_S", 0.3)
        said = why_not(fake(tmp_path), tmp_path)
    assert "Address already in use" in said


def test_a_server_of_another_version_than_the_program_is_refused(tmp_path: Path) -> None:
    found = replace(KIND.find(fake(tmp_path)), version="2.11.0")
    with (
        pytest.raises(RunnerError, match=r"says that it is v2\.10\.32-fake-0, not 2\.11\.0"),
        Driven(KIND, found, tmp_path / "driven"),
    ):
        pass


def test_a_server_that_hangs_at_its_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semaphore_server, "_END_S", 0.2)
    with started(fake(tmp_path), tmp_path) as driven:
        server = driven.adapter.server
        assert server is not None
        driven.submit(FOREVER)
        driven.until_marked("armed")
        os.kill(server, signal.SIGSTOP)
    assert not alive(server)


def test_a_server_that_dies_in_the_middle_of_a_job_is_told_at_the_next_request(
    fresh: Driven,
) -> None:
    fresh.submit(FOREVER)
    fresh.until_marked("armed")
    server = fresh.adapter.server
    assert server is not None
    os.kill(server, signal.SIGKILL)
    fresh.until(lambda: not alive(server), "the server's end")
    assert not fresh.adapter.idle(0.1)
    with pytest.raises(RunnerError, match="Semaphore does not answer POST"):
        fresh.adapter.submit(fresh.work("exit 0"))
    assert not fresh.told.reports


def test_a_dialect_that_this_version_has_not_is_told_in_its_words(tmp_path: Path) -> None:
    assert "'Dialect' is not valid" in why_not(fake(tmp_path), tmp_path, dialect="sqlite")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("dialect", "mysql", "dialect is bolt or sqlite, not 'mysql'"),
        ("app", "tofu", "app is bash or ansible"),
        ("parallel", "0", "parallel is a number of tasks"),
        ("colour", "red", "no option 'colour'"),
    ],
)
def test_an_option_that_it_has_not_is_refused(
    tmp_path: Path, option: str, value: str, words: str
) -> None:
    found = Found(tmp_path / "semaphore", tmp_path / "semaphore", "2.10.32")
    with pytest.raises(RunnerError, match=words):
        Driven(KIND, found, tmp_path / "driven", **{option: value})


def test_the_dialect_is_the_one_that_a_version_is_for(tmp_path: Path) -> None:
    found = Found(tmp_path / "semaphore", tmp_path / "semaphore", "2.18.1")
    adapter = Driven(KIND, found, tmp_path / "driven").adapter
    assert isinstance(adapter, Semaphore)
    assert adapter._process._dialect == "sqlite"
