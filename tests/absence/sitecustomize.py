"""A FAKE machine that lacks programs: those that the environment variable FAKE_ABSENT names.

Python imports this module by itself when the folder is on PYTHONPATH (the site module), so that
it also works for commands in processes of their own and for xdist workers.
"""

from __future__ import annotations

import os


def hide(absent: frozenset[str]) -> None:
    from aftercancel.programs import Program

    look = Program.path.fget  # type: ignore[attr-defined]  # a property, as a class has it
    found = property(lambda self: None if self.command in absent else look(self))
    Program.path = found  # type: ignore[method-assign,assignment]


if os.environ.get("FAKE_ABSENT"):
    hide(frozenset(os.environ["FAKE_ABSENT"].split()))
