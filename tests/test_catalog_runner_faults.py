"""What is wrong with a runner's row, with what it is asked for, or with a job that it is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.errors import Fault, ScenarioError
from aftercancel.model import Action, Ends, Target

RUNNERS = """\
[plain]
sentence = "The lab's own"

[builder]
sentence = "A real one"
adapter = "builder"
ways = ["cancel", "time-limit"]
signals = true
queue = true
options = { pty = "off" }
patience = 12
instances = 6

[builder-modelled]
sentence = "A model of it"
model = "builder"
follows = "builder 1.0 src/kill.c end_job"
ways = ["cancel"]
"""
CANCELLATIONS = """\
[cancel]
sentence = "It is asked to cancel"
steps = [{ ask = "cancel" }]

[time-limit]
sentence = "The time is up"
steps = [{ ask = "time-limit", limit = 4 }]

[runner-KILL-restart]
sentence = "It is killed, and started again"
steps = [{ signal = "KILL", to = "runner" }, { wait = 1 }, { start = "runner" }]
"""
JOB = """#!/bin/sh
# /// aftercancel
# sentence = "A child"
# marks = ["ready"]
# ///
"""
QUEUED = """#!/bin/sh
# /// aftercancel
# sentence = "Others wait behind it"
# marks = ["ready", "after_script"]
# queued = 2
# after = '''
# echo after_script >> "$MARKS"
# '''
# ///
"""
MATRIX = """\
[slice.one]
sentence = "One"
jobs = ["a-job"]
shells = ["dash"]
runners = ["builder", "builder-modelled"]
cancellations = ["cancel"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder of scenarios without a mistake."""
    shipped = catalog.scenarios_root()
    folder = tmp_path / "scenarios"
    (folder / "jobs").mkdir(parents=True)
    shutil.copy(shipped / "shells.toml", folder)
    for name, text in {
        "runners.toml": RUNNERS,
        "cancellations.toml": CANCELLATIONS,
        "launchers.toml": '[none]\nsentence = "Nothing"\n',
        "matrix.toml": MATRIX,
        "jobs/a-job.sh": JOB,
        "jobs/queued.sh": QUEUED,
    }.items():
        (folder / name).write_text(text)
    return folder


def edit(file: Path, old: str, new: str) -> int:
    """Replace a text that is there once; the line (from 1) where the new one begins."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def faults(root: Path) -> tuple[Fault, ...]:
    with pytest.raises(ScenarioError) as refused:
        catalog.load(root)
    return refused.value.faults


def only(root: Path) -> Fault:
    found = faults(root)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def test_a_real_runner_is_read_with_all_that_its_row_says(root: Path) -> None:
    builder = catalog.load(root).runners["builder"]
    assert (builder.real, builder.own, builder.adapter) == (True, False, "builder")
    assert builder.ways == ("cancel", "time-limit")
    assert (builder.signals, builder.queue, builder.server, builder.after) == (
        True,
        True,
        False,
        False,
    )
    assert builder.options == (("pty", "off"),)
    assert (builder.patience_s, builder.instances) == (12.0, 6)


def test_a_model_is_read_with_its_source(root: Path) -> None:
    model = catalog.load(root).runners["builder-modelled"]
    assert (model.real, model.own, model.model) == (False, False, "builder")
    assert model.follows == "builder 1.0 src/kill.c end_job"


def test_a_runner_of_the_lab_s_own_is_neither(root: Path) -> None:
    plain = catalog.load(root).runners["plain"]
    assert (plain.own, plain.real, plain.ends) == (True, False, Ends.PROCESS)


Mistake = tuple[str, str, str, int, str, str]
MISTAKES: dict[str, Mistake] = {
    # name: file, old text, new text, lines below the old text's, problem, hint
    "an adapter and a model both": (
        "runners.toml",
        'model = "builder"',
        'model = "builder"\nadapter = "builder"',
        0,
        "A runner is real (adapter) or modelled (model), not both.",
        "",
    ),
    "a model without a source": (
        "runners.toml",
        'follows = "builder 1.0 src/kill.c end_job"\n',
        "",
        -1,
        "builder-modelled has no source.",
        "Say in follows what the model follows.",
    ),
    "a model with an empty source": (
        "runners.toml",
        "builder 1.0 src/kill.c end_job",
        "",
        0,
        "follows is empty.",
        "Write a text.",
    ),
    "a real runner with a model's name": (
        "runners.toml",
        'model = "builder"',
        'adapter = "builder"',
        -2,
        "builder-modelled is no name for this runner.",
        "a model's name ends in '-modelled'",
    ),
    "a key of the lab's own in a real runner's row": (
        "runners.toml",
        "signals = true",
        'ends = "output"',
        0,
        "There is no key ends here.",
        "",
    ),
    "a key of real runners in a row of the lab's own": (
        "runners.toml",
        'sentence = "The lab\'s own"',
        'sentence = "The lab\'s own"\nways = ["cancel"]',
        1,
        "There is no key ways here.",
        "Allowed: adapter, ends, model, sentence, terminal.",
    ),
    "an option that is no text": (
        "runners.toml",
        'pty = "off"',
        "pty = false",
        0,
        "options must be a table of texts: pty is none.",
        'Write pty = "False".',
    ),
    "a patience that is none": (
        "runners.toml",
        "patience = 12",
        "patience = -1",
        0,
        "patience must be a number of seconds from 0 on, not -1.",
        "",
    ),
    "shells that are no list": (
        "runners.toml",
        "signals = true",
        'shells = "dash"',
        0,
        "shells must be a list of texts, not 'dash'.",
        "",
    ),
    "a request for nothing": (
        "cancellations.toml",
        '{ ask = "time-limit", limit = 4 }',
        '{ ask = "" }',
        0,
        "ask is empty.",
        "",
    ),
    "a limit that is no number": (
        "cancellations.toml",
        "limit = 4",
        'limit = "4"',
        0,
        "limit must be a number of seconds, not '4'.",
        "",
    ),
    "a limit for what nobody is asked": (
        "cancellations.toml",
        'to = "runner" }',
        'to = "runner", limit = 4 }',
        0,
        "There is no key limit here.",
        "",
    ),
    "something to start that there is not": (
        "cancellations.toml",
        '{ start = "runner" }',
        '{ start = "runer" }',
        0,
        "start cannot be runer.",
        "Did you mean runner?",
    ),
    "something to start that was never started": (
        "cancellations.toml",
        '{ start = "runner" }',
        '{ start = "group" }',
        0,
        "start cannot be group.",
        "Only the runner or its server can be started again.",
    ),
    "somebody else who signals the runner": (
        "cancellations.toml",
        'to = "runner" }',
        'to = "runner", by = "root" }',
        0,
        "by has no meaning here: root sends it.",
        "",
    ),
    "two steps in one": (
        "cancellations.toml",
        '{ start = "runner" }',
        '{ start = "runner", ask = "cancel" }',
        0,
        "is not a step.",
        '{ ask = "cancel" }; { start = "runner" }; ',
    ),
    "a way that a runner has not": (
        "matrix.toml",
        'runners = ["builder", "builder-modelled"]\ncancellations = ["cancel"]',
        'runners = ["builder-modelled"]\ncancellations = ["time-limit"]',
        -4,
        "builder-modelled cannot be asked for time-limit; its ways are: cancel.",
        "A glob or a set (@NAME) takes only what is possible.",
    ),
    "an after_script where there is none": (
        "jobs/a-job.sh",
        '# marks = ["ready"]',
        '# marks = ["ready"]\n# after = ""',
        1,
        "after is empty.",
        "Write a text.",
    ),
    "an after_script that is no text": (
        "jobs/a-job.sh",
        '# marks = ["ready"]',
        '# marks = ["ready"]\n# after = ["echo"]',
        1,
        "after must be a text, not ['echo'].",
        "",
    ),
    "a queue that is no number": (
        "jobs/a-job.sh",
        '# marks = ["ready"]',
        '# marks = ["ready"]\n# queued = true',
        1,
        "queued must be a whole number, not True.",
        "",
    ),
    "a default that is neither": (
        "matrix.toml",
        'sentence = "One"',
        'sentence = "One"\ndefault = "no"',
        1,
        "default must be true or false, not 'no'.",
        "",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=[m.replace(" ", "-") for m in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_what_to_write_instead(
    root: Path, mistake: Mistake
) -> None:
    file, old, new, below, problem, hint = mistake
    line = edit(root / file, old, new) + below
    found = only(root)
    assert problem in found.problem
    assert hint in found.hint
    assert (Path(found.file).name, found.line) == (Path(file).name, line)


def test_a_model_that_is_not_called_one_is_a_mistake(root: Path) -> None:
    edit(root / "runners.toml", "[builder-modelled]", "[builder-told]")
    edit(root / "matrix.toml", '"builder-modelled"', '"builder-told"')
    assert only(root).problem == "builder-told is no name for this runner."


def test_a_runner_that_only_has_a_model_s_name_is_a_mistake(root: Path) -> None:
    edit(root / "runners.toml", "[plain]", "[plain-modelled]")
    assert only(root).problem == "plain-modelled is no name for this runner."


def test_a_way_of_its_own_is_asked_for_with_its_limit(root: Path) -> None:
    (step,) = catalog.load(root).cancellations["time-limit"].steps
    assert (step.action, step.way, step.seconds) == (Action.ASK, "time-limit", 4.0)


def test_a_runner_can_be_signalled_and_started_again(root: Path) -> None:
    steps = catalog.load(root).cancellations["runner-KILL-restart"].steps
    assert [step.action for step in steps] == [Action.SIGNAL, Action.WAIT, Action.START]
    assert [step.to for step in steps] == [Target.RUNNER, None, Target.RUNNER]


def test_a_job_says_what_is_to_be_run_after_it_and_what_waits_behind_it(root: Path) -> None:
    job = catalog.load(root).jobs["queued"]
    assert job.after == 'echo after_script >> "$MARKS"\n'
    assert job.queued == 2


def test_a_job_that_says_nothing_of_it_has_neither(root: Path) -> None:
    job = catalog.load(root).jobs["a-job"]
    assert (job.after, job.queued) == ("", 0)


def test_a_set_leaves_out_runners_that_cannot_be_asked(root: Path) -> None:
    edit(root / "matrix.toml", 'runners = ["builder", "builder-modelled"]', 'runners = ["*"]')
    edit(root / "matrix.toml", 'cancellations = ["cancel"]', 'cancellations = ["*"]')
    assert [cell.id for cell in catalog.load(root).cells()] == [
        "a-job/dash/none/builder/cancel",
        "a-job/dash/none/builder/time-limit",
        "a-job/dash/none/builder/runner-KILL-restart",
        "a-job/dash/none/builder-modelled/cancel",
    ]


def test_a_slice_that_is_no_default_is_measured_where_it_is_named(root: Path) -> None:
    edit(root / "matrix.toml", 'sentence = "One"', 'sentence = "One"\ndefault = false')
    words = catalog.load(root)
    assert words.cells() == ()
    assert [cell.id for cell in words.cells(["one"])] == list(words.slices["one"].cells)
    assert words.slices["one"].default is False
