"""Modelled runners on the real kernel: real processes, started and ended as the models say.

Graces are shortened by options; what each model does with them is tested without processes
(``test_models``).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftercancel.judge import judged
from aftercancel.model import (
    Action,
    Cancellation,
    Cell,
    CleanUp,
    End,
    Observation,
    Processes,
    Runner,
    Said,
    Step,
    Target,
    Truth,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    BASH,
    END,
    PLAIN,
    cell,
    job,
    marks,
    observe_all,
    received,
    signal_step,
    the,
)

GRACE = "0.6"
HELD = "mark ready\nROLE=child /bin/sleep 600"
DEAF = "trap '' INT TERM\n" + HELD
TRAPS = (
    "trap 'mark TERM begin; /bin/sleep 0.2; mark TERM end; exit 1' TERM\n"
    "echo hello\nmark ready\nROLE=child /bin/sleep 600 & wait"
)
STAYS = (
    "trap 'mark TERM begin; /bin/sleep 0.2; mark TERM end; exit 1' TERM\n"
    "echo hello\nmark ready\nwhile :; do ROLE=child /bin/sleep 600 & wait $!; done"
)
STRAY = (
    "ROLE=stray setsid /bin/sleep 600 >/dev/null 2>&1 </dev/null &\nmark ready\n"
    "ROLE=child /bin/sleep 600"
)
TALKER = (
    "trap 'mark TERM begin; /usr/bin/head -c 3000000 /dev/zero; mark TERM end; exit 1' TERM\n"
    "mark ready\nwhile :; do ROLE=child /bin/sleep 600 & wait $!; done"
)
LEAVES = "ROLE=child /bin/sleep 600 >/dev/null 2>&1 &\nmark ready\n/bin/sleep 0.3"
TERM_MARKS = ("ready", "TERM begin", "TERM end")


def runner(model: str, *, terminal: bool = False, **options: str) -> Runner:
    """``options`` with ``_`` for ``-``, but where the model's own have it."""
    named = {
        name if name.endswith("kill_timeout") else name.replace("_", "-"): value
        for name, value in options.items()
    }
    return Runner(
        "-".join([model.replace("_", "-"), *options.values(), "modelled"]),
        "",
        model=model,
        terminal=terminal,
        options=tuple(named.items()),
        patience_s=1.5,
    )


def ask(way: str) -> Cancellation:
    return Cancellation(way, "", (Step(Action.ASK, way=way),))


GITHUB = runner("github_actions", int="0.5", term="0.4", streams="0.3")
JENKINS = runner("jenkins", soft_kill_wait=GRACE)
HUDSON = runner("hudson")
PIPELINE = runner("jenkins_pipeline")
SEMAPHORE = runner("semaphore_2_10")
SEMAPHORE_4228 = runner("semaphore_4228", grace=GRACE)
KUBERNETES = runner("kubernetes", grace=GRACE)
BUILDBOT = runner("buildbot", sigterm_time=GRACE)
BUILDKITE = runner("buildkite_agent", terminal=True, grace=GRACE)
GITLAB = runner("gitlab_runner")
CUSTOM = runner("gitlab_runner", executor="custom", graceful_kill_timeout=GRACE)
KEYS_THEN_KILL = Cancellation(
    "keys-then-KILL",
    "",
    tuple(signal_step(name, Target.PROCESS) for name in ("INT", "HUP", "QUIT", "KILL")),
)
TERM_GROUP = Cancellation("TERM-group", "", (signal_step("TERM"),))


def systemd(mode: str) -> Runner:
    return runner("systemd", mode=mode, timeout=GRACE)


def given(name: str, script: str, how: Cancellation, who: Runner, **fields: object) -> Cell:
    """A cell whose job has a name; ``roles`` are those that its script names."""
    roles = tuple(role for role in ("child", "stray") if f"ROLE={role}" in script)
    made = replace(job(script, roles=roles), id=name, **fields)  # type: ignore[arg-type]
    return cell(made, how, runner=who)


CLEANS = {"marks": TERM_MARKS, "cleanup": "TERM"}
CELLS = {
    "github deaf": given("deaf", DEAF, ask("cancel"), GITHUB),
    "github stray": given("stray", STRAY, ask("cancel"), GITHUB),
    "jenkins deaf": given("deaf", DEAF, ask("abort"), JENKINS),
    "jenkins held": given("held", HELD, ask("abort"), JENKINS),
    "jenkins talker": given("talker", TALKER, ask("abort"), JENKINS, **CLEANS),
    "jenkins traps": given("traps", TRAPS, ask("abort"), JENKINS, **CLEANS),
    "jenkins left": given("leaves", LEAVES, END, JENKINS),
    "hudson traps": given("traps", TRAPS, ask("abort"), HUDSON, **CLEANS),
    "pipeline stays": given("stays", STAYS, ask("abort"), PIPELINE, **CLEANS),
    "pipeline keys": given("held", HELD, KEYS_THEN_KILL, PIPELINE),
    "gitlab unknown": given("held", HELD, ask("stop"), GITLAB),
    "semaphore held": given("held", HELD, ask("stop"), SEMAPHORE),
    "semaphore 4228 left": given("leaves", LEAVES, END, SEMAPHORE_4228),
    "semaphore 4228 deaf": given("deaf", DEAF, ask("stop"), SEMAPHORE_4228),
    "kubernetes held": given("held", HELD, ask("stop"), KUBERNETES),
    "kubernetes traps": given("traps", TRAPS, ask("stop"), KUBERNETES, **CLEANS),
    "systemd control-group": given("stray", STRAY, ask("stop"), systemd("control-group")),
    "systemd mixed": given("stray", STRAY, ask("stop"), systemd("mixed")),
    "systemd process": given("stray", STRAY, ask("stop"), systemd("process")),
    "systemd none": given("stray", STRAY, ask("stop"), systemd("none")),
    "buildbot deaf": given("deaf", DEAF, ask("stop"), BUILDBOT),
    "buildkite deaf": given("deaf", DEAF, ask("cancel"), BUILDKITE),
    "gitlab traps": given("traps", TRAPS, ask("canceling"), GITLAB, **CLEANS),
    "gitlab group": given("traps", TRAPS, TERM_GROUP, GITLAB, **CLEANS),
    "gitlab text": replace(given("traps", TRAPS, ask("canceling"), GITLAB, **CLEANS), shell=BASH),
    "custom deaf": given("deaf", DEAF, ask("canceled"), CUSTOM),
    "plain asked": given("held", HELD, ask("cancel"), PLAIN),
}


@pytest.fixture(scope="module")
def seen(place: ThisMachine) -> dict[str, Observation]:
    """All of them, measured together."""
    found = observe_all(place, CELLS.values())
    assert [o.trouble for o in found.values() if o.trouble] == []
    return {name: found[made.id] for name, made in CELLS.items()}


Seen = dict[str, Observation]


def told(observation: Observation, role: str) -> list[str]:
    """What that role was sent by the runner, without the CONT behind a signal."""
    return [
        s.signal
        for s in received(observation, role)
        if s.sender_role == "runner" and s.signal != "CONT"
    ]


def test_github_signals_the_shell_alone_and_kills_the_rest_when_it_is_over(seen: Seen) -> None:
    deaf = seen["github deaf"]
    assert told(deaf, "job") == ["INT", "TERM", "KILL"]
    assert told(deaf, "child") == ["KILL"]
    assert judged(deaf).report is Truth.TRUTHFUL
    assert the(deaf, "job").group == the(deaf, "runner").group


def test_github_finds_a_stray_by_its_environment(seen: Seen) -> None:
    assert told(seen["github stray"], "stray") == ["KILL"]
    assert judged(seen["github stray"]).processes is Processes.GONE


def test_jenkins_terms_children_first(seen: Seen) -> None:
    sent = [s.receiver_role for s in seen["jenkins held"].signals if s.signal == "TERM"]
    assert sent[0] == "child"


def test_a_job_that_waits_for_its_child_never_hears_of_jenkins_s_term(seen: Seen) -> None:
    """It has come to its end by the time when Jenkins comes to it."""
    traps = seen["jenkins traps"]
    assert told(traps, "child") == ["TERM"]
    assert judged(traps).cleanup is CleanUp.SKIPPED
    assert the(traps, "job").end == End(status=0)


def test_jenkins_kills_nobody_and_says_aborted(seen: Seen) -> None:
    deaf = seen["jenkins deaf"]
    assert set(told(deaf, "job") + told(deaf, "child")) == {"TERM"}
    assert judged(deaf).roles == ("job", "child")
    assert deaf.report is not None and deaf.report.said is Said.CANCELLED


def test_output_is_read_while_the_model_waits(seen: Seen) -> None:
    talker = seen["jenkins talker"]
    assert judged(talker).cleanup is CleanUp.RAN
    assert talker.stdout.bytes >= 3_000_000


def test_jenkins_ends_at_the_end_of_a_build_what_carries_its_variables(seen: Seen) -> None:
    left = seen["jenkins left"]
    assert told(left, "child") == ["TERM"]
    assert left.report is not None and left.report.said is Said.SUCCESS


def test_hudson_reports_while_the_clean_up_runs(seen: Seen) -> None:
    traps = seen["hudson traps"]
    assert judged(traps).cleanup is CleanUp.RAN
    assert judged(traps).report is Truth.EARLY


def test_pipeline_sends_term_to_the_job_and_not_to_its_wrapper(seen: Seen) -> None:
    traps = seen["pipeline stays"]
    assert "TERM" in told(traps, "job")
    reached = {s.receiver_role for s in traps.signals if s.sender_role == "runner"}
    assert reached <= {"job", "child"}
    assert traps.stdout.text.startswith("hello\n")
    assert traps.report is not None
    assert traps.report.said is Said.CANCELLED
    assert traps.report.end == End(status=1)


def test_a_pipeline_s_job_ignores_what_a_terminal_would_send(seen: Seen) -> None:
    keys = seen["pipeline keys"]
    met = [(s.signal, s.disposition.value) for s in received(keys, "job")]
    ignored = [(name, "ignored") for name in ("INT", "HUP", "QUIT")]
    assert met == [*ignored, ("KILL", "default")]
    assert keys.report is not None and keys.report.said is Said.FAILED


@pytest.mark.parametrize("name", ["gitlab unknown", "plain asked"])
def test_a_way_that_a_runner_does_not_have_is_refused(seen: Seen, name: str) -> None:
    assert [f.error for f in seen[name].fired] == ["Operation not supported"]
    assert received(seen[name], "job") == []


def test_semaphore_before_kills_the_first_process_alone(seen: Seen) -> None:
    held = seen["semaphore held"]
    assert told(held, "job") == ["KILL"]
    assert judged(held).roles == ("child",)
    assert held.report is not None and held.report.said is Said.FAILED


def test_semaphore_since_kills_the_group_also_after_a_normal_end(seen: Seen) -> None:
    assert told(seen["semaphore 4228 left"], "child") == ["KILL"]
    assert told(seen["semaphore 4228 deaf"], "child") == ["TERM", "KILL"]


def test_kubernetes_is_root_and_its_job_is_not(seen: Seen) -> None:
    held = seen["kubernetes held"]
    assert (the(held, "runner").user, the(held, "job").user) == ("root", "ci")


def test_kubernetes_leaves_nobody(seen: Seen) -> None:
    assert told(seen["kubernetes held"], "job") == ["KILL"]
    assert told(seen["kubernetes traps"], "job") == ["TERM"]
    assert told(seen["kubernetes traps"], "child") == ["KILL"]
    assert judged(seen["kubernetes traps"]).report is Truth.TRUTHFUL


@pytest.mark.parametrize(
    ("mode", "of_job", "of_stray"),
    [
        ("control-group", {"TERM"}, {"TERM"}),
        ("mixed", {"TERM"}, {"KILL"}),
        ("process", {"TERM"}, set()),
        ("none", set(), set()),
    ],
)
def test_systemd_s_kill_modes(seen: Seen, mode: str, of_job: set[str], of_stray: set[str]) -> None:
    one = seen[f"systemd {mode}"]
    assert set(told(one, "job")) == of_job
    assert set(told(one, "stray")) == of_stray
    assert one.report is not None and one.report.said is Said.CANCELLED


def test_buildbot_kills_the_leader_alone_after_sigterm_time(seen: Seen) -> None:
    deaf = seen["buildbot deaf"]
    assert (told(deaf, "job"), told(deaf, "child")) == (["TERM", "KILL"], ["TERM"])
    assert judged(deaf).roles == ("child",)


def test_buildkite_hangs_up_the_terminal_of_what_is_left(seen: Seen) -> None:
    deaf = seen["buildkite deaf"]
    assert told(deaf, "job") == ["TERM"]
    assert the(deaf, "job").end == End(signal="HUP")


@pytest.mark.parametrize("name", ["gitlab traps", "gitlab text"])
def test_gitlab_terms_the_group_with_its_wrapper(seen: Seen, name: str) -> None:
    assert marks(seen[name]) == ["ready", "TERM begin", "TERM end"]
    signalled = [s for s in seen[name].signals if s.sender_role == "runner"]
    assert {s.signal for s in signalled} == {"TERM"}
    assert len(signalled) >= 3


def test_a_signal_to_the_group_of_a_wrapped_job_goes_to_the_wrapper_too(seen: Seen) -> None:
    group = seen["gitlab group"]
    assert [f.error for f in group.fired] == [None]
    assert "TERM" in told(group, "bash")


def test_gitlab_s_custom_executor_kills_the_group(seen: Seen) -> None:
    deaf = seen["custom deaf"]
    assert told(deaf, "child") == ["TERM", "KILL"]
    assert judged(deaf).processes is Processes.GONE
