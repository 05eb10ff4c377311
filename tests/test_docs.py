"""README and docs name what there is: links, slices, options, and every runner."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from aftercancel import catalog
from aftercancel.cli.main import command
from aftercancel.runners import registry

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RUNNERS = ROOT / "docs" / "runners"
PAGES = (README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^ *```{language}\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def headings(page: Path) -> set[str]:
    """As the anchors that a forge makes of them."""
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in found}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        assert not anchor or anchor in headings(there), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_shown_has_its_options_and_slices(page: Path) -> None:
    slices = catalog.load().slices
    for line in "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["aftercancel"]:
            continue
        said = CliRunner().invoke(command, [words[1], "--help"])
        assert said.exit_code == 0, line
        for option in filter(lambda word: word.startswith("-"), words):
            assert re.search(rf"(?<!\S){option}\b", said.output), line
        for which in re.findall(r"--slice (\S+)", line):
            assert which in slices, line


@pytest.mark.parametrize("kind", registry.NAMES)
def test_every_kind_of_real_runner_stands_in_the_index(kind: str) -> None:
    index = (RUNNERS / "README.md").read_text("utf-8")
    assert re.search(rf"^\| .*`{re.escape(kind)}`", index, re.MULTILINE)


def test_the_row_shown_for_a_new_runner_has_the_keys_of_real_ones() -> None:
    (shown,) = blocks(RUNNERS / "adding.md", "toml")
    rows = tomllib.loads((ROOT / "scenarios" / "runners.toml").read_text("utf-8"))
    known = {key for row in rows.values() for key in row} | {"shells"}
    (row,) = tomllib.loads(shown).values()
    assert set(row) <= known
    assert {"sentence", "adapter", "ways", "patience", "instances"} <= set(row)
