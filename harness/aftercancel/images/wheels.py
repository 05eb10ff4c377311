"""What an image needs of PyPI, fetched by this machine's own pip, which knows its index and keys.

A build's container knows neither; where there is no pip here, it asks PyPI itself.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aftercancel.places.image import Tell

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Docker's words, and those of wheels (PEP 600)."""
_GLIBCS = ("manylinux2014", "manylinux_2_28")
_DEADLINE_S = 300.0


def fetch(requirements: bytes, python: str, architecture: str, tell: Tell) -> Mapping[str, bytes]:
    """The wheels by name, checked by their hashes; none where they could not be fetched here."""
    machine = _MACHINES.get(architecture, architecture)
    with tempfile.TemporaryDirectory(prefix="aftercancel-wheels-") as folder:
        (Path(folder) / "requirements.txt").write_bytes(requirements)
        argv = [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"),
            *("download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"),
            *(word for glibc in _GLIBCS for word in ("--platform", f"{glibc}_{machine}")),
            *("--python-version", python, "--dest", folder, "--requirement"),
            f"{folder}/requirements.txt",
        ]
        try:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_DEADLINE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return _none(tell, str(error))
        if done.returncode:
            return _none(tell, (done.stdout.strip().splitlines() or ["no words"])[-1][:200])
        return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.whl"))}


def _none(tell: Tell, why: str) -> Mapping[str, bytes]:
    tell(f"This machine's pip fetched no wheels ({why}); the build asks PyPI itself.")
    return {}
