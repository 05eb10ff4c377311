"""The effects of a forced terminal that the lab looks for, in the order of the table.

Each is something that somebody meets whose job was not written for a terminal. What a job does
stands in its own head, below ``scenarios/jobs/``.
"""

from __future__ import annotations

from functools import partial

from aftercancel.judge import effects_readings as read
from aftercancel.judge.effects import Effect
from aftercancel.judge.effects_data import EFFECTS_ON_DATA
from aftercancel.judge.effects_ends import background, how_it_ended, local_modes
from aftercancel.judge.effects_readings import Contains, Draws, Says, Told

_COLOUR = partial(Contains, "\x1b[", "it is", "it is not")
_ALL = "it prints all and ends"
_BASH = "bash"

_looks = partial(Effect, group="Programs that look whether they are at a terminal")
_end = partial(Effect, group="The end of the job")
_told = partial(Effect, group="What the job is told of a terminal")
_local = partial(Effect, group="The terminal that ssh is started at", runner="plain-tty")

EFFECTS = (
    *EFFECTS_ON_DATA,
    _looks("isatty", "Which of stdin, stdout, stderr are terminals?", "tty-isatty", read.terminals),
    _looks(
        "dev-tty",
        "Can /dev/tty be opened, to ask for a password?",
        "tty-isatty",
        Told("/dev/tty"),
    ),
    _looks("ls-columns", "How does ls list files?", "tty-ls-columns", read.columns),
    _looks(
        "colour-ls", "Is ls --color=auto in colour, TERM=xterm?", "tty-colour-ls", _COLOUR("one")
    ),
    _looks(
        "colour-no-term",
        "Is ls --color=auto in colour where ssh has no TERM?",
        "tty-colour-no-term",
        _COLOUR("one"),
    ),
    _looks(
        "colour-grep",
        "Is grep --color=auto in colour, TERM=xterm?",
        "tty-colour-grep",
        _COLOUR("text"),
    ),
    _looks("colour-git", "Is git diff in colour, TERM=xterm?", "tty-colour-git", _COLOUR("text")),
    _looks(
        "pager-git",
        "Does git diff wait in a pager?",
        "tty-pager-git",
        Says((("+100", _ALL),)),
        last_words=True,
    ),
    _looks(
        "pager-pydoc",
        "Does python3 -m pydoc wait in a pager?",
        "tty-pager-pydoc",
        Says((("split_command", _ALL),)),
        last_words=True,
    ),
    _looks("progress-xz", "Does xz --verbose draw its progress?", "tty-progress-xz", Draws("data")),
    _looks(
        "progress-git", "Does git clone draw its progress?", "tty-progress-git", Draws("Cloning")
    ),
    _looks(
        "prompt-read",
        "Is the prompt of bash's read -p in the output?",
        "tty-prompt-read",
        Contains("Who?", "it is", "it is not", beside="hello"),
        shell=_BASH,
    ),
    _looks(
        "prompt-rm",
        "Does rm ask before it removes a write-protected file?",
        "tty-prompt-rm",
        Says((("removed", "it removes it"), ("kept", "it keeps it"))),
        last_words=True,
    ),
    _end(
        "exit-status",
        "How does ssh end when the job ends with status 3?",
        "tty-exit-status",
        how_it_ended,
    ),
    _end(
        "dies-of-term", "How does it end when the job dies of TERM?", "tty-dies-term", how_it_ended
    ),
    _end(
        "dies-of-kill", "How does it end when the job dies of KILL?", "tty-dies-kill", how_it_ended
    ),
    _end(
        "background-silent",
        "What becomes of a silent child that the job leaves?",
        "tty-background-silent",
        background,
    ),
    _end(
        "background-holds-output",
        "What becomes of a child that holds the job's output?",
        "tty-background-holds-output",
        background,
    ),
    _end(
        "background-nohup",
        "What becomes of a child started with nohup?",
        "tty-background-nohup",
        background,
    ),
    _end(
        "background-setsid",
        "What becomes of a child started with setsid?",
        "tty-background-setsid",
        background,
    ),
    _told("term", "What is TERM where ssh has none?", "tty-environment", Told("TERM")),
    _told(
        "term-at-a-terminal",
        "What is TERM where ssh is at a terminal with TERM=xterm?",
        "tty-environment",
        Told("TERM"),
        runner="plain-tty",
    ),
    _told("columns", "What is COLUMNS?", "tty-environment", Told("COLUMNS")),
    _told("window", "How large is the window where ssh has none?", "tty-environment", read.window),
    _told(
        "window-at-a-terminal",
        "How large is it where ssh is at a terminal?",
        "tty-environment",
        read.window,
        runner="plain-tty",
    ),
    _local("local-end", "How is it set after the end of the job?", "tty-exit-status", local_modes),
    _local(
        "local-term",
        "How is it set after TERM to ssh?",
        "no-trap",
        local_modes,
        cancellation="TERM-process",
    ),
    _local(
        "local-kill",
        "How is it set after KILL to ssh?",
        "no-trap",
        local_modes,
        cancellation="KILL-process",
    ),
)
