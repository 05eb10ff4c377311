"""The command and its subcommands; errors become messages and exit statuses here."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import NoReturn

import click

from aftercancel import __version__
from aftercancel.errors import AftercancelError, ExitStatus

_TRACEBACK = "AFTERCANCEL_TRACEBACK"
_FULL = (errno.ENOSPC, errno.EDQUOT)


_COMMANDS = {
    "run": "aftercancel.cli.run:run",
    "judge": "aftercancel.cli.stored:judge",
    "runners": "aftercancel.cli.runners:runners",
    "list": "aftercancel.cli.listing:list_",
    "show": "aftercancel.cli.stored:show",
    "claims": "aftercancel.cli.claims:claims_",
    "questions": "aftercancel.cli.claims:questions",
    "report": "aftercancel.cli.report:report",
    "effects": "aftercancel.cli.effects:effects",
    "again": "aftercancel.cli.again:again",
    "images": "aftercancel.cli.images:images",
    "doctor": "aftercancel.cli.doctor:doctor",
    "clean": "aftercancel.cli.clean:clean",
}


class _Commands(click.Group):
    """Imports a subcommand when it is asked for: pytest and rich take longer than most of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found = getattr(importlib.import_module(module), name)
        assert isinstance(found, click.Command)
        return found


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit statuses: 0 fine, 1 behaviour differs, 2 could not tell or interrupted, "
    "3 usage or scenario error, 4 the machine lacks something.",
)
@click.version_option(__version__, message="aftercancel %(version)s")
def command() -> None:
    """When a job is cancelled: what is still running, and which clean-up ran?"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit with a documented status."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:  # noqa: PLR0911 one for each way to end
    try:
        status = command.main(arguments, prog_name="aftercancel", standalone_mode=False)
        sys.stdout.flush()
        return int(status or ExitStatus.FINE)
    except click.ClickException as error:
        error.show()
        return ExitStatus.USAGE
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return ExitStatus.COULD_NOT_TELL
    except AftercancelError as error:
        click.echo(f"aftercancel: {error}", err=True)
        return error.status
    except SystemExit as error:
        # click's own answer to a broken pipe is 1, which means something else here.
        return ExitStatus.COULD_NOT_TELL if error.code == 1 else int(error.code or 0)
    except BrokenPipeError:
        # Whoever read our output has had enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.COULD_NOT_TELL
    except Exception as error:
        if _TRACEBACK in os.environ:
            raise
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
    """Say what nobody has foreseen, and what the machine alone is to blame for."""
    if isinstance(error, OSError) and error.errno in _FULL:
        click.echo("aftercancel: The output cannot be written: the disk is full.", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.MISSING
    click.echo(
        f"aftercancel: This is a mistake in aftercancel itself: {type(error).__name__}: {error}. "
        f"What was measured is kept. Run it again with {_TRACEBACK}=1 and report what it says.",
        err=True,
    )
    return ExitStatus.COULD_NOT_TELL
