"""``aftercancel images``: the lab's own images, and how they are made."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping
from typing import Any

import click

from aftercancel import catalog
from aftercancel.cli.printing import print_objects
from aftercancel.errors import ExitStatus, ImageError, MissingError
from aftercancel.images import packages, shipped
from aftercancel.images.making import STATE, Workshop, built, in_order
from aftercancel.images.shipped import Manager, Shipped
from aftercancel.places.daemon import Daemon

_WIDTH = 100


@click.group()
def images() -> None:
    """The lab's own images: list them, build them."""


@images.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> int:
    """Show each image, what it is made on, and whether it is there."""
    known = shipped.read()
    problem = ""
    rows = [_row(each) for each in known.values()]
    try:
        with Daemon.connect() as daemon:
            workshop = Workshop(daemon, _tell)
            rows = [{**_row(each), **_there(workshop, each)} for each in known.values()]
    except MissingError as error:
        problem = str(error)
    if as_json:
        print_objects(rows)
    else:
        for row in rows:
            _print(row)
    if problem:
        click.echo(f"Which of them are there cannot be told: {problem}", err=True)
    return ExitStatus.FINE


@images.command("build")
@click.argument("names", nargs=-1, metavar="[NAME[:TAG]]…")
@click.option(
    "--network",
    metavar="MODE",
    help="Of the build's steps, as in docker build; default: the daemon's, and where that leads "
    "nowhere, host.",
)
@click.option("--fresh", is_flag=True, help="Without what the daemon remembers of earlier builds.")
def build(names: tuple[str, ...], network: str | None, fresh: bool) -> int:
    """Build these images; none named: all.

    NAME:TAG takes another version of the runner in it, as in gitlab-runner:v17.3.0. Where no registry
    answers, Debian bases are made by mmdebstrap from this machine's own apt sources.
    """
    wanted = in_order(shipped.chosen(names, shipped.read()))
    failed: list[Shipped] = []
    with Daemon.connect() as daemon:
        workshop = Workshop(daemon, _tell, network, fresh)
        for each in wanted:
            try:
                made = workshop.make(each)
            except MissingError as error:
                # One that was named alone is told as every other error.
                if len(wanted) == 1:
                    raise
                failed.append(each)
                click.secho(f"{each.id}: {error}", fg="red", err=True)
            else:
                _tell(f"{each.name} is built: {made}")
                _tell_untested(each)
    if failed:
        ids = ", ".join(each.id for each in failed)
        raise ImageError(
            f"{len(failed)} of {len(wanted)} images could not be built: {ids}. The reasons stand "
            "above; what was built is there."
        )
    return ExitStatus.FINE


@images.command("packages")
@click.argument("manager", type=click.Choice([each.value for each in Manager]))
def packages_(manager: str) -> int:
    """Print the packages that an image needs for every shell and launcher, as apt, apk or dnf names
    them: for a Dockerfile of one's own, or to build the lab's by hand.
    """
    names = packages.needed(catalog.load())
    click.echo(" ".join(packages.named(names, Manager(manager), shipped.folder())))
    return ExitStatus.FINE


def _row(image: Shipped) -> dict[str, Any]:
    return {
        "id": image.id,
        "name": image.name,
        "sentence": image.sentence,
        "made_on": [pin.words for pin in image.bases.values()]
        + [f"image {own}" for own in image.own.values()],
        "untested": image.untested or None,
        "there": None,
    }


def _there(workshop: Workshop, image: Shipped) -> dict[str, Any]:
    found = built(workshop.daemon, image)
    if found is None:
        return {"there": {"built": None, "id": None, "up_to_date": False, "size_mb": None}}
    with workshop.daemon.doing(f"looking at the image {image.name}"):
        facts = workshop.daemon.api.inspect_image(found.id)
    labels = (facts.get("Config") or {}).get("Labels") or {}
    return {
        "there": {
            "built": str(facts.get("Created", ""))[:19],
            "id": found.id,
            "up_to_date": labels.get(STATE) == workshop.state(image),
            "size_mb": round(facts.get("Size", 0) / 1e6),
        }
    }


def _print(row: Mapping[str, Any]) -> None:
    click.secho(row["id"], bold=True, nl=False)
    click.echo(f"  {row['sentence']}")
    there = row["there"]
    if there is not None:
        _line(*_state(row["id"], row["name"], there))
    for base in row["made_on"]:
        _line("made on", base)
    if row["untested"]:
        _line("untested", row["untested"], "yellow")


def _state(image: str, name: str, there: Mapping[str, Any]) -> tuple[str, str, str | None]:
    if there["built"] is None:
        return "not built", f"{name}; aftercancel images build {image}", None
    when = dt.datetime.fromisoformat(there["built"]).strftime("%Y-%m-%d %H:%M UTC")
    words = f"{name}, {when}, {there['size_mb']} MB"
    return ("built", words, "green") if there["up_to_date"] else ("out of date", words, "yellow")


def _line(what: str, words: str, colour: str | None = None) -> None:
    text = textwrap.fill(
        f"  {what}: {words}",
        _WIDTH,
        subsequent_indent=" " * 6,
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.secho(text, fg=colour)


def _tell(words: str) -> None:
    click.echo(words, err=True)


def _tell_untested(image: Shipped) -> None:
    if image.untested:
        _tell(f"{image.id} is untested: {image.untested}.")
