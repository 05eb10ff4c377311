"""The words of the lab as frozen types.

Above 400 lines because it is the whole vocabulary in one place, most of it docstrings.
Nothing here imports from the rest of the package; everything else imports from here.
Times that end in ``_ms`` are milliseconds from the moment of the cancellation (negative: before
it), those that end in ``_s`` are seconds. Process ids are those of the sandbox's own PID
namespace, so they are small and mean nothing outside the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCHEMA = 1
"""Version of the line that one observation is stored as."""


class ShellKind(StrEnum):
    """What a job is written for, and so what can interpret it."""

    POSIX = "posix"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Shell:
    """What interprets a job; its flags (``-e``, ``-xe``) belong to it."""

    id: str
    family: str
    """The shell without flags: ``bash`` for ``bash-xe``."""
    sentence: str
    kind: ShellKind
    argv: tuple[str, ...]
    """The command line that stands before the script's path."""
    version: tuple[str, ...]
    """A command that prints the version; empty: the package manager is asked."""
    package: str
    """The Debian package that brings it."""
    common: bool = True
    """Whether every release that the lab runs on has it; if not, its cells are not tried where it
    is missing."""


@dataclass(frozen=True, slots=True)
class Job:
    """The script that gets cancelled."""

    id: str
    sentence: str
    """What the job shows, in one sentence."""
    kind: ShellKind
    script: str
    """The script's whole text."""
    name: str
    """The script's file name, as it shows in the process list."""
    shells: tuple[str, ...] = ()
    """Families of shells that can run it; empty: every shell of its kind."""
    roles: tuple[str, ...] = ()
    """The processes that must be running before the job counts as armed (beside ``job``)."""
    marks: tuple[str, ...] = ()
    """Every mark that the job can write."""
    cleanup: str | None = None
    """Which handler is the clean-up: the mark's name without ``begin`` and ``end``."""
    removes: tuple[str, ...] = ()
    """Paths that the clean-up removes; one that is still there contradicts an ``end`` mark."""
    ignored: tuple[str, ...] = ()
    """Signals that are ignored when the job's shell starts."""
    sudoers: tuple[str, ...] = ()
    """Lines for the sandbox's sudoers file."""
    needs: tuple[str, ...] = ()
    """Programs, beside the shell, without which it cannot run."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables that the job is started with."""
    pause_s: float = 0.2
    """The longest time for which the job or its clean-up may do nothing before it goes on."""
    rests: bool = True
    """Whether its processes all block once it is armed (a job that spins or floods does not)."""
    ends: bool = False
    """Whether it comes to its end by itself without ``HOLD`` being cut short."""
    announces: bool = True
    """Whether it writes the ``ready`` mark (a user's own script does not)."""
    workdir: str | None = None
    """Host folder, seen copy-on-write as the working directory; None: the home of ``ci``."""
    path: str | None = None
    """Where the script stands below ``workdir``; None: in the lab's own folder."""
    executable: bool = False
    """Whether the kernel starts it by its ``#!`` line (a user's own script)."""
    ready_output: str | None = None
    """Without a mark: text in its output that says that it is ready."""
    after_s: float | None = None
    """Without a mark or a tree at rest: armed this long after its start."""
    input: str | None = None
    """What the runner writes to the job's input once it is armed; each character is one byte
    (U+0000 to U+00FF). None: the input is /dev/null, or the terminal."""
    input_times: int = 1
    """How often ``input`` is written, one behind the other."""
    input_ends: bool = True
    """Whether the runner closes the input (at a terminal: types ^D) behind it."""
    remedy: bool = False
    """Whether it is meant to be copied, by those whose own job does not clean up."""
    after: str = ""
    """What its author wants to run after it in any case, for runners that have such a thing
    (GitLab's after_script); empty: nothing."""
    queued: int = 0
    """How many further jobs of the same kind are given to the runner's queue behind it."""


class Server(StrEnum):
    """What answers on the other host."""

    OPENSSH = "openssh"
    DROPBEAR = "dropbear"


@dataclass(frozen=True, slots=True)
class Far:
    """The host that a launcher starts the job on: its own PID, network, UTS and mount namespaces."""

    server: Server
    forced: str = ""
    """The forced command of the key (authorized_keys, ``command=``), a template; empty: none."""
    options: tuple[str, ...] = ()
    """Further lines of sshd_config; for dropbear further words of its command line."""


class EngineKind(StrEnum):
    """Whose containers a launcher starts the job in."""

    DOCKER = "docker"
    PODMAN = "podman"


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine of the sandbox's own, with one image: the sandbox's own file system."""

    kind: EngineKind
    before: tuple[str, ...] = ()
    """A command that root runs as soon as it is up, a template as the words of ``argv``."""


@dataclass(frozen=True, slots=True)
class LauncherFile:
    """A file that a launcher reads."""

    path: str
    """Absolute, or relative to the folder that the job is started in."""
    text: str
    """A template, as the words of ``argv``."""
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Launcher:
    """What stands between runner and job.

    In ``argv``, ``sudoers``, ``files`` and ``far.forced`` stand for the job: ``@ARGV@`` (a word of
    its own: the words of its command line), ``@COMMAND@`` (that command line for a shell),
    ``@JSON@``, ``@MAKE@``, ``@SUDOERS@`` (the same as those take it), ``@PROGRAM@`` and
    ``@ARGUMENTS@`` (its first word, the others in double quotes), ``@NAMES@`` (the names of the
    environment variables that the lab gives a job), ``@ASSIGNMENTS@`` (those as NAME=VALUE, for a
    shell), ``@SELF@`` (the launcher's own command line as sudoers takes it), ``@FOLDER@``
    (where the job starts), ``@LIST@`` (the names of those variables as a JSON list), ``@MOUNTS@``
    and ``@ENVIRONMENT@`` (words of their own: options with which an engine's client gives a
    container the job's script and folder, and those variables).
    """

    id: str
    sentence: str
    argv: tuple[str, ...] = ()
    """Its command line. The job's words follow, unless a placeholder stands in it, in a file of
    the folder that the job starts in, or in the forced command. Empty for ``none``."""
    needs: tuple[str, ...] = ()
    get: str = ""
    """How to get what it needs, in words; empty: the Debian packages of ``needs``."""
    common: bool = True
    """Whether the set-up installs what it needs; if not, its cells are not measured without."""
    env: tuple[tuple[str, str], ...] = ()
    """Environment variables that it is started with."""
    sudoers: tuple[str, ...] = ()
    """Lines for the sandbox's sudoers file."""
    files: tuple[LauncherFile, ...] = ()
    far: Far | None = None
    """The other host, where it starts the job there."""
    engine: Engine | None = None
    """Where it starts the job in a container."""
    terminal: bool = False
    """Whether it is started at a terminal, whatever the runner gives the job."""
    as_root: bool = False
    """Whether the runner that starts it is root, and not the user ``ci``."""
    takes_requests: bool = False
    """Whether it sends the request "signal" of RFC 4254 6.9 with the name in each line of its
    input."""
    remedy: bool = False
    """Whether it is meant to be used instead of one that leaves the job behind."""
    inner: Launcher | None = None
    """What it starts instead of the job: the next of a chain."""

    @property
    def hops(self) -> tuple[Launcher, ...]:
        """Itself and what stands between it and the job, from the outermost."""
        return (self,) if self.inner is None else (self, *self.inner.hops)


class Ends(StrEnum):
    """When the plain runner takes the job for over."""

    PROCESS = "process"
    """Its first process has ended."""
    OUTPUT = "output"
    """Its first process has ended and nobody holds its output open any more."""


@dataclass(frozen=True, slots=True)
class Runner:
    """What starts the job and is told to cancel it.

    The lab's own (``plain``), a real one (``adapter`` names its file in ``runners/``), or a model
    of a real one (``model`` names its file in ``runners/models/``; its id ends in ``-modelled``).
    """

    id: str
    """With the version behind ``@``, as soon as a real one was found."""
    sentence: str
    ends: Ends = Ends.PROCESS
    """Of the lab's own: when it takes the job for over."""
    terminal: bool = False
    """Whether the job gets a controlling terminal."""
    adapter: str = ""
    model: str = ""
    follows: str = ""
    """What a model follows: the source file and function, with their version."""
    ways: tuple[str, ...] = ()
    """Its own ways to end a job, as ``cancel`` and ``job-timeout``."""
    signals: bool = False
    """Whether it is a program that can be signalled itself, as ``runner-TERM`` does."""
    server: bool = False
    """Whether it has a server that can be stopped and started again."""
    queue: bool = False
    """Whether further jobs can wait behind one."""
    after: bool = False
    """Whether it can run something after the job in any case (GitLab's after_script)."""
    options: tuple[tuple[str, str], ...] = ()
    """What its adapter or model is told."""
    shells: tuple[str, ...] = ()
    """Globs of shells that it can run a job under; empty: every shell."""
    patience_s: float = 2.0
    """The longest that it may do nothing before it goes on by itself: its graces and its polls."""
    engine: EngineKind | None = None
    """Whose containers it gives its jobs, by an engine of the sandbox's own; None: it gives none."""
    instances: int = 4
    """How many of it may run side by side, each with cells one after another."""
    program: str = ""
    """Where it was found; empty: not looked for, or not found."""
    brought: str = ""
    """The file or folder that a sandbox must have of it."""
    version: str = ""
    image: str = ""
    """The image that its program was taken out of, with its digest or id; empty: of none."""

    @property
    def real(self) -> bool:
        return bool(self.adapter)

    @property
    def own(self) -> bool:
        """Whether it is the lab's own: neither a real one nor a model of one."""
        return not self.adapter and not self.model


class Target(StrEnum):
    """At whom a cancellation's signal is sent."""

    PROCESS = "process"
    GROUP = "group"
    LEAF_FIRST = "leaf-first"
    """Every process of the job, children before parents, one at a time."""
    CONNECTION = "connection"
    """The server's process that serves the user, on the other host; root sends it there."""
    RUNNER = "runner"
    """The process of a real runner that starts jobs; root sends it."""
    SERVER = "server"
    """The process of a real runner's server; root sends it."""


class Sender(StrEnum):
    """Who sends a cancellation's signal."""

    RUNNER = "runner"
    """The runner, and so its user: the kernel may refuse it (kill(2), EPERM)."""
    ROOT = "root"
    """root on the runner's host, from outside the job's session."""


class Channel(StrEnum):
    """What a cancellation can close."""

    TERMINAL = "terminal"
    INPUT = "input"
    OUTPUT = "output"
    LINK = "link"
    """The network between the two hosts: the other host's interface goes down."""


class Action(StrEnum):
    """What one step of a cancellation does."""

    SIGNAL = "signal"
    TYPE = "type"
    SEND = "send"
    CLOSE = "close"
    WAIT = "wait"
    ASK = "ask"
    """The runner is asked to end the job, in a way of its own."""
    START = "start"
    """What was ended of the runner is started again."""
    RUN = "run"
    """root runs a command on the runner's host: the client of a container engine."""
    RESTART = "restart"
    """The container engine is restarted, as a service manager does it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a cancellation; ``action`` says which of the other fields count."""

    action: Action
    signal: str | None = None
    """``signal``: its name without ``SIG``."""
    to: Target | None = None
    """``signal``: at whom."""
    by: Sender = Sender.RUNNER
    """``signal``: who sends it."""
    keys: str | None = None
    """``type``: characters typed at the job's terminal; ``send``: written to its input, a pipe."""
    request: bool = False
    """``send``: whether it is a line for a launcher that takes requests."""
    channel: Channel | None = None
    """``close``: the runner's end of which channel."""
    seconds: float = 0.0
    """``wait``: until the next step; ``signal`` to ``leaf-first``: between two processes; ``ask``
    for a time limit: the limit, from the job's start; ``run``, ``restart``: the longest that may
    pass without anything to be seen before the engine goes on (its own grace)."""
    way: str | None = None
    """``ask``: which of the runner's own ways."""
    command: tuple[str, ...] = ()
    """``run``: the words of the command."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What is fired, and at whom. Without steps the job is left to come to its own end."""

    id: str
    sentence: str
    steps: tuple[Step, ...] = ()

    @property
    def needs_terminal(self) -> bool:
        return any(s.action is Action.TYPE or s.channel is Channel.TERMINAL for s in self.steps)

    @property
    def needs_pipe(self) -> bool:
        """Whether it writes to, or closes, a pipe that a job at a terminal does not have."""
        pipes = (Channel.INPUT, Channel.OUTPUT)
        return any(s.action is Action.SEND or s.channel in pipes for s in self.steps)

    @property
    def needs_far(self) -> bool:
        """Whether it hits the connection between two hosts."""
        return any(s.to is Target.CONNECTION or s.channel is Channel.LINK for s in self.steps)

    @property
    def needs_requests(self) -> bool:
        """Whether it asks the launcher for a request of RFC 4254 6.9."""
        return any(s.request for s in self.steps)

    @property
    def needs_engine(self) -> bool:
        """Whether it asks a container engine."""
        return any(s.action in (Action.RUN, Action.RESTART) for s in self.steps)

    @property
    def patience_s(self) -> float:
        """The longest that an engine may do nothing before it goes on by itself."""
        asked = (Action.RUN, Action.RESTART)
        return max((step.seconds for step in self.steps if step.action in asked), default=0.0)

    @property
    def duration_s(self) -> float:
        """The time between the first step and the last that the cancellation itself prescribes."""
        return sum(step.seconds for step in self.steps if step.action is Action.WAIT)


@dataclass(frozen=True, slots=True)
class Cell:
    """One job, shell, launcher, runner and cancellation: what is run, and nothing resolved later."""

    job: Job
    shell: Shell
    launcher: Launcher
    runner: Runner
    cancellation: Cancellation
    attempt: int = 1
    """Which repetition of the cell this is, from 1."""

    @property
    def id(self) -> str:
        words = (self.job, self.shell, self.launcher, self.runner, self.cancellation)
        return "/".join(word.id for word in words)

    @property
    def terminal(self) -> bool:
        """Whether what the runner starts gets a controlling terminal."""
        return self.runner.terminal or self.launcher.terminal

    @property
    def engine(self) -> Engine | None:
        """The container engine that its launcher needs."""
        return next((hop.engine for hop in self.launcher.hops if hop.engine), None)

    @property
    def large(self) -> bool:
        """Whether only a few like it fit on a machine at once: with a real runner, or an engine."""
        return self.runner.real or self.engine is not None


class Evidence(StrEnum):
    """What an observation rests on."""

    TRACE = "trace"
    """The kernel's trace of forks, execs, signals and exits."""
    PROC = "proc"
    """/proc, looked at again and again: who sent a signal cannot be known."""


class TroubleKind(StrEnum):
    """Why a cell could not be measured."""

    SANDBOX = "sandbox"
    NOT_ARMED = "not armed"
    LOST_EVENTS = "lost events"
    FLOOD = "flood"
    """The job made more events than the lab records of one cell."""
    EXECUTOR = "executor"
    LEFT_BEHIND = "left behind"
    RUNNER = "runner"
    """A real runner did not start, crashed, or does not answer as it should."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What kept the lab from measuring; the cell's outcome is then ``unknown``."""

    kind: TroubleKind
    words: str


@dataclass(frozen=True, slots=True)
class Dispositions:
    """SigCgt, SigIgn and SigBlk of /proc/PID/status, as names without ``SIG``."""

    caught: tuple[str, ...]
    ignored: tuple[str, ...]
    blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: by exit status, by signal, or (both None) in a way not known."""

    status: int | None = None
    signal: str | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the cell: the job's own, and the runner that started it."""

    key: int
    """Number in the order of start; 0 is the runner."""
    role: str
    program: str
    argv: tuple[str, ...]
    user: str
    parent: int | None
    """Key of the process that started it."""
    pid: int | None
    group: int | None
    session: int | None
    terminal: str | None
    dispositions: Dispositions | None
    """At the moment of the cancellation; None: it did not live then."""
    started_ms: float
    ended_ms: float | None
    """None: it was still there when the cell was decided."""
    end: End | None
    doomed_ms: float | None = None
    """When a signal that it could not survive was generated for it."""
    far: bool = False
    """Whether it is on the other host; its ids are those of that host's own PID namespace."""
    of_engine: bool = False
    """Whether it is a program of a container engine (a shim, runc), neither launcher nor job."""


class Disposition(StrEnum):
    """What a signal met."""

    DEFAULT = "default"
    CAUGHT = "caught"
    IGNORED = "ignored"
    PENDING = "pending"
    """Never delivered: blocked, stopped, or the process died of something else first."""


class Sent(StrEnum):
    """To what a signal was addressed."""

    PROCESS = "process"
    GROUP = "group"
    EVERYBODY = "everybody"
    """kill(-1, …)"""
    THREAD = "thread"
    KERNEL = "kernel"
    """The kernel chose: a terminal's foreground process group, a broken pipe, a fault."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal, generated for one receiver (or refused by the kernel)."""

    at_ms: float
    signal: str
    sender: int | None
    """Key; None: the kernel or the terminal."""
    sender_role: str
    receiver: int | None
    """Key; None: nobody received it (the call failed)."""
    receiver_role: str
    to: Sent
    call: str
    """kill, tkill, tgkill, pidfd_send_signal, … ; ``terminal`` or ``kernel`` where nobody called."""
    disposition: Disposition
    delivered_ms: float | None
    error: str | None = None
    """The call's errno, by name, where it failed: EPERM, ESRCH."""
    times: int = 1
    """How often a process sent itself the same, where that was more often than anybody reads; the
    moments are those of the first time."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that the job wrote about itself."""

    at_ms: float
    role: str | None
    """None: the evidence cannot tell who wrote it."""
    name: str


@dataclass(frozen=True, slots=True)
class Stream:
    """What came out of stdout or stderr (a terminal has only the one)."""

    text: str
    """The beginning, up to the lab's limit; bytes that are not UTF-8 are replaced."""
    bytes: int
    """How many bytes arrived before the report."""
    lost_bytes: int
    """How many arrived after it, so that the runner's log does not have them."""
    cut: bool
    """Whether ``text`` is shorter than what arrived."""
    base64: str = ""
    """The same bytes as ``text``, where they are not UTF-8."""


@dataclass(frozen=True, slots=True)
class LeftFile:
    """A file that the cell left in a place where a job can write."""

    path: str
    bytes: int
    kind: str
    """file, dir, symlink, fifo, socket."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock still held when the cell was decided (/proc/locks)."""

    path: str
    kind: str
    """FLOCK, POSIX, OFDLCK, LEASE."""
    role: str


@dataclass(frozen=True, slots=True)
class Left:
    """What the cell left behind, besides processes."""

    files: tuple[LeftFile, ...] = ()
    locks: tuple[Lock, ...] = ()
    cut: bool = False
    """Whether there was more than the lab's limit."""


class Said(StrEnum):
    """What a runner says at the end of a job."""

    CANCELLED = "cancelled"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Report:
    """What the runner said of the job's end, and when."""

    at_ms: float
    said: Said
    end: End
    """How the job's first process ended, as the runner saw it."""
    words: str = ""
    """What a real runner said, literally."""


@dataclass(frozen=True, slots=True)
class Queued:
    """Another job of the same kind that was given to the runner's queue behind this one."""

    submitted_ms: float
    started_ms: float | None
    """None: it had not started when the cell was decided."""
    listed: bool = True
    """Whether the runner still had it then: as waiting, running or ended."""


class Decided(StrEnum):
    """Why the watching ended."""

    ALL_GONE = "all gone"
    AT_REST = "at rest"
    """Some processes live, every one of them blocked, and nothing happened for long enough."""
    SETTLE_TIME_OVER = "settle time over"


@dataclass(frozen=True, slots=True)
class Fired:
    """One step of the cancellation as it was carried out."""

    at_ms: float
    what: str
    """In words, as ``TERM to group``."""
    error: str | None = None
    limit_s: float = 0.0
    """Of a time limit that was left to the runner: how long, from the job's start."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What the job says of itself, kept beside the facts so that a stored line can be judged."""

    marks: tuple[str, ...] = ()
    cleanup: str | None = None
    removes: tuple[str, ...] = ()
    pause_s: float = 0.2
    rests: bool = True
    """Whether its processes all block once it is armed: else who passes by then is chance."""


@dataclass(frozen=True, slots=True)
class TerminalModes:
    """The settings of the runner's terminal that are on (termios(3), lower case), as ``icanon``."""

    before: tuple[str, ...]
    """When the job was started."""
    after: tuple[str, ...] | None
    """When the last process had closed it, or when the cell was decided; None: nobody could look
    any more, since the runner had closed its end."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The raw facts recorded for one cell. No verdict in it."""

    cell: str
    evidence: Evidence
    schema: int = SCHEMA
    attempt: int = 1
    trouble: Trouble | None = None
    armed_ms: float | None = None
    """When the job was armed (negative); None: it never was."""
    fired: tuple[Fired, ...] = ()
    decided_ms: float | None = None
    decided: Decided | None = None
    processes: tuple[Process, ...] = ()
    signals: tuple[Signal, ...] = ()
    marks: tuple[Mark, ...] = ()
    stdout: Stream = Stream("", 0, 0, cut=False)
    stderr: Stream = Stream("", 0, 0, cut=False)
    present: tuple[str, ...] = ()
    """Files that were there at the moment of the cancellation, where the job declares ``removes``:
    a clean-up can only remove what there was."""
    left: Left = Left()
    report: Report | None = None
    """None: the runner had not reported the end when the cell was decided."""
    runner_end: End | None = None
    """How the runner itself ended before it could report; None: it lived."""
    limits: tuple[str, ...] = ()
    """Which of the sandbox's limits the cell met: processes, memory, written bytes."""
    declared: Declared = Declared()
    terminal_modes: TerminalModes | None = None
    """None: the runner gave no terminal."""
    queued: tuple[Queued, ...] = ()
    """Only where the runner has a queue, in the order of submission."""
    again_ms: tuple[float, ...] = ()
    """When the runner ran the same job once more, of itself (Buildbot's master does, after it lost
    its worker). Those runs are told here, and left out of everything else."""
    runner_log: str = ""
    """The end of a real runner's own log, where the cell could not be measured or the runner never
    reported the job's end."""


class Processes(StrEnum):
    """The outcome's first axis: what is still running?"""

    GONE = "gone"
    LATE = "late"
    ORPHANED = "orphaned"
    UNKNOWN = "unknown"


class CleanUp(StrEnum):
    """The outcome's second axis: did the clean-up run?"""

    RAN = "ran"
    CUT_OFF = "cut off"
    SKIPPED = "skipped"
    NONE_DECLARED = "none declared"
    UNKNOWN = "unknown"


class Truth(StrEnum):
    """The outcome's third axis: was the runner's report true?"""

    TRUTHFUL = "truthful"
    EARLY = "early"
    WRONG = "wrong"
    HUNG = "hung"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one cell, on three axes."""

    cell: str
    processes: Processes
    cleanup: CleanUp
    report: Truth
    reason: str
    """In words, one sentence for each axis."""
    roles: tuple[str, ...] = ()
    """Who was late or orphaned."""
    attempt: int = 1

    @property
    def known(self) -> bool:
        """Whether no axis is ``unknown``."""
        return (
            self.processes is not Processes.UNKNOWN
            and self.cleanup is not CleanUp.UNKNOWN
            and self.report is not Truth.UNKNOWN
        )
