"""The command ``aftercancel``: the lab's front door for people."""

from aftercancel.cli.main import main

__all__ = ["main"]
