"""The command line of the benchmarks."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from aftercancel.errors import AftercancelError
from benchmarks import machine
from benchmarks.figures import Figure, Section, table
from benchmarks.sections import SECTIONS

_BUSY = 0.05
"""More of the machine than this in use by others is worth a word."""


@click.command()
@click.option(
    "--only", "names", multiple=True, type=click.Choice(list(SECTIONS)), help="Only this one."
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def main(names: tuple[str, ...], file: Path | None) -> None:
    """Measure the lab itself, in one run on this machine (as root).

    An aim that is missed is printed, and is no error: figures are to be read, not to be tested.
    """
    signal.signal(signal.SIGTERM, _end)
    facts = machine.facts()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    done: list[Section] = []
    try:
        for name in names or SECTIONS:
            before = machine.rested()
            done.append(SECTIONS[name]())
            print(f"\n{table(done[-1:])}", flush=True)
            others = max(before, machine.rested())
            if others > _BUSY:
                print(f"  Something else kept {others:.0%} of the machine busy: read with care.")
    except AftercancelError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(error.status)
    finally:
        if file is not None:
            file.write_text(json.dumps(_as_data(facts, done), indent=2) + "\n")


def _as_data(facts: dict[str, object], sections: list[Section]) -> dict[str, object]:
    return {
        "machine": facts,
        "sections": [
            {
                "name": section.name,
                "sentence": section.sentence,
                "figures": [_figure(figure) for figure in section.figures],
            }
            for section in sections
        ],
    }


def _figure(figure: Figure) -> dict[str, object]:
    return {**dataclasses.asdict(figure), "verdict": figure.verdict.value}


def _end(number: int, _frame: object) -> NoReturn:
    """TERM ends us as an exception does, so that everything is removed."""
    sys.exit(128 + number)
