"""Which programs an image has, asked once in a short container of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from aftercancel.errors import CouldNotTell, MissingError
from aftercancel.model import Cell
from aftercancel.places import asking, runtime
from aftercancel.places.attached import Attached
from aftercancel.places.configuration import Wanted, configuration
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Image
from aftercancel.places.labels import Labels
from aftercancel.programs import Beyond, Program, apt_get

_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class ImagePrograms:
    """An image's answer; a ``programs.Whereabouts``."""

    image: str
    distribution: str
    """PRETTY_NAME of its os-release(5); ``unknown`` where it has none."""
    paths: Mapping[str, str | None]
    """By the command that was looked for."""
    versions: Mapping[str, str | None]
    """By the program's name, of those that are there."""

    def path(self, program: Program) -> str | None:
        return self.paths.get(program.command)

    def version(self, program: Program) -> str | None:
        return self.versions.get(program.name)

    def remedy(self, lacking: Iterable[Program], get: str = "") -> str:
        return f"install it in the image {self.image} (Debian's way: {apt_get(lacking)})"

    def must_have(self, program: Program) -> bool:
        """No shell is: images have one or two, and cells of the others are named as not tried."""
        return False

    def beyond(self, cell: Cell) -> Beyond | None:
        """None: root in a container can have all that there is."""
        return None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, image: str, answer: Mapping[str, Any]) -> Self:
        return cls(image, answer["distribution"], answer["paths"], answer["versions"])


def ask(
    daemon: Daemon, image: Image, volume: str, labels: Labels, programs: Iterable[Program]
) -> ImagePrograms:
    """Start a container of the image that only looks around; it removes itself.

    Raises ``MissingError`` where our Python does not start in it.
    """
    command = (*runtime.PYTHON, "-m", "aftercancel.places.asking")
    wanted = Wanted(image, volume, labels, (*command, asking.question(list(programs))))
    answers: list[bytes] = []
    words: list[bytes] = []
    with daemon.doing(f"asking the image {image.name} for its programs"):
        made = daemon.api.create_container_from_config(configuration(daemon, wanted))
        attached = Attached(daemon, made["Id"])
        reader = threading.Thread(
            target=attached.listen, args=(answers.append, words.append), daemon=True
        )
        reader.start()
        try:
            daemon.api.start(made["Id"])
            reader.join(_ANSWER_S)
        finally:
            attached.close()
    if reader.is_alive():
        raise CouldNotTell(
            f"The image {image.name} did not say within {_ANSWER_S:.0f} s which programs it has."
        )
    if not answers:
        said = b"".join(words).decode("utf-8", "replace").strip() or "it said nothing"
        raise MissingError(
            f"The lab's Python did not start in a container of the image {image.name}: {said}."
        )
    return ImagePrograms.of(image.name, json.loads(answers[-1]))
