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
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "harness"), str(ROOT / "scripts")]

from aftercancel.errors import AftercancelError, MissingError  # noqa: E402
from packages import (  # noqa: E402  # the project is not installed yet
    Missing,
    Run,
    check_nothing_is_missing,
    install,
    last_words,
    missing_programs,
    refusal,
    say,
)

FOR_TESTS = "--for-tests"
"""The set-up's only option."""


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

    @property
    def not_to_be_had(self) -> Path:
        """The commands that apt could not bring, and that are not required: not asked for again."""
        return self.folder / "not-to-be-had.json"

    def given_up(self) -> frozenset[str]:
        try:
            return frozenset(json.loads(self.not_to_be_had.read_text()))
        except (OSError, ValueError):
            return frozenset()

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


def set_up(
    root: Path,
    *,
    is_root: bool,
    run: Run,
    wanted_python: str | None = None,
    for_tests: bool = False,
) -> None:
    """Bring the machine and the checkout to where ``make`` can go on; raises ``MissingError``.

    ``for_tests``: with a browser, where that can be had.
    """
    venv = Venv(root)
    may_install = is_root and shutil.which("apt-get") is not None

    def look() -> Missing:
        return _look(venv, may_install=may_install, for_tests=for_tests)

    missing = look()
    if not missing.any and venv.complete(wanted_python):
        return
    if missing.programs and not may_install:
        raise refusal(missing.programs)
    with _alone(root) as lock:
        # Another set-up may have done it while we waited.
        missing = look()
        if missing.any:
            install(missing, run)
            check_nothing_is_missing(missing_programs(root).programs)
        if not venv.complete(wanted_python):
            make_venv(venv, run, lock)
        if missing.optional:
            still = {*venv.given_up(), *(n.command for n in missing.optional if n.path is None)}
            venv.not_to_be_had.write_text(json.dumps(sorted(still)))


def _look(venv: Venv, *, may_install: bool, for_tests: bool) -> Missing:
    """What is missing, without what cannot be brought."""
    missing, given_up = missing_programs(venv.root, for_tests=for_tests), venv.given_up()
    wanted = (n for n in missing.optional if may_install and n.command not in given_up)
    return Missing(missing.programs, tuple(wanted))


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
        say(f"{what} …")
        status, words = run(argv, env, lock)
        if status != 0:
            raise MissingError(
                f"{what} failed with status {status}; its last words:\n{last_words(words)}\n"
                "Check the network and pip's own configuration (pip config list), then run make "
                "again:\nit starts this part anew."
            )
    stamp = {"key": venv.key(), "python": platform.python_version()}
    fresh = venv.stamp.with_suffix(".new")
    fresh.write_text(json.dumps(stamp))
    fresh.rename(venv.stamp)
    say("done; the next make goes straight on.")


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
            say("waiting for another set-up in this folder …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


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


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def main() -> int:
    """As ``make`` calls it, from scripts/setup.sh."""
    wanted = platform.python_version() if os.environ.get("PYTHON") else None
    # So that what was made for a moment is removed again.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        set_up(
            ROOT,
            is_root=os.geteuid() == 0,
            run=run_command,
            wanted_python=wanted,
            for_tests=FOR_TESTS in sys.argv[1:],
        )
    except AftercancelError as error:
        say(str(error))
        return int(error.status)
    except KeyboardInterrupt:
        say("interrupted; run make again, it starts anew.")
        return 2
    except OSError as error:
        say(f"{error}. Free disk space or correct the permissions, then run make again.")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
