"""What is wrong in scenario files is said in one go: file, line, what is allowed, what is near.

Above 400 lines because it is one table of mistakes, a row or two for each field of each file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.errors import Fault, ScenarioError

JOB = """#!/bin/sh
# /// aftercancel
# sentence = "A child"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
echo
"""
PYTHON_JOB = """# /// aftercancel
# sentence = "Python"
# marks = ["ready"]
# ///
"""
MATRIX = """[set.shells]
two = ["bash", "dash"]

[slice.traps]
sentence = "Traps"
jobs = ["exit-trap"]
shells = ["dash"]
cancellations = ["TERM-group"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder of scenarios without a mistake."""
    shipped = catalog.scenarios_root()
    folder = tmp_path / "scenarios"
    (folder / "jobs").mkdir(parents=True)
    for name in ("shells", "launchers", "runners", "cancellations"):
        shutil.copy(shipped / f"{name}.toml", folder)
    shutil.copytree(shipped / "launchers", folder / "launchers")
    (folder / "matrix.toml").write_text(MATRIX)
    (folder / "jobs" / "exit-trap.sh").write_text(JOB)
    (folder / "jobs" / "py-plain.py").write_text(PYTHON_JOB)
    return folder


def faults(root: Path) -> tuple[Fault, ...]:
    with pytest.raises(ScenarioError) as refused:
        catalog.load(root)
    return refused.value.faults


def only(root: Path) -> Fault:
    found = faults(root)
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


def edit(file: Path, old: str, new: str) -> int:
    """Replace a text that is there once; the line (from 1) where the new one begins."""
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_scenarios_without_a_mistake_load(root: Path) -> None:
    assert [cell.id for cell in catalog.load(root).cells()] == [
        "exit-trap/dash/none/plain/TERM-group"
    ]


Mistake = tuple[str, str, str, int, str, str]
MISTAKES: dict[str, Mistake] = {
    # name: file, old text, new text, lines below the old text's, problem, hint
    "an unknown key": (
        "runners.toml",
        'ends = "process"\nterminal = true',
        'ends = "process"\nterminals = true',
        1,
        "There is no key terminals",
        "Did you mean terminal",
    ),
    "a misspelt job": (
        "matrix.toml",
        '"exit-trap"',
        '"exit-tarp"',
        0,
        "There is no job exit-tarp",
        "Did you mean exit-trap? Allowed: exit-trap, py-plain.",
    ),
    "a misspelt shell": (
        "matrix.toml",
        'shells = ["dash"]',
        'shells = ["dahs"]',
        0,
        "There is no shell dahs",
        "Did you mean dash",
    ),
    "a misspelt shell in a list of many lines": (
        "matrix.toml",
        'shells = ["dash"]',
        'shells = [\n  "dash",  # one\n  "bahs",\n]',
        2,
        "There is no shell bahs",
        "Did you mean bash",
    ),
    "a misspelt shell in a set": (
        "matrix.toml",
        'two = ["bash", "dash"]',
        'two = ["bash", "dsh"]',
        0,
        "There is no shell dsh",
        "dash",
    ),
    "a misspelt set": (
        "matrix.toml",
        'shells = ["dash"]',
        'shells = ["@tow"]',
        0,
        "There is no set of shells tow",
        "Did you mean two",
    ),
    "a misspelt cancellation": (
        "matrix.toml",
        "TERM-group",
        "TERM-gruop",
        0,
        "There is no cancellation TERM-gruop",
        "Did you mean TERM-group",
    ),
    "a misspelt runner": (
        "matrix.toml",
        'shells = ["dash"]',
        'shells = ["dash"]\nrunners = ["plian"]',
        1,
        "There is no runner plian",
        "Did you mean plain",
    ),
    "a glob that fits nothing": (
        "matrix.toml",
        '"exit-trap"',
        '"entry-*"',
        0,
        "No word of jobs fits entry-*",
        "",
    ),
    "an exception that leaves nothing out": (
        "matrix.toml",
        'cancellations = ["TERM-group"]',
        'cancellations = ["TERM-group"]\nexcept = ["*/bash/*"]',
        1,
        "*/bash/* leaves nothing out",
        "Remove it",
    ),
    "a wrong type": (
        "runners.toml",
        'ends = "output"',
        "ends = 3",
        0,
        "ends must be a text, not 3",
        "",
    ),
    "a word that is not among the few": (
        "runners.toml",
        'ends = "output"',
        'ends = "outptu"',
        0,
        "ends cannot be outptu",
        "Did you mean output? Allowed: output, process.",
    ),
    "a missing key": (
        "shells.toml",
        'argv = ["/bin/dash"]\n',
        "",
        -3,
        "argv is missing",
        "It must be a list of texts",
    ),
    "an empty sentence": (
        "launchers.toml",
        "Nothing: the runner starts the job's shell itself",
        "",
        0,
        "sentence is empty",
        "Write a text",
    ),
    "a shell without a whole path": (
        "shells.toml",
        '["/bin/dash"]',
        '["dash"]',
        0,
        "argv must begin with the program's whole path",
        "",
    ),
    "an unknown signal": (
        "cancellations.toml",
        'steps = [{ signal = "TERM", to = "process" }]',
        'steps = [{ signal = "TREM", to = "process" }]',
        0,
        "There is no signal TREM",
        "Did you mean TERM",
    ),
    "a signal with SIG": (
        "cancellations.toml",
        'steps = [{ signal = "TERM", to = "process" }]',
        'steps = [{ signal = "SIGTERM", to = "process" }]',
        0,
        "There is no signal SIGTERM",
        "Did you mean TERM? Names are written without SIG",
    ),
    "an unknown target": (
        "cancellations.toml",
        'steps = [{ signal = "TERM", to = "process" }]',
        'steps = [{ signal = "TERM", to = "proccess" }]',
        0,
        "to cannot be proccess",
        "Did you mean process",
    ),
    "a step that is none": (
        "cancellations.toml",
        "{ wait = 0.4 }",
        "{ wiat = 0.4 }",
        0,
        "{'wiat': 0.4} is not a step",
        "A step is one of",
    ),
    "a step in a list of many lines": (
        "cancellations.toml",
        "{ wait = 0.4 }",
        '{ close = "ouput" }',
        0,
        "close cannot be ouput",
        "Did you mean output",
    ),
    "a time that is negative": (
        "cancellations.toml",
        "{ wait = 0.4 }",
        "{ wait = -1 }",
        -2,
        "wait must be a number of seconds from 0 on, not -1",
        "",
    ),
    "a meaningless between": (
        "cancellations.toml",
        '"leaf-first", between',
        '"group", between',
        0,
        "between has no meaning here",
        "leaf-first",
    ),
    "root from leaf to leaf": (
        "cancellations.toml",
        '"leaf-first", between = 0.05',
        '"leaf-first", by = "root"',
        0,
        "Only the runner goes from leaf to leaf",
        "",
    ),
    "somebody else for the other host's root": (
        "cancellations.toml",
        'steps = [{ signal = "KILL", to = "connection" }]',
        'steps = [{ signal = "KILL", to = "connection", by = "runner" }]',
        0,
        "by has no meaning here: root sends it",
        "",
    ),
    "a sender that is none": (
        "cancellations.toml",
        'steps = [{ signal = "TERM", to = "group", by = "root" }]',
        'steps = [{ signal = "TERM", to = "group", by = "rot" }]',
        0,
        "by cannot be rot",
        "Did you mean root? Allowed: root, runner.",
    ),
    "something to send that is no bytes": (
        "cancellations.toml",
        r'steps = [{ send = "\u0003" }]',
        r'steps = [{ send = "\u2403" }]',
        0,
        "send: each character stands for one byte, U+0000 to U+00FF",
        "",
    ),
    "an id with a slash": (
        "runners.toml",
        "[plain-eof]",
        '["plain/eof"]',
        0,
        "'plain/eof' cannot be an id",
        "letters, digits",
    ),
    "a table twice": (
        "runners.toml",
        "[plain-eof]",
        "[plain]",
        0,
        "A key or table is there twice",
        "rename or remove",
    ),
    "a key twice": (
        "runners.toml",
        'ends = "output"\n',
        'ends = "output"\nends = "output"\n',
        1,
        "A key or table is there twice",
        "rename or remove",
    ),
    "invalid TOML": (
        "runners.toml",
        'ends = "output"',
        "ends = = 3",
        0,
        "This is not TOML, column 8: Invalid value.",
        "",
    ),
    "an id that a flag makes too": (
        "shells.toml",
        "[ksh93]",
        "[dash-e]",
        0,
        "dash-e is there twice",
        "Rename",
    ),
    "an unknown key in a script": (
        "jobs/exit-trap.sh",
        "# roles",
        "# role",
        0,
        "There is no key role here",
        "Did you mean roles",
    ),
    "a wrong type in a script": (
        "jobs/exit-trap.sh",
        '# roles = ["child"]',
        '# roles = "child"',
        0,
        "roles must be a list of texts, not 'child'",
        "",
    ),
    "invalid TOML in a script": (
        "jobs/exit-trap.sh",
        '# roles = ["child"]',
        "# roles = [child]",
        0,
        "This is not TOML",
        "",
    ),
    "an entry that is not closed": (
        "jobs/exit-trap.sh",
        "# ///\necho",
        "echo",
        0,
        "The entry is not closed, or a line in it is no comment",
        'ends with "# ///"',
    ),
    "a clean-up without marks": (
        "jobs/exit-trap.sh",
        'cleanup = "EXIT"',
        'cleanup = "EXTI"',
        0,
        "No mark tells of the clean-up EXTI",
        "Did you mean EXIT",
    ),
    "no ready mark": (
        "jobs/exit-trap.sh",
        '"ready", ',
        "",
        0,
        "The mark ready is missing",
        "does not know when to fire",
    ),
    "a mark twice": (
        "jobs/exit-trap.sh",
        '"ready", ',
        '"ready", "ready", ',
        0,
        "The mark ready is there twice",
        "",
    ),
    "a relative path": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# removes = ["job.lock"]',
        1,
        "job.lock does not begin with /",
        "/home/ci/job.lock",
    ),
    "a signal that cannot be ignored": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# ignored = ["KILL"]',
        1,
        "KILL cannot be ignored",
        "",
    ),
    "an unknown family of shells": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# shells = ["bahs"]',
        1,
        "There is no family of shells bahs",
        "Did you mean bash",
    ),
    "a shell of the other kind": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# shells = ["python3"]',
        1,
        "python3 cannot run a posix job",
        "",
    ),
    "an environment of numbers": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# env = { PAUSE = 4 }',
        1,
        "env must be a table of texts: PAUSE is none",
        'Write PAUSE = "4"',
    ),
    "default without variants": (
        "jobs/exit-trap.sh",
        '# cleanup = "EXIT"',
        '# cleanup = "EXIT"\n# default = true',
        1,
        "default has no meaning without variants",
        "Remove it",
    ),
    "a Python job under dash": (
        "matrix.toml",
        '"exit-trap"',
        '"py-plain"',
        -2,
        "Impossible: py-plain is a python job, and dash does not run those.",
        "takes only what is possible",
    ),
    "^C without a terminal": (
        "matrix.toml",
        "TERM-group",
        "ctrl-c",
        -4,
        "Impossible: ctrl-c needs a terminal",
        "takes only what is possible",
    ),
    "a set of an unknown axis": (
        "matrix.toml",
        "[set.shells]",
        "[set.shell]",
        0,
        "There is no axis shell",
        "Did you mean shells",
    ),
    "a claim that is none": (
        "matrix.toml",
        'sentence = "Traps"',
        'sentence = "Traps"\nanswers = ["g5"]',
        1,
        "g5 is not a claim",
        "named as G5",
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


def test_every_mistake_of_every_file_is_told_in_one_go(root: Path) -> None:
    edit(root / "shells.toml", 'argv = ["/bin/dash"]', "argv = 3")
    edit(root / "runners.toml", 'ends = "output"', 'end = "output"')
    edit(root / "cancellations.toml", "{ wait = 0.4 }", "{ wiat = 0.4 }")
    edit(root / "launchers.toml", "[none]", "[none")
    edit(root / "jobs" / "exit-trap.sh", "# roles", "# role")
    edit(root / "matrix.toml", "TERM-group", "TERM-gruop")
    named = {Path(fault.file).name for fault in faults(root)}
    assert named == {
        "shells.toml",
        "runners.toml",
        "cancellations.toml",
        "launchers.toml",
        "exit-trap.sh",
        "matrix.toml",
    }


def test_several_mistakes_of_one_table_are_all_told(root: Path) -> None:
    edit(
        root / "runners.toml",
        'ends = "output"\nterminal = false',
        'ends = "never"\nterminal = "no"\ncolour = "red"',
    )
    assert [fault.problem for fault in faults(root)] == [
        "ends cannot be never.",
        "terminal must be true or false, not 'no'.",
        "There is no key colour here.",
    ]


def test_a_mistake_in_a_head_is_told_once_though_variants_share_it(root: Path) -> None:
    edit(
        root / "jobs" / "exit-trap.sh",
        '# roles = ["child"]',
        '# role = ["child"]\n# [variant.one]\n# [variant.two]',
    )
    text = (root / "jobs" / "exit-trap.sh").read_text()
    head, variants = '# role = ["child"]\n', "# [variant.one]\n# [variant.two]\n"
    text = text.replace(variants, "").replace("# ///\necho", f"{variants}# ///\necho")
    (root / "jobs" / "exit-trap.sh").write_text(text)
    edit(root / "matrix.toml", "exit-trap", "one")
    assert head in text
    assert only(root).problem == "There is no key role here."


def with_variants(root: Path, block: str) -> None:
    edit(root / "jobs" / "exit-trap.sh", "# ///\necho", f"{block}# ///\necho")


def test_variants_take_the_place_of_the_script_and_override_its_fields(root: Path) -> None:
    with_variants(root, '# [variant.slow]\n# env = { PAUSE = "4" }\n# pause_s = 4\n')
    edit(root / "matrix.toml", '"exit-trap"', '"slow"')
    jobs = catalog.load(root).jobs
    assert set(jobs) == {"slow", "py-plain"}
    assert jobs["slow"].env == (("PAUSE", "4"),)
    assert jobs["slow"].pause_s == 4.0
    assert jobs["slow"].cleanup == "EXIT"
    assert jobs["slow"].name == "exit-trap.sh"


def test_default_keeps_the_script_itself_beside_its_variants(root: Path) -> None:
    with_variants(root, "# default = true\n# [variant.slow]\n# pause_s = 4\n")
    jobs = catalog.load(root).jobs
    assert set(jobs) == {"exit-trap", "slow", "py-plain"}
    assert jobs["exit-trap"].pause_s == 0.2


def test_a_mistake_in_a_variant_has_the_variants_line(root: Path) -> None:
    with_variants(root, "# default = true\n# [variant.slow]\n# pause_s = -4\n")
    fault = only(root)
    assert fault.line == 9
    assert "pause_s must be" in fault.problem


def test_a_job_that_two_files_have_is_named_with_both(root: Path) -> None:
    with_variants(root, "# default = true\n# [variant.py-plain]\n# pause_s = 4\n")
    fault = only(root)
    assert "py-plain is there twice" in fault.problem
    assert "exit-trap.sh" in f"{fault.file} {fault.problem}"
    assert "py-plain.py" in f"{fault.file} {fault.problem}"


def test_a_script_without_an_entry_is_a_mistake(root: Path) -> None:
    (root / "jobs" / "bare.sh").write_text("#!/bin/sh\n")
    fault = only(root)
    assert fault.problem == "The script's head has no entry."
    assert fault.line is None


def test_a_file_that_is_no_job_is_a_mistake(root: Path) -> None:
    (root / "jobs" / "exit-trap.txt").write_text("")
    assert only(root).problem == "This is no job."


@pytest.mark.parametrize("name", [".exit-trap.sh.swp", "__pycache__", "README.md"])
def test_what_editors_and_people_leave_beside_the_jobs_does_not_disturb(
    root: Path, name: str
) -> None:
    (root / "jobs" / name).mkdir()
    catalog.load(root)


def test_a_missing_file_is_a_mistake(root: Path) -> None:
    (root / "launchers.toml").unlink()
    found = faults(root)
    assert "The file is missing." in [fault.problem for fault in found]


def test_a_file_that_is_not_utf8_is_a_mistake(root: Path) -> None:
    (root / "jobs" / "exit-trap.sh").write_bytes(b"#!/bin/sh\n# \xff\n")
    assert (2, "The file is not UTF-8.") in [(f.line, f.problem) for f in faults(root)]


def test_globs_and_sets_take_only_what_is_possible(root: Path) -> None:
    edit(root / "matrix.toml", '"exit-trap"', '"*"')
    edit(root / "matrix.toml", 'shells = ["dash"]', 'shells = ["@two", "python*"]')
    assert [cell.id.split("/")[:2] for cell in catalog.load(root).cells()] == [
        ["exit-trap", "bash"],
        ["exit-trap", "dash"],
        ["py-plain", "python3"],
    ]


def test_several_products_make_one_slice(root: Path) -> None:
    product = """[[slice.traps.product]]
jobs = ["exit-trap"]
shells = ["@two"]
cancellations = ["TERM-group"]
except = ["*/bash/*"]
[[slice.traps.product]]
jobs = ["py-plain"]
shells = ["python3"]
cancellations = ["end"]
"""
    (root / "matrix.toml").write_text(MATRIX + product)
    assert [cell.id for cell in catalog.load(root).cells()] == [
        "exit-trap/dash/none/plain/TERM-group",
        "py-plain/python3/none/plain/end",
    ]


def test_a_mistake_in_a_later_product_has_that_products_line(root: Path) -> None:
    product = """[[slice.traps.product]]
jobs = ["exit-trap"]
shells = ["bash"]
cancellations = ["end"]
[[slice.traps.product]]
jobs = ["exit-trap"]
shells = ["bassh"]
cancellations = ["end"]
"""
    (root / "matrix.toml").write_text(MATRIX + product)
    assert only(root).line == MATRIX.count("\n") + 7


def test_a_slice_without_cells_is_a_mistake(root: Path) -> None:
    (root / "matrix.toml").write_text(f'{MATRIX}[slice.empty]\nsentence = "x"\n')
    assert only(root).problem == "The slice has no cells."


def test_no_slice_has_the_name_that_stands_for_all_of_the_default_ones(root: Path) -> None:
    edit(root / "matrix.toml", "[slice.traps]", "[slice.default]")
    assert only(root).problem == "No slice can be called that: it stands for all of them."


Spoil = Callable[[str], str]


@pytest.mark.parametrize(
    "file",
    ["shells.toml", "runners.toml", "launchers.toml", "cancellations.toml", "matrix.toml"],
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: text.index(" = ", len(text) // 2) + 4],
        lambda text: text.replace("=", "=="),
        lambda text: text.replace('"', ""),
        lambda text: f"x = 1\n{text}",
        lambda text: text.replace("[", "[["),
        lambda text: text.replace(" = [", " = [1, "),
        lambda text: text.replace("sentence", "sentense"),
    ],
    ids=["empty", "half", "equals", "quotes", "stray", "brackets", "numbers", "keys"],
)
def test_no_spoilt_file_gets_past_or_makes_a_traceback(root: Path, file: str, spoil: Spoil) -> None:
    path = root / file
    text = path.read_text()
    spoilt = spoil(text)
    path.write_text(spoilt)
    if spoilt == text:
        pytest.skip("There is nothing of the kind in this file.")
    for fault in faults(root):
        assert fault.problem
        assert fault.line is None or fault.line >= 1


def test_a_file_that_cannot_be_read_makes_no_mistakes_of_what_needs_it(root: Path) -> None:
    edit(root / "cancellations.toml", "[TERM-process]", "[TERM-process")
    assert Path(only(root).file).name == "cancellations.toml"


def test_shells_that_cannot_be_read_make_no_mistakes_of_the_jobs_that_name_them(root: Path) -> None:
    edit(root / "jobs" / "exit-trap.sh", "# roles", '# shells = ["bash", "dash"]\n# roles')
    (root / "shells.toml").write_bytes(b"\xff\xfe" + (root / "shells.toml").read_bytes())
    assert only(root).problem == "The file is not UTF-8."


def test_a_broken_script_does_not_hide_a_misspelt_job(root: Path) -> None:
    edit(root / "jobs" / "exit-trap.sh", "# roles = [", "# roles = ")
    edit(root / "matrix.toml", '["exit-trap"]', '["exit-trap", "py-plian"]')
    assert [fault.problem for fault in faults(root)][1:] == ["There is no job py-plian."]
