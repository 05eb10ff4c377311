"""A Debian base image without a registry: made by mmdebstrap from this machine's apt sources.

mmdebstrap(1) needs no root: it takes a user namespace where it may ("unshare mode").
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aftercancel.errors import ImageError, MissingError
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Tell

_MAIN = "http://deb.debian.org/debian"
_SECURITY = "http://deb.debian.org/debian-security"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LAST_LINES = 8
_STOP_S = 20.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*/*.gz")
"""Debian's own slim images leave out about the same (github.com/debuerreotype/debuerreotype)."""


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where Debian's packages come from."""

    main: str = _MAIN
    security: str = _SECURITY
    own: bool = False
    """Whether this machine's apt named them."""

    @classmethod
    def of_this_machine(cls) -> Mirrors:
        """As apt-get(8) tells with ``indextargets``; Debian's usual ones where it names none."""
        words = "$(LABEL)|$(REPO_URI)"
        try:
            done = subprocess.run(
                ("apt-get", "indextargets", "--format", words, "Created-By: Packages"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError:
            return cls()
        rows = [line.partition("|") for line in done.stdout.splitlines()]
        found = {label: uri.rstrip("/") for label, _, uri in reversed(rows)}
        if "Debian" not in found:
            return cls()
        return cls(found["Debian"], found.get("Debian-Security", _SECURITY), own=True)

    def sources(self, codename: str) -> str:
        """Lines of sources.list(5)."""
        signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
        return (
            f"deb {signed}{self.main} {codename} main\n"
            f"deb {signed}{self.main} {codename}-updates main\n"
            f"deb {signed}{self.security} {codename}-security main\n"
        )


def make(daemon: Daemon, codename: str, name: str, tell: Tell) -> None:
    """Make the image ``name`` of that release and give it to the daemon.

    Raises ``MissingError`` where this machine cannot, ``ImageError`` where it fails.
    """
    mirrors = Mirrors.of_this_machine()
    _check(daemon, mirrors)
    whose = "this machine's own apt sources" if mirrors.own else "Debian's usual mirrors"
    tell(f"Making {name} of Debian {codename} by mmdebstrap, from {whose}: {mirrors.main} …")
    with tempfile.TemporaryDirectory(prefix="aftercancel-base-") as folder:
        # In unshare mode it is another user of ours who reads it.
        os.chmod(folder, 0o755)
        tar = Path(folder) / "base.tar"
        _bootstrap(codename, mirrors, tar, tell)
        _give(daemon, tar, name, codename, mirrors)


def _check(daemon: Daemon, mirrors: Mirrors) -> None:
    if shutil.which("mmdebstrap") is None:
        raise MissingError(
            "No registry answers, and mmdebstrap, which could make the Debian base without one, is "
            "not there. Install it (sudo apt-get install mmdebstrap), or pull the base by hand on a "
            "machine with a network and bring it along (docker save, docker load)."
        )
    if not mirrors.own and not _KEYRING.exists():
        raise MissingError(
            f"No registry answers, and this machine has no keys of Debian's ({_KEYRING}), without "
            "which mmdebstrap can make no Debian: sudo apt-get install debian-archive-keyring."
        )
    with daemon.doing("asking for its version"):
        wanted = daemon.api.version().get("Arch", "")
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    if wanted != here:
        raise MissingError(
            f"No registry answers the Docker daemon, and its machine is {wanted} while this one is "
            f"{here}: a base made here would be of no use there. Run this on that machine."
        )


def _bootstrap(codename: str, mirrors: Mirrors, tar: Path, tell: Tell) -> None:
    left_out = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    argv = ["mmdebstrap", "--variant=minbase", *left_out, codename, str(tar), "-"]
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with _started(argv, mirrors.sources(codename)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said = line.strip()
            # It draws a bar of its own, in one long line.
            if said and "%" not in said:
                last.append(said[:200])
                if said.startswith("I: "):
                    tell(f"mmdebstrap: {said[3:]}")
        status = process.wait()
    if status:
        raise _failed(codename, list(last))


@contextlib.contextmanager
def _started(argv: list[str], sources: str) -> Iterator[subprocess.Popen[str]]:
    """Ended on every path: it takes its mounts and folders away itself when it is told to end."""
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(os.environ),
    )
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(sources)
            process.stdin.close()
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Words that can be understood here, whatever language the user has."""
    return {**given, "LC_ALL": "C.UTF-8"}


def _failed(codename: str, lines: list[str]) -> ImageError:
    words = "\n".join(f"    {line}" for line in lines)
    text = "\n".join(lines)
    if "No space left" in text:
        return ImageError(
            f"mmdebstrap could not make Debian {codename}: the disk is full. It needs about 1 GB in "
            f"{tempfile.gettempdir()} (TMPDIR says where)."
        )
    if os.geteuid() != 0 and ("unshare" in text or "newuidmap" in text or "subuid" in text):
        return ImageError(
            f"mmdebstrap could not make Debian {codename} as this user, who may not make a user "
            f"namespace; its last words:\n{words}\n"
            "Install uidmap and give the user ranges in /etc/subuid and /etc/subgid (newuidmap(1)), "
            "or run this as root."
        )
    return ImageError(
        f"mmdebstrap could not make Debian {codename}; its last words:\n{words}\n"
        "Look whether `apt-get update` works on this machine: the same mirrors are asked."
    )


def _give(daemon: Daemon, tar: Path, name: str, codename: str, mirrors: Mirrors) -> None:
    repository, _, tag = name.rpartition(":")
    made_of = f"mmdebstrap: Debian {codename}, {mirrors.main}"
    with daemon.doing(f"importing {name}"):
        answer = daemon.api.import_image_from_file(
            str(tar),
            repository=repository,
            tag=tag,
            changes=[
                'CMD ["/bin/bash"]',
                "ENV PATH=" + _PATH,
                f'LABEL aftercancel.base="{made_of}"',
            ],
        )
    if '"error"' in str(answer):
        raise ImageError(f"The Docker daemon did not take {name}: {str(answer).strip()[-300:]}")


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
