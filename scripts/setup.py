"""The set-up behind ``make``: programs from apt, and a virtual environment from the lock file.

Standard library only. A second run does nothing, and says nothing. Safe to kill at any moment:
what says that ``.venv`` is complete is written last. Safe to start twice: the second one waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from aftercancel import programs  # noqa: E402  # the project is not installed yet
from aftercancel.catalog import load  # noqa: E402
from aftercancel.errors import AftercancelError, MissingError  # noqa: E402
from aftercancel.programs import Program  # noqa: E402

_LAST_WORDS = 15
"""Lines of a failed command's output that are shown."""


class Run(Protocol):
    """Runs a command to its end; returns its status and what it printed."""

    def __call__(
        self, argv: Sequence[str], env: Mapping[str, str], keep: int | None
    ) -> tuple[int, str]: ...


@dataclass(frozen=True, slots=True)
class Venv:
    """The virtual environment of one checkout."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Written last; holds the key of what was installed."""
        return self.folder / "set-up-complete.json"

    @property
    def ours(self) -> Path:
        """Written first; nobody else's environment is removed."""
        return self.folder / "made-by-scripts-setup"

    def key(self) -> str:
        """Changes with whatever would make another environment. The path is in its scripts."""
        digest = hashlib.sha256(str(self.root).encode())
        for name in ("requirements.lock", "pyproject.toml", "scripts/setup.py"):
            digest.update(b"\0" + (self.root / name).read_bytes())
        return digest.hexdigest()

    def complete(self, wanted_python: str | None) -> bool:
        """``wanted_python``: its version, where a certain one was asked for."""
        try:
            stamp = json.loads(self.stamp.read_text())
            if stamp["key"] != self.key() or wanted_python not in {None, stamp["python"]}:
                return False
            # The system's Python may have been replaced below it by another version.
            answer = subprocess.run(
                [self.python, "-I", "-c", "import platform; print(platform.python_version())"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        except (OSError, ValueError, KeyError, subprocess.CalledProcessError):
            return False
        return _minor(answer.strip()) == _minor(str(stamp["python"]))


def set_up(root: Path, *, is_root: bool, run: Run, wanted_python: str | None = None) -> None:
    """Bring the machine and the checkout to where ``make`` can go on; raises ``MissingError``."""
    venv = Venv(root)
    lacking = missing_programs(root)
    if not lacking and venv.complete(wanted_python):
        return
    if lacking and (not is_root or shutil.which("apt-get") is None):
        raise refusal(lacking)
    with _alone(root) as lock:
        # Another set-up may have done it while we waited.
        lacking = missing_programs(root)
        if lacking:
            install_programs(lacking, run)
            _still_missing(missing_programs(root))
        if not venv.complete(wanted_python):
            make_venv(venv, run, lock)


def missing_programs(root: Path) -> tuple[Program, ...]:
    """Of all that any cell could need; a faulty catalogue is told by the command, not here."""
    try:
        catalogue = load(root / "scenarios")
    except AftercancelError as error:
        _say(f"the programs were not looked for, since there is no catalogue: {error}")
        return ()
    return tuple(needed for needed in programs.of_catalogue(catalogue) if needed.path is None)


def refusal(lacking: Sequence[Program]) -> MissingError:
    """What somebody is told for whom the set-up may not or cannot install programs."""
    names = ", ".join(needed.command for needed in lacking)
    return MissingError(
        f"These programs are missing: {names}.\n"
        "Why it matters: the lab cancels jobs under every one of them, and leaves none out.\n"
        f"How to get them: sudo apt-get install {' '.join(_packages(lacking))}\n"
        "  (other systems than Debian and Ubuntu: the packages of those programs), or run make "
        "as root,\n  which does that: sudo make matrix. Measuring needs root in any case."
    )


def install_programs(lacking: Sequence[Program], run: Run) -> None:
    packages = _packages(lacking)
    _say(f"installing {' '.join(packages)} from apt …")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    options = ("-o", "DPkg::Lock::Timeout=300", "-o", "APT::Install-Recommends=false")
    install = ("apt-get", "install", "--yes", "--quiet", *options, *packages)
    status, words = run(install, env, None)
    if status != 0:
        # The lists may be missing (a fresh container) or old.
        _say("fetching apt's lists of packages …")
        status, words = run(("apt-get", "update", "--quiet", *options), env, None)
        if status == 0:
            status, words = run(install, env, None)
    if status != 0:
        raise MissingError(
            f"apt-get could not install {' '.join(packages)}; its last words:\n{_tail(words)}\n"
            "Check the network and apt's sources (Ubuntu: the component universe is needed), then "
            "try\n  apt-get update && apt-get install "
            f"{' '.join(packages)}\nby hand; after that run make again."
        )


def make_venv(venv: Venv, run: Run, lock: int) -> None:
    """From nothing: a half-made or outdated environment is not repaired.

    The lock's descriptor goes to every child, so that one that outlives us keeps others out.
    """
    env = {name: value for name, value in os.environ.items() if name != "PIP_USER"}
    old = venv.root / ".venv-old"
    if venv.folder.exists() or venv.folder.is_symlink():
        if not venv.ours.exists():
            raise MissingError(
                f"{venv.folder} is there, and was not made by this set-up.\n"
                "Move it away or remove it, then run make again."
            )
        shutil.rmtree(old, ignore_errors=True)
        # A rename is whole or not at all: no half-removed environment without its mark.
        venv.folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)
    venv.folder.mkdir()
    venv.ours.touch()
    pip = (str(venv.python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input")
    steps = (
        (
            (sys.executable, "-I", "-m", "venv", str(venv.folder)),
            f"making .venv with Python {platform.python_version()}",
        ),
        (
            (*pip, "install", "--require-hashes", "-r", str(venv.root / "requirements.lock")),
            "installing requirements.lock",
        ),
        (
            # hatchling comes from the lock: nothing unlocked is downloaded to build with.
            (*pip, "install", "--no-deps", "--no-build-isolation", "-e", str(venv.root)),
            "installing aftercancel itself",
        ),
    )
    for argv, what in steps:
        _say(f"{what} …")
        status, words = run(argv, env, lock)
        if status != 0:
            raise MissingError(
                f"{what} failed with status {status}; its last words:\n{_tail(words)}\n"
                "Check the network and pip's own configuration (pip config list), then run make "
                "again:\nit starts this part anew."
            )
    stamp = {"key": venv.key(), "python": platform.python_version()}
    fresh = venv.stamp.with_suffix(".new")
    fresh.write_text(json.dumps(stamp))
    fresh.rename(venv.stamp)
    _say("done; the next make goes straight on.")


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[int]:
    """One set-up at a time in one checkout (flock(2))."""
    try:
        lock = os.open(root / ".venv-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MissingError(
            f"The set-up is not complete, and this user cannot write to {root}: {error.strerror}.\n"
            "Run it as the user who owns that folder, or as root: sudo make matrix."
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another set-up in this folder …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _still_missing(lacking: Sequence[Program]) -> None:
    if lacking:
        pairs = ", ".join(f"{needed.command} ({needed.package})" for needed in lacking)
        raise MissingError(
            f"apt-get reported success, and these are still missing: {pairs}.\n"
            "This release may pack them differently: install the programs by hand, then run make "
            "again."
        )


def run_command(argv: Sequence[str], env: Mapping[str, str], keep: int | None) -> tuple[int, str]:
    """For real, with what it says now on one line; ``keep`` is a descriptor that it inherits."""
    words: list[str] = []
    live = sys.stderr.isatty()
    with subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=() if keep is None else (keep,),
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            words.append(line)
            if live:
                print(f"\r\x1b[K  {line.strip()[:70]}", end="", file=sys.stderr, flush=True)
    if live:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return process.returncode, "".join(words)


def _packages(lacking: Sequence[Program]) -> list[str]:
    return sorted({needed.package for needed in lacking})


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _tail(words: str) -> str:
    return "\n".join(f"    {line[:160]}" for line in words.rstrip().splitlines()[-_LAST_WORDS:])


def _say(words: str) -> None:
    print(f"set-up: {words}", file=sys.stderr, flush=True)


def main() -> int:
    """As ``make`` calls it, from scripts/setup.sh."""
    wanted = platform.python_version() if os.environ.get("PYTHON") else None
    try:
        set_up(ROOT, is_root=os.geteuid() == 0, run=run_command, wanted_python=wanted)
    except AftercancelError as error:
        _say(str(error))
        return int(error.status)
    except KeyboardInterrupt:
        _say("interrupted; run make again, it starts anew.")
        return 2
    except OSError as error:
        _say(f"{error}. Free disk space or correct the permissions, then run make again.")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
