"""``python -m aftercancel.places.asking``: which programs are where this runs, as JSON.

Run inside an image, with our own Python. In, as the one argument: a list of programs, as
``aftercancel.programs`` has them. Out: where each is, its version where it is there, and what the
image says of itself (os-release(5)). The looking is that of this machine's own programs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from concurrent.futures import ThreadPoolExecutor

from aftercancel.programs import Program, version


def question(programs: list[Program]) -> str:
    """The argument that asks for these."""
    return json.dumps([dataclasses.asdict(program) for program in programs])


def main() -> None:
    asked = [
        Program(each["name"], each["command"], each["package"], tuple(each["version"]))
        for each in json.loads(sys.argv[1])
    ]
    there = {program.name: program for program in asked if program.path is not None}
    with ThreadPoolExecutor(max_workers=4 * (os.cpu_count() or 1)) as pool:
        versions = dict(zip(there, pool.map(version, there.values()), strict=True))
    answer = {
        "paths": {program.command: program.path for program in asked},
        "versions": versions,
        "distribution": _distribution(),
    }
    print(json.dumps(answer), flush=True)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"


if __name__ == "__main__":
    main()
