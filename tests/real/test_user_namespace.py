"""Cells of an ordinary user without Docker: root drops to one here, whom nobody knows."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from aftercancel.judge.fingerprints import fingerprint
from aftercancel.model import Cell, Evidence, Observation
from aftercancel.places.this_machine import ThisMachine
from aftercancel.places.user_namespace import NEEDS_MORE
from aftercancel.results import RunFolder
from tests.real.vocabulary import (
    BASH,
    CTRL_C,
    END,
    KILL_GROUP,
    PLAIN_TTY,
    TERM_GROUP,
    TERM_PROCESS,
    cell,
    observe_all,
)

NOBODY_S = 61_183
"""The last of the numbers that nobody hands out (systemd.io/UIDS-GIDS)."""
ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
CHILD = "mark ready\nROLE=child /bin/sleep 600"


def cells() -> list[Cell]:
    """Some for which /proc is enough, whatever the machine has to do beside."""
    traps = "trap 'exit 1' TERM INT\ntrap 'sleep 0.2; echo EXIT' EXIT\n" + CHILD
    away = "ROLE=stray setsid /bin/sleep 600 &\n" + CHILD
    made = [
        cell(traps, TERM_GROUP, roles=("child",)),
        cell(traps, TERM_PROCESS, roles=("child",)),
        cell(traps, KILL_GROUP, roles=("child",)),
        cell(traps, TERM_GROUP, shell=BASH, roles=("child",)),
        cell(traps, CTRL_C, runner=PLAIN_TTY, roles=("child",)),
        cell("mark ready\n/bin/sleep 0.5\nexit 3", END),
    ]
    return [*made, cell(away, TERM_GROUP, runner=PLAIN_TTY, roles=("stray", "child"))]


def measure_as_ordinary_user() -> None:
    """In a process of that user's."""
    from aftercancel.results import encode

    with ThisMachine(in_flight=4, evidence=Evidence.PROC) as machine:
        for seen in machine.measure(cells()):
            sys.stdout.buffer.write(encode(seen) + b"\n")


def python() -> str:
    """An interpreter that an ordinary user may start: a virtual environment's may be root's own."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        command = [path, "-c", "import aftercancel.model, msgspec"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, check=False, **ordinary()).returncode == 0:  # type: ignore[call-overload]
                return path
    pytest.skip(f"an ordinary user can start no {version}, or not read {ROOT}")


def ordinary() -> dict[str, object]:
    """How a child becomes that user: it has no rights, no groups and no Docker."""
    return {
        "user": NOBODY_S,
        "group": NOBODY_S,
        "extra_groups": [],
        "cwd": "/",
        "env": {
            "HOME": "/",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "harness"), str(ROOT), *sys.path[1:]]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "DOCKER_HOST": "unix:///nobody/docker.sock",
        },
    }


def run(script: str, *, before: tuple[str, ...] = ()) -> str:
    """What a Python script of that user's prints."""
    done = subprocess.run(  # type: ignore[call-overload]
        [*before, python(), "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        **ordinary(),
    )
    assert done.returncode == 0, done.stderr
    text: str = done.stdout
    return text


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    """Where the kernel refuses them there is nothing to be tested here."""
    script = """
        from aftercancel.places.user_namespace import can_be_had
        print(can_be_had() or "")
    """
    if why := run(script).strip():
        pytest.skip(f"an ordinary user's cells cannot run here: {why}")


@pytest.fixture(scope="module")
def seen() -> dict[str, Observation]:
    script = """
        from tests.real.test_user_namespace import measure_as_ordinary_user
        measure_as_ordinary_user()
    """
    decode = msgspec.json.Decoder(Observation).decode
    return {one.cell: one for one in map(decode, run(script).splitlines())}


def test_an_ordinary_user_measures_what_root_measures(
    seen: dict[str, Observation], without_trace: ThisMachine
) -> None:
    as_root = observe_all(without_trace, cells())
    assert {one.trouble for one in seen.values()} == {None}
    assert {name: fingerprint(one) for name, one in seen.items()} == {
        name: fingerprint(one) for name, one in as_root.items()
    }


def test_every_observation_says_that_it_rests_on_proc(seen: dict[str, Observation]) -> None:
    assert {one.evidence for one in seen.values()} == {Evidence.PROC}


def test_a_job_has_no_rights_and_cannot_write_what_is_not_its_own() -> None:
    script = """
        from aftercancel.places.this_machine import ThisMachine
        from tests.real.vocabulary import cell, observe
        job = '''grep CapEff /proc/self/status; id -u
        for file in /x /etc/x /usr/x /var/x /lab/x /home/x /dev/x /tmp/x $HOME/x
        do if touch $file 2>/dev/null; then echo wrote $file; fi; done
        mark ready; /bin/sleep 600'''
        with ThisMachine() as machine:
            print(observe(machine, cell(job)).stdout.text)
    """
    assert run(script).split() == [
        *("CapEff:", "0000000000000000", "60706"),
        *("wrote", "/tmp/x", "wrote", "/home/ci/x"),  # the cell's own
    ]


def test_what_the_user_owns_outside_is_not_the_job_s() -> None:
    """One of the host's folders that a job sees: the user's own, but not for the job to write."""
    mine = Path(f"/usr/local/aftercancel-test-{os.getpid()}")
    mine.mkdir()
    try:
        os.chown(mine, NOBODY_S, NOBODY_S)
        script = f"""
            from aftercancel.places.this_machine import ThisMachine
            from tests.real.vocabulary import cell, observe
            job = "touch {mine}/x; ls -d {mine}; mark ready; /bin/sleep 600"
            with ThisMachine() as machine:
                print(observe(machine, cell(job)).stdout.text)
        """
        assert run(script).strip() == str(mine)
        assert list(mine.iterdir()) == []
    finally:
        for file in mine.iterdir():
            file.unlink()
        mine.rmdir()


def test_the_kernel_s_trace_is_refused_with_the_reason() -> None:
    script = """
        from aftercancel.errors import MissingError
        from aftercancel.model import Evidence
        from aftercancel.places.this_machine import ThisMachine
        try:
            with ThisMachine(evidence=Evidence.TRACE):
                pass
        except MissingError as error:
            print(error)
    """
    assert "no kernel trace: it needs root" in run(script)


def test_a_machine_that_forbids_user_namespaces_is_told_which_setting_does() -> None:
    """In a user namespace, whose own limit the kernel lets us set (namespaces(7))."""
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    script = "from aftercancel.places.user_namespace import can_be_had; print(can_be_had())"
    words = run(script, before=("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"))
    assert words.rstrip().endswith("as root: sysctl user.max_user_namespaces=10000")


@contextlib.contextmanager
def a_place_of_an_ordinary_user_s() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A place with a cell in it that goes on, and its process."""
    script = """
        from aftercancel.places.this_machine import ThisMachine
        from tests.real.vocabulary import cell
        with ThisMachine() as machine:
            print(machine.pid, flush=True)
            for _ in machine.measure([cell("mark ready; /bin/sleep 600")] * 1000):
                print("measured", flush=True)
    """
    started = subprocess.Popen(  # type: ignore[call-overload]
        [python(), "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        **ordinary(),
    )
    try:
        place = int(started.stdout.readline())
        started.stdout.readline()
        yield started, place
    finally:
        started.kill()
        started.wait()
        started.stdout.close()


def processes_of_user() -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                status = (folder / "status").read_text()
                if f"\nUid:\t{NOBODY_S}\t" in status and "\nState:\tZ" not in status:
                    found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("victim", ["the run", "the place", "the warden"])
def test_a_run_that_is_killed_anywhere_leaves_nothing(victim: str, number: signal.Signals) -> None:
    with a_place_of_an_ordinary_user_s() as (started, place):
        warden = int(Path(f"/proc/{place}/task/{place}/children").read_text().split()[0])
        # The control: there is something to be found.
        assert warden in processes_of_user()
        os.kill({"the run": started.pid, "the place": place, "the warden": warden}[victim], number)
        started.kill()
        until = time.monotonic() + DEADLINE_S
        while left := processes_of_user():
            assert time.monotonic() < until, f"left behind: {left}"
            time.sleep(0.05)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(started.pid, os.WNOHANG)


def test_what_needs_root_is_not_tried_and_named() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY_S, NOBODY_S)
        out = f"{folder}/run"
        script = f"""
            import sys
            from aftercancel.cli import main
            sys.argv = ["aftercancel", "run", "-k", "term-exit-traps and TERM-group and "
                        "(sudo or env)", "--out", "{out}"]
            main()
        """
        run(script)
        record = json.loads(Path(out, "run.json").read_text())
        seen = [one for one in RunFolder(Path(out)).observations() if isinstance(one, Observation)]
    why = {each["launcher"]: each["why"] for each in record["not_tried"]}
    assert why["sudo"].startswith(NEEDS_MORE)
    assert [one.cell for one in seen] == record["cells"] != []
    assert not any("sudo" in one.cell for one in seen)
    assert {one.trouble for one in seen} == {None}
