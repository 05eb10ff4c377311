"""What is said of runners: GitLab Runner, Jenkins, GitHub Actions, Buildkite, Buildbot, act."""

from aftercancel.judge import differences, facts, fingerprint, judged
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.words import ended, listed, visible
from aftercancel.model import CleanUp, Disposition, Observation, Process, Processes, Signal

CANCELS = "{cancel,canceling,canceled,abort,stop,job-timeout,script-timeout}"
"""A runner's own ways to end a job."""
DEAF = "{*ignor*,*deaf*}"
"""Jobs of which something ignores TERM."""
JENKINS = "{jenkins,jenkins@*,hudson,hudson@*}"
"""Freestyle jobs."""
AFTER = "after_script begin"


def _job(observation: Observation) -> Process:
    job = facts.job_process(observation)
    assert job is not None
    return job


def _from_runner(observation: Observation) -> list[Signal]:
    """What the runner sent, or a program that it put in front of the job (su)."""
    senders = {facts.RUNNER_KEY, *facts.launchers(observation)}
    return [s for s in facts.effects(observation) if s.sender in senders]


def _roles(processes: list[Process]) -> str:
    return listed(sorted({visible(p.role) for p in processes}))


def _killed_after_ignoring(observation: Observation) -> Answer:
    """Whether everything that ignored the runner's TERM died of the runner's KILL."""
    sent = _from_runner(observation)
    ignored = {s.receiver for s in sent if s.signal == "TERM" and _ignored(s)}
    killed = {s.receiver for s in sent if s.signal == "KILL" and facts.ends_by_default(s)}
    deaf = [p for p in facts.of_the_job(observation) if p.key in ignored]
    spared = [p for p in deaf if p.key not in killed]
    if not deaf:
        return could_not_tell("Nobody ignored a TERM from the runner.")
    if observation.report is None and any(p.ended_ms is None for p in spared):
        return could_not_tell("The runner had not given up when the watching ended.")
    outlived = [p for p in spared if facts.fate(p, observation) is not Processes.GONE]
    if outlived:
        return no(f"{_roles(outlived)} ignored TERM, was sent no KILL, and outlived the report.")
    if spared:
        return could_not_tell(f"{_roles(spared)} ignored TERM, and ended before a KILL was due.")
    return yes(f"{_roles(deaf)} ignored TERM, and died of the runner's KILL.")


def _ignored(signal: Signal) -> bool:
    return signal.disposition is Disposition.IGNORED


def _cleaned_up(case: Case) -> Answer:
    """Whether the clean-up ran to its end, as long as anybody let it."""
    job, cleanup = _job(case.observation), case.outcome.cleanup
    if cleanup in (CleanUp.NONE_DECLARED, CleanUp.UNKNOWN):
        return could_not_tell("There is no clean-up, or what became of it is not known.")
    if cleanup is CleanUp.RAN:
        return yes("The clean-up ran to its end.")
    if job.ended_ms is None and case.observation.report is None:
        return could_not_tell("The job was still there, and nobody had given it up.")
    fate = "was still there" if job.ended_ms is None else ended(job.end)
    began = "began and did not finish" if cleanup is CleanUp.CUT_OFF else "never began"
    return no(f"The clean-up {began}: the job {fate}.")


@claim(
    "R1",
    source=Source.RUNNERS,
    sentence="GitLab Runner's shell executor kills with SIGKILL what ignores TERM",
    tried="a child that ignores TERM, with the output open and closed, while the job's shell stays "
    "or exits at once × every cancel",
    cells=f"{DEAF}/*/none/gitlab-runner*/{CANCELS}",
    without="*/*/*/gitlab-runner-{custom,docker}*/*",
    traced=True,
)
def r1(case: Case) -> Answer:
    """Something ignored a TERM from the runner, and all that did died of a KILL from the runner;
    not, where it outlived the report instead. What lives while the runner still waits (its grace
    is 10 minutes), or ends by itself meanwhile, says nothing.
    """
    return _killed_after_ignoring(case.observation)


@claim(
    "R2",
    source=Source.RUNNERS,
    sentence="GitLab Runner runs after_script when a job is “canceling”, and not when it is "
    "“canceled”, nor at a job timeout, nor at a script timeout",
    tried="one job with an after_script × canceling, and each of the others",
    cells={
        "canceling": "*/*/none/gitlab-runner*/canceling",
        "other": "*/*/none/gitlab-runner*/{canceled,job-timeout,script-timeout}",
    },
    apart=("cancellation",),
    asks="Does after_script run when a job is cancelled, and when it runs into a timeout?",
)
def r2(case: Case) -> Answer:
    """The job's after_script ran to its end on “canceling”, and did not even begin on the other."""
    runs = {part: {m.name for m in case[part].marks} for part in ("canceling", "other")}
    known = any(AFTER in (*case[part].declared.marks, *runs[part]) for part in runs)
    if not known:
        return could_not_tell("That the job has an after_script is not known.")
    unfinished = [case[part] for part in runs if case[part].report is None]
    if unfinished:
        return could_not_tell("The runner had not reported the end, so an after_script may follow.")
    first = "ran" if "after_script end" in runs["canceling"] else "did not run to its end"
    other = "began" if AFTER in runs["other"] else "did not begin"
    way = case["other"].cell.rsplit("/", 1)[-1]
    told = f"after_script {first} on “canceling”, and {other} on “{way}”"
    return (yes if (first, other) == ("ran", "did not begin") else no)(f"{told}.")


@claim(
    "R3",
    source=Source.RUNNERS,
    sentence="GitLab Runner: the same EXIT trap runs under bash and sh, in every version",
    tried="an EXIT trap round a foreground child × every cancel × bash, sh × versions side by side",
    cells=f"exit-trap/*/none/gitlab-runner*/{CANCELS}",
    without="*/*/*/gitlab-runner-custom*/*",
)
def r3(case: Case) -> Answer:
    """The EXIT trap ran to its end under this shell, in this version of the runner."""
    return _cleaned_up(case)


@claim(
    "R4",
    source=Source.RUNNERS,
    sentence="GitLab Runner on TERM, QUIT, INT, KILL of the runner itself leaves no process of the "
    "job",
    tried="each signal to the runner × a plain job, one that ignores TERM",
    cells="*/*/none/gitlab-runner*/runner-{TERM,QUIT,INT,KILL}",
)
def r4(case: Case) -> Answer:
    """The runner itself has ended, and no process of the job outlived it."""
    observation = case.observation
    runner = next((p for p in observation.processes if p.key == facts.RUNNER_KEY), None)
    if runner is None or runner.ended_ms is None:
        return could_not_tell("The runner itself was still there when the watching ended.")
    limit = runner.ended_ms + facts.MARGIN_MS
    left = [p for p in facts.of_the_job(observation) if _works_after(p, limit)]
    there = [p for p in left if p.ended_ms is None]
    if there:
        return no(f"{_roles(there)} was still there when the runner was gone.")
    if left:
        return no(f"{_roles(left)} outlived the runner, and ended later.")
    return yes("No process of the job outlived the runner.")


def _works_after(process: Process, limit: float) -> bool:
    doomed = facts.doomed_ms(process)
    return process.ended_ms is None or min(process.ended_ms, doomed or process.ended_ms) > limit


@claim(
    "R5",
    source=Source.RUNNERS,
    sentence="Jenkins Pipeline's sh step: traps for HUP, INT and QUIT never fire, and Python gets "
    "no KeyboardInterrupt",
    tried="those signals to scripts that trap them and to Python; which signals the job ignores",
    cells=(
        "{all-traps,err-trap,catches-all}/*/none/jenkins-pipeline*/{HUP,INT,QUIT}-*",
        "py-*/*/none/jenkins-pipeline*/INT-*",
    ),
    traced=True,
    modelled=True,
)
def r5(case: Case) -> Answer:
    """HUP, INT or QUIT was sent to the job itself, which ignored it and did nothing about it."""
    received = facts.by_receiver(case.observation).get(_job(case.observation).key, [])
    met = [s for s in received if s.signal in ("HUP", "INT", "QUIT")]
    if not met:
        return could_not_tell("The job itself was sent none of these signals.")
    signal = met[0].signal
    if all(_ignored(s) for s in met):
        return yes(f"The job ignored {signal}.")
    if any(s.disposition is Disposition.CAUGHT for s in met):
        return no(f"The job caught {signal}.")
    return could_not_tell(f"The job had no handler for {signal}, and did not ignore it.")


@claim(
    "R6",
    source=Source.RUNNERS,
    sentence="Jenkins kills at the end of a build whatever still carries its cookie; "
    "BUILD_ID=dontKillMe escapes",
    tried="a child in a session of its own, with the build's environment and with another BUILD_ID "
    "× freestyle, end and abort",
    cells={
        "carries": f"setsid-child{{,-ends}}/*/none/{JENKINS}/{{end,abort,cancel}}",
        "escapes": f"*[dD]ont*[kK]ill*/*/none/{JENKINS}/{{end,abort,cancel}}",
    },
    apart=("job",),
    traced=True,
)
def r6(case: Case) -> Answer:
    """Of the processes that had stepped aside (into another group than the job's shell), those
    with the build's environment died of the runner's signal; those with another BUILD_ID were
    sent none and were still there.
    """
    aside = {part: _aside(case[part]) for part in ("carries", "escapes")}
    if not all(aside.values()):
        return could_not_tell("Nothing had stepped aside from the job.")
    ended_by = {part: _ended_by_runner(aside[part], case[part]) for part in aside}
    if any(p.key not in ended_by["carries"] for p in aside["carries"]):
        return no("What carried the build's cookie was not ended by the runner.")
    if ended_by["escapes"]:
        return no(
            "What carried the cookie was ended by the runner, and what had another BUILD_ID too."
        )
    if any(p.ended_ms is not None for p in aside["escapes"]):
        return could_not_tell("What had another BUILD_ID ended by something else.")
    return yes(
        "The runner ended what carried the cookie, and left alone what had another BUILD_ID."
    )


def _aside(observation: Observation) -> list[Process]:
    job, since = _job(observation), facts.since_ms(observation)
    return [
        p
        for p in facts.of_the_job(observation)
        if p.group != job.group and facts.has_role(p) and (p.ended_ms is None or p.ended_ms > since)
    ]


def _ended_by_runner(processes: list[Process], observation: Observation) -> set[int]:
    by_receiver = facts.by_receiver(observation)
    sent = _from_runner(observation)
    causes = ((p, facts.cause_of_death(p, by_receiver.get(p.key, []))) for p in processes)
    return {p.key for p, cause in causes if cause is not None and cause in sent}


@claim(
    "R7",
    source=Source.RUNNERS,
    sentence="GitHub Actions' cancel (INT, 7.5 s, TERM, 2.5 s, KILL) lets a bash step clean up",
    tried="the modelled runner × every bash job with a clean-up",
    cells="*/bash{,-e,-xe}/none/github-actions*/cancel",
    modelled=True,
)
def r7(case: Case) -> Answer:
    """The step has a clean-up, and it ran to its end."""
    return _cleaned_up(case)


@claim(
    "R8",
    source=Source.RUNNERS,
    sentence="Buildkite: the same job is cancelled alike by two versions, with and without a "
    "terminal",
    tried="versions side by side, each with the next",
    cells={
        "one": f"*/*/none/buildkite-agent*/{CANCELS}",
        "next": f"*/*/none/buildkite-agent*/{CANCELS}",
    },
    apart=("version",),
)
def r8(case: Case) -> Answer:
    """The same job under one version and the next, both with a terminal or both without, has the
    same fingerprint.
    """
    prints = [fingerprint(case[part]) for part in ("one", "next")]
    found = differences(*prints)
    if not found:
        return yes("Both versions cancelled it alike.")
    outcomes = [judged(case[part]) for part in ("one", "next")]
    if Processes.UNKNOWN in [o.processes for o in outcomes]:
        return could_not_tell("What became of every process is not known.")
    return no(f"The versions differ: {listed([d.split(':')[0] for d in found])}.")


@claim(
    "R9",
    source=Source.RUNNERS,
    sentence="Buildbot with sigtermTime: what ignores TERM dies of the KILL that follows",
    tried="a leader and a child that ignore TERM × cancel, timeouts",
    cells=f"{DEAF}/*/none/buildbot-sigterm*/{{{CANCELS[1:-1]},timeout,max-time}}",
    traced=True,
)
def r9(case: Case) -> Answer:
    """The worker sent TERM, something ignored it, and all that did died of the worker's KILL. (A
    Buildbot without sigtermTime sends no TERM, and its cases say nothing.)
    """
    return _killed_after_ignoring(case.observation)


@claim(
    "R10",
    source=Source.RUNNERS,
    sentence="act gives a step time to clean up",
    tried="cancel by INT, by TERM, twice × jobs with a clean-up",
    cells="*/*/none/act{,@*,-*}/{cancel*,runner-INT*,runner-TERM*}",
)
def r10(case: Case) -> Answer:
    """The step has a clean-up, and it ran to its end."""
    return _cleaned_up(case)
