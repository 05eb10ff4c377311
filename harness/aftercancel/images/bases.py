"""The foreign images that ours are made on: there already, pulled, or made without a registry."""

from __future__ import annotations

import re

from aftercancel.errors import MissingError
from aftercancel.images import mmdebstrap
from aftercancel.images.pins import Pin
from aftercancel.places import image
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Image, Tell

_NO_SUCH = re.compile(r"manifest (for .* )?(not found|unknown)|repository does not exist|denied")
"""What a registry answers that was reached (distribution's errors.go, and Docker's words for it)."""
_SAID = re.compile(r"while pulling the image [^ ]+: (.*?\.)(?: What it can| Look at|$)")
_DEBIAN = "debian"


def ensure(daemon: Daemon, pin: Pin, tell: Tell) -> Image:
    """The image of a pin. Raises ``MissingError`` where it cannot be had.

    Where no registry answers, a Debian is made from packages. Nothing is made in place of an image
    that a registry says it does not have: the pin is wrong then.
    """
    if not pin.digest:
        tell(f"{pin.words}.")
    found = image.look(daemon, pin.reference)
    if found is not None:
        return found
    try:
        return image.find(daemon, pin.reference, tell)
    except MissingError as error:
        words = str(error)
    if _NO_SUCH.search(words):
        raise MissingError(
            f"{words} Its pin is in containers/pins.toml; scripts/pins.py asks the registry anew."
        )
    if pin.repository != _DEBIAN:
        raise MissingError(
            f"{words} Without a registry only Debian can be made (mmdebstrap), and {pin.id} is not."
        )
    tell(f"No registry answers: {_reason(words)}")
    return _without_registry(daemon, pin, tell)


def name_without_registry(pin: Pin) -> str:
    """What a base made here is called: never as the registry's is."""
    return f"aftercancel/base:{pin.repository}-{pin.tag}"


def _without_registry(daemon: Daemon, pin: Pin, tell: Tell) -> Image:
    name = name_without_registry(pin)
    found = image.look(daemon, name)
    if found is not None:
        tell(f"{name}, made by mmdebstrap before, serves instead.")
        return found
    mmdebstrap.make(daemon, pin.tag.partition("-")[0], name, tell)
    made = image.look(daemon, name)
    if made is None:
        raise MissingError(f"{name} was made, and the daemon does not have it. Build it again.")
    return made


def _reason(words: str) -> str:
    """The daemon's own words in the error."""
    found = _SAID.search(words)
    return found[1] if found else words
