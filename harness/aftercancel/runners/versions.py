"""What a runner's program says of itself when it is asked for its version."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from aftercancel.errors import RunnerError

_WITHIN_S = 10.0
_MOST = 300


def version_of(path: Path, what: str, pattern: re.Pattern[bytes]) -> str:
    """The first group of ``pattern`` in what ``path --version`` prints.

    Raises ``RunnerError`` where it is no such program; ``what`` names one, as ``Buildkite agent``.
    """
    try:
        said = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunnerError(f"{path} is no {what}: {error}") from None
    found = pattern.search(said.stdout)
    if said.returncode or found is None:
        words = (said.stdout + said.stderr)[:_MOST].decode("utf-8", "replace").strip()
        raise RunnerError(
            f"{path} is no {what}: `--version` said {words!r} "
            f"and ended with status {said.returncode}."
        )
    return found[1].decode("utf-8", "replace")
