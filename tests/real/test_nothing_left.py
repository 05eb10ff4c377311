"""The host after a run is the host before it, however the run ended."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aftercancel.executor import linux
from aftercancel.executor.limits import HIERARCHIES
from aftercancel.executor.ownership import own_name
from aftercancel.executor.trace import Instance, mount_tracefs
from aftercancel.executor.warden import sweep
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import cell, observe

FOREVER = textwrap.dedent(
    """
    import sys
    from aftercancel.places.this_machine import ThisMachine
    from tests.real.vocabulary import cell
    one = cell("ROLE=stray setsid /bin/sleep 600 &\\nmark ready\\nROLE=child /bin/sleep 600",
               roles=("stray", "child"))
    with ThisMachine(in_flight=8) as machine:
        print("pid", machine.pid, flush=True)
        while True:
            for _ in machine.measure([one] * 16):
                print("measured", flush=True)
    """
)
DEADLINE_S = 20.0
CGROUPS = ("/sys/fs/cgroup", *(f"/sys/fs/cgroup/{kind}" for kind in HIERARCHIES))


def _instances() -> list[str]:
    """Trace instances, seen from a mount namespace of our own."""
    listing = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            "mount -t tracefs none /mnt && ls /mnt/instances",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listing.stdout.split() if name.startswith("aftercancel-")]


@contextlib.contextmanager
def a_run_of_its_own() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A run that never ends by itself, in the middle of measuring, and its warden's pid."""
    run = subprocess.Popen(
        [sys.executable, "-c", FOREVER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["harness", "."])},
    )
    assert run.stdout is not None
    try:
        warden = int(run.stdout.readline().split()[1])
        run.stdout.readline()
        yield run, warden
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


def the_executor_of(warden: int) -> int:
    """The last child: those before it fork sandboxes and name programs."""
    return int(Path(f"/proc/{warden}/task/{warden}/children").read_text().split()[-1])


def await_nothing_of(warden: int) -> None:
    """Until the run's instances, groups and processes have gone."""
    until = time.monotonic() + DEADLINE_S
    while left := leftovers_of(warden):
        assert time.monotonic() < until, f"left behind: {left}"
        time.sleep(0.05)


def leftovers_of(warden: int) -> list[str]:
    tag = f"aftercancel-{warden}-"
    left = [name for name in _instances() if name.startswith(tag)]
    # Not recursively: other runs come and go beside this one.
    left += [str(group) for top in CGROUPS for group in Path(top).glob(f"{tag}*")]
    left += [f"process {pid}" for pid in session_of(warden)]
    return left


def session_of(warden: int) -> list[int]:
    """The warden, the executor and what forks sandboxes. Those in cells hold their control group:
    while one lives, its folder cannot be removed.
    """
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (folder / "stat").read_bytes().rsplit(b")", 1)[1].split()
                if int(stat[3]) == warden and stat[0] not in (b"Z", b"X"):
                    found.append(int(folder.name))
    return found


def test_a_run_that_ends_well_leaves_the_host_as_it_was() -> None:
    before = (Path("/proc/self/mountinfo").read_text(), Path("/etc/passwd").read_text())
    with ThisMachine() as machine:
        warden = machine.pid
        assert warden is not None
        observe(machine, cell("mark ready\n/bin/sleep 600"))
        # The control: while it runs there is something to be found.
        assert leftovers_of(warden)
    assert leftovers_of(warden) == []
    assert (Path("/proc/self/mountinfo").read_text(), Path("/etc/passwd").read_text()) == before


VICTIMS: dict[str, Callable[[subprocess.Popen[str], int], int]] = {
    "the run": lambda run, warden: run.pid,
    "the warden": lambda run, warden: warden,
    "the executor": lambda run, warden: the_executor_of(warden),
}


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_killed_anywhere_leaves_nothing(victim: str, number: signal.Signals) -> None:
    with a_run_of_its_own() as (run, warden):
        time.sleep(random.uniform(0, 0.2))  # noqa: S311  # at any moment: not synchronisation
        os.kill(VICTIMS[victim](run, warden), number)
        run.kill()
        await_nothing_of(warden)


def test_what_a_run_left_that_was_killed_whole_is_swept_by_the_next() -> None:
    script = textwrap.dedent(
        """
        import sys, os
        from pathlib import Path
        sys.path.insert(0, "harness")
        from tests.real.test_nothing_left import sweeping
        sweeping()
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["harness", "."])},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["swept", "kept"]


def sweeping() -> None:
    """In a process of its own, which may leave the host's mount namespace."""
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    mount_tracefs(Path("/mnt"))
    stale = Instance(Path("/mnt"), "aftercancel-999999999-1-" + own_name().rsplit("-", 1)[1])
    live = Instance(Path("/mnt"), own_name())
    try:
        stale.make()
        live.make()
        sweep(Path("/mnt"))
        print("left" if stale.path.exists() else "swept")
        print("kept" if live.path.exists() else "removed")
    finally:
        stale.remove()
        live.remove()


def test_a_file_system_of_the_host_s_own_below_usr_is_seen_and_not_changed(tmp_path: Path) -> None:
    """/usr/local on a disk of its own is no part of the overlay of /: it needs one of its own."""
    script = textwrap.dedent(
        """
        import os
        from aftercancel.executor import linux
        from aftercancel.places.this_machine import ThisMachine
        from tests.real.vocabulary import cell, observe
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
        linux.mount("tmpfs", "/usr/local", "tmpfs", 0, "mode=755")
        open("/usr/local/there", "w").write("host")
        with ThisMachine() as machine:
            seen = observe(machine, cell("cat /usr/local/there\\nmark ready\\n/bin/sleep 600"))
        print(seen.stdout.text, sorted(os.listdir("/usr/local")))
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["harness", "."])},
        check=False,
    )
    assert result.stdout.strip() == "host ['there']", result.stderr
