"""``launchers.toml``: one table makes one launcher, or names the launchers of a chain."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from aftercancel.catalog.fields import Fields, read_all
from aftercancel.catalog.source import Sources
from aftercancel.errors import did_you_mean
from aftercancel.model import Engine, EngineKind, Far, Launcher, LauncherFile, Server

PLACEHOLDERS = (
    "ARGV",
    "COMMAND",
    "JSON",
    "MAKE",
    "SUDOERS",
    "PROGRAM",
    "ARGUMENTS",
    "NAMES",
    "ASSIGNMENTS",
    "SELF",
    "FOLDER",
    "LIST",
    "MOUNTS",
    "ENVIRONMENT",
)
"""What a template may name between two ``@``; ``model.Launcher`` says what each stands for."""

_PLACEHOLDER = re.compile(r"@([A-Z]+)@")
_LARGEST_MODE = 0o7777


def read_launchers(sources: Sources) -> dict[str, Launcher]:
    """Every launcher; a chain's members are launchers of the same file."""
    chains: dict[str, tuple[str, ...]] = {}
    tables: dict[str, Fields] = {}

    def read(name: str, fields: Fields) -> tuple[Launcher, ...]:
        tables[name] = fields
        if not fields.has("chain"):
            return (_launcher(name, fields),)
        chains[name] = fields.texts("chain")
        return (Launcher(id=name, sentence=fields.text("sentence")),)

    launchers = read_all(sources, "launchers.toml", read)
    for name, members in chains.items():
        chained = _chain(launchers[name], members, launchers, chains, tables[name])
        if chained is not None:
            launchers[name] = chained
    return launchers


def _chain(
    named: Launcher,
    members: tuple[str, ...],
    launchers: dict[str, Launcher],
    chains: dict[str, tuple[str, ...]],
    fields: Fields,
) -> Launcher | None:
    """The chain's first launcher under the chain's name, with the others inside."""
    if len(members) < 2:
        fields.fault("chain", "A chain has two launchers or more.")
        return None
    for member in members:
        if member not in launchers:
            near = did_you_mean(member, launchers)
            fields.fault("chain", f"There is no launcher {member}.", near, member)
            return None
        if member in chains or not launchers[member].argv:
            fields.fault("chain", f"{member} cannot be in a chain.", word=member)
            return None
    found: Launcher | None = None
    for member in reversed(members):
        found = replace(launchers[member], inner=found)
    assert found is not None
    hops = found.hops
    _check_chain(hops, fields)
    return replace(
        found,
        id=named.id,
        sentence=named.sentence,
        needs=tuple(dict.fromkeys(need for hop in hops for need in hop.needs)),
        get=next((hop.get for hop in hops if hop.get), ""),
        common=all(hop.common for hop in hops),
        terminal=any(hop.terminal for hop in hops),
        takes_requests=any(hop.takes_requests for hop in hops),
    )


def _check_chain(hops: tuple[Launcher, ...], fields: Fields) -> None:
    far = [hop.id for hop in hops if hop.far is not None]
    if len(far) > 1:
        fields.fault("chain", "There is one other host: a chain can go there once.", word=far[1])
    engines = [hop.id for hop in hops if hop.engine is not None]
    if len(engines) > 1:
        fields.fault("chain", "There is one container engine.", word=engines[1])
    if engines and far:
        fields.fault("chain", "A container engine is on the runner's host only.", word=far[0])
    for hop, inner in itertools.pairwise(hops):
        ruled = any("@SUDOERS@" in line for line in hop.sudoers)
        if ruled and not inner.argv[0].startswith("/"):
            # sudoers(5): a command is a whole path.
            hint = f"Write the whole path of {inner.argv[0]} in the argv of {inner.id}."
            problem = f"{hop.id} has a rule for {inner.argv[0]}, and a rule takes a whole path."
            fields.fault("chain", problem, hint, inner.id)


def _launcher(name: str, fields: Fields) -> Launcher:
    return Launcher(
        id=name,
        sentence=fields.text("sentence"),
        argv=_templates(fields, "argv"),
        needs=fields.texts("needs"),
        get=fields.text("get", required=False),
        common=fields.flag("common", default=True),
        env=fields.environment("env"),
        sudoers=_templates(fields, "sudoers"),
        files=tuple(_file(fields, number) for number in range(len(fields.rows("files")))),
        far=_far(fields) if fields.has("far") else None,
        engine=_engine(fields) if fields.has("engine") else None,
        terminal=fields.flag("terminal", default=False),
        as_root=fields.flag("as_root", default=False),
        takes_requests=fields.flag("takes_requests", default=False),
        remedy=fields.flag("remedy", default=False),
    )


def _templates(fields: Fields, key: str) -> tuple[str, ...]:
    words = fields.texts(key)
    for word in words:
        _check(fields, key, word)
    return words


def _check(fields: Fields, key: str, text: str) -> None:
    """Fault what looks like a placeholder and is none."""
    for found in _PLACEHOLDER.findall(text):
        if found not in PLACEHOLDERS:
            near = did_you_mean(found, PLACEHOLDERS)
            allowed = ", ".join(f"@{each}@" for each in PLACEHOLDERS)
            problem = f"There is no placeholder @{found}@."
            fields.fault(key, problem, f"{near} Allowed: {allowed}.".strip(), f"@{found}@")


def _file(parent: Fields, number: int) -> LauncherFile:
    row = parent.rows("files")[number]
    place = (*parent.place, "files", number)
    fields = Fields(parent.sources, parent.source, place, row)
    path = fields.text("path")
    mode = _mode(fields)
    text = ""
    if fields.has("source"):
        text = _source(fields)
        if fields.text("text", required=False):
            fields.fault("text", "A file has a text or a source.", "Remove one of them.")
    else:
        text = fields.text("text")
        _check(fields, "text", text)
    fields.close()
    return LauncherFile(path, text, mode)


def _source(fields: Fields) -> str:
    """The text of a file below ``launchers/``."""
    name = fields.text("source")
    if "/" in name:
        fields.fault("source", f"{name} is not the name of a file below launchers/.", word=name)
        return ""
    return fields.sources.read(fields.sources.root / "launchers" / name) or ""


def _mode(fields: Fields) -> int:
    mode = fields.number("mode", 0o644)
    if not 0 <= mode <= _LARGEST_MODE:
        fields.fault("mode", f"{mode} is no file mode.", "Write it as 0o644.")
        return 0o644
    return mode


def _engine(parent: Fields) -> Engine:
    table = parent.table_of("engine")
    fields = Fields(parent.sources, parent.source, (*parent.place, "engine"), table)
    engine = Engine(
        kind=fields.choice("kind", EngineKind) or EngineKind.DOCKER,
        before=_templates(fields, "before"),
    )
    fields.close()
    return engine


def _far(parent: Fields) -> Far | None:
    table = parent.table_of("far")
    fields = Fields(parent.sources, parent.source, (*parent.place, "far"), table)
    far = Far(
        server=fields.choice("server", Server) or Server.OPENSSH,
        forced=fields.text("forced", required=False),
        options=fields.texts("options"),
    )
    _check(fields, "forced", far.forced)
    fields.close()
    return far
