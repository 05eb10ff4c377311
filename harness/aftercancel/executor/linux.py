"""System calls that Python 3.11 does not offer, through the C library.

Each function raises ``OSError`` with the errno and the name of the call. Constants are those of
the kernel's UAPI headers; they are equal on every architecture that the lab runs on.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18

MNT_DETACH = 0x2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24

KEYCTL_JOIN_SESSION_KEYRING = 1
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MACHINE = os.uname().machine


def _check(result: int, call: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    _check(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode(),
            ctypes.c_ulong(flags),
            os.fsencode(data) if data else None,
        ),
        f"mount {kind or source} on {target}",
    )


def bind(source: str, target: str, *, recursive: bool = False) -> None:
    """Make ``source`` visible at ``target`` as well."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))


def bind_read_only(source: str, target: str, flags: int = 0) -> None:
    """A bind mount takes the read-only flag only when it is remounted (mount(8))."""
    bind(source, target)
    mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY | flags)


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _check(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2)."""
    _check(
        _libc.syscall(
            ctypes.c_long(_SYS_PIVOT_ROOT[_MACHINE]), os.fsencode(new_root), os.fsencode(put_old)
        ),
        "pivot_root",
    )


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """setns(2)."""
    _check(_libc.setns(fd, kind), "setns")


def die_with_parent(signal: int) -> None:
    """PR_SET_PDEATHSIG: sent when the *thread* that forked us ends (prctl(2))."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl PR_SET_PDEATHSIG")


def set_dumpable() -> None:
    """After a change of user /proc/PID belongs to root until this is set (proc(5))."""
    _check(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl PR_SET_DUMPABLE")


def keep_only_capabilities(keep: frozenset[int]) -> None:
    """Cut the capability bounding set: nothing below can have more, set-user-ID or not."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in range(last + 1):
        if capability not in keep:
            _check(_libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl PR_CAPBSET_DROP")


def drop_capabilities() -> None:
    """capset(2) to none, of the calling thread; execve(2) gives none back to who is not root."""
    version_3, myself = 0x20080522, 0
    header = struct.pack("=Ii", version_3, myself)
    _check(_libc.capset(header, bytes(24)), "capset")


def join_new_session_keyring() -> None:
    """keyctl(2): the executor's keys are not the job's. Kernels without keyrings have none."""
    number = _SYS_KEYCTL.get(_MACHINE)
    if number is not None:
        _libc.syscall(ctypes.c_long(number), KEYCTL_JOIN_SESSION_KEYRING, None)


def set_host_name(name: str) -> None:
    """sethostname(2), of the current UTS namespace."""
    socket.sethostname(name)


def loopback_up() -> None:
    """Bring up ``lo``, which starts down in a new network namespace (netdevice(7))."""
    siocgifflags, siocsifflags, iff_up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags: int = struct.unpack("16sh22x", fcntl.ioctl(control, siocgifflags, request))[1]
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh22x", b"lo", flags | iff_up))


def close_all_but(keep: frozenset[int]) -> None:
    """Close every descriptor from 3 on, apart from ``keep`` (close_range(2) between them)."""
    low = 3
    for fd in sorted(fd for fd in keep if fd >= low):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 0x7FFFFFFF)
