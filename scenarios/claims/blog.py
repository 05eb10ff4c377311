"""What the blog says: “Why is Gitlab-Runner stuck when an error occurs with a background task”."""

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import LABS_OWN
from aftercancel.judge.words import ended, visible
from aftercancel.model import CleanUp, Observation, Process, Processes, Sent

BACKGROUND = "background-{holds-output,no-stdout,silent}{,-fails}"
"""A script that ends, well or badly, before what it started in the background."""


def _job(observation: Observation) -> Process:
    job = facts.job_process(observation)
    assert job is not None
    return job


def _of_role(observation: Observation, role: str) -> list[Process]:
    return [p for p in facts.of_the_job(observation) if p.role == role]


@claim(
    "B1",
    source=Source.BLOG,
    sentence="When a script is over, by an error or well, “the background task won't be "
    "interrupted, and the runner will still wait for its completion”",
    tried="a background child whose output is inherited, goes to /dev/null, or goes there with its "
    "errors × the script fails, ends well × GitLab Runner and every other runner; when the lab's "
    "plain runners report is defined by the lab, and no evidence",
    cells=f"{BACKGROUND}/*/none/*/end",
    without=LABS_OWN,
)
def b1(case: Case) -> Answer:
    """The script has ended before the background child, which no signal ended, and the runner
    reported the end only when the child was gone, or had not reported it when the watching ended.
    """
    observation = case.observation
    job, tasks = _job(observation), _of_role(observation, "background")
    if job.ended_ms is None or not any(_there(task, job.ended_ms) for task in tasks):
        return could_not_tell("The script was not over, or left no background task behind.")
    over, task = f"The script {ended(job.end)}", tasks[0]
    if task.end is not None and task.end.signal is not None:
        return no(f"{over}, and the background task {ended(task.end)}: it was interrupted.")
    if observation.report is None:
        return _waits_still(over, observation)
    fate = facts.fate(task, observation)
    if fate is Processes.GONE:
        return yes(f"{over}, and the runner reported it only when the background task was done.")
    if fate is Processes.UNKNOWN:
        return could_not_tell("/proc cannot tell whether the background task outlived the report.")
    return no(f"{over}, and the runner reported it while the background task was still running.")


def _waits_still(over: str, observation: Observation) -> Answer:
    if observation.runner_end is not None:
        return could_not_tell("The runner itself ended before it could report.")
    return yes(f"{over}, and the runner had not reported it when the watching ended.")


@claim(
    "B2",
    source=Source.BLOG,
    sentence="The after_script part “won't be called before the script part ends, so it won't "
    "help” against a background task that holds the job up",
    tried="the scripts of B1 with an after_script that marks × the script ends, cancel, timeouts",
    cells=f"{BACKGROUND}{{,-after-script}}/*/none/{{gitlab-runner,gitlab-ci-local}}*/*",
)
def b2(case: Case) -> Answer:
    """There is an after_script, and neither the script nor its background task was still running
    when it was called; or it was not called at all.
    """
    observation = case.observation
    called = [m.at_ms for m in observation.marks if m.name == "after_script begin"]
    tasks = _of_role(observation, "background")
    if not tasks:
        return could_not_tell("There was no background task.")
    if not called and "after_script begin" not in observation.declared.marks:
        return could_not_tell("That there was an after_script is not known.")
    if not called:
        return yes("The after_script was never called.")
    running = [p for p in (_job(observation), *tasks) if _there(p, called[0])]
    if not running:
        return yes("The after_script was called only when the background task was gone.")
    if running[0].role == facts.JOB:
        return no("The after_script was called while the script was still running.")
    return no("The after_script was called while the background task was still running.")


def _there(process: Process, moment_ms: float) -> bool:
    return process.ended_ms is None or process.ended_ms > moment_ms


@claim(
    "B3",
    source=Source.BLOG,
    sentence="The script with “set -Ee; trap cleanup 1 2 3 6 ERR” and “sudo pkill” stops the "
    "tunnel, when it fails, when it ends well and when it is cancelled",
    tried="that very script, with a tunnel that runs as root through sudo × error, good end, "
    "every cancellation and timeout",
    cells="vpn-through-sudo*/*/none/*/*",
    traced=True,
)
def b3(case: Case) -> Answer:
    """The script's own pkill ended the tunnel. Where something else did, the script had no part in
    it; and where its trap came too late for the tunnel, that case says nothing.
    """
    observation = case.observation
    tunnels = _of_role(observation, "tunnel")
    if not tunnels:
        return could_not_tell("There was no tunnel.")
    tunnel = tunnels[0]
    trapped = any(m.name == "cleanup begin" for m in observation.marks)
    if tunnel.ended_ms is None:
        trap = "though the trap had run" if trapped else "and the trap had not run"
        return no(f"The tunnel was still running, {trap}.")
    killer = _killer(tunnel, observation)
    if killer == "pkill":
        where = "from its trap" if trapped else "with its last line"
        return yes(f"The script ended the tunnel by sudo pkill, {where}.")
    fell = f"The tunnel {ended(tunnel.end)}" + (f" from {visible(killer)}" if killer else "")
    if trapped:
        return could_not_tell(f"{fell} before the trap's pkill came to it.")
    return no(f"{fell}, and neither the trap nor the last line of the script had run.")


def _killer(process: Process, observation: Observation) -> str:
    """The program that sent the signal of which it died; empty: not known."""
    cause = facts.cause_of_death(process, facts.by_receiver(observation).get(process.key, []))
    by_key = {p.key: p.program for p in observation.processes}
    if cause is None:
        return ""
    return by_key.get(cause.sender, cause.sender_role) if cause.sender else cause.sender_role


@claim(
    "B4",
    source=Source.BLOG,
    sentence="“POSIX shells have no try-catch-finally” and cannot trap scripting errors; “however, "
    "Bash extends trap” (ERR)",
    tried="a command that fails under set -e × an EXIT trap in every shell, bash's ERR trap",
    cells="{errexit-*,err-trap}/*/none/plain*/end",
)
def b4(case: Case) -> Answer:
    """A command failed, and of a script with nothing but POSIX's EXIT trap: no trap of it ran; of
    a script with an ERR trap: that ran to its end.
    """
    job, marks = _job(case.observation), {m.name for m in case.observation.marks}
    if job.end is None or not job.end.status or "after" in marks:
        return could_not_tell("No command's failure ended the script.")
    cleanup, posix = case.outcome.cleanup, case.observation.declared.cleanup == "EXIT"
    if cleanup in (CleanUp.UNKNOWN, CleanUp.NONE_DECLARED):
        return could_not_tell("The script has no trap, or what became of it is not known.")
    ran = cleanup is CleanUp.RAN
    if posix:
        told = "ran to its end" if ran else "did not run to its end"
        return (no if ran else yes)(f"A command failed, and the EXIT trap {told}.")
    told = "ran to its end" if ran else "did not run to its end"
    return (yes if ran else no)(f"A command failed, and the ERR trap {told}.")


@claim(
    "B5",
    source=Source.BLOG,
    sentence="Two sudoers rules with the full command line, no wildcard, are enough to start and "
    "to stop a task that runs as root",
    tried="the two rules × start, stop by rule, stop by the runner's own signal as an unprivileged "
    "user",
    cells="vpn-through-sudo*/*/none/*/*",
    traced=True,
)
def b5(case: Case) -> Answer:
    """The tunnel was started, as root where that is known, and it was stopped: by pkill under the
    second rule, or by the runner's signal, straight or through its sudo. Where it still runs
    although somebody tried, the rules are not enough; where nobody tried, the case says nothing.
    """
    observation = case.observation
    tunnels = _of_role(observation, "tunnel")
    if not tunnels or tunnels[0].user not in (None, "", "root"):
        return no("The tunnel was not started as root.")
    tunnel, killer = tunnels[0], _killer(tunnels[0], observation)
    if tunnel.ended_ms is not None and not killer:
        return could_not_tell("The tunnel ended without a signal from anybody.")
    if tunnel.ended_ms is not None:
        passed = ", which passed on what it was sent" if killer == "sudo" else ""
        return yes(f"The tunnel was started, and {visible(killer)} ended it{passed}.")
    if any(p.program == "pkill" for p in facts.of_the_job(observation)):
        return no("The tunnel was started, and pkill did not end it.")
    if _aimed_at(tunnel, observation):
        return no("The tunnel was started, and the runner's signal did not end it.")
    return could_not_tell("The tunnel was still running, but nobody tried to stop it.")


def _aimed_at(tunnel: Process, observation: Observation) -> bool:
    """Whether it was sent a signal, its sudo was, or the group that both are in.

    kill(2): of a group, those whom the sender may not signal are left out.
    """
    by_key: dict[int | None, Process] = {p.key: p for p in observation.processes}
    for signal in facts.effects(observation):
        receiver = by_key.get(signal.receiver)
        if tunnel.role in (signal.receiver_role, receiver and receiver.role):
            return True
        if receiver is not None and (
            receiver.key == tunnel.parent
            or (signal.to is Sent.GROUP and receiver.group == tunnel.group)
        ):
            return True
    return False
