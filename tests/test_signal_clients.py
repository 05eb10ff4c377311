"""The ssh clients that send the request "signal" of RFC 4254.

They talk to a server that tells what it is asked for. What OpenSSH's and dropbear's servers make of
the same requests is measured in cells.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scenarios" / "launchers"
DEADLINE_S = 60.0
"""What hangs is found by this; nothing else is timed."""
PYTHON = "/usr/bin/python3"
"""Debian's own, with Debian's paramiko and asyncssh."""
SERVER = """
import asyncio, os, sys, warnings
warnings.simplefilter("ignore")
import asyncssh

class Session(asyncssh.SSHServerSession):
    def connection_made(self, channel):
        self.channel, self.left = channel, 0

    def exec_requested(self, command):
        self.words = command.split()
        return True

    def session_started(self):
        what, *arguments = self.words
        self.channel.write("out\\n")
        self.channel.write_stderr("err\\n")
        if what == "exit":
            self.channel.exit(int(arguments[0]))
        elif what == "die":
            self.channel.exit_with_signal(arguments[0])
        elif what == "break":
            self.channel.get_connection().abort()
        else:
            self.left = int(arguments[0])

    def signal_received(self, name):
        self.channel.write(name + "\\n")
        self.left -= 1
        if not self.left:
            self.channel.exit(0)

class Server(asyncssh.SSHServer):
    def session_requested(self):
        return Session()

async def main():
    folder = sys.argv[1]
    for name in "id", "host", "other":
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(f"{folder}/{name}")
        key.write_public_key(f"{folder}/{name}.pub")
    listener = await asyncssh.listen("127.0.0.1", 0, server_factory=Server,
        server_host_keys=[f"{folder}/host"], authorized_client_keys=f"{folder}/id.pub")
    port = listener.sockets[0].getsockname()[1]
    for name in "host", "other":
        with open(f"{folder}/{name}.pub") as key, open(f"{folder}/known-{name}", "w") as known:
            known.write(f"[127.0.0.1]:{port} {key.read()}")
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)

asyncio.run(main())
"""


@dataclass(frozen=True)
class Client:
    """One of the clients, and a server that it can ask."""

    script: Path
    folder: Path
    port: str

    def argv(self, command: str, *, key: str = "id", known: str = "known-host") -> list[str]:
        files = (str(self.folder / key), str(self.folder / known))
        return [str(self.script), f"127.0.0.1:{self.port}", "ci", *files, command]

    def run(self, *argv: str, says: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it to its end; without something to say its input is /dev/null."""
        return subprocess.run(
            [PYTHON, "-I", *argv],
            input=says,
            stdin=subprocess.DEVNULL if says is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE_S,
            env={"PATH": os.defpath, "HOME": str(self.folder / "home")},
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Its folder with keys, and its port."""
    folder = tmp_path_factory.mktemp("server")
    for library in ("paramiko", "asyncssh"):
        if not Path("/usr/lib/python3/dist-packages", library).exists():
            pytest.skip(f"{PYTHON} has no {library}: apt-get install python3-{library}")
    with subprocess.Popen(
        [PYTHON, "-I", "-c", SERVER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield folder, process.stdout.readline().strip()


@pytest.fixture(params=["paramiko", "asyncssh"])
def client(server: tuple[Path, str], request: pytest.FixtureRequest) -> Client:
    folder, port = server
    return Client(SCRIPTS / f"signal-{request.param}.py", folder, port)


def test_a_client_passes_on_output_and_status(client: Client) -> None:
    done = client.run(*client.argv("exit 7"))
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_a_client_tells_which_signal_ended_the_command(client: Client) -> None:
    done = client.run(*client.argv("die TERM"))
    assert done.returncode == 128 + signal.SIGTERM
    assert "the command died of TERM" in done.stderr


def test_each_line_of_input_becomes_a_request_with_that_name(client: Client) -> None:
    names = "TERM\nKILL\nmade-up@example.org\n"
    done = client.run(*client.argv("hear 3"), says=names)
    assert (done.returncode, done.stdout) == (0, f"out\n{names}")


def test_a_signal_to_a_client_without_input_becomes_a_request(client: Client) -> None:
    names = ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"]
    with subprocess.Popen(
        [PYTHON, "-I", *client.argv(f"hear {len(names)}")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "out\n"
        for name in names:
            process.send_signal(getattr(signal, f"SIG{name}"))
            assert process.stdout.readline() == f"{name}\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    "files",
    [{"key": "other"}, {"known": "known-other"}, {"known": "nowhere"}, {"key": "known-host"}],
    ids=["a key that is refused", "another host key", "no known hosts", "no key"],
)
def test_without_a_session_a_client_says_why_in_one_line(
    client: Client, files: dict[str, str]
) -> None:
    done = client.run(*client.argv("exit 0", **files))
    assert (done.returncode, done.stdout) == (255, "")
    assert done.stderr.startswith(f"{client.script.name}: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_connection_that_is_lost_is_said_in_one_line(client: Client) -> None:
    done = client.run(*client.argv("break"))
    assert done.returncode == 255
    assert done.stderr.splitlines()[-1].startswith(f"{client.script.name}: ")
    assert "Traceback" not in done.stderr


def test_a_client_uses_nothing_of_the_users(client: Client) -> None:
    own = client.folder / "home" / ".ssh"
    own.mkdir(parents=True, exist_ok=True)
    shutil.copy(client.folder / "known-host", own / "known_hosts")
    shutil.copy(client.folder / "id", own / "id_ed25519")
    assert client.run(*client.argv("exit 0", known="known-other")).returncode == 255
    assert client.run(*client.argv("exit 0", key="other")).returncode == 255
