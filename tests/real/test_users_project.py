"""A project of somebody else's: the wheel installed, a script of its own, a test with ``lab``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """\
#!/bin/sh
. ./lib.sh
: > deploy.lock
trap 'rm -f deploy.lock; exit 143' TERM
/bin/sleep 300 &
wait
"""
FORGETFUL = SCRIPT.replace("rm -f deploy.lock; ", "")
TESTS = """\
import aftercancel

def test_it_is_the_wheel():
    assert "site" in aftercancel.__file__

def test_deploy_cleans_up(lab):
    cancelled = lab.cancel("./deploy.sh", how="TERM-group", removes=["deploy.lock"])
    assert cancelled.stdout.text == "read\\n"
    assert cancelled.cleanup.ran
    assert cancelled.processes.gone
    assert cancelled.left.files == ()

def test_forgetful_does_not(lab):
    assert lab.cancel("./forgetful.sh", removes=["deploy.lock"]).cleanup.ran
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed from its wheel."""
    made = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = made.glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(target), str(wheel)], check=True, capture_output=True)
    return target


def in_project(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["project", "a,b:c\\d e"], ids=["plain", "with odd signs"])
def test_the_wheel_tests_a_user_s_script(site: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for file, text in (
        ("deploy.sh", SCRIPT),
        ("forgetful.sh", FORGETFUL),
        ("lib.sh", "echo read\n"),
        ("test_deploy.py", TESTS),
    ):
        (folder / file).write_text(text)
    before = sorted(path.name for path in folder.iterdir())
    done = in_project(site, folder, "-m", "pytest", "-p", "no:cacheprovider", "-q")
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "test_forgetful_does_not" in done.stdout
    assert sorted(path.name for path in folder.iterdir() if path.suffix != "") == before


def test_the_wheel_has_the_scenarios(site: Path, tmp_path: Path) -> None:
    done = in_project(site, tmp_path, "-m", "aftercancel", "list", "jobs")
    assert done.returncode == 0, done.stderr
    assert "exit-trap" in done.stdout
