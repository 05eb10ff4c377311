"""The servers of the other host: their keys, made once for an executor, and their command lines.

Everything stands in one overlay layer, which only cells with another host see. The clients read
nothing else: no agent, no file of the user's or the machine's (ssh_config(5), ``-F``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from aftercancel.executor.launch import FarHost, File
from aftercancel.executor.rootfs import STATE
from aftercancel.executor.veth import FAR
from aftercancel.model import Server

FOLDER = "/lab/ssh"
AUTHORIZED = f"{FOLDER}/authorized_keys"
LOG = f"{FOLDER}/log"
"""What the server said."""
_NOBODY = 65_534
_DEADLINE_S = 20.0
_SSHD = "/usr/sbin/sshd"
_DROPBEAR = "/usr/sbin/dropbear"

_CLIENT = f"""\
Host far
    HostName {FAR}
    User ci
    IdentityFile {FOLDER}/id
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {FOLDER}/known_hosts
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    BatchMode yes
    PreferredAuthentications publickey
    # OpenSSL's own curve: the default (sntrup761x25519 since OpenSSH 9.0), like ed25519 keys, is
    # portable C in ssh(1) itself, and costs up to ten times the processor time.
    KexAlgorithms ecdh-sha2-nistp256
    ConnectTimeout 20
    # Debian's ssh sets it to 300 with BatchMode; OpenSSH's own default is none.
    ServerAliveInterval 0
"""
_SERVER = f"""\
ListenAddress {FAR}
HostKey {FOLDER}/host
AuthorizedKeysFile {AUTHORIZED}
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
# PAM would read this machine's own set-up (/etc/pam.d).
UsePAM no
"""


class NoKeys(Exception):
    """They could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What is started on the other host."""

    argv: tuple[str, ...]
    ready: str
    """What it says when it listens."""
    files: tuple[File, ...]


def serving(far: FarHost, key: str) -> Serving:
    """``key``: the public key of the user, a line of authorized_keys."""
    allowed = key
    if far.forced is not None:
        escaped = far.forced.replace("\\", "\\\\").replace('"', '\\"')
        allowed = f'command="{escaped}" {key}'
    files = [File(AUTHORIZED, f"{allowed}\n", 0o644, of_user=False)]
    match far.server:
        case Server.OPENSSH:
            text = _SERVER + "".join(f"{line}\n" for line in far.options)
            files.append(File(f"{FOLDER}/sshd_config", text, 0o644, of_user=False))
            argv = (_SSHD, "-D", "-e", "-f", f"{FOLDER}/sshd_config")
            return Serving(argv, "Server listening on", tuple(files))
        case Server.DROPBEAR:
            # It knows no AuthorizedKeysFile: the file in the user's home (dropbear(8)).
            home = "/home/ci/.ssh/authorized_keys"
            files = [File(home, f"{allowed}\n", 0o600, of_user=True)]
            words = (
                "-F",
                "-E",
                "-P",
                f"{STATE}/dropbear.pid",
                "-s",
                "-p",
                f"{FAR}:22",
                "-r",
                f"{FOLDER}/dropbear",
            )
            return Serving((_DROPBEAR, *words, *far.options), "Not backgrounding", tuple(files))


def make_keys(layer: Path) -> str:
    """Write keys and the client's files below ``layer``; returns the user's public key."""
    folder = layer / FOLDER.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, folder.parent):  # sshd looks whether others may write (StrictModes)
        place.chmod(0o755)
    _keygen(folder / "id")
    _keygen(folder / "host")
    # A client refuses a key of its own that others can read, and takes one of somebody else's:
    # ssh(1) runs as ci here and as root there (sudo).
    os.chown(folder / "id", _NOBODY, _NOBODY)
    os.chmod(folder / "id", 0o644)
    known = [(folder / "host.pub").read_text()]
    if shutil.which("dropbearkey") is not None:
        known.append(_dropbear_key(folder / "dropbear"))
    hosts = "".join(f"far,{FAR} {' '.join(key.split()[:2])}\n" for key in known)
    (folder / "known_hosts").write_text(hosts)
    (folder / "config").write_text(_CLIENT)
    etc = layer / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "hosts").write_text(f"127.0.0.1 localhost aftercancel\n::1 localhost\n{FAR} far\n")
    return (folder / "id.pub").read_text().strip()


def _keygen(path: Path) -> None:
    _run(
        "ssh-keygen",
        "-q",
        "-t",
        "ecdsa",
        "-b",
        "256",
        "-N",
        "",
        "-C",
        "aftercancel",
        "-f",
        str(path),
    )


def _dropbear_key(path: Path) -> str:
    """Its public key; dropbear has a format of its own for the private one."""
    said = _run("dropbearkey", "-t", "ecdsa", "-s", "256", "-f", str(path))
    for line in said.splitlines():
        if line.startswith("ecdsa-sha2-nistp256 "):
            return line
    raise NoKeys(f"dropbearkey did not say the public key: {said.strip()}")


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_DEADLINE_S,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise NoKeys(
            f"{argv[0]} is not there, and makes the keys: apt-get install openssh-client"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKeys(f"{argv[0]} failed: {error}") from error
    if done.returncode != 0:
        raise NoKeys(f"{argv[0]} failed: {done.stdout.strip()}")
    return done.stdout
