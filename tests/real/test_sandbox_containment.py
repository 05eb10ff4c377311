"""Hostile jobs: contained, judged, and no other cell is disturbed."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from pathlib import Path

import pytest

from aftercancel.executor.limits import PROCESSES, WRITTEN_BYTES
from aftercancel.judge import judged
from aftercancel.model import (
    Cell,
    CleanUp,
    Job,
    Observation,
    Processes,
    ShellKind,
    TroubleKind,
    Truth,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import BASH, KILL_GROUP, PYTHON, cell, job, marks, observe, the

WELL_BEHAVED = """
trap 'mark EXIT begin; /bin/sleep 0.2; mark EXIT end; exit 1' TERM
mark ready
ROLE=child /bin/sleep 600 & wait
"""


def well_behaved(number: int) -> Cell:
    return cell(
        job(
            WELL_BEHAVED,
            roles=("child",),
            marks=("ready", "EXIT begin", "EXIT end"),
            cleanup="EXIT",
            env=(("NUMBER", str(number)),),
        )
    )


def beside_others(place: ThisMachine, hostile: Cell) -> Observation:
    """Measure it in the middle of a batch; the others must come out as if it were not there."""
    neighbours = [well_behaved(number) for number in range(8)]
    seen = list(place.measure([*neighbours[:4], hostile, *neighbours[4:]]))
    others = [o for o in seen if o.declared.cleanup == "EXIT"]
    assert len(others) == len(neighbours)
    for other in others:
        assert other.trouble is None
        assert marks(other) == ["ready", "EXIT begin", "EXIT end"]
        assert judged(other).cleanup is CleanUp.RAN
        assert judged(other).processes is Processes.GONE
    (found,) = (o for o in seen if o.declared.cleanup is None)
    return found


def test_a_job_that_kills_everybody_reaches_its_own_runner_and_nobody_else(
    place: ThisMachine,
) -> None:
    script = "trap 'kill -9 -1' TERM\nmark ready\n/bin/sleep 600 & wait\n/bin/sleep 600"
    seen = beside_others(place, cell(script))
    assert seen.trouble is None
    assert seen.runner_end is not None
    assert seen.runner_end.signal == "KILL"
    assert judged(seen).report is Truth.UNKNOWN


def test_a_job_that_forks_without_end_meets_the_limit(place: ThisMachine) -> None:
    bomb = job(
        "bomb() { bomb & bomb & /bin/sleep 600; }\nbomb", announces=False, after_s=1.0, rests=False
    )
    seen = beside_others(place, cell(bomb, KILL_GROUP))
    assert seen.trouble is None
    assert "processes" in seen.limits
    assert len([p for p in seen.processes if p.ended_ms is None]) <= PROCESSES


def test_gigabytes_of_output_are_counted_and_not_kept(place: ThisMachine) -> None:
    flood = job("exec cat /dev/zero", announces=False, after_s=0.5, rests=False)
    seen = beside_others(place, cell(flood))
    assert seen.trouble is None
    assert seen.stdout.cut
    assert len(seen.stdout.text) <= 65_536 < seen.stdout.bytes
    assert judged(seen).processes is Processes.GONE


def test_a_job_that_fills_its_disk_fills_only_its_own(place: ThisMachine) -> None:
    before = os.statvfs("/").f_bavail
    script = "for n in 1 2 3; do cat /dev/zero > /tmp/full.$n; done 2>/dev/null\nmark ready\n/bin/sleep 600"
    seen = beside_others(place, cell(script))
    assert "written bytes" in seen.limits
    full = sum(f.bytes for f in seen.left.files if f.path.startswith("/tmp/full."))
    assert WRITTEN_BYTES * 0.9 < full <= WRITTEN_BYTES
    assert not Path("/tmp/full.1").exists()
    assert abs(os.statvfs("/").f_bavail - before) * os.statvfs("/").f_frsize < 32 << 20


def test_more_files_than_allowed_meet_the_limit(place: ThisMachine) -> None:
    script = "i=0\nwhile : > /tmp/$i; do i=$((i+1)); done 2>/dev/null\nmark ready\n/bin/sleep 600"
    seen = beside_others(place, cell(script, shell=BASH))
    assert "written bytes" in seen.limits
    assert seen.left.cut


def test_a_job_that_closes_every_descriptor_is_still_measured(place: ThisMachine) -> None:
    script = "mark ready\nexec 0<&- 1>&- 2>&- 3>&- 4>&- 5>&-\nROLE=child /bin/sleep 600"
    seen = beside_others(place, cell(script, roles=("child",)))
    assert seen.trouble is None
    assert judged(seen).processes is Processes.GONE


def test_a_job_that_signals_itself_without_end_is_ended(place: ThisMachine) -> None:
    script = "trap '' TERM\ntrap : USR1\nmark ready\nwhile :; do kill -USR1 $$; done"
    seen = beside_others(place, cell(script, rests=False))
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.FLOOD


def test_floods_that_overrun_the_trace_spoil_no_other_cell() -> None:
    # With this little room the kernel overwrites events of all cells while the floods last.
    script = "trap '' TERM\ntrap : USR1\nmark ready\nwhile :; do kill -USR1 $$; done"
    floods = [
        dataclasses.replace(cell(script, rests=False), attempt=number) for number in range(1, 7)
    ]
    neighbours = [well_behaved(number) for number in range(30)]
    with ThisMachine(in_flight=10, buffer_kb=256) as place:
        seen = list(place.measure([*neighbours[:15], *floods, *neighbours[15:]]))
    troubles = Counter((o.declared.cleanup, o.trouble and o.trouble.kind) for o in seen)
    assert troubles == {("EXIT", None): 30, (None, TroubleKind.FLOOD): 6}


def test_a_job_that_floods_its_marks_is_ended(place: ThisMachine) -> None:
    script = 'trap "" TERM\nmark ready\nwhile :; do echo x > "$MARKS"; done'
    seen = beside_others(place, cell(script, rests=False))
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.FLOOD


def test_file_names_of_any_bytes_are_recorded(place: ThisMachine) -> None:
    script = "touch \"/tmp/a$(printf '\\377')b\" '/tmp/new\nline'\nmark ready\n/bin/sleep 600"
    seen = observe(place, cell(script))
    assert {file.path for file in seen.left.files} == {"/tmp/a\\xffb", "/tmp/new\nline"}


def test_a_lock_deep_down_is_found(place: ThisMachine) -> None:
    folder = "/tmp/" + "/".join(["d"] * 30)
    script = f"mkdir -p {folder}\n: > {folder}/lock\nmark ready\n/bin/sleep 600"
    seen = observe(place, cell(script))
    assert f"{folder}/lock" in {file.path for file in seen.left.files}
    assert not seen.left.cut


def test_a_limit_is_not_blamed_on_the_next_cell() -> None:
    bomb = job(
        "bomb() { bomb & bomb & /bin/sleep 600; }\nbomb", announces=False, after_s=0.5, rests=False
    )
    with ThisMachine(in_flight=1) as machine:
        first, second = machine.measure(
            [cell(bomb, KILL_GROUP), cell("mark ready\n/bin/sleep 600")]
        )
    assert first.limits == ("processes",)
    assert second.limits == ()


@pytest.mark.parametrize("user", ["ci", "root"])
def test_the_host_s_keyrings_and_hypervisor_are_out_of_reach(place: ThisMachine, user: str) -> None:
    tries = (
        "import ctypes, socket\nlibc = ctypes.CDLL(None)\n"
        "print(libc.syscall(KEY, b'user', b'aftercancel-test', b'x', 1, -4))\n"
        "try:\n    socket.socket(40, 1)\n    print('vsock')\n"
        "except OSError:\n    print('refused')\n"
    ).replace("KEY", {"x86_64": "248", "aarch64": "217"}[os.uname().machine])
    start = "sudo -n /usr/bin/python3" if user == "root" else "/usr/bin/python3"
    script = f"cat > /tmp/tries.py <<'END'\n{tries}END\n{start} /tmp/tries.py\nmark ready\n/bin/sleep 600"
    rights = ("ci ALL=(root) NOPASSWD: ALL",)
    seen = observe(place, cell(job(script, sudoers=rights)))
    assert seen.stdout.text.split() == ["-1", "refused"]


def test_a_job_that_stops_itself_is_seen_not_to_end(place: ThisMachine) -> None:
    seen = beside_others(place, cell("mark ready\nkill -STOP $$\n/bin/sleep 600"))
    assert seen.trouble is None
    assert judged(seen).report is Truth.HUNG
    assert judged(seen).processes is Processes.ORPHANED
    assert the(seen, "job").ended_ms is None


@pytest.mark.parametrize("user", ["ci", "root"])
def test_a_job_that_deletes_the_root_deletes_its_own_copy(place: ThisMachine, user: str) -> None:
    rights = {"sudoers": ("ci ALL=(root) NOPASSWD: /bin/rm",)} if user == "root" else {}
    how = "sudo -n /bin/rm" if user == "root" else "/bin/rm"
    # /usr is large; /etc and /home are what a wrong variable in a script deletes first.
    script = f"{how} -rf /etc /home /var/lib /boot 2>/dev/null\nls /var/lib\nmark ready\nexec /bin/sleep 600"
    seen = beside_others(place, cell(job(script, **rights)))
    assert seen.trouble is None
    if user == "root":
        assert seen.stdout.text == ""
        assert "cannot access '/var/lib'" in seen.stderr.text
    assert Path("/etc/passwd").exists()
    assert Path("/home").is_dir()


def test_root_in_the_sandbox_that_deletes_the_root_itself_deletes_nothing_here(
    place: ThisMachine,
) -> None:
    # How far rm comes is its own affair (/proc is in its way); the shell's builtins are left.
    script = (
        "sudo -n /bin/rm -rf --no-preserve-root / 2>/dev/null\n"
        "[ -e /etc/passwd ] || mark ready\nwhile :; do :; done"
    )
    before = sorted(os.listdir("/usr/bin"))
    rights = ("ci ALL=(root) NOPASSWD: /bin/rm",)
    seen = beside_others(place, cell(job(script, rests=False, sudoers=rights), KILL_GROUP))
    assert seen.trouble is None
    assert marks(seen) == ["ready"]
    assert sorted(os.listdir("/usr/bin")) == before


def test_links_do_not_lead_the_lab_out_of_the_sandbox(place: ThisMachine) -> None:
    script = (
        "ln -s / /tmp/everything\nsudo -n /bin/rm -rf /home/ci /var/tmp\n"
        "sudo -n /bin/ln -s /usr/bin /home/ci\nsudo -n /bin/ln -s /usr /var/tmp\n"
        "mark ready\n/bin/sleep 600"
    )
    seen = observe(place, cell(job(script, sudoers=("ci ALL=(root) NOPASSWD: ALL",))))
    assert [(file.path, file.kind) for file in seen.left.files] == [("/tmp/everything", "symlink")]


ROOT_TRIES = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
tries = {
    "mount": lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None),
    "remount proc/sys": lambda: libc.mount(b"none", b"/proc/sys", b"", 0x1020, None),
    "unmount": lambda: libc.umount2(b"/proc/sys", 2),
    "unshare": lambda: libc.unshare(0x00020000),
    "reboot": lambda: libc.reboot(0),
    "host name": lambda: libc.sethostname(b"owned", 5),
}
for name, call in tries.items():
    print(name, "done" if call() == 0 else "refused")
def attempt(name, action):
    try:
        action()
        print(name, "done")
    except OSError:
        print(name, "refused")
attempt("device node", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0)))
attempt("write a kernel setting", lambda: open("/proc/sys/kernel/panic", "w").write("1"))
attempt("sysrq", lambda: open("/proc/sysrq-trigger", "w").write("h"))
attempt("read kernel memory", lambda: open("/proc/kcore", "rb").read(1) or 1/0)
attempt("chroot escape by another pid 1", lambda: os.stat("/proc/1/root/sbin/nothing-here"))
attempt("raw socket", lambda: __import__("socket").socket(17, 3, 0))
for hidden in ("/sys/kernel/tracing", "/sys/kernel/debug", "/sys/fs/cgroup"):
    print(hidden, "done" if os.listdir(hidden) else "refused")
open(os.environ["MARKS"], "a").write("tried\\n")
"""


def test_root_inside_is_no_root_outside(place: ThisMachine) -> None:
    script = (
        "cat > /tmp/tries.py <<'END'\n"
        + ROOT_TRIES
        + "END\nsudo -n MARKS=$MARKS /usr/bin/python3 /tmp/tries.py\nmark ready\n/bin/sleep 600"
    )
    rights = ("ci ALL=(root) NOPASSWD:SETENV: ALL",)
    seen = observe(place, cell(job(script, sudoers=rights)))
    assert "tried" in marks(seen), seen.stderr.text
    done = [line for line in seen.stdout.text.splitlines() if line.endswith(" done")]
    assert done == []


def test_the_host_s_secrets_and_sockets_are_not_there(place: ThisMachine) -> None:
    script = (
        "ls -A /root /run /tmp /home /mnt /var/tmp /dev/shm 2>&1\n"
        "ls /proc/[0-9]*/cmdline | wc -l\nmark ready\n/bin/sleep 600"
    )
    seen = observe(place, cell(script))
    names = set(seen.stdout.text.split())
    assert not names & set(os.listdir("/root"))
    assert not names & {name for name in os.listdir("/run") if name not in ("lock", "sshd", "sudo")}


def test_there_is_no_network_but_loopback(place: ThisMachine) -> None:
    script = """
import os, socket
import time
print(sorted(name for _, name in socket.if_nameindex()))
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print("loopback works", flush=True)
os.write(os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND), b"ready\\n")
time.sleep(600)
"""
    python_job = Job("network", "", ShellKind.PYTHON, script, "network.py")
    seen = observe(place, cell(python_job, KILL_GROUP, shell=PYTHON))
    assert seen.stdout.text.splitlines() == ["['lo']", "loopback works"]
