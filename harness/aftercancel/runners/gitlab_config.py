"""What GitLab Runner is told: its configuration, and a job as its server gives it."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from aftercancel.errors import RunnerError, did_you_mean
from aftercancel.runners.protocol import Work

_LONG_S = 3600
_FLAG = re.compile(r"(FF_[A-Z0-9_]+)=(true|false)")
_SCRIPTS = {
    # The job's shell is the runner's own child and leads its group, as with the shell executor,
    # so the custom executor's graces, which can be set, show what the shell executor's do.
    "exec": 'exec @SHELL@ < "$1"\n',
    # As the examples of docs/executors/custom.md (their run.sh) do: a shell stays in between.
    "stays": (
        '@SHELL@ < "$1"\n'
        "status=$?\n"
        '[ "$status" -eq 0 ] && exit 0\n'
        'echo "$status" > "$BUILD_EXIT_CODE_FILE"\n'
        'exit "$BUILD_FAILURE_EXIT_CODE"\n'
    ),
}
FAILURE_REASONS = (
    "unknown_failure",
    "script_failure",
    "runner_system_failure",
    "job_execution_timeout",
    "image_pull_failure",
    "runner_configuration_error",
    "runner_external_dependency_failure",
    "runner_interrupted",
    "job_canceled",
)
"""All that the runner knows (common/network.go, ``allFailureReasons``), so that its own word comes
through. GitLab itself does not list ``job_canceled`` and so is told ``unknown_failure``
(common/failure_reason_mapper.go)."""


class Way(StrEnum):
    """How a job is ended from GitLab's side; ``gitlab_runner`` says what each of them is."""

    CANCELING = "canceling"
    CANCELED = "canceled"
    FORGOTTEN = "forgotten"
    JOB_TIMEOUT = "job-timeout"
    SCRIPT_TIMEOUT = "script-timeout"

    @property
    def limit(self) -> bool:
        """Whether it is a time limit, which is set beforehand."""
        return self in {Way.JOB_TIMEOUT, Way.SCRIPT_TIMEOUT}


@dataclass(frozen=True, slots=True)
class Options:
    """One variant of the runner: the options of its row in runners.toml, as strings."""

    executor: str = "shell"
    """``shell``, ``custom`` or ``docker``."""
    shell: str = "bash"
    """``bash``, or ``sh``, whatever that is on the machine (dash on Debian)."""
    user: str = ""
    """Whom jobs run as, by su, the runner itself being root; as ``gitlab-runner install --user``
    does."""
    flags: str = ""
    """Feature flags, as ``FF_A=true,FF_B=false``."""
    graceful_kill_timeout: str = ""
    """Of the custom executor, seconds between TERM and KILL; empty: the runner's own 600 s."""
    force_kill_timeout: str = ""
    """Of the custom executor, seconds after KILL; empty: the runner's own 10 s."""
    run: str = "exec"
    """Of the custom executor: how its run_exec starts the job's shell, ``exec`` or ``stays``."""

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Options:
        known = [each.name for each in fields(cls)]
        for name in told:
            if name not in known:
                raise RunnerError(
                    f"gitlab-runner has no option {name!r}. {did_you_mean(name, known)}".strip()
                )
        options = cls(**told)
        options._check()
        return options

    def _check(self) -> None:
        allowed = {
            "executor": ("shell", "custom", "docker"),
            "shell": ("bash", "sh"),
            "run": (*_SCRIPTS,),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise RunnerError(
                    f"gitlab-runner's option {name} is {getattr(self, name)!r}; "
                    f"it can be {' or '.join(values)}."
                )
        for name in ("graceful_kill_timeout", "force_kill_timeout"):
            value = getattr(self, name)
            if value and (not value.isdecimal() or self.executor != "custom"):
                raise RunnerError(
                    f"gitlab-runner's option {name} is {value!r}; it is a number of seconds, "
                    "and only of the custom executor."
                )
        if self.executor != "shell" and self.user:
            raise RunnerError(
                f"gitlab-runner's {self.executor} executor does not know the option user."
            )
        if self.flags:
            for flag in self.flags.split(","):
                if not _FLAG.fullmatch(flag):
                    raise RunnerError(
                        f"gitlab-runner's flag {flag!r} is not of the form FF_NAME=true."
                    )

    @property
    def feature_flags(self) -> dict[str, str]:
        """As they stand in the configuration, those that the lab needs among them."""
        flags = {"FF_TIMESTAMPS": "false"}  # before every line of the log, on since 18.7
        if self.shell == "sh":
            # Its quoting $'…' is none of dash's (helpers/shell_escape.go, PosixShellEscape).
            flags["FF_POSIXLY_CORRECT_ESCAPES"] = "true"
        return flags | dict(flag.split("=") for flag in self.flags.split(",") if flag)

    def own_shell(self, words: tuple[str, ...]) -> bool:
        """Whether a job's shell is the one that the runner gives its script to."""
        return len(words) == 1 and Path(words[0]).name in (
            ("bash",) if self.shell == "bash" else ("sh", Path("/bin/sh").resolve().name)
        )

    def config(self, folder: Path, url: str, token: str) -> str:
        """The text of config.toml; JSON's strings are TOML's, and so are its whole numbers."""
        lines = [
            "concurrent = 1",
            # Before the next request for a job where none was held open; whole seconds.
            "check_interval = 1",
            "[[runners]]",
            'name = "aftercancel"',
            f"url = {json.dumps(url)}",
            f"token = {json.dumps(token)}",
            f"executor = {json.dumps(self.executor)}",
            f"shell = {json.dumps(self.shell)}",
            f"builds_dir = {json.dumps(str(folder / 'builds'))}",
            f"cache_dir = {json.dumps(str(folder / 'cache'))}",
            "[runners.feature_flags]",
            *(f"{name} = {value}" for name, value in self.feature_flags.items()),
        ]
        if self.executor == "custom":
            lines += ["[runners.custom]", f"run_exec = {json.dumps(str(folder / 'run'))}"]
            for name in ("graceful_kill_timeout", "force_kill_timeout"):
                if value := getattr(self, name):
                    lines.append(f"{name} = {int(value)}")
        if self.executor == "docker":
            lines += _docker(folder)
        return "\n".join(lines) + "\n"

    @property
    def run_script(self) -> str:
        """The custom executor's run_exec: ``$1`` is a script of the runner's."""
        return "#!/bin/sh\n" + _SCRIPTS[self.run].replace("@SHELL@", f"/bin/{self.shell}")

    def payload(self, work: Work, url: str) -> dict[str, Any]:
        """A job as GitLab gives it to a runner (lib/api/entities/ci/job_request/response.rb)."""
        timeout = _LONG_S
        if Way.JOB_TIMEOUT in work.ways:
            timeout = max(1, math.ceil(work.limit_s))  # whole seconds
        variables = {"GIT_STRATEGY": "none", **dict(work.env)}
        if Way.SCRIPT_TIMEOUT in work.ways:
            variables["RUNNER_SCRIPT_TIMEOUT"] = f"{round(work.limit_s * 1000)}ms"
        whole = work.whole and self.own_shell(work.shell)
        text = work.script if whole else shlex.join(work.command)
        into = f"cd {shlex.quote(work.folder)}"
        steps = [_step("script", [into, text], timeout, "on_success")]
        if work.after:
            steps.append(_step("after_script", [into, work.after], timeout, "always"))
        return _job(work.name, url, timeout, variables, steps)

    def short(self, url: str) -> dict[str, Any]:
        """A further job, which ends by itself."""
        steps = [_step("script", ["echo a further job"], _LONG_S, "on_success")]
        return _job("further", url, _LONG_S, {"GIT_STRATEGY": "none"}, steps)


HELPERS = {
    # dockerfiles/runner-helper of the source: the predefined steps' scripts come on its input.
    "gitlab-runner-build": "#!/bin/bash\numask 0000\nexec /bin/bash\n",
    # No artifacts, no cache, no checkout: nothing else of it is asked for.
    "gitlab-runner-helper": '#!/bin/sh\n[ "$1" = cache-init ] && exec chmod 777 "$2"\nexit 64\n',
}
"""What stands in for the programs of GitLab's helper image, which cannot be had everywhere."""


def _docker(folder: Path) -> list[str]:
    """Of the docker executor. Its build folder is the runner's own, so it needs no volume."""
    programs = [f"{folder / name}:/usr/bin/{name}:ro" for name in HELPERS]
    # Named as it is, so that no volume is made for it (createBuildVolume).
    builds = f"{folder / 'builds'}:{folder / 'builds'}"
    volumes = ["/lab:/lab", "/home/ci:/home/ci", builds, *programs]
    return [
        "[runners.docker]",
        'image = "lab"',
        'helper_image = "lab"',
        'pull_policy = "never"',
        "disable_cache = true",
        f"volumes = {json.dumps(volumes)}",
    ]


def _step(name: str, script: list[str], timeout: int, when: str) -> dict[str, Any]:
    return {
        "name": name,
        "script": script,
        "timeout": timeout,
        "when": when,
        "allow_failure": name == "after_script",
    }


def _job(
    name: str, url: str, timeout: int, variables: Mapping[str, str], steps: list[dict[str, Any]]
) -> dict[str, Any]:
    commit = "0" * 39 + "1"
    return {
        "allow_git_fetch": True,
        "job_info": {"name": name, "stage": "test", "project_id": 1, "project_name": "project"},
        "git_info": {
            "repo_url": f"{url}/lab/project.git",
            "ref": "main",
            "sha": commit,
            "before_sha": commit,
            "ref_type": "branch",
            "refspecs": [],
            "depth": 0,
        },
        "runner_info": {"timeout": timeout},
        # raw: a $ in a value is one.
        "variables": [
            {"key": key, "value": value, "public": True, "masked": False, "raw": True}
            for key, value in variables.items()
        ],
        "steps": steps,
        # Of the docker executor: the only image that the sandbox's engine has.
        "image": {"name": "lab"},
        "services": [],
        "artifacts": [],
        "cache": [],
        "credentials": [],
        "dependencies": [],
        "features": {"trace_sections": False, "failure_reasons": list(FAILURE_REASONS)},
    }
