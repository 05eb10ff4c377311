"""The programs of the catalogue from apt: what is missing, and how it is installed.

The shells and the programs of the jobs must be there. Of what launchers need, the common part is
installed where that is possible; the cells of a launcher that is missing are not measured, and a
run says so. No service is started or enabled, whatever a package brings.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aftercancel import programs
from aftercancel.catalog import load
from aftercancel.errors import AftercancelError, MissingError
from aftercancel.programs import Program

_LAST_WORDS = 15
"""Lines of a failed command's output that are shown."""
_APT = ("-o", "DPkg::Lock::Timeout=300", "-o", "APT::Install-Recommends=false")
_BROWSER = Program("program chromium", "chromium", "chromium")
"""The tests look at the page in it. Ubuntu has it as a snap only: there they are skipped."""
_SERVICES = {"openssh-server": ("ssh.service", "ssh.socket")}
"""What a package brings that its installation would start, now and at each boot."""
_SYSTEMD_RUNS = Path("/run/systemd/system")
"""sd_booted(3)."""
_POLICY = Path("/usr/sbin/policy-rc.d")
_OURS = "AFTERCANCEL_SET_UP"
_POLICY_TEXT = f"""\
#!/bin/sh
# Made by the set-up of aftercancel, which removes it again: invoke-rc.d(8) asks this file whether
# a service may be started. What that set-up installs must not start any; everybody else may.
[ -z "${_OURS}" ] || exit 101
exit 0
"""


class Run(Protocol):
    """Runs a command to its end; returns its status and what it printed."""

    def __call__(
        self, argv: Sequence[str], env: Mapping[str, str], keep: int | None
    ) -> tuple[int, str]: ...


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not there of all that any cell could need."""

    programs: tuple[Program, ...] = ()
    """Shells, and what jobs need: nothing is measured without."""
    optional: tuple[Program, ...] = ()
    """What the common launchers need; for tests, a browser."""

    @property
    def any(self) -> bool:
        return bool(self.programs or self.optional)


def missing_programs(root: Path, *, for_tests: bool = False) -> Missing:
    """A faulty catalogue is told by the command, not here."""
    try:
        catalogue = load(root / "scenarios")
    except AftercancelError as error:
        say(f"the programs were not looked for, since there is no catalogue: {error}")
        return Missing()
    required = programs.of_catalogue(catalogue)
    common = programs.of_launchers(each for each in catalogue.launchers.values() if each.common)
    names = {needed.name for needed in required if needed.required}
    optional = [*common, *([_BROWSER] if for_tests else [])]
    optional += [needed for needed in required if not needed.required]
    return Missing(
        tuple(needed for needed in required if needed.path is None and needed.required),
        tuple(n for n in optional if n.path is None and n.name not in names),
    )


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


def install(missing: Missing, run: Run) -> None:
    """Everything at once; where that fails, first what is required, then one by one the rest."""
    packages = _packages([*missing.programs, *missing.optional])
    say(f"installing {' '.join(packages)} from apt …")
    status, words = _apt_install(packages, run)
    if status != 0:
        # The lists may be missing (a fresh container) or old.
        say("fetching apt's lists of packages …")
        status, words = run(("apt-get", "update", "--quiet", *_APT), _apt_environment(), None)
        if status == 0:
            status, words = _apt_install(packages, run)
    if status != 0 and missing.programs and missing.optional:
        status, words = _apt_install(_packages(missing.programs), run)
    if status != 0 and missing.programs:
        packages = _packages(missing.programs)
        raise MissingError(
            f"apt-get could not install {' '.join(packages)}; its last words:\n{last_words(words)}\n"
            "Check the network and apt's sources (Ubuntu: the component universe is needed), then "
            "try\n  apt-get update && apt-get install "
            f"{' '.join(packages)}\nby hand; after that run make again."
        )
    if any(needed.path is None for needed in missing.optional):
        _install_one_by_one(_packages(missing.optional), run)


def _install_one_by_one(packages: Sequence[str], run: Run) -> None:
    failed = [package for package in packages if _apt_install([package], run)[0] != 0]
    if failed:
        say(
            f"apt-get could not install {' '.join(failed)}: what needs that is not measured or not "
            "tested, and a run says so. It is not tried again: install it by hand."
        )


def _apt_environment() -> dict[str, str]:
    return os.environ | {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def _apt_install(packages: Sequence[str], run: Run) -> tuple[int, str]:
    with _no_service(packages, run) as env:
        return run(("apt-get", "install", "--yes", "--quiet", *_APT, *packages), env, None)


@contextlib.contextmanager
def _no_service(packages: Sequence[str], run: Run) -> Iterator[dict[str, str]]:
    """While apt installs these, no service of theirs is started; afterwards none is enabled.

    They are not installed yet, since their programs are missing: nobody's own service is meant.
    """
    units = [unit for package in packages for unit in _SERVICES.get(package, ())]
    env = _apt_environment()
    if not units:
        yield env
        return
    ours = not _POLICY.exists() or _POLICY.read_text(errors="replace") == _POLICY_TEXT
    try:
        if ours:
            _POLICY.write_text(_POLICY_TEXT)
            _POLICY.chmod(0o755)
        yield env | {_OURS: "1"}
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)
        _disable(units, run, env)


def _disable(units: Sequence[str], run: Run, env: Mapping[str, str]) -> None:
    """systemctl(1) does this also where systemd does not run, as in an image that is built."""
    if shutil.which("systemctl") is None:
        return
    now = ("--now",) if _SYSTEMD_RUNS.is_dir() else ()
    for unit in units:
        status, words = run(("systemctl", "disable", *now, unit), env, None)
        if status == 0:
            say(f"{unit} came along; it is neither running nor enabled.")
        elif "not exist" not in words:
            say(f"{unit} came along, and could not be disabled:\n{last_words(words)}")


def check_nothing_is_missing(lacking: Sequence[Program]) -> None:
    if lacking:
        pairs = ", ".join(f"{needed.command} ({needed.package})" for needed in lacking)
        raise MissingError(
            f"apt-get reported success, and these are still missing: {pairs}.\n"
            "This release may pack them differently: install the programs by hand, then run make "
            "again."
        )


def _packages(lacking: Sequence[Program]) -> list[str]:
    return sorted({needed.package for needed in lacking})


def last_words(words: str) -> str:
    return "\n".join(f"    {line[:160]}" for line in words.rstrip().splitlines()[-_LAST_WORDS:])


def say(words: str) -> None:
    print(f"set-up: {words}", file=sys.stderr, flush=True)
