"""Every job is a script that a person can run by hand, under every shell that it is for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.model import Job, Shell, ShellKind

CATALOGUE = catalog.load()
DEADLINE_S = 90.0
"""A job that hangs is found by this; nothing else is timed."""


def families(job: Job) -> list[Shell]:
    """The shells, without flags, that can run a job."""
    return [
        shell
        for shell in CATALOGUE.shells.values()
        if shell.id == shell.family
        and shell.kind is job.kind
        and (not job.shells or shell.family in job.shells)
    ]


def start(job: Job, shell: Shell, folder: Path) -> subprocess.Popen[str]:
    """Run it as a person would who has little patience, in a folder of its own."""
    folder.mkdir()
    script = folder / job.name
    script.write_text(job.script)
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TMPDIR": str(folder),
        **dict(job.env),
        "HOLD": "0.1",
        "PAUSE": "0.2",
    }
    return subprocess.Popen(
        [*shell.argv, job.name],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",  # some print bytes that are no text
    )


def missing(job: Job, shell: Shell) -> str | None:
    """Why this cannot be tried by hand here."""
    if job.sudoers:
        return f"{job.id} needs the sudo rules of its head; in the lab it has them."
    for program in (shell.argv[0], *job.needs):
        if shutil.which(program) is None:
            return f"{program} is not installed ({shell.package})."
    if job.id == "background-monitor" and shell.family == "zsh":
        return "zsh refuses set -m without a terminal, and ends."
    return None


@pytest.mark.parametrize("job", CATALOGUE.jobs.values(), ids=lambda job: job.id)
def test_a_job_run_by_hand_says_ready_first_and_comes_to_its_end(
    job: Job, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    shells = families(job)
    reasons = {shell.id: missing(job, shell) for shell in shells}
    running = {
        shell.id: start(job, shell, tmp_path / shell.id)
        for shell in shells
        if reasons[shell.id] is None
    }
    for shell in shells:
        with subtests.test(shell=shell.id):
            if reasons[shell.id] is not None:
                pytest.skip(str(reasons[shell.id]))
            process = running[shell.id]
            try:
                _, written = process.communicate(timeout=DEADLINE_S)
            finally:
                process.kill()
            marks = [line for line in written.splitlines() if line in job.marks]
            assert marks[:1] == ["ready"], written
            # A job that is to die of a signal names it.
            assert process.returncode >= 0 or "SIGNAL" in dict(job.env), written


@pytest.mark.parametrize(
    "job", [job for job in CATALOGUE.jobs.values() if job.removes], ids=lambda job: job.id
)
def test_a_job_that_ends_by_itself_leaves_nothing_of_what_its_clean_up_removes(
    job: Job, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for shell in families(job):
        with subtests.test(shell=shell.id):
            reason = missing(job, shell)
            if reason is not None:
                pytest.skip(reason)
            folder = tmp_path / shell.id
            start(job, shell, folder).communicate(timeout=DEADLINE_S)
            left = {path.name for path in folder.iterdir()}
            assert not left & {Path(path).name for path in job.removes}


@pytest.mark.parametrize("job", CATALOGUE.jobs.values(), ids=lambda job: job.id)
def test_a_job_says_in_its_first_line_what_interprets_it(job: Job) -> None:
    first = job.script.splitlines()[0]
    allowed = {
        ShellKind.POSIX: ("#!/bin/sh", "#!/bin/bash"),
        ShellKind.PYTHON: ("#!/usr/bin/env python3",),
    }
    assert first in allowed[job.kind]
    if "bash" in first:
        assert job.shells, "a script with bash in its first line says which shells can run it"


REAPS_NOBODY = """
import ctypes, pathlib, signal, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to us
job = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)

def runs(words):
    for each in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if each.read_bytes() == words:
                return True
        except OSError:
            pass  # it has ended
    return False

while not runs(b"/bin/sleep\\0" + sys.argv[1].encode() + b"\\0"):
    time.sleep(0.01)
job.send_signal(signal.SIGTERM)
job.wait()
"""
"""What starts a job in a container without an init: the dead that are left to it stay zombies."""


@pytest.mark.parametrize(
    ("job", "interpreter"),
    [("recipe-sh", "dash"), ("recipe-bash", "bash"), ("recipe-python", "python3")],
)
def test_a_recipe_ends_and_cleans_up_where_nobody_reaps(
    job: str, interpreter: str, tmp_path: Path
) -> None:
    script = CATALOGUE.jobs[job]
    grandchild = 'ROLE=grandchild /bin/sleep "${HOLD:-30}"'
    assert grandchild in script.script
    orphan = '(/bin/sleep "${HOLD:-30}" &)\n/bin/sleep 600'  # its parent has ended when it is told
    (tmp_path / script.name).write_text(script.script.replace(grandchild, orphan))
    hold = f"600.{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-c", REAPS_NOBODY, hold, interpreter, script.name],
        cwd=tmp_path,
        env={"PATH": os.defpath, "TMPDIR": str(tmp_path), "HOLD": hold, "GRACE": "0"},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert done.stderr.splitlines()[-1] == "clean-up end"
