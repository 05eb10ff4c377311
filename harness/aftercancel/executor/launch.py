"""A launcher's templates filled in for one job: what is started, and what must be there for it.

Pure. Chains are filled in from the inside: what one launcher starts is the command line of the
next (``model.Launcher.hops``).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftercancel.model import Launcher, Server

_PLACEHOLDER = re.compile(r"@([A-Z]+)@")
_WORDS = "@ARGV@"
_SPECIAL_IN_SUDOERS = re.compile(r"([\\,:=*?\[\]!#\"'])")
"""sudoers(5): the first four must be escaped in a command's arguments, and the next four are
wildcards there; the rest begins something else in one place or another."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is there before the job is started."""

    path: str
    """Absolute, in the sandbox."""
    text: str
    mode: int
    of_user: bool
    """Whether it belongs to the user ``ci`` rather than to root."""


@dataclass(frozen=True, slots=True)
class FarHost:
    """The other host: what serves there."""

    server: Server
    forced: str | None
    """What the key may start, whatever the client asks for; None: anything."""
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything that a launcher needs to start one job."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    """What it adds to the environment."""
    sudoers: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    far: FarHost | None = None


def launch(
    launcher: Launcher, command: Sequence[str], variables: Mapping[str, str], folder: str
) -> Launch:
    """``variables``: what the job finds in its environment; ``folder``: where it is started."""
    words = tuple(command)
    given = dict(variables)
    env: dict[str, str] = {}
    sudoers: list[str] = []
    files: list[File] = []
    far: FarHost | None = None
    for hop in reversed(launcher.hops):
        values = _values(words, given)
        argv = _argv(hop, words, values)
        values["SELF"] = for_sudoers(argv)
        sudoers += [_filled(line, values) for line in hop.sudoers]
        files += [
            File(
                path=file.path if file.path.startswith("/") else f"{folder}/{file.path}",
                text=_filled(file.text, values),
                mode=file.mode,
                of_user=not file.path.startswith("/"),
            )
            for file in hop.files
        ]
        if hop.far is not None:
            forced = _filled(hop.far.forced, values) or None
            far = FarHost(hop.far.server, forced, hop.far.options)
        env |= dict(hop.env)
        # What a launcher within needs must come through the ones round it.
        given |= dict(hop.env)
        words = argv
    return Launch(words, tuple(env.items()), tuple(sudoers), tuple(files), far)


def for_sudoers(words: Sequence[str]) -> str:
    """A command line as a rule names it whole."""
    return " ".join(_SPECIAL_IN_SUDOERS.sub(r"\\\1", word) for word in words)


def _values(words: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    command = shlex.join(words)
    return {
        "COMMAND": command,
        "JSON": json.dumps(command),
        "MAKE": command.replace("$", "$$"),
        "SUDOERS": for_sudoers(words),
        "PROGRAM": words[0],
        "ARGUMENTS": " ".join(_double_quoted(word) for word in words[1:]),
        "NAMES": " ".join(given),
        "ASSIGNMENTS": " ".join(f"{name}={shlex.quote(value)}" for name, value in given.items()),
    }


def _argv(hop: Launcher, words: tuple[str, ...], values: Mapping[str, str]) -> tuple[str, ...]:
    if not _names_the_job(hop):
        return (*hop.argv, *words)
    filled: list[str] = []
    for word in hop.argv:
        filled += words if word == _WORDS else (_filled(word, values),)
    return tuple(filled)


def _names_the_job(hop: Launcher) -> bool:
    """Whether it finds the job elsewhere than at the end of its command line.

    A file of the system's (a rule) only allows the job.
    """
    read = [file.text for file in hop.files if not file.path.startswith("/")]
    if hop.far is not None:
        read.append(hop.far.forced)
    return any(_PLACEHOLDER.search(text) for text in (*hop.argv, *read))


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _double_quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
