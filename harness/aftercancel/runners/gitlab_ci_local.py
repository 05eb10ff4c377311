"""gitlab-ci-local: runs a job of a .gitlab-ci.yml on this machine, started for each job.

With its shell executor (``--force-shell-executor``), in a git repository that has a remote. A job's
script is run by bash, with ``set -eo pipefail``, in the process group of gitlab-ci-local itself
(src/job.ts, ``execScripts``).

It has no way of its own to end a job. At INT it removes its containers and exits with the signal's
number, 2, without a word of the job and without waiting for it (src/index.ts); of other signals it
dies. A job whose bash is ended by a signal counts as passed (``resolve(code ?? 0)``).

The source's paths are those of github.com/firecow/gitlab-ci-local, 4.60.1.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.ground import Ground
from aftercancel.runners.one_shot import OneShot, Start, Verdict
from aftercancel.runners.protocol import Found, Kind, Tell, Work
from aftercancel.runners.repository import make_repository
from aftercancel.runners.versions import version_of

_PACKAGE = "gitlab-ci-local"
_VERSION = re.compile(rb"^(\d+\.\d+\.\d+\S*)\s*$")
_WORDS = re.compile(r"^ *(PASS|FAIL) .*\bjob$", re.MULTILINE)
"""The last lines, one a job (src/commander.ts, ``printReport``)."""
_STATUS = re.compile(r"finished in .*? FAIL (\d+)")
_NEEDED = ("git", "rsync", "bash")


class _GitLabCiLocal:
    """See ``one_shot.Craft``."""

    name = "gitlab-ci-local"

    def __init__(self, ground: Ground, options: Mapping[str, str]) -> None:
        if options:
            raise RunnerError(f"gitlab-ci-local: there is no option {min(options)!r}.")
        self._ground = ground
        self._project = ground.folder / "project"

    def arrange(self) -> None:
        for program in _NEEDED:
            if shutil.which(program) is None:
                raise RunnerError(
                    f"gitlab-ci-local needs {program}, which is not there; "
                    f"get it: apt-get install {program}"
                )
        self._project.mkdir(exist_ok=True)
        (self._project / ".gitlab-ci.yml").write_text("{}", encoding="utf-8")
        make_repository(self._ground, self._project)

    def begin(self, work: Work) -> Start:
        into = f"cd {shlex.quote(work.folder)}"
        own = len(work.shell) == 1 and Path(work.shell[0]).name == "bash"
        text = work.script if work.whole and own else shlex.join(work.command)
        job: dict[str, object] = {
            # A dollar sign of a variable's value is written twice in GitLab's YAML.
            "variables": {name: value.replace("$", "$$") for name, value in work.env},
            "script": [into, text],
        }
        if work.after:
            job["after_script"] = [into, work.after]
        # Every JSON document is YAML too (YAML 1.2.2, 1.2).
        (self._project / ".gitlab-ci.yml").write_text(
            json.dumps({"job": job}, indent=1), encoding="utf-8"
        )
        program = self._ground.program
        return Start(
            (
                *(("node",) if program.suffix == ".js" else ()),
                *(program, "--force-shell-executor"),
                # A second of computing before the job.
                "--no-json-schema-validation",
                *("--home", str(self._ground.folder / "home"), "job"),
            ),
            {},
            self._project,
        )

    def verdict(self, status: int, log: str) -> Verdict:
        own = [found[1] for found in _WORDS.finditer(log)][-1:]
        words = "; ".join([f"gitlab-ci-local ended with status {status}", *own])
        ended = _STATUS.search(log)
        end = End(status=int(ended[1])) if ended is not None else None
        return Verdict(Said.SUCCESS if status == 0 else Said.FAILED, words, end)


def _make(ground: Ground, options: Mapping[str, str], tell: Tell) -> OneShot:
    return OneShot(ground, tell, _GitLabCiLocal(ground, options))


def _find(path: Path) -> Found:
    """A folder that npm has installed it in, its script within one, or the packed program."""
    script = path / "node_modules" / _PACKAGE / "src" / "index.js" if path.is_dir() else path
    if script.resolve().suffix == ".js":
        return _find_package(path, script.resolve())
    return Found(path.absolute(), path.absolute(), version_of(path, "gitlab-ci-local", _VERSION))


def _find_package(path: Path, script: Path) -> Found:
    package = script.parent.parent
    try:
        said = json.loads((package / "package.json").read_text(encoding="utf-8"))
        name, version = said["name"], said["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunnerError(f"{path} is no gitlab-ci-local: {error!r}") from None
    if name != _PACKAGE or not script.is_file():
        raise RunnerError(f"{path} is no gitlab-ci-local: its package is named {name!r}.")
    if shutil.which("node") is None:
        raise RunnerError("gitlab-ci-local needs node, which is not there.")
    # What it needs is beside it in the outermost node_modules, or below it.
    tops = [each for each in script.parents if each.name == "node_modules"]
    return Found(script, tops[-1].parent if tops else package, str(version))


KIND = Kind(
    name="gitlab-ci-local",
    programs=("gitlab-ci-local",),
    get="`scripts/runners.sh gitlab-ci-local`, or `npm install gitlab-ci-local` in a folder; "
    "it needs git and rsync too.",
    find=_find,
    make=_make,
)
