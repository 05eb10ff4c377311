"""What is wrong in launchers.toml is said with file, line, what is allowed and what is near."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.errors import Fault, ScenarioError
from aftercancel.model import Server

LAUNCHERS = """\
[none]
sentence = "Nothing"

[sudo]
sentence = "sudo"
argv = ["sudo"]
needs = ["sudo"]
sudoers = ["ci ALL=(root) NOPASSWD: @SUDOERS@"]

[nice]
sentence = "nice"
argv = ["nice", "-n", "5"]

[ssh]
sentence = "ssh"
argv = ["/usr/bin/ssh", "far", "@ASSIGNMENTS@ @COMMAND@"]
far = { server = "openssh", options = ["ClientAliveInterval 1"] }

[wrapper]
sentence = "A script of ours"
argv = ["/lab/launcher/wrapper.sh"]
files = [{ path = "/lab/launcher/wrapper.sh", source = "wrapper.sh", mode = 0o755 }]

[make]
sentence = "make"
argv = ["make", "job"]

[[make.files]]
path = "Makefile"
text = "job:\\n\\t@MAKE@\\n"

[chained]
sentence = "Two"
chain = ["ssh", "nice"]
"""
JOB = """#!/bin/sh
# /// aftercancel
# sentence = "A child"
# marks = ["ready"]
# ///
"""
MATRIX = """[slice.one]
sentence = "One"
jobs = ["a-job"]
shells = ["dash"]
cancellations = ["TERM-group"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder of scenarios without a mistake."""
    shipped = catalog.scenarios_root()
    folder = tmp_path / "scenarios"
    (folder / "jobs").mkdir(parents=True)
    (folder / "launchers").mkdir()
    for name in ("shells", "runners", "cancellations"):
        shutil.copy(shipped / f"{name}.toml", folder)
    (folder / "launchers.toml").write_text(LAUNCHERS)
    (folder / "launchers" / "wrapper.sh").write_text("#!/bin/sh\nexec @what@ @NOTHING@\n")
    (folder / "matrix.toml").write_text(MATRIX)
    (folder / "jobs" / "a-job.sh").write_text(JOB)
    return folder


def edit(root: Path, old: str, new: str) -> int:
    """Replace a text that is there once; the line (from 1) where the new one begins."""
    assert LAUNCHERS.count(old) == 1
    (root / "launchers.toml").write_text(LAUNCHERS.replace(old, new))
    return LAUNCHERS[: LAUNCHERS.index(old)].count("\n") + 1


def only(root: Path) -> Fault:
    with pytest.raises(ScenarioError) as refused:
        catalog.load(root)
    assert len(refused.value.faults) == 1, str(refused.value)
    return refused.value.faults[0]


def test_launchers_without_a_mistake_load(root: Path) -> None:
    assert set(catalog.load(root).launchers) == {
        *("none", "sudo", "nice", "ssh", "wrapper", "make", "chained"),
    }


def test_a_source_is_taken_as_it_is_and_a_text_as_a_template(root: Path) -> None:
    launchers = catalog.load(root).launchers
    (wrapper,) = launchers["wrapper"].files
    assert wrapper.text == "#!/bin/sh\nexec @what@ @NOTHING@\n"
    assert (wrapper.path, wrapper.mode) == ("/lab/launcher/wrapper.sh", 0o755)
    (makefile,) = launchers["make"].files
    assert makefile.text == "job:\n\t@MAKE@\n"
    assert (makefile.path, makefile.mode) == ("Makefile", 0o644)


def test_the_other_host_is_read(root: Path) -> None:
    far = catalog.load(root).launchers["ssh"].far
    assert far is not None
    assert (far.server, far.forced, far.options) == (
        Server.OPENSSH,
        "",
        ("ClientAliveInterval 1",),
    )


Mistake = tuple[str, str, int, str, str]
MISTAKES: dict[str, Mistake] = {
    # name: old text, new text, lines below the old text's, problem, hint
    "an unknown placeholder in argv": (
        "@ASSIGNMENTS@ @COMMAND@",
        "@ASIGNMENTS@ @COMMAND@",
        0,
        "There is no placeholder @ASIGNMENTS@",
        "Did you mean ASSIGNMENTS or ARGUMENTS or ENVIRONMENT? Allowed: @ARGV@, @COMMAND@",
    ),
    "an unknown placeholder in a sudo rule": (
        "@SUDOERS@",
        "@SUDOER@",
        0,
        "There is no placeholder @SUDOER@",
        "Did you mean SUDOERS or FOLDER?",
    ),
    "an unknown placeholder in a file": (
        "@MAKE@",
        "@MAEK@",
        0,
        "There is no placeholder @MAEK@",
        "Did you mean MAKE?",
    ),
    "an unknown placeholder in a forced command": (
        'far = { server = "openssh",',
        'far = { server = "openssh", forced = "@COMAND@",',
        0,
        "There is no placeholder @COMAND@",
        "Did you mean COMMAND",
    ),
    "a chain of one": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh"]',
        0,
        "A chain has two launchers or more",
        "",
    ),
    "a chain with an unknown launcher": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh", "ncie"]',
        0,
        "There is no launcher ncie",
        "Did you mean nice",
    ),
    "a chain with nothing in it": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh", "none"]',
        0,
        "none cannot be in a chain",
        "",
    ),
    "a chain in a chain": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh", "nice"]\n\n[more]\nsentence = "More"\nchain = ["nice", "chained"]',
        4,
        "chained cannot be in a chain",
        "",
    ),
    "a chain that leaves the host twice": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh", "ssh"]',
        0,
        "There is one other host: a chain can go there once",
        "",
    ),
    "a chain with a rule for a command without its path": (
        'chain = ["ssh", "nice"]',
        'chain = ["sudo", "nice"]',
        0,
        "sudo has a rule for nice, and a rule takes a whole path",
        "Write the whole path of nice in the argv of nice",
    ),
    "a chain with words of its own": (
        'chain = ["ssh", "nice"]',
        'chain = ["ssh", "nice"]\nargv = ["ssh"]',
        1,
        "There is no key argv here",
        "Allowed: chain, sentence",
    ),
    "a mode that is none": (
        "mode = 0o755",
        "mode = 0o77777",
        0,
        "32767 is no file mode",
        "Write it as 0o644",
    ),
    "a mode that is no number": (
        "mode = 0o755",
        'mode = "0755"',
        0,
        "mode must be a whole number, not '0755'",
        "",
    ),
    "a source in another folder": (
        'source = "wrapper.sh"',
        'source = "../jobs/a-job.sh"',
        0,
        "../jobs/a-job.sh is not the name of a file below launchers/",
        "",
    ),
    "a file with a text and a source": (
        'source = "wrapper.sh"',
        'source = "wrapper.sh", text = "x"',
        0,
        "A file has a text or a source",
        "Remove one of them",
    ),
    "a file without a path": (
        'path = "Makefile"\n',
        "",
        -1,
        "path is missing",
        "",
    ),
    "a server that is none": (
        'server = "openssh"',
        'server = "opnssh"',
        0,
        "server cannot be opnssh",
        "Did you mean openssh? Allowed: dropbear, openssh.",
    ),
    "an unknown key": (
        'needs = ["sudo"]',
        'need = ["sudo"]',
        0,
        "There is no key need here",
        "Did you mean needs",
    ),
    "an unknown key of the other host": (
        'options = ["ClientAliveInterval 1"]',
        'option = ["ClientAliveInterval 1"]',
        0,
        "There is no key option here",
        "Did you mean options",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found_with_its_line_and_a_hint(root: Path, mistake: Mistake) -> None:
    old, new, below, problem, hint = mistake
    line = edit(root, old, new) + below
    fault = only(root)
    assert (Path(fault.file).name, fault.line) == ("launchers.toml", line)
    assert problem in fault.problem
    assert hint in fault.hint


def test_a_source_that_is_missing_is_named_once_however_many_take_it(root: Path) -> None:
    files = '[{ path = "/lab/launcher/other.sh", source = "wrapper.sh" }]'
    other = f'[other]\nsentence = "Other"\nargv = ["/lab/launcher/other.sh"]\nfiles = {files}'
    edit(root, "[make]", f"{other}\n\n[make]")
    (root / "launchers" / "wrapper.sh").unlink()
    fault = only(root)
    assert Path(fault.file).name == "wrapper.sh"
    assert fault.problem == "The file is missing."


def test_a_chain_is_at_a_terminal_where_one_of_its_launchers_is(root: Path) -> None:
    edit(root, 'argv = ["nice", "-n", "5"]', 'argv = ["nice"]\nterminal = true')
    assert catalog.load(root).launchers["chained"].terminal
