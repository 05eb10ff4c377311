"""Draw the README's picture from a stored run: ``picture.py DIR SLICE OUT.svg``.

The picture is what ``aftercancel run`` prints in a terminal, by the same code; nothing in it is
drawn by hand.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from aftercancel import render
from aftercancel.results import RunFolder
from aftercancel.results.reports import judge_run

_WIDTH = 100
# Rich's own format loads a font from the network, which a page on a disk must not.
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>The matrix of one slice, as the terminal shows it</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="#0c0c0c"/>
<g transform="translate(14, 14)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> int:
    folder, name, out = sys.argv[1:]
    stored = RunFolder.open(Path(folder))
    results = judge_run(stored, stored.record()).results
    section = next(section for section in results.sections if section.id == name)
    wanted = set(section.cells)
    shown = replace(
        results,
        outcomes=tuple(outcome for outcome in results.outcomes if outcome.cell in wanted),
        sections=(section,),
        missing=(),
        stability=tuple(each for each in results.stability if each.cell in wanted),
    )
    console = Console(
        record=True, width=_WIDTH, file=StringIO(), force_terminal=True, highlight=False
    )
    render.terminal(shown, console)
    Path(out).write_text(console.export_svg(theme=MONOKAI, code_format=_SVG, unique_id="matrix"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
