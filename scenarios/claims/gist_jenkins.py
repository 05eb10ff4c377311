"""The gist on Jenkins itself: what an abort sends, to whom, and when it is reported."""

from collections import Counter

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import JENKINS, OWN_WAY, by_runner, names, still
from aftercancel.judge.words import listed, visible
from aftercancel.model import Process, Processes, Said, Sent, Signal

REAL_IS_HERE = "*/*/*/hudson-modelled/*"
"""Hudson itself can be had, so its model has no say."""


@claim(
    "G1",
    source=Source.GIST,
    sentence="Jenkins sends TERM to the process group of the process it spawns",
    tried="Trace of senders and targets: a setsid child with the build's environment, one with "
    "an empty environment, a plain child × abort",
    cells=f"*/*/*/{JENKINS}/abort",
    without=REAL_IS_HERE,
    modelled=True,
    traced=True,
    asks="Does Jenkins send TERM to the process group, or does the shell that it spawns reissue "
    "the signal to its own group?",
)
def g1(case: Case) -> Answer:
    """The runner itself called for TERM to a process group, and that of what it had started.

    TERM to processes one by one is a no, also where one of them sends it on to the group.
    """
    observation = case.observation
    first, job = facts.first_process(observation), facts.job_process(observation)
    if first is None or job is None:
        return could_not_tell("No process of the job was seen.")
    by_key = {p.key: p for p in observation.processes}
    terms = [s for s in by_runner(observation) if s.signal == "TERM" and s.receiver in by_key]
    if not terms:
        return no("The runner sent no TERM.")
    to_group = [s for s in terms if s.to is Sent.GROUP]
    if any(by_key[s.receiver or 0].group in {first.group, job.group} for s in to_group):
        return yes(f"The runner sent TERM to the process group: {_receivers(to_group)} got it.")
    reissued = {
        visible(s.sender_role)
        for s in facts.effects(observation)
        if s.signal == "TERM" and s.to is Sent.GROUP and s.sender not in (None, facts.RUNNER_KEY)
    }
    how = f"The runner sent TERM to {_receivers(terms)}, not to the process group"
    return no(f"{how}; {listed(sorted(reissued))} sent it to a group." if reissued else f"{how}.")


@claim(
    "G2",
    source=Source.GIST,
    sentence="On abort Jenkins immediately disconnects, reporting ABORTED, regardless of the "
    "state of the job",
    tried="TERM handlers of 0.2, 1 and 4 s that print at their end × abort: what is in the console, "
    "what still runs when the build says it is finished",
    cells=f"*/*/*/{JENKINS}/abort",
    without=REAL_IS_HERE,
    modelled=True,
)
def g2(case: Case) -> Answer:
    """It reported “cancelled” while what it had started or signalled was still at work.

    Where all of that was gone at once there was nothing to wait for: that says nothing.
    """
    observation = case.observation
    first, report = facts.first_process(observation), observation.report
    told = {s.receiver for s in by_runner(observation)}
    concerned = [p for p in facts.of_the_job(observation) if p is first or p.key in told]
    if report is None:
        return no("The runner had not reported the end when the watching ended.")
    if not any(_outlasts(p, facts.since_ms(observation) + facts.MARGIN_MS) for p in concerned):
        return could_not_tell("Everything was gone at once: there was nothing to wait for.")
    if report.said is not Said.CANCELLED:
        return no(f"The runner said {report.said}.")
    fates = {p.key: facts.fate(p, observation) for p in concerned}
    running = [p for p in concerned if fates[p.key] in (Processes.LATE, Processes.ORPHANED)]
    if running:
        lost = observation.stdout.lost_bytes + observation.stderr.lost_bytes
        output = ", and what they printed after that is not in its log" if lost else ""
        return yes(f"The runner said cancelled while {still(running)}{output}.")
    if Processes.UNKNOWN in fates.values():
        return could_not_tell("Whether everything was gone by the time of the report is not known.")
    return no("The runner said cancelled only when what it had started and signalled was gone.")


@claim(
    "G3",
    source=Source.GIST,
    sentence="Jenkins's abort, and each other runner's cancel, is the same effect as running the "
    "job in your terminal and pressing CTRL+C, except INT is sent, not TERM",
    tried="Who is signalled, in what order, how often: ^C at a terminal against each runner's own "
    "cancel; what the lab's plain runners send is the lab's choice, and no evidence",
    cells={
        "terminal": "*/*/none/plain-tty/ctrl-c",
        "cancel": f"*/*/none/*/{{{OWN_WAY}}}",
    },
    without=f"*/*/*/plain*/{{{OWN_WAY}}}",  # ^C at plain-tty is the other side
    apart=("runner", "version", "cancellation"),
    traced=True,
)
def g3(case: Case) -> Answer:
    """The same processes got INT from the terminal and TERM from the runner.

    Each as often, all at once in both cases or not, and the runner sent nothing else. What the
    job's processes send each other is not asked.
    """
    keys = [
        s
        for s in facts.effects(case["terminal"])
        if s.signal == "INT" and s.to is Sent.KERNEL and s.error is None
    ]
    if not keys:
        return could_not_tell("The terminal sent nobody INT.")
    sent = by_runner(case["cancel"])
    if not sent:
        return could_not_tell("The runner was not seen to send anything.")
    terms = [s for s in sent if s.signal == "TERM"]
    others = sorted({s.signal for s in sent if s.signal != "TERM"})
    told = f"^C: INT to {_how(keys)}. The cancel: "
    told += listed([f"TERM to {_how(terms)}"] * bool(terms) + others) + "."
    alike = _counts(keys) == _counts(terms) and _at_once(keys) == _at_once(terms)
    return yes(told) if alike and not others else no(told)


@claim(
    "G4",
    source=Source.GIST,
    sentence="On abort Jenkins calls killSoftly, which sends TERM and waits for "
    "softKillWaitSeconds, then gives up and sends KILL",
    tried="A job that ignores TERM × abort",
    cells=f"*/*/*/{JENKINS}/abort",
    without=REAL_IS_HERE,
    modelled=True,
    traced=True,
)
def g4(case: Case) -> Answer:
    """Whatever got TERM from the runner and lived on got KILL from it later, unless it ended first.

    Where nothing lived on after TERM there was nothing to give up on: that says nothing.
    """
    observation = case.observation
    sent = by_runner(observation)
    terms = {s.receiver: s.at_ms for s in reversed(sent) if s.signal == "TERM"}
    kills = {s.receiver: s.at_ms for s in reversed(sent) if s.signal == "KILL"}
    if not terms:
        return no("The runner sent no TERM.")
    deaf = [
        p
        for p in facts.of_the_job(observation)
        if p.key in terms and _outlasts(p, terms[p.key] + facts.MARGIN_MS)
    ]
    spared = [p for p in deaf if p.key not in kills and p.ended_ms is None]
    if spared:
        return no(f"TERM did not end {names(spared)}, and the runner sent no KILL.")
    killed = [p for p in deaf if p.key in kills]
    hasty = [p for p in facts.of_the_job(observation) if p.key in terms and p.key in kills]
    if any(kills[p.key] - terms[p.key] <= facts.MARGIN_MS for p in hasty):
        return no("The runner sent TERM and KILL at once, and did not wait.")
    if not killed:
        return could_not_tell("Nothing that got TERM lived until a KILL was due.")
    return yes(f"TERM did not end {names(killed)}; the runner waited, then sent KILL.")


def _outlasts(process: Process, at_ms: float) -> bool:
    """Whether it was still at work then, not doomed or gone."""
    ends = (process.ended_ms, facts.doomed_ms(process))
    return all(each is None or each > at_ms for each in ends)


def _receivers(signals: list[Signal]) -> str:
    return listed(sorted({visible(s.receiver_role) for s in signals}))


def _counts(signals: list[Signal]) -> Counter[str]:
    return Counter(s.receiver_role for s in signals)


def _at_once(signals: list[Signal]) -> bool:
    return len(signals) < 2 or all(s.to in (Sent.GROUP, Sent.KERNEL) for s in signals)


def _how(signals: list[Signal]) -> str:
    counts = _counts(signals)
    who = [
        visible(role) if counts[role] == 1 else f"{counts[role]} × {visible(role)}"
        for role in sorted(counts)
    ]
    if len(signals) < 2:
        return listed(who)
    return f"{listed(who)}, {'at once' if _at_once(signals) else 'one after the other'}"
