"""Shells, runners and cancellations: one table of a file makes one word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aftercancel.catalog.fields import Fields, read_all
from aftercancel.catalog.source import Sources
from aftercancel.model import (
    Action,
    Cancellation,
    Channel,
    Ends,
    EngineKind,
    Runner,
    Sender,
    Shell,
    ShellKind,
    Step,
    Target,
)


def read_shells(sources: Sources) -> dict[str, Shell]:
    """``shells.toml``; a family's flags make further shells of it."""
    return read_all(sources, "shells.toml", _shells)


def _shells(name: str, fields: Fields) -> tuple[Shell, ...]:
    family = Shell(
        id=name,
        family=name,
        sentence=fields.text("sentence"),
        kind=fields.choice("kind", ShellKind) or ShellKind.POSIX,
        argv=_argv(fields),
        version=fields.texts("version"),
        package=fields.text("package"),
        common=fields.flag("common", default=True),
    )
    flags = fields.texts("flags")
    for flag in flags:
        if not flag.startswith("-") or flag == "-":
            fields.fault("flags", f"{flag!r} is not a flag.", 'A flag is written as "-e".', flag)
    return (family, *(_with_flag(family, flag) for flag in flags))


def _with_flag(family: Shell, flag: str) -> Shell:
    return Shell(
        id=f"{family.id}{flag}",
        family=family.id,
        sentence=f"{family.sentence}; with {flag}",
        kind=family.kind,
        argv=(*family.argv, flag),
        version=family.version,
        package=family.package,
        common=family.common,
    )


def _argv(fields: Fields) -> tuple[str, ...]:
    argv = fields.texts("argv", required=True)
    if fields.has("argv") and not (argv and argv[0].startswith("/")):
        fields.fault("argv", "argv must begin with the program's whole path.")
    return argv


def read_runners(sources: Sources) -> dict[str, Runner]:
    """``runners.toml``."""
    return read_all(sources, "runners.toml", _runner)


def _runner(name: str, fields: Fields) -> tuple[Runner, ...]:
    sentence = fields.text("sentence")
    adapter = fields.text("adapter", required=False)
    model = fields.text("model", required=False)
    if adapter and model:
        fields.fault("model", "A runner is real (adapter) or modelled (model), not both.")
    if bool(model) is not name.endswith(_MODELLED):
        hint = f"So that it is seen wherever it stands, a model's name ends in {_MODELLED!r}."
        fields.fault("model", f"{name} is no name for this runner.", hint, name)
    if model and not fields.has("follows"):
        fields.fault("model", f"{name} has no source.", "Say in follows what the model follows.")
    if not (adapter or model):
        return (
            Runner(
                id=name,
                sentence=sentence,
                ends=fields.choice("ends", Ends, Ends.PROCESS) or Ends.PROCESS,
                terminal=fields.flag("terminal", default=False),
            ),
        )
    return (
        Runner(
            id=name,
            sentence=sentence,
            adapter=adapter,
            model=model,
            follows=fields.text("follows", required=False),
            ways=fields.texts("ways"),
            signals=fields.flag("signals", default=False),
            server=fields.flag("server", default=False),
            queue=fields.flag("queue", default=False),
            after=fields.flag("after", default=False),
            options=fields.environment("options"),
            shells=fields.texts("shells"),
            patience_s=fields.seconds("patience", 2.0),
            engine=fields.choice("engine", EngineKind) if fields.has("engine") else None,
            instances=max(1, fields.number("instances", 4)),
            terminal=fields.flag("terminal", default=False),
        ),
    )


def read_cancellations(sources: Sources) -> dict[str, Cancellation]:
    """``cancellations.toml``."""
    return read_all(sources, "cancellations.toml", _cancellation)


def _cancellation(name: str, fields: Fields) -> tuple[Cancellation, ...]:
    sentence = fields.text("sentence")
    rows = fields.rows("steps")
    steps = tuple(step for row in rows if (step := _step(row, fields)) is not None)
    if rows and all(step.action is Action.WAIT for step in steps) and len(steps) == len(rows):
        hint = "Fire something, or leave steps out: then the job comes to its own end."
        fields.fault("steps", f"{name} only waits.", hint)
    return (Cancellation(name, sentence, steps),)


_BY_ROOT = (Target.CONNECTION, Target.RUNNER, Target.SERVER)
_FORMS = {
    "signal": '{ signal = "TERM", to = "group" }',
    "wait": "{ wait = 2 }",
    "type": r'{ type = "\u0003" }',
    "send": r'{ send = "\u0003" }',
    "request": '{ request = "TERM" }',
    "close": '{ close = "input" }',
    "ask": '{ ask = "cancel" }',
    "start": '{ start = "runner" }',
    "run": '{ run = ["docker", "stop", "job"] }',
    "restart": '{ restart = "engine" }',
}
_MODELLED = "-modelled"


def _step(row: Mapping[str, Any], parent: Fields) -> Step | None:
    """One step; the key that it has says which form it is."""
    forms = [form for form in _FORMS if form in row]
    fields = Fields(parent.sources, parent.source, (*parent.place, "steps"), row)
    if len(forms) != 1:
        word = next(iter(row), None)
        hint = f"A step is one of {'; '.join(_FORMS.values())}."
        # Unknown keys are named by close(); a step of no known form is one mistake, not two.
        fields.fault(None, f"{dict(row)} is not a step.", hint, word)
        return None
    step = _read_step(fields, forms[0])
    fields.close()
    return step


def _read_step(fields: Fields, form: str) -> Step:
    return _READERS[form](fields)


def _signal(fields: Fields) -> Step:
    name = fields.signal("signal", fields.text("signal"))
    to = fields.choice("to", Target)
    between = fields.seconds("between", 0.0)
    if between and to is not Target.LEAF_FIRST:
        hint = 'It is the time between two processes of to = "leaf-first".'
        fields.fault("between", "between has no meaning here.", hint, "between")
    by = fields.choice("by", Sender, Sender.RUNNER) or Sender.RUNNER
    if to in _BY_ROOT and fields.has("by"):
        fields.fault("by", "by has no meaning here: root sends it.")
    if to is Target.LEAF_FIRST and by is not Sender.RUNNER:
        fields.fault("by", "Only the runner goes from leaf to leaf.", word=by.value)
    return Step(Action.SIGNAL, signal=name, to=to, by=by, seconds=between)


def _request(fields: Fields) -> Step:
    # RFC 4254 6.9 has names of its own choice beside the twelve ("sig@xyz").
    return Step(Action.SEND, keys=fields.text("request") + "\n", request=True)


def _ask(fields: Fields) -> Step:
    return Step(Action.ASK, way=fields.text("ask"), seconds=fields.seconds("limit", 0.0))


def _start(fields: Fields) -> Step:
    to = fields.choice("start", Target)
    if to not in (None, Target.RUNNER, Target.SERVER):
        hint = "Only the runner or its server can be started again."
        fields.fault("start", f"start cannot be {to}.", hint, "start")
    return Step(Action.START, to=to)


def _run(fields: Fields) -> Step:
    command = fields.texts("run", required=True)
    if not command:
        fields.fault("run", "run names no command.", f"Write {_FORMS['run']}.")
    return Step(Action.RUN, command=command, seconds=fields.seconds("patience", 0.0))


def _restart(fields: Fields) -> Step:
    what = fields.text("restart")
    if what != "engine":
        fields.fault("restart", f"{what} cannot be restarted.", 'Only "engine" can.', what)
    return Step(Action.RESTART, seconds=fields.seconds("patience", 0.0))


_READERS: dict[str, Callable[[Fields], Step]] = {
    "signal": _signal,
    "wait": lambda fields: Step(Action.WAIT, seconds=fields.seconds("wait", 0.0)),
    "type": lambda fields: Step(Action.TYPE, keys=fields.text("type")),
    "send": lambda fields: Step(Action.SEND, keys=fields.bytes("send")),
    "request": _request,
    "close": lambda fields: Step(Action.CLOSE, channel=fields.choice("close", Channel)),
    "ask": _ask,
    "start": _start,
    "run": _run,
    "restart": _restart,
}
