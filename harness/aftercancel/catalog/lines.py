"""A small scan of TOML text for the lines in which keys and tables stand.

tomllib tells no lines. This scan understands just enough of TOML for that: headers, keys, strings
and brackets. The text has been parsed before, so it is known to be well-formed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Place = tuple[str | int, ...]
"""The way to a value: keys, and indexes into arrays of tables."""

_PART = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|"
    r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|[\[\]{}]|\n|[^"'\#\[\]{}\n]+""",
    re.DOTALL,
)


def places(text: str) -> Mapping[Place, tuple[int, int]]:
    """First and last line, from 1, of every table header and every key (with its value)."""
    found: dict[Place, tuple[int, int]] = {}
    arrays: dict[Place, int] = {}
    table: Place = ()
    at, line = 0, 1
    while at < len(text):
        start = at
        at = _end(text, at)
        statement = text[start:at]
        first, line = line, line + statement.count("\n")
        stripped = statement.lstrip(" \t")
        if stripped.startswith("[["):
            keys = _resolved(_keys(stripped[2:]), arrays)
            arrays[keys] = arrays.get(keys, -1) + 1
            table = (*keys, arrays[keys])
            found.setdefault(table, (first, first))
            found.setdefault(keys, (first, first))
        elif stripped.startswith("["):
            table = _resolved(_keys(stripped[1:]), arrays)
            found[table] = (first, first)
        elif stripped and stripped[0] not in "#\n\r":
            last = first + statement.rstrip("\n").count("\n")
            keys = _keys(stripped)
            for length in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:length]), (first, last))
    return found


def _end(text: str, at: int) -> int:
    """Where the statement that begins here ends: behind the newline outside of brackets."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth == 0:
            return token.end()
    return len(text)


def _keys(text: str) -> Place:
    """The dotted key at the beginning of a text."""
    keys: list[str] = []
    at = 0
    while found := _PART.match(text, at):
        part = found[1]
        keys.append(part[1:-1] if part[0] in "\"'" else part)
        at = found.end()
        if not text.startswith(".", at):
            break
        at += 1
    return tuple(keys)


def _resolved(keys: Place, arrays: Mapping[Place, int]) -> Place:
    """A header's way, with the index of the last element wherever it leads through an array."""
    place: Place = ()
    for number, key in enumerate(keys):
        place = (*place, key)
        if number < len(keys) - 1 and place in arrays:
            place = (*place, arrays[place])
    return place
