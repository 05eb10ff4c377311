"""The image that the containers are made of: Debian with the shells, and the jobs in it."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from aftercancel.model import Cell
from benchmarks.engine import LABEL, NoEngine

BASE = "debian:bookworm-slim"
_SUITE = "bookworm"
_OWN_BASE = f"{LABEL}-benchmark-base:latest"
_TAG = f"{LABEL}-benchmark:latest"
JOBS = "/lab"
HOME = "/home/ci"
UID = 1000


def make(client: docker.DockerClient, cells: Iterable[Cell]) -> tuple[str, str]:
    """The image's name, and in words where its base came from. Raises ``NoEngine``."""
    cells = tuple(cells)
    packages = sorted({cell.shell.package for cell in cells})
    pulled = _pull(client)
    if pulled:
        base, words, install = BASE, f"{BASE}, pulled", _install(packages)
    else:
        _bootstrap(client, packages)
        base, words, install = _OWN_BASE, "mmdebstrap (no registry answers)", ""
    lines = [
        f"FROM {base}",
        f"LABEL {LABEL}=benchmark",
        *([install] if install else []),
        f"RUN mkdir -p {HOME} && chown {UID}:{UID} {HOME}",
        f"COPY jobs {JOBS}",
    ]
    scripts = {f"jobs/{cell.job.name}": cell.job.script for cell in cells}
    context = _tar({"Dockerfile": "\n".join(lines) + "\n", **scripts})
    try:
        client.images.build(
            fileobj=context, custom_context=True, tag=_TAG, network_mode="host", rm=True
        )
    except DockerException as error:
        raise NoEngine(f"the image cannot be built: {error}") from error
    return _TAG, words


def _pull(client: docker.DockerClient) -> bool:
    """Whether the base is there now, fetched or not."""
    try:
        client.images.get(BASE)
    except ImageNotFound:
        try:
            client.images.pull(BASE)
        except DockerException:
            return False
    return True


def _install(packages: Iterable[str]) -> str:
    return (
        "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "
        f"--no-install-recommends {' '.join(packages)}"
    )


def _bootstrap(client: docker.DockerClient, packages: Iterable[str]) -> None:
    """The same from Debian's packages, by hand."""
    program = shutil.which("mmdebstrap")
    if program is None:
        raise NoEngine(f"{BASE} cannot be pulled, and mmdebstrap is not installed")
    with tempfile.TemporaryDirectory(prefix="aftercancel-image-") as scratch:
        archive = Path(scratch) / "base.tar"
        made = subprocess.run(
            [
                *(program, "--quiet", "--variant=essential"),
                *(f"--include={','.join(packages)}", _SUITE, str(archive)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            last = " ".join(made.stderr.splitlines()[-1:])
            raise NoEngine(f"{BASE} cannot be pulled, and mmdebstrap failed: {last}")
        name, tag = _OWN_BASE.split(":")
        client.api.import_image_from_file(
            str(archive), repository=name, tag=tag, changes=[f"LABEL {LABEL}=benchmark"]
        )


def _tar(files: dict[str, str]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer
