"""The gist's open question about sudo."""

from aftercancel.judge import facts
from aftercancel.judge.claims import Answer, Case, Source, claim, could_not_tell, no, yes
from aftercancel.judge.claims.seen import below, got
from aftercancel.judge.sentences import Sentences
from aftercancel.judge.words import listed, visible
from aftercancel.model import Disposition, Observation, Process, Sent, Signal

_AIMED = "{*-process,*-group,*-process-by-root,*-group-by-root}"


@claim(
    "G16",
    source=Source.GIST,
    sentence="Signals propagate through sudo to the command that it runs",
    tried="sudo × {process, group} × every signal × {with a terminal, without} × use_pty on, off × "
    "sent by the unprivileged user, by root; sudo killed with KILL",
    cells=f"*/*/sudo{{,-use-pty,-tty,-tty-use-pty}}/*/{_AIMED}",
    traced=True,
    asks="Will signals propagate through sudo?",
)
def g16(case: Case) -> Answer:
    """The job got the signal that was sent to sudo, and from sudo.

    From sudo is: from one of its processes, or from a terminal of the job's own that sudo made.
    A signal that its sender may not send to sudo does not propagate, nor does one that no process
    of sudo's took (KILL): what its monitor then sends is its own. One that finds the job dying
    already is none that the job got. Where the job was sent the signal directly too (it is
    in the group that was signalled), it is not told what sudo does, whatever sudo did besides:
    whether that comes in time is chance.
    """
    return _propagated(case.observation)


@claim(
    "G16a",
    source=Source.GIST,
    sentence="Signals propagate through su, runuser and doas to the command that they run",
    tried="su, doas, runuser beside sudo × {process, group} × every signal × sent by the "
    "unprivileged user, by root",
    cells=f"*/*/{{su,runuser,doas}}/*/{_AIMED}",
    traced=True,
)
def g16a(case: Case) -> Answer:
    """As for sudo: the job got the signal that was sent to the launcher, and from the launcher."""
    return _propagated(case.observation)


def _propagated(observation: Observation) -> Answer:
    job, first = facts.job_process(observation), facts.first_process(observation)
    if job is None or first is None or job is first:
        return could_not_tell("Nobody stood between runner and job when the signal came.")
    wanted = observation.fired[0].what.split(" ", 1)[0]
    own = {job.key, *(p.key for p in below(job, observation))}
    same = [s for s in got(job, observation, wanted) if s.sender not in own]
    directly = [s for s in same if not _from_launcher(s, job, first, observation)]
    if directly:
        return could_not_tell(
            f"{_senders(directly)} sent the job {wanted} directly: it did not have to go through "
            f"{visible(first.role)}."
        )
    return _passed_on(wanted, same, first, job, observation)


def _passed_on(
    wanted: str, same: list[Signal], first: Process, job: Process, observation: Observation
) -> Answer:
    """What the launcher made of it; ``same`` is what the job got from it of that signal."""
    sentences = Sentences(observation)
    if not _taken(wanted, sentences, observation):
        return no(_not_taken(wanted, first, job, observation))
    relayed = [s for s in same if not sentences.was_dying(job, s)]
    if relayed:
        return yes(f"{wanted} came to the job from {_senders(relayed)}.")
    others = [
        s
        for s in got(job, observation)
        if _from_launcher(s, job, first, observation) and not sentences.was_dying(job, s)
    ]
    if others:
        instead = listed(sorted({s.signal for s in others}))
        return no(f"Instead of {wanted}, {instead} came to the job from {_senders(others)}.")
    if same:
        return could_not_tell(
            f"The job was dying already when {wanted} came from {_senders(same)}."
        )
    return no(_nothing(wanted, first, observation))


def _taken(wanted: str, sentences: Sentences, observation: Observation) -> bool:
    """Whether a process of the launcher's lived to know of the signal, and so could pass it on."""
    keys = facts.launchers(observation)
    by_key = {p.key: p for p in observation.processes if p.key in keys}
    return any(
        s.disposition is Disposition.CAUGHT or sentences.waited_for(by_key[s.receiver], s)
        for s in facts.effects(observation)
        if s.signal == wanted and s.receiver in by_key and s.error is None
    )


def _not_taken(wanted: str, first: Process, job: Process, observation: Observation) -> str:
    """What then comes to the job from what is left of the launcher is that one's own doing."""
    own = [s for s in got(job, observation) if _from_launcher(s, job, first, observation)]
    if not own:
        return _nothing(wanted, first, observation)
    who = visible(first.role)
    return f"{who} could not pass {wanted} on; what came to the job was {_senders(own)}'s own."


def _nothing(wanted: str, first: Process, observation: Observation) -> str:
    who = visible(first.role)
    refused = next((f.error for f in observation.fired if f.error), None)
    if refused:
        return f"{wanted} did not even come to {who} ({refused}), and nothing to the job."
    if first.end is not None and first.end.signal == wanted:
        return f"{who} died of {wanted}, and the job got no signal."
    met = listed(sorted({s.disposition for s in got(first, observation, wanted)}))
    return f"{wanted} met the disposition “{met}” in {who}, and the job got no signal."


def _from_launcher(signal: Signal, job: Process, first: Process, observation: Observation) -> bool:
    if signal.to is Sent.KERNEL:
        return job.terminal is not None and job.terminal != first.terminal
    return signal.sender in facts.launchers(observation)


def _senders(signals: list[Signal]) -> str:
    return listed(sorted({visible(s.sender_role) for s in signals}))
