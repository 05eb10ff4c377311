#!/usr/bin/env python3
"""Pins the images that the lab's images are made on: asks their registries for the digests of today.

    python3 scripts/pins.py                 all of containers/pins.toml
    python3 scripts/pins.py debian-trixie   these only
    python3 scripts/pins.py --check         change nothing; status 1 where a tag has moved

The digest is that of the manifest list, which is the same for every architecture. Asked is the API
of registries (distribution.github.io/distribution/spec/api, "Pulling an Image Manifest"), with a
token for nobody in particular where the registry wants one (…/spec/auth/token).

Statuses: 0 fine, 1 with --check: a tag has moved, 2 a registry did not answer, 3 an unknown name.
Standard library only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from aftercancel.errors import AftercancelError, CouldNotTell, UsageError  # noqa: E402
from aftercancel.images import pins  # noqa: E402
from aftercancel.images.pins import Pin  # noqa: E402

_HUB = "registry-1.docker.io"
"""Where docker.io's images are: moby's registry/config.go has it as a constant too."""
_LISTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DEADLINE_S = 30.0
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Place:
    """A repository in a registry."""

    host: str
    path: str

    @classmethod
    def of(cls, repository: str) -> Place:
        """As Docker reads names (distribution/reference, ``splitDockerDomain``)."""
        first, sign, rest = repository.partition("/")
        if sign and (first == "localhost" or "." in first or ":" in first):
            return cls(first, rest)
        return cls(_HUB, repository if sign else f"library/{repository}")

    @property
    def url(self) -> str:
        """Registries on this machine are asked without TLS, as Docker does."""
        near = self.host.partition(":")[0] in ("localhost", "127.0.0.1")
        return f"{'http' if near else 'https'}://{self.host}/v2/{self.path}"


def digest(pin: Pin) -> str:
    """Of the manifest list that has the pin's tag now. Raises ``CouldNotTell``."""
    place = Place.of(pin.repository)
    url = f"{place.url}/manifests/{urllib.parse.quote(pin.tag)}"
    try:
        headers = _asked(url, {})
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise _refused(pin, place, error) from error
        challenge = error.headers.get("WWW-Authenticate", "")
        try:
            headers = _asked(url, {"Authorization": f"Bearer {_token(place, challenge)}"})
        except urllib.error.HTTPError as again:
            raise _refused(pin, place, again) from again
        except (OSError, ValueError) as again:
            raise _silent(pin, place, again) from again
    except OSError as error:
        raise _silent(pin, place, error) from error
    kind = headers.get("content-type", "").partition(";")[0]
    if kind not in _LISTS:
        raise CouldNotTell(
            f"{pin.id}: {place.host} has {pin.tagged} as {kind or 'nothing known'}, which is no list "
            "of images for several architectures. It is not pinned."
        )
    found = headers.get("docker-content-digest", "")
    if not _DIGEST.fullmatch(found):
        raise CouldNotTell(f"{pin.id}: {place.host} told no digest of {pin.tagged}: {found!r}.")
    return found


def _asked(url: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The answer's headers, their names in small letters."""
    accept = {"Accept": ", ".join(_LISTS), "User-Agent": "aftercancel-pins"}
    request = urllib.request.Request(url, headers=accept | dict(headers), method="HEAD")  # noqa: S310 https, or this machine
    with urllib.request.urlopen(request, timeout=_DEADLINE_S) as answer:  # noqa: S310 as above
        return {name.lower(): value for name, value in answer.headers.items()}


def _token(place: Place, challenge: str) -> str:
    """For anybody: what the challenge asks for, from where it says. ValueError: not understood."""
    words = dict(_CHALLENGE.findall(challenge))
    realm = words.get("realm", "")
    if not challenge.lower().startswith("bearer ") or not realm.startswith(("https://", "http://")):
        raise ValueError(f"it wants {challenge!r}, which is not understood")
    asked = {key: words[key] for key in ("service", "scope") if key in words}
    asked.setdefault("scope", f"repository:{place.path}:pull")
    url = f"{realm}?{urllib.parse.urlencode(asked)}"
    with urllib.request.urlopen(url, timeout=_DEADLINE_S) as answer:  # noqa: S310 checked above
        said = json.load(answer)
    token = said.get("token") or said.get("access_token")
    if not isinstance(token, str):
        raise ValueError("it gave no token")  # noqa: TRY004 what it gave is wrong, not its type
    return token


def _refused(pin: Pin, place: Place, error: urllib.error.HTTPError) -> CouldNotTell:
    what = {404: "there is no such tag", 429: "too many questions were asked; try later"}
    words = what.get(error.code, f"{error.code} {error.reason}")
    return CouldNotTell(f"{pin.id}: {place.host} refused {pin.tagged}: {words}.")


def _silent(pin: Pin, place: Place, error: Exception) -> CouldNotTell:
    why = error.reason if isinstance(error, urllib.error.URLError) else error
    return CouldNotTell(
        f"{pin.id}: the registry {place.host} did not answer: {why}. {pin.tagged} stays as it is."
    )


def written(text: str, pin: Pin, found: str, day: str) -> str:
    """The file's text with that digest in the pin's table, everything else as it was."""
    table = re.compile(rf"^\[{re.escape(pin.id)}\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
    hit = table.search(text)
    assert hit is not None
    new = re.sub(r'^digest = ".*"$', f'digest = "{found}"', hit[0], flags=re.MULTILINE)
    new = re.sub(r'^pinned = ".*"$', f'pinned = "{day}"', new, flags=re.MULTILINE)
    return text[: hit.start()] + new + text[hit.end() :]


def main(arguments: list[str] | None = None, folder: Path = ROOT / "containers") -> int:
    parser = argparse.ArgumentParser(prog="pins.py", description="Pin base images by digest.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true", help="change nothing, tell what has moved")
    options = parser.parse_args(arguments)
    known = pins.read(folder)
    if strange := [name for name in options.names if name not in known]:
        raise UsageError(f"There is no {strange[0]}. There are: {', '.join(known)}.")
    failed = moved = False
    for name in options.names or known:
        pin = known[name]
        try:
            found = digest(pin)
        except CouldNotTell as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        if found == pin.digest:
            print(f"{name}: {pin.tagged} is still {found}")
            continue
        moved = True
        print(f"{name}: {pin.tagged} is {found}, was {pin.digest or 'not pinned yet'}")
        if not options.check:
            path = folder / pins.FILE
            day = dt.datetime.now(tz=dt.UTC).date().isoformat()
            path.write_text(written(path.read_text("utf-8"), pin, found, day), encoding="utf-8")
    if failed:
        return 2
    return 1 if moved and options.check else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AftercancelError as error:
        print(f"pins.py: {error}", file=sys.stderr)
        sys.exit(error.status)
