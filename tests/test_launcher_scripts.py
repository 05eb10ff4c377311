"""eof-to-hup.sh and hold-input.sh: what each does by itself, under every shell that can be sh.

The connection is a pipe here. How the same scripts fare with a real one is measured in cells.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.model import Shell, ShellKind

SCRIPTS = Path(__file__).resolve().parent.parent / "scenarios" / "launchers"
DEADLINE_S = 60.0
"""What hangs is found by this; nothing else is timed."""
SHELLS = [
    shell
    for shell in catalog.load().shells.values()
    if shell.kind is ShellKind.POSIX and shell.id == shell.family and shell.id != "zsh"
]
CATCHES_HUP = """
trap 'echo HUP >> told; /bin/sleep 0.2; kill -KILL "$child"; wait "$child"; exit 4' HUP
/bin/sleep 100 &
child=$!
echo ready
wait
"""


@dataclass
class Wrapped:
    """A command below eof-to-hup.sh, the connection to it, and who of it is left."""

    process: subprocess.Popen[str]
    connection: int | None
    witness: int
    """A pipe that every process of it holds open: its end is the end of the last of them."""

    def disconnect(self) -> None:
        if self.connection is not None:
            os.close(self.connection)
            self.connection = None

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def status(self) -> int:
        return self.process.wait(DEADLINE_S)

    def everybody_is_gone(self) -> bool:
        return os.read(self.witness, 1) == b""

    def close(self) -> None:
        self.disconnect()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        os.close(self.witness)


@dataclass
class Wrap:
    """Starts commands below eof-to-hup.sh under one shell, in a folder of their own."""

    shell: Shell
    folder: Path
    made: list[Wrapped]

    def __call__(self, *command: str, grace: int = 60, ended: bool = False) -> Wrapped:
        """``ended``: whether there is no connection from the start."""
        far_end, near_end = os.pipe()
        witness, held = os.pipe()
        if ended:
            os.close(near_end)
        process = subprocess.Popen(
            [*self.shell.argv, SCRIPTS / "eof-to-hup.sh", *command],
            stdin=far_end,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={"PATH": os.defpath, "HUP_GRACE": str(grace)},
            pass_fds=(held,),
            text=True,
        )
        os.close(far_end)
        os.close(held)
        wrapped = Wrapped(process, None if ended else near_end, witness)
        self.made.append(wrapped)
        return wrapped

    def told(self) -> list[str]:
        """The signals that the commands say they got."""
        return (self.folder / "told").read_text().split()


@pytest.fixture(params=SHELLS, ids=lambda shell: shell.id)
def shell(request: pytest.FixtureRequest) -> Shell:
    found: Shell = request.param
    if shutil.which(found.argv[0]) is None:
        pytest.skip(f"{found.argv[0]} is not installed ({found.package}).")
    return found


@pytest.fixture
def wrap(shell: Shell, tmp_path: Path) -> Iterator[Wrap]:
    wrap = Wrap(shell, tmp_path, [])
    yield wrap
    for wrapped in wrap.made:
        wrapped.close()


# eof-to-hup.sh

# What is left over is for process 1 to reap, and that takes its time on some machines.
one_shell = pytest.mark.parametrize("shell", SHELLS[:1], indirect=True, ids=[SHELLS[0].id])


@pytest.mark.parametrize(
    ("script", "status"), [("exit 7", 7), ("exit 200", 200), ("kill -TERM $$", 143)]
)
def test_the_commands_status_is_the_wrappers(wrap: Wrap, script: str, status: int) -> None:
    wrapped = wrap("/bin/sh", "-c", script)
    assert wrapped.status() == status
    assert wrapped.everybody_is_gone()


def test_the_end_of_input_is_hup_once_and_nobody_is_left(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sh", "-c", CATCHES_HUP)
    wrapped.ready()
    wrapped.disconnect()
    assert wrapped.status() == 4
    assert wrapped.everybody_is_gone()
    assert wrap.told() == ["HUP"]


def test_what_comes_in_is_read_to_nowhere_and_is_no_end_of_input(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sh", "-c", CATCHES_HUP.replace("HUP", "TERM"))
    wrapped.ready()
    assert wrapped.connection is not None
    os.write(wrapped.connection, b"line\n\0\xff" * 20_000)  # more than a pipe takes: pipe(7)
    wrapped.process.send_signal(signal.SIGTERM)
    assert wrapped.status() == 4
    assert wrap.told() == ["TERM"]


def test_the_commands_own_input_is_empty(wrap: Wrap) -> None:
    assert wrap("/bin/sh", "-c", "read line || exit 3").status() == 3


def test_the_end_of_input_reaches_the_whole_group(wrap: Wrap) -> None:
    inner = "/bin/sh -c 'trap \"echo HUP >> told; exit\" HUP; echo ready; while :; do :; done'"
    wrapped = wrap("/bin/sh", "-c", f"trap 'wait; exit 5' HUP; {inner} & wait; wait")
    wrapped.ready()
    wrapped.disconnect()
    assert wrapped.status() == 5
    assert wrap.told() == ["HUP"]


def test_who_ignores_hup_is_killed_when_the_grace_is_over(wrap: Wrap) -> None:
    deaf = "trap '' HUP; echo ready; exec /bin/sleep 100"
    wrapped = wrap("/bin/sh", "-c", deaf, grace=0)
    wrapped.ready()
    wrapped.disconnect()
    assert wrapped.status() == 137
    assert wrapped.everybody_is_gone()


@one_shell
def test_what_a_command_leaves_behind_is_ended_when_it_ends(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sh", "-c", "/bin/sleep 100 & exit 6")
    assert wrapped.status() == 6
    assert wrapped.everybody_is_gone()


def test_an_input_that_ended_before_the_start_is_not_overlooked(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sleep", "100", ended=True)
    assert wrapped.status() == 129
    assert wrapped.everybody_is_gone()


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM"])
def test_a_signal_to_the_wrapper_goes_on_to_the_command(wrap: Wrap, name: str) -> None:
    wrapped = wrap("/bin/sh", "-c", CATCHES_HUP.replace("HUP", name))
    wrapped.ready()
    wrapped.process.send_signal(getattr(signal, f"SIG{name}"))
    assert wrapped.status() == 4
    assert wrapped.everybody_is_gone()
    assert wrap.told() == [name]


def test_a_signal_that_the_command_survives_does_not_end_the_watch(wrap: Wrap) -> None:
    script = CATCHES_HUP.replace("echo ready", "trap 'echo USR1' USR1; echo ready")
    wrapped = wrap("/bin/sh", "-c", f"trap '' USR1; {script}wait")  # the child ignores it
    wrapped.ready()
    wrapped.process.send_signal(signal.SIGUSR1)
    assert wrapped.process.stdout is not None
    assert wrapped.process.stdout.readline() == "USR1\n"
    wrapped.disconnect()
    assert wrapped.status() == 4
    assert wrap.told() == ["HUP"]


@one_shell
def test_a_wrapper_that_was_killed_still_ends_the_command_at_the_end_of_input(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sh", "-c", CATCHES_HUP)
    wrapped.ready()
    wrapped.process.kill()
    wrapped.status()
    wrapped.disconnect()
    assert wrapped.everybody_is_gone()
    assert wrap.told() == ["HUP"]


def test_output_that_nobody_reads_does_not_stop_the_clean_up(wrap: Wrap) -> None:
    wrapped = wrap("/bin/sh", "-c", f"trap '' PIPE; {CATCHES_HUP}")
    wrapped.ready()
    assert wrapped.process.stdout is not None
    wrapped.process.stdout.close()
    wrapped.process.stdout = None
    wrapped.disconnect()
    assert wrapped.status() == 4
    assert wrapped.everybody_is_gone()
    assert wrap.told() == ["HUP"]


# hold-input.sh


def hold(shell: Shell, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell.argv, SCRIPTS / "hold-input.sh", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        env={"PATH": os.defpath, "TMPDIR": str(folder)},
    )


def test_a_held_input_brings_nothing_and_does_not_end(shell: Shell, tmp_path: Path) -> None:
    read = "import os; os.set_blocking(0, False); print(os.read(0, 1))"
    held = hold(shell, tmp_path, sys.executable, "-c", read)
    assert "BlockingIOError" in held.stderr, held.stdout


def test_a_held_input_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    hold(shell, tmp_path, "/bin/true")
    assert list(tmp_path.iterdir()) == []


def test_whoever_holds_the_input_becomes_the_command(shell: Shell, tmp_path: Path) -> None:
    held = hold(shell, tmp_path, "/bin/sh", "-c", "kill -TERM $$")
    assert held.returncode == -signal.SIGTERM
