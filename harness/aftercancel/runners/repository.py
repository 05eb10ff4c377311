"""A git repository for runners that will not run outside of one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.runners.ground import Ground

_REMOTE = "git@git.invalid:group/project.git"
"""Nobody's (RFC 2606): some programs take the project's name from it."""
_GIT_S = 20.0
_AUTHOR = ("-c", "user.name=nobody", "-c", "user.email=nobody@git.invalid")
_STEPS = (
    ("init", "--quiet", "--initial-branch=main"),
    ("remote", "add", "origin", _REMOTE),
    ("config", "user.name", "nobody"),
    ("config", "user.email", "nobody@git.invalid"),
    ("add", "--all"),
    (*_AUTHOR, "commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message=The project"),
    # What `git clone` would have written down: the remote's default branch.
    ("update-ref", "refs/remotes/origin/main", "HEAD"),
    ("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"),
)


def make_repository(ground: Ground, folder: Path) -> None:
    """Commit what is in the folder, as the runner's user; raises ``RunnerError``."""
    ground.give(ground.folder)
    for step in _STEPS:
        try:
            process = ground.spawn(("git", *step), env=_ALONE, folder=folder)
            status = process.wait(_GIT_S)
        except OSError as error:
            raise RunnerError(
                f"git cannot be started, and the runner needs a repository: {error}."
            ) from None
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RunnerError(
                f"`git {step[0]}` did not end within {_GIT_S:g} s in {folder}. "
                f"It said: {ground.last_words()}"
            ) from None
        if status:
            raise RunnerError(
                f"`git {step[0]}` failed with status {status} in {folder}. "
                f"It said: {ground.last_words()}"
            )


_ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
"""Whatever the machine's own configuration says."""
