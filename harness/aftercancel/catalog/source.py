"""Reading one TOML text, and knowing in which line everything in it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from aftercancel.catalog.lines import Place, places
from aftercancel.errors import Fault, did_you_mean

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class Source:
    """A TOML text: a whole file, or the block in a script's head."""

    file: str
    text: str
    data: Mapping[str, Any]
    before: int = 0
    """How many lines of the file come before the text."""

    @cached_property
    def _places(self) -> Mapping[Place, tuple[int, int]]:
        return places(self.text)

    def line(self, place: Place, word: str | None = None) -> int | None:
        """The line where a key or table stands, or the nearest thing round it that has a line.

        With a word: the first line of the key's value in which that word is quoted, if any.
        """
        while place and place not in self._places:
            place = place[:-1]
        if not place:
            return self.before + 1 if self.before else None
        first, last = self._places[place]
        if word is not None:
            rows = self.text.splitlines()
            for number in range(first, last + 1):
                if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", rows[number - 1]):
                    return self.before + number
        return self.before + first


@dataclass
class Sources:
    """All scenario files below one folder, and every fault that was found in them."""

    root: Path
    faults: list[Fault] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Names of files and stems of scripts that could not be read: what they would have brought is
    not known, so a word that is missing may be theirs and is no mistake of its own."""

    def file(self, path: Path) -> str:
        """The path as a person would write it here."""
        here = Path.cwd()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    def read(self, path: Path) -> str | None:
        """The file's text; None (and a fault) where there is none."""
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            missing = Fault(self.file(path), None, "The file is missing.")
            if missing not in self.faults:  # several words may name the same file
                self.faults.append(missing)
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self.faults.append(Fault(self.file(path), line, "The file is not UTF-8."))
        except OSError as error:
            self.faults.append(
                Fault(self.file(path), None, f"The file cannot be read: {error.strerror}.")
            )
        return None

    def toml(self, name: str) -> Source | None:
        """A TOML file of the folder."""
        path = self.root / name
        text = self.read(path)
        source = None if text is None else self.parse(self.file(path), text)
        if source is None:
            self.broken.add(name)
        return source

    def parse(self, file: str, text: str, before: int = 0) -> Source | None:
        """A TOML text; None (and a fault) where it is not TOML."""
        try:
            return Source(file, text, tomllib.loads(text), before)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            found = _AT.search(message)
            at_line, at_column = (found[1], found[2]) if found else (None, None)
            line = int(at_line) if at_line else max(1, len(text.splitlines()))
            column = f", column {at_column}" if at_column else ""
            problem = f"This is not TOML{column}: {_AT.sub('', message)}."
            hint = ""
            if "overwrite" in message or "twice" in message:
                problem = f"A key or table is there twice{column}."
                hint = "Every name may be given once: rename or remove one of them."
            self.faults.append(Fault(file, before + line, problem, hint))
            return None

    def fault(
        self, source: Source, place: Place, problem: str, hint: str = "", word: str | None = None
    ) -> None:
        """Note a mistake at a place of a source."""
        self.faults.append(Fault(source.file, source.line(place, word), problem, hint))

    def unknown(
        self,
        source: Source,
        place: Place,
        what: str,
        word: str,
        known: Mapping[str, object] | tuple[str, ...],
    ) -> None:
        """Note a word that does not exist, with the nearest spelling and all that do."""
        near = did_you_mean(word, known)
        listed = listing(known)
        self.fault(source, place, f"There is no {what} {word}.", f"{near} {listed}".strip(), word)


_MANY = 24


def listing(known: Mapping[str, object] | tuple[str, ...]) -> str:
    """What is allowed, as a sentence; a long list is cut."""
    words = sorted(known)
    more = f" and {len(words) - _MANY} more" if len(words) > _MANY else ""
    return f"Allowed: {', '.join(words[:_MANY])}{more}."
