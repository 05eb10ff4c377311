"""A cell's sandbox from inside: what its PID 1 does between fork and reaping.

The process becomes PID 1 of a new PID namespace by being forked into it (``zygote``); here it
leaves the other namespaces, mounts its file system, cuts its rights, starts the runner as the user
``ci`` and then only reaps. Killing it ends everything in the sandbox (pid_namespaces(7)), and the
mounts go with the last process (mount_namespaces(7)).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from aftercancel.executor import engine, hosts, linux, seccomp
from aftercancel.executor.engine_processes import EngineError
from aftercancel.executor.launch import File
from aftercancel.executor.limits import (
    FILES,
    Group,
    apply_resource_limits,
    be_killed_first,
    written_bytes,
)
from aftercancel.executor.rootfs import (
    EMPTY,
    LAB,
    MARKS,
    TTY_GROUP,
    WORKPLACE,
    Layers,
)
from aftercancel.executor.writing import write_file, write_files

# capabilities(7): what sudo, su and sshd need to become somebody else and to signal, no more.
_KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 10, 18, 29})
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, NET_BIND_SERVICE, SYS_CHROOT,
AUDIT_WRITE."""

_CAREFUL = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
_DEVPTS_FLAGS = linux.MS_NOSUID | linux.MS_NOEXEC
_DEVPTS = "newinstance,ptmxmode=0666,mode=0620"
_NAMESPACES = linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What a sandbox holds beside the host's files."""

    slot: int
    uid: int
    script_name: str
    """Empty: the script comes later."""
    script: str
    sudoers: tuple[str, ...]
    workdir: str | None
    """A host folder that is seen copy-on-write at ``workplace``."""
    marker: str | None
    """The trace's marker; None: marks go to a FIFO."""
    files: tuple[File, ...] = ()
    server: hosts.Server | None = None
    """What another host serves; None: there is none."""
    as_root: bool = False
    """Whether the runner is root."""
    root_sends: bool = False
    """Whether root on the runner's host sends signals of the cancellation."""
    brought: tuple[str, str] | None = None
    """A file or folder of the host's, a real runner's program, and where it is seen."""
    roomy: bool = False
    """Whether it may use as much as a real runner needs, rather than a job alone."""
    engine: engine.Engine | None = None
    """A container engine of its own; None: none."""

    @property
    def script_path(self) -> str:
        return f"{LAB}/{self.script_name}"


def never_return(child: Callable[[], NoReturn]) -> NoReturn:
    """Whatever happens in a forked child, the executor's own code after the fork must not run."""
    try:
        child()
    finally:
        os._exit(70)


def prepare(*, cut: bool) -> None:
    """What every sandbox inherits, done once in the process that forks them.

    ``cut``: The capability bounding set limits what a program can be given at execve(2), so it
    binds every job, while the forking process, which never calls that, keeps what it has.
    """
    if cut:
        linux.keep_only_capabilities(_KEPT_CAPABILITIES)
    # The warden ignores some signals, Python others; an ignored one stays so across execve(2).
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not None:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)


Run = Callable[[socket.socket, hosts.Orders], NoReturn]
"""What the runner does: the executor's socket, and those through which others obey it."""


def become_init(
    layers: Layers,
    arrangement: Arrangement,
    group: Group | None,
    control: socket.socket,
    run_runner: Run,
) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    # The executor may have died before that call; then nobody else holds the other end.
    keep = frozenset({control.fileno()}) | (group.descriptors if group else frozenset())
    linux.close_all_but(keep)
    with contextlib.suppress(BlockingIOError):
        if not control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
            os._exit(72)
    step = "enter its control group"
    try:
        if group is not None:
            group.enter()
        step = "leave the host's namespaces"
        linux.unshare(_NAMESPACES | (linux.CLONE_NEWCGROUP if arrangement.engine else 0))
        step = "mount its file system"
        _mount(layers, arrangement, group)
        step = "write its files"
        _write_files(arrangement, root=layers.only_user or 0)
        step = "cut its rights"
        _cut_rights(arrangement)
        linux.close_all_but(frozenset({control.fileno()}))
        # Who is alone in a user namespace is so in all cells at once: one cannot be counted.
        in_group = group is not None or layers.only_user is not None

        def start_runner(orders: hosts.Orders) -> None:
            if os.fork() == 0:
                never_return(
                    lambda: _become_runner(
                        arrangement, control, orders, run_runner, in_group=in_group
                    )
                )

        if arrangement.engine is not None:
            step = "start its container engine"
            engine.start(arrangement.engine)
        if arrangement.server is None:
            step = "start its runner"
            _serve_one(arrangement, control, start_runner)
        step = "make two hosts"

        def mount_proc() -> None:
            _mount_proc(layers, "")

        def mount_of_far() -> None:
            _mount_proc(layers, "")
            _mount_devpts("")
            apply_resource_limits(in_group=in_group, roomy=arrangement.roomy)

        far = hosts.start_far(arrangement.server, mount_of_far)
        hosts.start_near(far, mount_proc, control, start_runner)
    except (OSError, hosts.HostError, EngineError) as error:
        words = f"could not {step}: {error}" if isinstance(error, OSError) else str(error)
        control.send(b"j" + json.dumps({"sandbox": words}).encode())
        os._exit(71)
    control.close()
    _reap()


def _cut_rights(arrangement: Arrangement) -> None:
    linux.set_host_name("aftercancel")
    linux.loopback_up()
    linux.join_new_session_keyring()
    if arrangement.engine is None:
        seccomp.refuse_what_no_namespace_holds()
    be_killed_first()


def _serve_one(
    arrangement: Arrangement,
    control: socket.socket,
    start_runner: Callable[[hosts.Orders], None],
) -> NoReturn:
    """The one host's PID 1, behind the arranging."""
    if not arrangement.root_sends and arrangement.engine is None:
        start_runner(hosts.Orders())
        control.close()
        _reap()
    ours, theirs = hosts.order_pair()
    start_runner(hosts.Orders(root=theirs))
    theirs.close()
    control.close()
    hosts.obey_as_root(ours, arrangement.engine)


def _become_runner(
    arrangement: Arrangement,
    control: socket.socket,
    orders: hosts.Orders,
    run_runner: Run,
    *,
    in_group: bool,
) -> NoReturn:
    apply_resource_limits(in_group=in_group, roomy=arrangement.roomy)
    if arrangement.engine is not None and not arrangement.engine.by_runner:
        # What the engine had to keep. The filter first: it takes a right that goes then.
        seccomp.refuse_what_no_namespace_holds()
        linux.keep_only_capabilities(_KEPT_CAPABILITIES)
    os.setsid()
    if os.geteuid() == arrangement.uid:  # alone in a user namespace (``ordinary``)
        linux.drop_capabilities()
        run_runner(control, orders)
    os.setgroups([])
    if not arrangement.as_root:
        uid = arrangement.uid
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    run_runner(control, orders)


def _reap() -> NoReturn:
    """PID 1's whole work: without it the orphans of the job would stay zombies."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            # Nobody left. The executor looks around and then ends us.
            signal.pause()


# Plain strings and descriptors from here on: this runs once for every cell, and what it touches
# of Python is copied page by page.


def _mount(layers: Layers, arrangement: Arrangement, group: Group | None) -> None:
    cell = str(layers.cell)
    size = written_bytes(roomy=arrangement.roomy)
    linux.mount("tmpfs", cell, "tmpfs", 0, f"size={size},nr_inodes={FILES},mode=755")
    root = f"{cell}/root"
    slot, base = str(layers.slot(arrangement.slot)), str(layers.base)
    keys = (str(layers.keys),) if arrangement.server is not None else ()
    # Elsewhere than root's, "trusted" attributes may not be written (overlayfs.rst).
    options = "" if layers.only_user is None else ",userxattr"
    host = () if layers.parts else ("/",)
    _overlay(cell, "top", (*keys, slot, base, *host), root, options)
    for part in layers.parts:
        linux.bind(f"{layers.system}{part}", root + part, recursive=True)
    for number, place in enumerate(layers.submounts):
        # The host's file system there, below what our own layers have at that place.
        ours = (layer for layer in (slot + place, base + place) if os.path.isdir(layer))
        _overlay(cell, f"sub-{number}", (*ours, place), root + place)
    if arrangement.workdir is not None:
        workplace = root + WORKPLACE
        _overlay(cell, "work", (arrangement.workdir,), workplace, options)
        os.chown(workplace, arrangement.uid, arrangement.uid)
        os.chmod(workplace, 0o755)
    _mount_proc(layers, root)
    linux.bind(str(layers.sys), f"{root}/sys", recursive=True)
    _mount_devpts(root, layers.only_user)
    if arrangement.marker is not None:
        linux.bind(arrangement.marker, root + MARKS)
    if arrangement.brought is not None:
        source, target = arrangement.brought
        _bring(source, root + target)
    if arrangement.engine is not None:
        engine.mount(arrangement.engine, layers, arrangement.slot, root, group)
    if layers.only_user is not None:
        os.chmod(root, 0o555)
    os.chdir(root)
    linux.pivot_root(".", ".")
    linux.unmount(".", linux.MNT_DETACH)
    os.chdir("/")


def _bring(brought: str, target: str) -> None:
    is_folder = os.path.isdir(brought)
    os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o755))
    linux.bind_read_only(brought, target)


def _overlay(cell: str, name: str, below: tuple[str, ...], target: str, further: str = "") -> None:
    upper, work = f"{cell}/{name}-upper", f"{cell}/{name}-work"
    os.mkdir(upper)
    os.mkdir(work)
    with contextlib.suppress(FileExistsError):
        os.mkdir(target)
    lower = ":".join(_escaped(path) for path in below)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}{further}"
    linux.mount("overlay", target, "overlay", 0, options)


def _escaped(path: str) -> str:
    """As overlayfs takes a layer: a comma ends an option, a colon a layer."""
    for sign in "\\:,":
        path = path.replace(sign, "\\" + sign)
    return path


def _write_files(arrangement: Arrangement, *, root: int) -> None:
    """Inside the sandbox's root: whatever link stands on the way, it leads nowhere else."""
    if arrangement.script_name:
        write_file(arrangement.script_path, arrangement.script, 0o755)
    if arrangement.sudoers:
        write_file("/etc/sudoers.d/job", "\n".join(arrangement.sudoers) + "\n", 0o440)
    write_files(arrangement.files, arrangement.uid, root)
    if arrangement.marker is None:
        os.unlink(MARKS)
        os.mkfifo(MARKS)
        os.chmod(MARKS, 0o622)


def _mount_proc(layers: Layers, root: str) -> None:
    """Of the PID namespace that the caller is in (proc(5)), without what no job may see."""
    linux.mount("proc", f"{root}/proc", "proc", _CAREFUL)
    for place in layers.masked_folders:
        linux.bind_read_only(EMPTY if not root else str(layers.empty), root + place)
    for place in layers.masked_files:
        linux.bind(f"{root}/dev/null", root + place)
    for place in layers.read_only:
        linux.bind_read_only(root + place, root + place, _CAREFUL)


def _mount_devpts(root: str, group: int | None = None) -> None:
    options = f"{_DEVPTS},gid={TTY_GROUP if group is None else group}"
    linux.mount("devpts", f"{root}/dev/pts", "devpts", _DEVPTS_FLAGS, options)
