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

from aftercancel.executor.engine import Engine
from aftercancel.executor.rootfs import LAB
from aftercancel.model import Launcher, Server

_PLACEHOLDER = re.compile(r"@([A-Z]+)@")
_WORDS = "@ARGV@"
_MOUNTS = "@MOUNTS@"
_ENVIRONMENT = "@ENVIRONMENT@"
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
    engine: Engine | None = None


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
    engine: Engine | None = None
    for hop in reversed(launcher.hops):
        values = _values(words, given, folder)
        several = {_WORDS: words, **_of_container(given, folder)}
        argv = _argv(hop, several, values)
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
        if hop.engine is not None:
            engine = Engine(hop.engine.kind, _expanded(hop.engine.before, several, values))
        env |= dict(hop.env)
        # What a launcher within needs must come through the ones round it.
        given |= dict(hop.env)
        words = argv
    return Launch(words, tuple(env.items()), tuple(sudoers), tuple(files), far, engine)


def for_sudoers(words: Sequence[str]) -> str:
    """A command line as a rule names it whole."""
    return " ".join(_SPECIAL_IN_SUDOERS.sub(r"\\\1", word) for word in words)


def _values(words: tuple[str, ...], given: Mapping[str, str], folder: str) -> dict[str, str]:
    command = shlex.join(words)
    return {
        "COMMAND": command,
        "JSON": json.dumps(command),
        "MAKE": command.replace("$", "$$"),
        "SUDOERS": for_sudoers(words),
        "PROGRAM": words[0],
        "ARGUMENTS": " ".join(_double_quoted(word) for word in words[1:]),
        "FOLDER": folder,
        "LIST": json.dumps(list(given)),
        "NAMES": " ".join(given),
        "ASSIGNMENTS": " ".join(f"{name}={shlex.quote(value)}" for name, value in given.items()),
    }


Several = Mapping[str, tuple[str, ...]]
"""Placeholders that are a word of their own, and the words that stand for it."""


def _of_container(given: Mapping[str, str], folder: str) -> Several:
    """What an engine's client is told, so that a job finds in its container what it needs.

    The job's folder is the runner's own, as a CI job's workspace is.
    """
    return {
        _MOUNTS: (*("--volume", f"{LAB}:{LAB}"), *("--volume", f"{folder}:{folder}")),
        _ENVIRONMENT: tuple(word for name in given for word in ("--env", name)),
    }


def _argv(hop: Launcher, several: Several, values: Mapping[str, str]) -> tuple[str, ...]:
    filled = _expanded(hop.argv, several, values)
    return filled if _names_the_job(hop) else (*filled, *several[_WORDS])


def _expanded(
    templates: Sequence[str], several: Several, values: Mapping[str, str]
) -> tuple[str, ...]:
    return tuple(
        word
        for template in templates
        for word in several.get(template, (_filled(template, values),))
    )


def _names_the_job(hop: Launcher) -> bool:
    """Whether it finds the job elsewhere than at the end of its command line.

    A file of the system's (a rule) only allows the job.
    """
    read = [file.text for file in hop.files if not file.path.startswith("/")]
    if hop.far is not None:
        read.append(hop.far.forced)
    of_argv = [word for word in hop.argv if word not in (_MOUNTS, _ENVIRONMENT)]
    return any(_PLACEHOLDER.search(text) for text in (*of_argv, *read))


def _filled(template: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _double_quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
