"""One cell's processes and signals, put together from events of either evidence.

Pure but for one question when a program starts (its ROLE and its command line), which is asked
through ``Names`` so that a test can answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from aftercancel.executor.events import (
    Called,
    Delivered,
    Event,
    Execed,
    ExitCalled,
    Exited,
    Forked,
    Generated,
    Handler,
    Marked,
    Returned,
)
from aftercancel.executor.fatal import HARMLESS_BY_DEFAULT, turned_into_kill
from aftercancel.executor.lives import (
    FAR_HOST,
    JOB,
    ROOT,
    RUNNER,
    SERVER,
    Layout,
    MarkHistory,
    ProcessHistory,
    SignalHistory,
    of_the_sandbox,
)
from aftercancel.executor.names import Names

_SIGKILL = 9
_LATE_NS = 150_000_000
"""What lives as long as a job's roles do (CONTRIBUTING.md) can be asked until then."""
READY = "ready"
"""The mark with which a job says that its traps are set."""


class History:
    """Takes events in the order of their time; ``is_job`` says which program is the job."""

    def __init__(  # noqa: PLR0913  # what differs from cell to cell is by keyword
        self,
        init_pid: int,
        names: Names,
        is_job: Callable[[ProcessHistory], bool],
        layout: Layout = Layout.ONE_HOST,
        *,
        by_mark: bool = False,
        before_runner: int = 0,
    ) -> None:
        """``init_pid``: the sandbox's PID 1; ``by_mark``: no command line may tell who the job is,
        but its first mark does; ``before_runner``: how many processes PID 1 starts before the
        runner, where it starts a container engine.
        """
        self._by_mark = by_mark
        self._before_runner = before_runner
        self._init = of_the_sandbox(init_pid, ROOT, None)
        self._layout = layout
        self.machinery = [self._init]
        """The sandbox's own processes."""
        self._names = names
        self._is_job = is_job
        self._job: ProcessHistory | None = None
        self._read_late: list[ProcessHistory] = []
        self.again_ns: list[int] = []
        """When the same job was started once more, of whose run nothing is recorded."""
        self._by_tid: dict[int, ProcessHistory] = {init_pid: self._init}
        self._open_calls: dict[int, Called] = {}
        self.processes: list[ProcessHistory] = []
        self.signals: list[SignalHistory] = []
        self.marks: list[MarkHistory] = []
        self.last_event_ns = 0
        self._pending: dict[int, list[SignalHistory]] = {}

    @property
    def job(self) -> ProcessHistory | None:
        """The job itself, as far as it is known."""
        return self._job

    @property
    def first(self) -> ProcessHistory | None:
        """What the runner started for the job."""
        return next((p for p in self.processes if p.key == 1), None)

    @property
    def runner(self) -> ProcessHistory | None:
        return self.processes[0] if self.processes else None

    @property
    def came_late(self) -> bool:
        """Whether one of the job's processes had ended before its names were read, and not because it
        lived so shortly: the events came late, in the flood of another cell.
        """
        return any(self._job is not None and p.is_below(self._job) for p in self._read_late)

    def living(self) -> list[ProcessHistory]:
        """The processes of the cell that live, without the runner."""
        return [p for p in self.processes if p.lives and p.key != 0]

    def resting(self) -> list[ProcessHistory]:
        """Those of the living that must be at rest before the cell is.

        A real runner, or a model, may have a shell or a worker of its own above the job that looks
        now and then how it is: what that may still do is the runner's patience.
        """
        living = self.living()
        of_others = self._by_mark or self._layout is Layout.ENGINE
        if not of_others or self._job is None:
            return living
        return [p for p in living if p.is_below(self._job) or p.named]

    def recorded(self) -> list[ProcessHistory]:
        """The processes that make up the cell's record, the runner first."""
        return self.processes

    def running_roles(self) -> set[str]:
        """The roles whose program has been started and lives."""
        return {p.role for p in self.processes if p.lives and p.execs}

    def add(self, event: Event) -> None:
        """Take one event in."""
        self.last_event_ns = event.at_ns
        self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Forked():
                self._forked(event)
            case Execed():
                self._execed(event)
            case ExitCalled():
                self._exit_called(event)
            case Exited():
                self._exited(event)
            case Called():
                self._open_calls[event.tid] = event
            case Returned():
                self._returned(event)
            case Generated():
                self._generated(event)
            case Delivered():
                self._delivered(event)
            case Marked():
                self._marked(event)
            case _:
                assert_never(event)

    def _marked(self, event: Marked) -> None:
        writer = None if event.tid is None else self._by_tid.get(event.tid)
        if writer is not None and self._by_mark and event.text.strip() == READY:
            self._is_the_job_itself(writer)
        role = writer.role if writer else None
        # A program that buffers its output may write several lines at once.
        for line in event.text.split("\n"):
            if line:
                self.marks.append(MarkHistory(event.at_ns, role, line, writer))

    def _is_the_job_itself(self, writer: ProcessHistory) -> None:
        """A real runner's shell is given the script's text: no command line says who runs it.

        But the first word of it does (``ready``), unless a command line has said so already.
        """
        if not writer.of_the_sandbox and writer.key != 0 and self._job is None:
            self._job = writer
            writer.role = JOB

    def _forked(self, event: Forked) -> None:
        parent = self._by_tid.get(event.tid)
        if event.thread:
            if parent is not None:
                parent.threads.add(event.child)
                self._by_tid[event.child] = parent
            return
        if parent is None:
            return
        parent.forked += 1
        if parent.of_the_sandbox and (role := self._role_in_the_sandbox(parent)) is not None:
            started = of_the_sandbox(event.child, role, parent)
            started.started_ns = event.at_ns
            self.machinery.append(started)
        else:
            started = self._of_the_cell(event, parent)
            self.processes.append(started)
        self._by_tid[event.child] = started

    def _role_in_the_sandbox(self, parent: ProcessHistory) -> str | None:
        """Of what one of its inits starts as part of it; None: it is the cell's.

        In the order in which ``hosts`` makes them: PID 1 the other host's init, then that of the
        runner's host; the other host's init the server. What else an init has as a child was found
        by /proc when its parent had gone already, and the init had taken it over.
        """
        if self._layout is Layout.ENGINE:
            return self._role_beside_the_engine(parent)
        if parent is self._init and self._layout is Layout.TWO_HOSTS:
            return {1: FAR_HOST, 2: ROOT}.get(parent.forked)
        if parent.role == FAR_HOST and parent.forked == 1:
            return SERVER
        return None

    def _role_beside_the_engine(self, parent: ProcessHistory) -> str | None:
        """The engine's own processes, and what root runs; None: the runner, or a container's.

        containerd starts the shims, and they start what is to be in a container (runc(8)); what was
        started so before the runner was there belongs to no cell.
        """
        if parent is self._init:
            return None if parent.forked == self._before_runner + 1 else ROOT
        return None if self.processes and self._is_engine(parent) else parent.program or ROOT

    def _is_engine(self, process: ProcessHistory) -> bool:
        return self._layout is Layout.ENGINE and process.makes_containers

    def _of_the_cell(self, event: Forked, parent: ProcessHistory) -> ProcessHistory:
        argv: tuple[str, ...]
        if not self.processes:
            role, variable, program, argv = RUNNER, None, RUNNER, ()
        elif parent.of_the_sandbox:
            base = parent.program or JOB
            role, variable, program, argv = f"{base}:fork", None, parent.program, parent.argv
        else:
            first = parent.key == 0 and self._job is None
            role = JOB if first and not self._by_mark else f"{parent.role}:fork"
            variable, program, argv = parent.role_variable, parent.program, parent.argv
        return ProcessHistory(
            key=len(self.processes),
            pid=event.child,
            parent=None if parent.of_the_sandbox else parent,
            role=role,
            inherited=variable,
            role_variable=variable,
            program=program,
            argv=argv,
            started_ns=event.at_ns,
            threads={event.child},
            far=parent.far,
            by_engine=parent.by_engine or self._is_engine(parent),
        )

    def _execed(self, event: Execed) -> None:
        process = self._by_tid.get(event.old_tid) or self._by_tid.get(event.tid)
        if process is None:
            return
        # execve(2): all other threads are gone, and the caller has the leader's id from now on.
        for tid in process.threads:
            self._by_tid.pop(tid, None)
        process.threads = {event.tid}
        self._by_tid[event.tid] = process
        process.execs += 1
        named = self._names.at_exec(event.tid, event.at_ns)
        process.argv = named.argv or (event.path,)
        process.argv_read = bool(named.argv)
        if not named.argv and named.looked_ns - event.at_ns > _LATE_NS:
            self._read_late.append(process)
        # fexecve(3) has no better name for a program than a descriptor's.
        by_descriptor = event.path.startswith(("/proc/self/fd/", "/dev/fd/"))
        path = process.argv[0] if by_descriptor else event.path
        process.program = path.rsplit("/", 1)[-1]
        if process.of_the_sandbox:
            if self._layout is Layout.ENGINE and process.role != RUNNER:
                process.role = process.program
            return
        if self._stays_the_runner(process):
            return
        now = named.role_variable
        process.role_variable = now
        if self._may_be_the_job(process) and self._is_job(process):
            if self._job not in (None, process):
                self._job.role = self._job.program
            self._job = process
            process.role = JOB
        elif now is not None and now != process.inherited:
            process.role = now
        else:
            process.role = process.program

    def _stays_the_runner(self, process: ProcessHistory) -> bool:
        """Whether it keeps its role, whatever its program is called."""
        del process
        return False

    def _may_be_the_job(self, process: ProcessHistory) -> bool:
        """The same again, where one exec had followed another (env) before its command line was
        read; and another, where a launcher tries anew what has ended.
        """
        return self._job is None or self._job is process or not self._job.lives

    def _exit_called(self, event: ExitCalled) -> None:
        process = self._by_tid.get(event.tid)
        if process is None or process.fatal_signal is not None:
            return
        if event.whole or (process.exit_status is None and len(process.threads) == 1):
            process.exit_status = event.status
            process.exiting_ns = event.at_ns

    def _exited(self, event: Exited) -> None:
        process = self._by_tid.pop(event.tid, None)
        self._open_calls.pop(event.tid, None)
        if process is not None:
            process.threads.discard(event.tid)
            if not process.threads:
                process.ended_ns = event.at_ns
                if process.exit_status is None and process.fatal_signal is None:
                    self._killed_from_nowhere(process)

    @staticmethod
    def _killed_from_nowhere(process: ProcessHistory) -> None:
        if process.killed_ns is not None:
            process.fatal_signal = _SIGKILL
            process.doomed_ns = process.killed_ns

    def _returned(self, event: Returned) -> None:
        call = self._open_calls.pop(event.tid, None)
        sender = self._by_tid.get(event.tid)
        if call is None or sender is None or event.result >= 0 or call.signal == 0:
            return
        receiver = next(
            (
                p
                for p in self.processes
                if p.last is not None and p.last.inner_pid == call.target and p.far is sender.far
            ),
            None,
        )
        self.signals.append(
            SignalHistory(
                at_ns=event.at_ns,
                signal=call.signal,
                sender=sender,
                sender_role=sender.role,
                receiver=None,
                receiver_role=receiver.role if receiver else "nobody",
                call=call.call,
                target=call.target,
                by_kernel=False,
                ignored=False,
                error=-event.result,
            )
        )

    def _generated(self, event: Generated) -> None:
        receiver = self._by_tid.get(event.target)
        if receiver is None:
            return
        call = None if event.by_kernel else self._open_calls.get(event.tid)
        sender = self._by_tid.get(event.tid) if call is not None else None
        signal = SignalHistory(
            at_ns=event.at_ns,
            signal=event.signal,
            sender=sender,
            sender_role=sender.role if sender else "kernel",
            receiver=receiver,
            receiver_role=receiver.role,
            call=call.call if call else None,
            target=call.target if call else None,
            by_kernel=event.by_kernel,
            ignored=event.ignored,
        )
        self.signals.append(signal)
        if not event.ignored:
            self._pending.setdefault(receiver.key, []).append(signal)

    def _delivered(self, event: Delivered) -> None:
        receiver = self._by_tid.get(event.tid)
        if receiver is None:
            return
        pending = self._pending.get(receiver.key, [])
        answered = [s for s in pending if s.signal == event.signal]
        if event.signal == _SIGKILL and not answered:
            answered = list(turned_into_kill(receiver, pending))
        # One delivery answers every generation of an ordinary signal that is pending (signal(7)).
        for signal in answered:
            signal.delivered_ns = event.at_ns
            signal.handler = event.handler
            pending.remove(signal)
        if event.handler is not Handler.DEFAULT or event.signal in HARMLESS_BY_DEFAULT:
            return
        if receiver.fatal_signal is not None or receiver.exit_status is not None:
            return
        if answered:
            receiver.fatal_signal = answered[0].signal
            receiver.doomed_ns = answered[0].at_ns
        elif event.signal == _SIGKILL:
            # Nobody was seen to send it: execve or exit_group ending a thread, or a kill from
            # outside the cell. Which one, the process's end tells.
            receiver.killed_ns = event.at_ns
        else:
            # A timer's, which is generated in an interrupt, while any task may run.
            receiver.fatal_signal = event.signal
            receiver.doomed_ns = event.at_ns
