"""Reading one table key by key: what is wrong with it becomes faults, all of them."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from aftercancel.catalog.lines import Place
from aftercancel.catalog.source import Source, Sources, listing
from aftercancel.errors import did_you_mean

SIGNALS = tuple(
    name.removeprefix("SIG")
    for name in signal.Signals.__members__
    if not name.startswith("SIGRT") and name not in ("SIGCLD", "SIGPOLL", "SIGIOT")
)
"""Names as jobs and cancellations write them, without ``SIG``."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
Value = TypeVar("Value")
Kind = TypeVar("Kind", bound=StrEnum)


class Fields:
    """One table of a scenario file. Whoever reads it asks for its keys, then calls ``close``."""

    def __init__(
        self, sources: Sources, source: Source, place: Place, table: Mapping[str, Any]
    ) -> None:
        self.sources = sources
        self.source = source
        self.place = place
        self.table = table
        self._asked: list[str] = []

    def fault(self, key: str | None, problem: str, hint: str = "", word: str | None = None) -> None:
        """Note a mistake at a key of this table, or (None) at the table."""
        place = self.place if key is None else (*self.place, key)
        self.sources.fault(self.source, place, problem, hint, word)

    def has(self, key: str) -> bool:
        return key in self.table

    def text(self, key: str, *, required: bool = True) -> str:
        """A text that is not empty."""
        value: str = self._value(key, str, "a text", "", required=required)
        if self.has(key) and isinstance(self.table[key], str) and not value.strip(" \t\r\n"):
            self.fault(key, f"{key} is empty.", "Write a text.")
        return value

    def bytes(self, key: str) -> str:
        """A text each of whose characters is one byte."""
        text = self._value(key, str, "a text", "", required=True)
        if any(ord(character) > 0xFF for character in text):
            self.fault(key, f"{key}: each character stands for one byte, U+0000 to U+00FF.")
            return ""
        return str(text)

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        values = self._value(key, list, "a list of texts", [], required=required)
        wrong = [value for value in values if not isinstance(value, str)]
        if wrong:
            self.fault(key, f"{key} must be a list of texts, and {wrong[0]!r} is none.")
            return ()
        return tuple(values)

    def flag(self, key: str, default: bool) -> bool:
        value: bool = self._value(key, bool, "true or false", default)
        return value

    def number(self, key: str, default: int) -> int:
        """A whole number."""
        value = self._value(key, int, "a whole number", default)
        if isinstance(value, bool):
            self.fault(key, f"{key} must be a whole number, not {value}.")
            return default
        return int(value)

    def table_of(self, key: str) -> Mapping[str, Any]:
        """A table."""
        found: Mapping[str, Any] = self._value(key, dict, "a table", {})
        return found

    def seconds(self, key: str, default: float) -> float:
        """A number of seconds, not negative."""
        value = self._value(key, (int, float), "a number of seconds", default)
        if isinstance(value, bool) or not 0 <= value < float("inf"):
            self.fault(key, f"{key} must be a number of seconds from 0 on, not {value}.")
            return default
        return float(value)

    def choice(self, key: str, kind: type[Kind], default: Kind | None = None) -> Kind | None:
        """A word out of a few."""
        value = self._value(key, str, "a text", "", required=default is None)
        if not value:
            return default
        return self.one_of(key, value, kind)

    def one_of(self, key: str, value: str, kind: type[Kind]) -> Kind | None:
        allowed = tuple(member.value for member in kind)
        if value not in allowed:
            near = did_you_mean(value, allowed)
            hint = f"{near} {listing(allowed)}".strip()
            self.fault(key, f"{key} cannot be {value}.", hint, value)
            return None
        return kind(value)

    def environment(self, key: str) -> tuple[tuple[str, str], ...]:
        """A table of texts."""
        table = self._value(key, dict, "a table of texts", {})
        for name, value in table.items():
            if not isinstance(value, str):
                hint = f'Write {name} = "{value}".'
                self.fault(key, f"{key} must be a table of texts: {name} is none.", hint)
                return ()
        return tuple(table.items())

    def tables(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        """A table of tables."""
        found = self._value(key, dict, "a table of tables", {})
        for name, value in found.items():
            if not isinstance(value, dict):
                self.fault(key, f"{key}.{name} must be a table.", word=name)
        return {name: value for name, value in found.items() if isinstance(value, dict)}

    def rows(self, key: str, *, required: bool = False) -> tuple[Mapping[str, Any], ...]:
        """A list of tables."""
        found = self._value(key, list, "a list of tables", [], required=required)
        if any(not isinstance(value, dict) for value in found):
            self.fault(key, f"{key} must be a list of tables.")
        return tuple(value for value in found if isinstance(value, dict))

    def signal(self, key: str, name: str) -> str:
        """A signal's name, checked."""
        if name not in SIGNALS:
            bare = name.upper().removeprefix("SIG")
            near = f"Did you mean {bare}?" if bare in SIGNALS else did_you_mean(bare, SIGNALS)
            hint = f"{near} Names are written without SIG, as TERM or INT.".strip()
            self.fault(key, f"There is no signal {name}.", hint, name)
        return name

    def close(self) -> None:
        """Fault every key that nobody asked for."""
        for key in self.table:
            if key not in self._asked:
                hint = f"{did_you_mean(key, self._asked)} {listing(tuple(self._asked))}".strip()
                self.fault(key, f"There is no key {key} here.", hint, key)

    def _value(
        self,
        key: str,
        kind: type[Value] | tuple[type, ...],
        words: str,
        default: Any,
        *,
        required: bool = False,
    ) -> Any:
        self._asked.append(key)
        if key not in self.table:
            if required:
                self.fault(None, f"{key} is missing.", f"It must be {words}.")
            return default
        value = self.table[key]
        if not isinstance(value, kind):
            self.fault(key, f"{key} must be {words}, not {value!r}.")
            return default
        return value


def check_id(sources: Sources, source: Source, place: Place, name: str) -> None:
    """Fault a name that cannot stand in a cell's id."""
    if not _ID.fullmatch(name):
        sources.fault(
            source,
            place,
            f"{name!r} cannot be an id.",
            "An id is made of letters, digits, and . _ - @ behind the first of them.",
        )


def read_all(
    sources: Sources, file: str, read: Callable[[str, Fields], tuple[Value, ...]]
) -> dict[str, Value]:
    """Every table of a file, made into words by ``read``, in their order; words have an id."""
    source = sources.toml(file)
    words: dict[str, Value] = {}
    if source is None:
        return words
    if not source.data:
        sources.fault(source, (), "There is no table in this file.", "Write one for each word.")
    for name, table in source.data.items():
        if not isinstance(table, dict):
            hint = f"Every word is a table: [{name}]."
            sources.fault(source, (name,), f"{name} is not a table.", hint)
            continue
        check_id(sources, source, (name,), name)
        fields = Fields(sources, source, (name,), table)
        for word in read(name, fields):
            key: str = getattr(word, "id")  # noqa: B009 every word of the model has an id
            if key in words:
                fields.fault(None, f"{key} is there twice.", "Rename or remove one of them.")
            words[key] = word
        fields.close()
    return words
