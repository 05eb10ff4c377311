#!/usr/bin/env python3
# "Does Jenkins signal the group, or does the shell reissue the signal to its own group?" Paste
# this into a freestyle job, as the whole of "Execute shell", and abort the build. Five processes
# wait to be signalled, and each tells by whom: the step itself, and four children, in its group
# or in sessions of their own, with the build's environment or with none. The console is closed
# by an abort, so read the file that the first line names; then remove it. Who is told nothing
# has not been signalled, or was killed (KILL leaves no line).
# /// aftercancel
# asked = "Does Jenkins signal the group, or does the shell reissue the signal to its own group?"
# claims = ["G1"]
# how = ["LASTS=10 python3 scenarios/questions/jenkins-group.py & sleep 2; kill -s TERM $!; wait"]
# needs = "python3 on Linux. Without Jenkins, it tells who sends what you send it."
# ///
import os, signal, subprocess, sys, tempfile, time

LASTS_S = float(os.environ.get("LASTS", "60"))
SIGNALS = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}


def tell(log: str, line: str) -> None:
    with open(log, "a") as file:
        file.write(line + "\n")
    try:
        print(line, flush=True)
    except OSError:
        pass  # nobody listens any more


def name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return "gone or not to be seen"


def wait(log: str, who: str, lasts_s: float) -> None:
    end = time.monotonic() + lasts_s
    while (found := signal.sigtimedwait(SIGNALS, max(0, end - time.monotonic()))) is not None:
        sent = signal.Signals(found.si_signo).name
        tell(log, f"{who}: {sent} from {found.si_pid} ({name(found.si_pid)})")
        end = min(end, time.monotonic() + 3)  # is there a second one?
    tell(log, f"{who}: waits no longer")


signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
if len(sys.argv) > 1:
    wait(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    sys.exit()
log = tempfile.mkstemp(prefix="who-sent-", suffix=".log")[1]
tell(log, f"{log}: step {os.getpid()}, its group {os.getpgrp()}, its parent {os.getppid()} "
          f"({name(os.getppid())})")
for own in (False, True):
    for env in (None, {}):
        who = f"child {'in its own session' if own else 'in the group'}, " + (
            "no environment" if env == {} else "the build's environment")
        words = [sys.executable, __file__, log, who, str(LASTS_S)]
        subprocess.Popen(words, env=env, start_new_session=own)
wait(log, "step", LASTS_S)
