"""Lines in the characters that a terminal has."""

from __future__ import annotations

from rich.text import Text

_ASCII = str.maketrans(
    {"“": '"', "”": '"', "’": "'", "…": "~", "·": ";", "×": "x", "≠": "!", "–": "-", "—": "-"}
    | {"→": ">", "⇢": ">", "✓": "+"}
)


def encodable(line: Text, encoding: str) -> Text:
    """The line, with something like it for characters that cannot be printed."""
    if encoding.lower().replace("-", "").startswith("utf"):
        return line
    plain = line.plain.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return Text(plain, spans=line.spans, style=line.style)
