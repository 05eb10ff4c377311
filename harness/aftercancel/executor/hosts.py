"""Two hosts in one sandbox: the runner's, and the other one that a launcher reaches by network.

Each has a PID namespace with an init of its own, beside the other and not within it, so that no
process sees or signals one of the other host. The other one also has its own network (joined by
a veth pair), host name, IPC, /proc and terminals; the root file system is the same, as a home
that both have mounted. The sandbox's own PID 1 is above both and outside: killing it ends all.

An init also does what only root can do there: it carries out the runner's orders, each a packet
of a SOCK_SEQPACKET pair (JSON), answered by a packet: an errno, 0 for none.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from aftercancel.executor import engine as engines
from aftercancel.executor import linux
from aftercancel.executor.engine import Engine
from aftercancel.executor.veth import FAR, NEAR, Routes

_UP_S = 10.0
"""A server that does not listen by then never will."""
_LOG_LIMIT = 65_536
_NAMESPACES = linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS


class HostError(Exception):
    """A host could not be made or its server did not come up; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """What the other host serves."""

    argv: tuple[str, ...]
    ready: str
    """What it says when it listens."""
    log: str
    """A file for everything that it says."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The runner's ends: who carries out what the runner cannot do itself."""

    root: socket.socket | None = None
    """root on the runner's host."""
    far: socket.socket | None = None
    """root on the other host."""

    def close(self) -> None:
        for end in (self.root, self.far):
            if end is not None:
                end.close()


def order_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def start_far(server: Server, mount: Callable[[], None]) -> socket.socket:
    """Make the other host; returns the end of its init when its server listens.

    ``mount`` mounts what belongs to a PID namespace. Raises ``HostError`` or ``OSError``.
    """
    ours, theirs = order_pair()
    with theirs:
        fork_into_pid_namespace(lambda: _become_far(theirs, server, mount))
    said = ours.recv(65_536)
    if said != b"up":
        ours.close()
        words = said.decode("utf-8", "replace") or "its init ended"
        raise HostError(f"the other host's server did not come up: {words}")
    return ours


def start_near(
    far: socket.socket,
    mount: Callable[[], None],
    control: socket.socket,
    start_runner: Callable[[Orders], None],
) -> None:
    """Make the runner's host, whose init starts the runner."""

    def become() -> NoReturn:
        linux.die_with_parent(signal.SIGKILL)
        mount()
        ours, theirs = order_pair()
        orders = Orders(root=theirs, far=far)
        start_runner(orders)
        orders.close()
        control.close()
        obey_as_root(ours)

    fork_into_pid_namespace(become)
    far.close()


def obey_as_root(orders: socket.socket, engine: Engine | None = None) -> NoReturn:
    """The rest of an init's life: signals that root is to send, and reaping."""
    _let_the_kernel_reap()
    while packet := orders.recv(4096):
        order = json.loads(packet)
        _answer(orders, lambda order=order: _obey(order, engine))  # type: ignore[misc]
    while True:
        signal.pause()


def _obey(order: dict[str, Any], engine: Engine | None) -> None:
    """Raises the ``OSError`` of what was not possible."""
    if engine is not None and "run" in order:
        engines.run(engine, order["run"])
    elif engine is not None and "restart" in order:
        engines.restart(engine)
    else:
        os.kill(order["pid"], order["signal"])


def fork_into_pid_namespace(child: Callable[[], NoReturn]) -> int:
    """fork(2), with the child as PID 1. Our own later children stay where we are."""
    with contextlib.ExitStack() as stack:
        own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, own)
        linux.unshare(linux.CLONE_NEWPID)
        try:
            pid = os.fork()
            if pid == 0:
                try:
                    child()
                finally:
                    os._exit(70)
        finally:
            # Only in the parent: the child never comes here.
            linux.setns(own, linux.CLONE_NEWPID)
        return pid


def _become_far(orders: socket.socket, server: Server, mount: Callable[[], None]) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    linux.close_all_but(frozenset({orders.fileno()}))
    try:
        routes = _join(mount)
        listener, said = _start_server(server)
        words = _await_listening(said, server)
    except OSError as error:
        orders.send(str(error).encode())
        os._exit(71)
    if words is not None:
        orders.send(words.encode())
        os._exit(71)
    orders.send(b"up")
    _obey_as_far(orders, said, server.log, listener, routes)


def _join(mount: Callable[[], None]) -> Routes:
    """Leave the runner's host, and lay a cable to it."""
    with contextlib.ExitStack() as stack:
        near = stack.enter_context(Routes())
        namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, namespace)
        linux.unshare(_NAMESPACES)
        mount()
        linux.set_host_name("far")
        linux.loopback_up()
        far = Routes()
        far.add_pair("eth0", "eth0", namespace)
        for routes, address in ((far, FAR), (near, NEAR)):
            routes.set_address(address)
            routes.set_up(up=True)
        return far


def _start_server(server: Server) -> tuple[int, int]:
    """Its process id, and the end of the pipe that it speaks into."""
    said, speak = os.pipe()
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for number, fd in enumerate((nothing, nothing, speak)):
                os.dup2(fd, number)
            path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
            os.execve(server.argv[0], server.argv, {"PATH": path, "LANG": "C.UTF-8"})
        except OSError as error:
            os.write(speak, f"{server.argv[0]}: {error.strerror}\n".encode())
        finally:
            os._exit(127)
    os.close(nothing)
    os.close(speak)
    return pid, said


def _await_listening(said: int, server: Server) -> str | None:
    """None when it listens, else why not."""
    text = b""
    poll = select.poll()
    poll.register(said, select.POLLIN)
    until = time.monotonic() + _UP_S
    while server.ready.encode() not in text:
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            return f"it did not listen within {_UP_S:.0f} s, and said: {_shown(text)}"
        part = os.read(said, 4096)
        if not part:
            return _shown(text)
        text += part
    _log(server.log, text)
    return None


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip() or "nothing"


def _obey_as_far(
    orders: socket.socket, said: int, log: str, listener: int, routes: Routes
) -> NoReturn:
    _let_the_kernel_reap()
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    poll.register(said, select.POLLIN)
    logged = 0
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if said in ready:
            part = os.read(said, 4096)
            if not part:
                poll.unregister(said)
            elif logged < _LOG_LIMIT:
                logged += len(part)
                _log(log, part)
        if orders.fileno() in ready:
            packet = orders.recv(4096)
            if not packet:
                poll.unregister(orders)
                continue
            order = json.loads(packet)
            if "link" in order:
                _answer(orders, lambda: routes.set_up(up=order["link"]))  # noqa: B023  # called here
            else:
                number = order["signal"]
                _answer(orders, lambda: _signal_connections(listener, number))  # noqa: B023  # called here


def _signal_connections(listener: int, number: int) -> None:
    """To one process of each connection: the one that serves the user.

    OpenSSH has two, root's and the user's forked from it (sshd(8)); dropbear has one. To signal
    both would be a race: either ends when it finds the other gone.
    """
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                state, starter = file.read().rsplit(b")", 1)[1].split()[:2]
                if state not in b"ZX":
                    parents[int(name)] = int(starter)
    serving = [child for child, parent in parents.items() if parent == listener]
    if not serving:
        raise ProcessLookupError(3, "there is no connection")
    for pid in serving:
        program = os.readlink(f"/proc/{pid}/exe")
        forked = [child for child, parent in parents.items() if parent == pid]
        of_user = [child for child in forked if os.readlink(f"/proc/{child}/exe") == program]
        os.kill((*of_user, pid)[0], number)


def _answer(orders: socket.socket, action: Callable[[], None]) -> None:
    number = 0
    try:
        action()
    except OSError as error:
        number = error.errno or 0
    with contextlib.suppress(BrokenPipeError):
        orders.send(str(number).encode())


def _log(path: str, text: bytes) -> None:
    """A job that is root there may do what it likes to the file: the host must not end of it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        fd = os.open(path, flags, 0o644)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)


def _let_the_kernel_reap() -> None:
    """Children that end leave no zombies where SIGCHLD is ignored (sigaction(2))."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
