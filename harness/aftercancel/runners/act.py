"""act: ``act push``, the real program, started for each job in a git repository with a workflow.

The job is a step ``run`` of a workflow's only job, which act runs on this machine
(``-P ubuntu-latest=-self-hosted``): no container, no Docker. Nothing is sent to any network. act
asks the kernel for the route to 8.8.8.8 to learn its own address (pkg/common/outbound_ip.go): a
connect(2) of a UDP socket, which sends nothing.

act has no way of its own to end a job but signals: after the first INT it cancels the job and still
runs the steps with ``if: always()``, after a second one, or TERM, it gives up (pkg/common/context.go,
``CreateGracefulJobCancellationContext``).

The source's paths are those of github.com/nektos/act, v0.2.89.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.ground import Ground
from aftercancel.runners.one_shot import OneShot, Start, Verdict
from aftercancel.runners.protocol import Found, Kind, Tell, Work
from aftercancel.runners.repository import make_repository
from aftercancel.runners.versions import version_of

_VERSION = re.compile(rb"^act version (\S+)", re.MULTILINE)
_WORDS = re.compile(
    r"this step has been cancelled: .*|exit status \d+|Job (?:succeeded|failed|cancelled)"
    r"|context (?:canceled|deadline exceeded)"
)
"""What act itself says that matters."""
_CANCELLED = re.compile(r"this step has been cancelled|context canceled|Job cancelled")
_ENDED = re.compile(r"(?:exit status (\d+)|signal: (\w+))$")
_SIGNALS = {"hangup": "HUP", "interrupt": "INT", "killed": "KILL", "terminated": "TERM"}
"""Go's names (syscall/zerrors_linux_amd64.go)."""
_JOBS_OWN = re.compile(r"^\[[^]]*\]   \| .*$", re.MULTILINE)
"""A line that the job has printed (pkg/runner/logger.go)."""
_WORKFLOW = Path(".github/workflows/job.yml")


class _Act:
    """See ``one_shot.Craft``."""

    name = "act"

    def __init__(self, ground: Ground, options: Mapping[str, str]) -> None:
        if options:
            raise RunnerError(f"act: there is no option {min(options)!r}.")
        self._ground = ground
        self._project = ground.folder / "project"

    def arrange(self) -> None:
        (self._project / _WORKFLOW).parent.mkdir(parents=True, exist_ok=True)
        (self._project / _WORKFLOW).write_text("{}", encoding="utf-8")
        (self._ground.folder / "cache").mkdir(exist_ok=True)
        make_repository(self._ground, self._project)

    def begin(self, work: Work) -> Start:
        workflow = {
            "name": "project",
            "on": {"push": {}},
            "jobs": {"job": {"runs-on": "ubuntu-latest", "steps": _steps(work)}},
        }
        # Every JSON document is YAML too (YAML 1.2.2, 1.2).
        text = json.dumps(workflow, indent=1)
        (self._project / _WORKFLOW).write_text(text, encoding="utf-8")
        return Start(
            (self._ground.program, "push", "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"),
            {
                "ACT_DISABLE_VERSION_CHECK": "1",
                "XDG_CACHE_HOME": str(self._ground.folder / "cache"),
            },
            self._project,
        )

    def verdict(self, status: int, log: str) -> Verdict:
        own = _JOBS_OWN.sub("", log)
        words = "; ".join([f"act ended with status {status}", *dict.fromkeys(_WORDS.findall(own))])
        if status == 0:
            return Verdict(Said.SUCCESS, words)
        said = Said.CANCELLED if _CANCELLED.search(own) else Said.FAILED
        return Verdict(said, words, _end(own))


def _end(log: str) -> End | None:
    """How the step's shell ended."""
    for line in log.splitlines():
        found = _ENDED.search(line)
        if found is not None and found[1] is not None:
            return End(status=int(found[1]))
        if found is not None and found[2] in _SIGNALS:
            return End(signal=_SIGNALS[found[2]])
    return None


def _steps(work: Work) -> list[dict[str, Any]]:
    """The job's step, and the one that is run in any case."""
    step: dict[str, Any] = {
        # Else the log has the whole script for a name.
        "name": work.name,
        "working-directory": work.folder,
        "env": dict(work.env),
    }
    if work.whole:
        # A custom shell: the script is written to a file, whose name replaces {0}.
        step |= {"run": work.script, "shell": f"{shlex.join(work.shell)} {{0}}"}
    else:
        step |= {"run": shlex.join(work.command), "shell": "sh"}
    after = step | {"name": "after", "if": "always()", "run": work.after, "shell": "sh"}
    return [step, after] if work.after else [step]


def _make(ground: Ground, options: Mapping[str, str], tell: Tell) -> OneShot:
    return OneShot(ground, tell, _Act(ground, options))


def _find(path: Path) -> Found:
    """Ask the program for its version."""
    return Found(path.absolute(), path.absolute(), version_of(path, "act", _VERSION))


KIND = Kind(
    name="act",
    programs=("act",),
    get="Get the binary of a release from github.com/nektos/act, or build it: "
    "`go install github.com/nektos/act@VERSION`; no Docker is needed.",
    find=_find,
    make=_make,
)
