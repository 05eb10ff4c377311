"""The scenarios that are shipped: they load, fit together, and say of themselves what is true."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest

from aftercancel import catalog
from aftercancel.catalog.catalogue import impossible
from aftercancel.errors import UsageError
from aftercancel.model import Action, Job, Runner, Target
from aftercancel.runners import models, registry

CATALOGUE = catalog.load()
FAMILIES = ("bash", "bash-posix", "dash", "ash", "mksh", "ksh93", "zsh", "yash")
JOBS = pytest.mark.parametrize("job", CATALOGUE.jobs.values(), ids=lambda job: job.id)

WRITTEN = re.compile(
    r"""\bmark[ ]"(?P<variable>\$\w+)"[ ](?P<rest>\w+)"""
    r"""|(?<!def )\bmark[ (]["']?(?P<call>[^;"'()\n]+?)["']?(?=[;"')\n]|$)"""
    r"""|\becho[ ](?P<echo>[^;"'>\n]+?)[ ]>>[ ]"\$\{?MARKS"""
    r"""|\bprint\("(?P<print>[^"]+)",[ ]file=marks\)""",
    re.MULTILINE,
)


def written(job: Job) -> set[str]:
    """The marks that the script's text can write, or what is run after it.

    A variable in one stands as ``*``.
    """
    _, _, body = job.script.partition(f"\n{catalog.jobs.CLOSING}\n")
    found = set()
    for match in WRITTEN.finditer(f"{body}\n{job.after}"):
        words = match["call"] or match["echo"] or match["print"] or f"* {match['rest']}"
        found.add(re.sub(r"\$\w+", "*", words).strip())
    return found


def test_all_eight_shells_are_there_with_their_flags_and_python() -> None:
    shells = {f"{family}{flag}" for family in FAMILIES for flag in ("", "-e", "-xe")}
    assert set(CATALOGUE.shells) == shells | {"python3"}


def test_a_flag_belongs_to_the_shells_command_line() -> None:
    assert CATALOGUE.shells["ash-xe"].argv == ("/bin/busybox", "ash", "-xe")
    assert CATALOGUE.shells["ash-xe"].family == "ash"


def test_the_default_matrix_has_at_least_1500_cells() -> None:
    assert len(CATALOGUE.cells()) >= 1500


def test_every_job_is_in_some_slice() -> None:
    assert set(CATALOGUE.jobs) == {cell.job.id for cell in CATALOGUE.matrix.values()}


def test_every_shell_and_cancellation_and_runner_is_in_some_slice() -> None:
    cells = CATALOGUE.matrix.values()
    assert set(CATALOGUE.shells) == {cell.shell.id for cell in cells}
    assert set(CATALOGUE.cancellations) == {cell.cancellation.id for cell in cells}
    assert set(CATALOGUE.runners) == {cell.runner.id for cell in cells}


def test_every_launcher_is_in_some_slice() -> None:
    assert set(CATALOGUE.launchers) == {cell.launcher.id for cell in CATALOGUE.matrix.values()}


def test_the_cells_come_in_the_order_of_the_slices_and_once() -> None:
    ids = [cell.id for cell in CATALOGUE.cells()]
    in_slices = [cell for each in CATALOGUE.slices.values() if each.default for cell in each.cells]
    assert ids == list(dict.fromkeys(in_slices))


def test_a_slice_that_takes_patience_is_run_only_where_it_is_named() -> None:
    patient = CATALOGUE.slices["patient"]
    assert [cell.id for cell in CATALOGUE.cells(["patient"])] == list(patient.cells)
    assert not {cell.id for cell in CATALOGUE.cells()} & set(patient.cells)


def test_what_takes_long_is_no_default() -> None:
    others = [each.id for each in CATALOGUE.slices.values() if not each.default]
    assert others == ["variants", "patient"]


def test_the_default_slices_can_be_named_beside_another() -> None:
    both = CATALOGUE.cells(["default", "patient"])
    assert both == (*CATALOGUE.cells(), *CATALOGUE.cells(["patient"]))


def test_loading_twice_gives_the_same_catalogue() -> None:
    assert catalog.load() == CATALOGUE


def test_chosen_slices_give_their_cells_each_once() -> None:
    chosen = CATALOGUE.cells(["traps", "signals", "traps"])
    both = [*CATALOGUE.slices["traps"].cells, *CATALOGUE.slices["signals"].cells]
    assert [cell.id for cell in chosen] == list(dict.fromkeys(both))


def test_an_unknown_slice_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"There is no slice trap\..*Did you mean traps"):
        CATALOGUE.cells(["trap"])


def test_every_cell_is_found_by_its_id() -> None:
    for cell in CATALOGUE.matrix.values():
        assert CATALOGUE.cell(cell.id) == cell


def test_a_cell_outside_the_matrix_is_found_too() -> None:
    name = "err-trap/bash-posix-xe/none/plain-eof/TERM-twice"
    assert name not in CATALOGUE.matrix
    assert CATALOGUE.cell(name).id == name


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("exit-tarp/dash/none/plain/TERM-group", "no job exit-tarp. Did you mean exit-trap"),
        ("exit-trap/dahs/none/plain/TERM-group", "no shell dahs. Did you mean dash"),
        ("exit-trap/dash/none/plane/TERM-group", "no runner plane. Did you mean plain"),
        ("exit-trap/dash/none/plain/TERM-gruop", "no cancellation TERM-gruop. Did you mean"),
        ("exit-trap/dash/TERM-group", "is not a cell's id. An id is JOB/SHELL/LAUNCHER/"),
        ("exit-trap/dash/none/plain/ctrl-c", "ctrl-c needs a terminal"),
        (
            "exit-trap/dash/none/plain-tty/output-closed",
            "output-closed needs a pipe, and plain-tty",
        ),
        ("exit-trap/dash/sudo-tty/plain/byte-03", "byte-03 needs a pipe, and sudo-tty"),
        ("exit-trap/dash/sudo/plain/link-down", "needs a second host, and sudo goes to none"),
        ("exit-trap/dash/none/plain/connection-killed", "needs a second host, and none goes"),
        ("exit-trap/dash/ssh/plain/request-TERM", "sends RFC 4254's request, not ssh"),
        ("py-atexit/dash/none/plain/end", "is a python job"),
        ("exit-trap/python3/none/plain/end", "is a posix job"),
        ("err-trap/dash/none/plain/end", "runs under bash, bash-posix only"),
        (
            "exit-trap-after-script/bash/none/plain/end",
            "has something to be run after it, and plain knows nothing like it",
        ),
        ("queued/bash/none/act/runner-INT", "has others waiting behind it, and act has no queue"),
        (
            "tty-prompt-read/bash/none/gitlab-runner/end",
            "tty-prompt-read reads an input, and gitlab-runner gives none",
        ),
        (
            "exit-trap/bash/ssh/gitlab-runner/end",
            "ssh needs another host, a terminal, root or a container engine",
        ),
        ("exit-trap/bash/sudo-tty/gitlab-runner/end", "sudo-tty needs another host, a terminal"),
        (
            "exit-trap/bash/none/plain/cancel",
            "plain cannot be asked for cancel; its ways are: none",
        ),
        (
            "exit-trap/bash/none/hudson/cancel",
            "hudson cannot be asked for cancel; its ways are: abort.",
        ),
        (
            "exit-trap/bash/none/semaphore/stop-then-cancel",
            "There is no cancellation stop-then-cancel. Did you mean stop-then-force",
        ),
        ("exit-trap/bash/none/plain/runner-TERM", "plain is no program that can be signalled"),
        (
            "exit-trap/bash/none/hudson-modelled/runner-TERM",
            "hudson-modelled is no program that can be signalled",
        ),
        (
            "exit-trap/bash/none/gitlab-runner/server-KILL-restart",
            "gitlab-runner has no server",
        ),
        (
            "exit-trap/bash/none/gitlab-runner/TERM-group",
            "TERM-group is what the lab's own runner does, not gitlab-runner",
        ),
        (
            "exit-trap/bash/none/gitlab-runner/TERM-leaf-first",
            "TERM-leaf-first is what the lab's own runner does, not gitlab-runner",
        ),
        (
            "exit-trap/bash/none/gitlab-runner/output-closed",
            "output-closed is what the lab's own runner does, not gitlab-runner",
        ),
    ],
)
def test_a_cell_that_cannot_be_is_explained(cell: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        CATALOGUE.cell(cell)


def test_every_wrong_word_of_an_id_is_named_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        CATALOGUE.cell("exit-tarp/dahs/none/plain/TERM-group")
    assert "exit-trap" in str(refused.value)
    assert "dash" in str(refused.value)


def test_the_parts_of_a_cells_id_cannot_be_confused() -> None:
    words = (
        *CATALOGUE.jobs,
        *CATALOGUE.shells,
        *CATALOGUE.launchers,
        *CATALOGUE.runners,
        *CATALOGUE.cancellations,
    )
    assert not [word for word in words if "/" in word or word.startswith("-")]


@JOBS
def test_a_jobs_declared_marks_are_the_ones_that_its_text_can_write(job: Job) -> None:
    patterns = written(job)
    unwritten = [m for m in job.marks if not any(fnmatchcase(m, p) for p in patterns)]
    undeclared = [p for p in patterns if not any(fnmatchcase(m, p) for m in job.marks)]
    assert not unwritten, "declared, but nothing in the script writes it"
    assert not undeclared, "written, but not declared"


def test_marks_that_are_not_declared_would_be_found() -> None:
    body = 'mark ready\nmark "$level" begin\nx; mark a b; y\nmark("EXIT end")\n'
    job = replace(CATALOGUE.jobs["no-trap"], script=f"\n# ///\n{body}")
    assert written(job) == {"ready", "* begin", "a b", "EXIT end"}


@JOBS
def test_a_jobs_roles_are_named_in_its_text(job: Job) -> None:
    for role in job.roles:
        assert re.search(rf"\b{role}\b", job.script.partition("# ///\n")[2]), role


@JOBS
def test_a_job_is_plain_ascii_because_shells_may_run_in_any_locale(job: Job) -> None:
    assert job.script.isascii()


@JOBS
def test_a_job_can_be_read_in_a_minute(job: Job) -> None:
    longest = 200 if job.id.startswith("recipe-") else 60
    lines = job.script.splitlines()
    assert len(lines) <= longest
    assert max(map(len, lines)) <= 120


@JOBS
def test_a_job_runs_no_sleep_but_the_one_of_the_system(job: Job) -> None:
    _, _, body = job.script.partition("# ///\n")
    assert not re.findall(r"(?<![./\w])sleep\b(?! *\()", body)


def test_every_sentence_is_said_once() -> None:
    for words in (
        CATALOGUE.jobs,
        CATALOGUE.cancellations,
        CATALOGUE.slices,
        CATALOGUE.runners,
        CATALOGUE.launchers,
    ):
        sentences = Counter(word.sentence for word in words.values())
        assert not [sentence for sentence, times in sentences.items() if times > 1]


def test_a_cancellation_is_what_its_name_says() -> None:
    for signal in ("TERM", "INT", "HUP", "QUIT", "KILL"):
        for target in (Target.PROCESS, Target.GROUP):
            (step,) = CATALOGUE.cancellations[f"{signal}-{target.value}"].steps
            assert (step.action, step.signal, step.to) == (Action.SIGNAL, signal, target)


def test_the_keys_that_are_typed_are_those_that_a_terminal_turns_into_signals() -> None:
    keys = {
        name: CATALOGUE.cancellations[name].steps[0].keys for name in ("ctrl-c", "ctrl-backslash")
    }
    assert keys == {"ctrl-c": "\x03", "ctrl-backslash": "\x1c"}


@pytest.mark.parametrize(
    "cell",
    [
        "exit-trap/bash/none/gitlab-runner/TERM-process-by-root",
        "exit-trap/bash/none/gitlab-runner/KILL-group-by-root",
        "exit-trap/bash/timeout/gitlab-runner/canceling",
        "exit-trap/bash/none/gitlab-runner-modelled/TERM-group",
        "exit-trap/bash/none/buildbot/server-KILL-restart",
        "exit-trap/bash/none/semaphore/stop-then-force",
        "exit-trap-after-script/bash/none/act/runner-INT",
        "queued/bash/none/gitlab-runner/runner-KILL-restart",
    ],
)
def test_what_a_runner_can_be_given_and_asked_for_is_a_cell(cell: str) -> None:
    assert CATALOGUE.cell(cell).id == cell


def test_a_runner_of_some_shells_is_refused_the_others() -> None:
    known = CATALOGUE.cell("exit-trap/bash/none/gitlab-runner/canceling")
    some = replace(known, runner=replace(known.runner, shells=("bash*", "python3")))
    assert impossible(some) is None
    assert impossible(replace(some, shell=CATALOGUE.shells["bash-e"])) is None
    assert impossible(replace(some, shell=CATALOGUE.shells["dash"])) == (
        "gitlab-runner is tried with bash*, python3 only, not dash."
    )


def found(name: str, *versions: str) -> dict[str, tuple[Runner, ...]]:
    """A runner of the catalogue as it is found, with each of these versions."""
    runner = CATALOGUE.runners[name]
    return {name: tuple(replace(runner, id=f"{name}@{v}", version=v) for v in versions)}


def test_a_runner_that_is_found_has_its_version_in_its_cells_ids() -> None:
    told = CATALOGUE.with_runners(found("act", "0.2.61"))
    of_act = [cell for cell in told.slices["one-shot"].cells if "/act" in cell]
    assert of_act
    assert all("/act@0.2.61/" in cell and cell in told.matrix for cell in of_act)
    assert not [cell for cell in told.matrix if "/act/" in cell]


def test_each_version_that_is_found_makes_a_cell_of_its_own() -> None:
    told = CATALOGUE.with_runners(found("act", "0.2.9", "0.2.10"))
    ids = [cell.id for cell in told.cells() if cell.runner.id.startswith("act@")]
    assert len(ids) == 2 * sum(cell.runner.id == "act" for cell in CATALOGUE.cells())
    assert ids[0].replace("@0.2.9", "@0.2.10") == ids[1]


def test_a_cell_with_a_version_is_found_outside_the_matrix_too() -> None:
    told = CATALOGUE.with_runners(found("act", "0.2.61"))
    name = "no-trap/bash/none/act@0.2.61/runner-QUIT"
    assert name not in told.matrix
    assert told.cell(name).runner.version == "0.2.61"


@pytest.mark.parametrize("runner", CATALOGUE.runners.values(), ids=lambda runner: runner.id)
def test_a_runner_is_the_lab_s_own_or_real_or_a_model_that_is_called_one(runner: Runner) -> None:
    assert [runner.own, runner.real, bool(runner.model)].count(True) == 1
    assert runner.id.endswith("-modelled") is bool(runner.model)
    assert bool(runner.follows) is bool(runner.model)


@pytest.mark.parametrize("runner", CATALOGUE.runners.values(), ids=lambda runner: runner.id)
def test_each_way_of_a_runner_is_some_cancellation_s(runner: Runner) -> None:
    asked = {step.way for each in CATALOGUE.cancellations.values() for step in each.steps}
    assert set(runner.ways) <= asked


@pytest.mark.parametrize(
    "runner", [each for each in CATALOGUE.runners.values() if each.real], ids=lambda each: each.id
)
def test_a_real_runner_is_of_a_kind_that_can_be_driven(runner: Runner) -> None:
    assert runner.adapter in registry.NAMES


@pytest.mark.parametrize(
    "runner", [each for each in CATALOGUE.runners.values() if each.model], ids=lambda each: each.id
)
def test_a_modelled_runner_has_its_file(runner: Runner) -> None:
    assert runner.model in models.MODELS


def test_only_a_job_whose_marks_tell_of_it_has_something_to_be_run_afterwards() -> None:
    with_after = {job.id for job in CATALOGUE.jobs.values() if job.after}
    assert with_after == {
        job.id for job in CATALOGUE.jobs.values() if "after_script end" in job.marks
    }
    assert all(name.endswith("-after-script") for name in with_after)


def test_a_time_limit_comes_later_than_a_job_is_ready() -> None:
    limited = [
        step
        for each in CATALOGUE.cancellations.values()
        for step in each.steps
        if step.action is Action.ASK and step.way is not None and "time" in step.way
    ]
    assert {step.way for step in limited} == {
        "job-timeout",
        "script-timeout",
        "timeout",
        "max-time",
    }
    assert all(step.seconds >= 3 for step in limited)


def test_end_fires_nothing() -> None:
    assert CATALOGUE.cancellations["end"].steps == ()
