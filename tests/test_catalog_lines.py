"""The scan that knows in which line of a TOML text a key or a table stands."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from aftercancel import catalog
from aftercancel.catalog.lines import Place, places

TEXT = '''# a comment with [brackets] and a = sign
top = 1
"quoted key" = 2

[table]  # [no.table]
text = "with # and [ and \\" in it"
literal = 'C:\\'
long = """
[not.a.table]
key = 1
"""
list = [
    "one",   # ]
    { key = "]" },
]
dotted.key = 3

[table."sub.table".deep]
x = 1

[[rows]]
y = 1
[[rows]]
y = 2
[rows.child]
z = 3
'''


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        (("top",), (2, 2)),
        (("quoted key",), (3, 3)),
        (("table",), (5, 5)),
        (("table", "text"), (6, 6)),
        (("table", "literal"), (7, 7)),
        (("table", "long"), (8, 11)),
        (("table", "list"), (12, 15)),
        (("table", "dotted", "key"), (16, 16)),
        (("table", "sub.table", "deep"), (18, 18)),
        (("table", "sub.table", "deep", "x"), (19, 19)),
        (("rows", 0, "y"), (22, 22)),
        (("rows", 1), (23, 23)),
        (("rows", 1, "y"), (24, 24)),
        (("rows", 1, "child", "z"), (26, 26)),
    ],
    ids=lambda value: ".".join(map(str, value)),
)
def test_everything_is_found_in_its_line(place: Place, lines: tuple[int, int]) -> None:
    assert tomllib.loads(TEXT)
    assert places(TEXT)[place] == lines


def test_what_only_looks_like_a_table_is_none() -> None:
    found = places(TEXT)
    assert not {("no", "table"), ("not", "a", "table"), ("brackets",)} & set(found)


def walk(value: Any, place: Place = ()) -> list[Place]:
    """Every key of a parsed text that can have a line: not those inside of inline tables."""
    found: list[Place] = []
    if isinstance(value, dict):
        for key, below in value.items():
            found += [(*place, key), *walk(below, (*place, key))]
    elif isinstance(value, list):
        for number, below in enumerate(value):
            found += walk(below, (*place, number))
    return found


@pytest.mark.parametrize(
    "path", sorted(catalog.scenarios_root().glob("*.toml")), ids=lambda path: path.name
)
def test_every_key_of_the_shipped_files_stands_in_its_line(path: Path) -> None:
    text = path.read_text()
    rows, found = text.splitlines(), places(text)
    for place in walk(tomllib.loads(text)):
        if place in found:
            assert str([p for p in place if isinstance(p, str)][-1]) in rows[found[place][0] - 1]
    tables = [row for row in rows if row.startswith("[")]
    assert len({first for first, _ in found.values()}) >= len(tables)
