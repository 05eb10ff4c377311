"""The small scripts behind the open questions run by hand: they end, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

QUESTIONS = Path(__file__).parent.parent / "scenarios" / "questions"
DEADLINE_S = 90.0
"""A script that hangs is found by this; nothing else is timed."""
SHELLS = ("sh", "bash", "dash", "busybox ash", "mksh", "ksh93", "zsh", "yash")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="It looks into /proc.")

# Vocabulary


def environment(folder: Path, **more: str) -> dict[str, str]:
    """With a word that every process of the script inherits."""
    return {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "TRIED_BY": str(folder), **more}


def run(folder: Path, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


def left(folder: Path) -> list[str]:
    """The command lines of processes that have the word, other than the dead."""
    word = f"TRIED_BY={folder}".encode()
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            pass  # it has ended, or is somebody else's
    return found


def left_soon(folder: Path) -> list[str]:
    """What is still there after a while: a process that was killed takes its time to go."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := left(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


# Tests


@pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not installed.")
def test_another_shell_tells_of_every_shell_and_leaves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "sh", str(QUESTIONS / "another-shell.sh"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for shell in SHELLS:
        own = [line for line in lines if line.startswith(f"{shell} ")]
        installed = shutil.which(shell.split()[0]) is not None
        assert len(own) == (6 if installed else 1), done.stdout
        assert all(("trap ran:" in line) is installed for line in own), done.stdout
    assert left_soon(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_jenkins_group_ends_by_itself_and_names_all_five_processes(tmp_path: Path) -> None:
    script = str(QUESTIONS / "jenkins-group.py")
    done = run(tmp_path, sys.executable, script, LASTS="1")
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.iterdir()
    assert log.read_text().splitlines()[0].startswith(str(log))
    assert log.read_text().count("waits no longer") == 5
    assert left_soon(tmp_path) == []


def test_jenkins_group_says_who_sent_the_signal(tmp_path: Path) -> None:
    step = subprocess.Popen(
        [sys.executable, str(QUESTIONS / "jenkins-group.py")],
        env=environment(tmp_path, LASTS="1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert step.stdout is not None
    with step:
        step.stdout.readline()  # it blocks the signals before it says anything
        step.send_signal(signal.SIGTERM)
        rest = step.stdout.read()
    assert step.returncode == 0
    assert f"step: SIGTERM from {os.getpid()} (" in rest
    assert left_soon(tmp_path) == []


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_forced_terminal_says_what_it_needs(tmp_path: Path, shell: str) -> None:
    done = run(tmp_path, shell, str(QUESTIONS / "forced-terminal.sh"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Name a host where you can log in")


def test_forced_terminal_compares_what_ssh_and_ssh_tt_give(tmp_path: Path) -> None:
    # A fake ssh: it runs the command here, whatever the options.
    fake = tmp_path / "fake-ssh"
    fake.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    fake.chmod(0o755)
    script = str(QUESTIONS / "forced-terminal.sh")
    done = run(tmp_path, "sh", script, HOST="nowhere", SSH=str(fake))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    tried = sum(line.startswith("== ") for line in lines)
    for option in ("ssh      status ", "ssh -tt  status "):
        assert sum(line.startswith(option) for line in lines) == tried
    assert list(tmp_path.iterdir()) == [fake]


def test_through_sudo_says_what_it_needs_where_there_is_no_rule(tmp_path: Path) -> None:
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "sudo").write_text("#!/bin/sh\nexit 1\n")
    (fake / "sudo").chmod(0o755)
    path = f"{fake}:{os.environ['PATH']}"
    done = run(tmp_path, "sh", str(QUESTIONS / "through-sudo.sh"), PATH=path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("It needs sudo and a rule: ")


@pytest.mark.parametrize("script", sorted(QUESTIONS.glob("*.sh")), ids=lambda path: path.name)
@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_script_is_one_that_the_usual_shells_read(script: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed.")
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
