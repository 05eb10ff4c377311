"""Cells in containers of an image, for real: what the image brings, and what goes wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aftercancel import catalog
from aftercancel.errors import ExitStatus, MissingError
from aftercancel.judge import judged
from aftercancel.model import CleanUp, Processes, Truth
from aftercancel.places import in_image
from aftercancel.places.daemon import Daemon
from aftercancel.places.in_image import InImage
from tests.real.proxy import Proxy, socket_of_daemon
from tests.real.vocabulary import cell, observe

CATALOGUE = catalog.load()
DISTURBING = """\
FROM {image}
ENV PATH=/opt/bin:/usr/bin:/bin COLOUR=red HOME=/nowhere PYTHONHOME=/nowhere \
    LD_LIBRARY_PATH=/nowhere MARKS=/nowhere
VOLUME /data /var/cache/data
WORKDIR /nowhere
HEALTHCHECK CMD false
STOPSIGNAL SIGKILL
USER 1234:1234
ENTRYPOINT ["/bin/false"]
CMD ["nothing"]
"""
WELL_BEHAVED = """
trap 'mark EXIT begin; /bin/sleep 0.2; mark EXIT end; exit 1' TERM
echo "colour $COLOUR, home $HOME, path $PATH"
mark ready
ROLE=child /bin/sleep 600 & wait
"""


@dataclass(frozen=True)
class Command:
    """``aftercancel run`` in a process of its own, on the slice of traps under dash."""

    image: str
    folder: Path

    @property
    def words(self) -> list[str]:
        return [
            *(sys.executable, "-m", "aftercancel", "run", "--image", self.image),
            *("--slice", "traps", "-k", "dash and TERM-group", "--out", str(self.folder)),
        ]

    def __call__(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, *words],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return found

    def observations(self) -> list[str]:
        return (self.folder / "observations.jsonl").read_text().splitlines()


@pytest.fixture
def run(image: str, tmp_path: Path) -> Command:
    return Command(image, tmp_path / "run")


@contextlib.contextmanager
def opened(name: str) -> Iterator[InImage]:
    with in_image.opened(name, CATALOGUE, lambda _: None) as there:
        yield there


@contextlib.contextmanager
def built(daemon: Daemon, dockerfile: str) -> Iterator[str]:
    """An image of these lines, while entered."""
    name = f"aftercancel-test:{os.getpid()}"
    words = io.BytesIO(dockerfile.encode())
    for line in daemon.api.build(
        fileobj=words, tag=name, rm=True, decode=True, network_mode="none"
    ):
        assert "error" not in line, line
    try:
        yield name
    finally:
        daemon.api.remove_image(name, force=True)


@contextlib.contextmanager
def loaded(daemon: Daemon, config: Mapping[str, object]) -> Iterator[str]:
    """An image with one empty layer, and what is said of it, while entered."""
    name = f"aftercancel-test-loaded:{os.getpid()}"
    layer = io.BytesIO()
    tarfile.open(fileobj=layer, mode="w").close()
    from hashlib import sha256

    digest = f"sha256:{sha256(layer.getvalue()).hexdigest()}"
    about = {"os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}, **config}
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for file, data in (
            ("layer.tar", layer.getvalue()),
            ("config.json", json.dumps(about).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            entry = tarfile.TarInfo(file)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    for line in daemon.api.load_image(made.getvalue()):
        assert "error" not in line, line
    try:
        yield name
    finally:
        daemon.api.remove_image(name, force=True)


def test_a_job_in_a_container_is_cancelled_and_seen_as_anywhere(image: str) -> None:
    one = cell(WELL_BEHAVED, marks=("ready", "EXIT begin", "EXIT end"), cleanup="EXIT")
    with opened(image) as there, there.place(4, None, None) as place:
        outcome = judged(observe(place, one))
    assert (outcome.processes, outcome.cleanup, outcome.report) == (
        Processes.GONE,
        CleanUp.RAN,
        Truth.TRUTHFUL,
    )


def test_what_an_image_says_of_its_start_disturbs_nothing(daemon: Daemon, image: str) -> None:
    one = cell(WELL_BEHAVED, marks=("ready", "EXIT begin", "EXIT end"), cleanup="EXIT")
    with (
        built(daemon, DISTURBING.format(image=image)) as name,
        opened(name) as there,
        there.place(4, None, None) as place,
    ):
        seen = observe(place, one)
    assert seen.trouble is None
    assert judged(seen).cleanup is CleanUp.RAN
    # Its variables are the job's, but for what the lab says of user and marks.
    assert "colour red, home /home/ci, path /opt/bin:/usr/bin:/bin" in seen.stdout.text


def test_the_volumes_of_an_image_go_with_its_container(daemon: Daemon, image: str) -> None:
    before = {each["Name"] for each in daemon.api.volumes()["Volumes"] or ()}
    with (
        built(daemon, f"FROM {image}\nVOLUME /data\n") as name,
        opened(name) as there,
        there.place(4, None, None),
    ):
        pass
    after = {each["Name"] for each in daemon.api.volumes()["Volumes"] or ()}
    # Others may come and go meanwhile; those without a name of somebody's are ours.
    assert not {each for each in after - before if len(each) == 64}


def test_the_limits_of_cells_hold_in_a_container_or_it_is_said(image: str) -> None:
    with opened(image) as there, there.place(4, None, None) as place:
        assert place.facts()["control_groups"] in (True, False)
        assert place.facts()["evidence"] in ("trace", "proc")


def test_the_record_is_of_the_image(run: Command, daemon: Daemon) -> None:
    done = run()
    assert done.returncode == ExitStatus.FINE, done.stderr
    record = run.record()
    place = record["place"]
    assert place["image"] == run.image
    assert place["image_id"] == daemon.api.inspect_image(run.image)["Id"]
    assert place["daemon"].startswith(daemon.api.version()["Version"])
    assert record["machine"]["distribution"] == place["image_system"]
    assert record["machine"]["kernel"] == daemon.api.info()["KernelVersion"]
    assert set(record["shells"]) == {"dash"}
    assert record["complete"] is True


def test_workers_measure_in_containers_of_their_own(run: Command) -> None:
    done = run("-n", "2")
    assert done.returncode == ExitStatus.FINE, done.stderr
    assert run.record()["workers"] == 2
    assert len(run.observations()) == len(run.record()["cells"])


def test_the_plugin_takes_the_image_too(image: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2"),
            *("--aftercancel-image", image, "--aftercancel-out", str(tmp_path / "run")),
            *("--aftercancel-cell", "exit-trap/dash/none/plain/TERM-group"),
            *("--aftercancel-cell", "exit-trap/dash/none/plain/TERM-process"),
            str(tmp_path),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert json.loads((tmp_path / "run/run.json").read_text())["place"]["image"] == image


def test_a_script_of_ones_own_is_cancelled_in_the_image_beside_its_folder(
    daemon: Daemon, image: str, tmp_path: Path
) -> None:
    (tmp_path / "deploy.sh").write_text(
        "#!/bin/sh\ntrap 'rm -f deploy.lock; exit 1' TERM\n"
        'cp template deploy.lock\necho "colour $COLOUR"\nsleep 600 & wait\n'
    )
    (tmp_path / "deploy.sh").chmod(0o755)
    (tmp_path / "template").write_text("any")
    (tmp_path / "test_deploy.py").write_text(
        "def test_deploy_cleans_up(lab):\n"
        "    cancelled = lab.cancel('./deploy.sh', how='TERM-group', removes=['deploy.lock'])\n"
        "    assert cancelled.cleanup.ran\n"
        "    assert 'colour red' in cancelled.story()\n"
    )
    with built(daemon, f"FROM {image}\nENV COLOUR=red\n") as name:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *("--aftercancel-image", name, str(tmp_path)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "deploy.lock").exists()


def test_a_shell_that_an_image_lacks_is_not_tried_and_said(
    daemon: Daemon, image: str, tmp_path: Path
) -> None:
    with built(daemon, f"FROM {image}\nRUN rm -f /bin/dash /usr/bin/dash\n") as name:
        run = Command(name, tmp_path / "run")
        words = run.words
        words[words.index("dash and TERM-group")] = "(dash or bash) and exit-trap and TERM-group"
        done = subprocess.run(words, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode in (ExitStatus.FINE, ExitStatus.COULD_NOT_TELL), done.stderr
    why = {each["launcher"]: each["why"] for each in run.record()["not_tried"]}
    assert f"/bin/dash is not there: install it in the image {name}" in why["shell dash"]


def test_an_image_without_a_shell_is_refused_in_words(daemon: Daemon) -> None:
    architecture = daemon.api.version()["Arch"]
    words = "has no shell that the lab knows"
    with (
        loaded(daemon, {"architecture": architecture, "config": {}}) as name,
        pytest.raises(MissingError, match=words),
        opened(name),
    ):
        pass


def test_an_image_of_another_architecture_is_refused_in_words(daemon: Daemon) -> None:
    other = "arm64" if daemon.api.version()["Arch"] != "arm64" else "amd64"
    words = f"is for {other}.*--platform"
    with (
        loaded(daemon, {"architecture": other, "config": {}}) as name,
        pytest.raises(MissingError, match=words),
        opened(name),
    ):
        pass


def test_an_image_that_is_nowhere_ends_with_status_4_and_nothing_stored(run: Command) -> None:
    absent = Command("aftercancel-test/absent:none", run.folder)
    done = absent()
    assert done.returncode == ExitStatus.MISSING
    assert "does not have the image aftercancel-test/absent:none" in done.stderr
    assert "docker pull" in done.stderr
    assert not absent.folder.exists()


def test_an_address_that_is_none_ends_with_status_3(run: Command) -> None:
    done = run(DOCKER_HOST="nonsense")
    assert done.returncode == ExitStatus.USAGE
    assert "DOCKER_HOST is 'nonsense'" in done.stderr


def test_no_daemon_ends_with_status_4(run: Command, tmp_path: Path) -> None:
    done = run(DOCKER_HOST=f"unix://{tmp_path}/absent.sock")
    assert done.returncode == ExitStatus.MISSING
    assert "No Docker daemon answers" in done.stderr


def test_a_daemon_far_away_serves_as_well(run: Command) -> None:
    with Proxy(socket_of_daemon()) as proxy:
        done = run(DOCKER_HOST=f"tcp://127.0.0.1:{proxy.port}")
    assert done.returncode == ExitStatus.FINE, done.stderr
    assert f"tcp://127.0.0.1:{proxy.port}" in run.record()["place"]["daemon"]


@pytest.mark.timeout(400)
def test_where_the_daemon_goes_away_what_was_measured_is_kept(run: Command, daemon: Daemon) -> None:
    from aftercancel.places import reaping
    from aftercancel.places.labels import RUN
    from tests.real.test_killed_in_containers import eventually

    with Proxy(socket_of_daemon()) as proxy:
        process = subprocess.Popen(
            [*run.words, "--repeat", "200"],
            env={**os.environ, "DOCKER_HOST": f"tcp://127.0.0.1:{proxy.port}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        stored = run.folder / "observations.jsonl"
        assert eventually(lambda: stored.exists() and stored.stat().st_size > 0, 60)
        proxy.cut()
        # The reaper asks for the daemon in vain, and is not waited for.
        _, said = process.communicate(timeout=120)
        proxy.mend()
        owner = f"aftercancel-{process.pid}-"

        def gone() -> bool:
            found = reaping.look(daemon, {"label": RUN})
            return not [each for each in found if owner in each.client]

        assert eventually(gone, 60)
    assert process.returncode != ExitStatus.FINE
    assert "What was measured before is kept" in said
    assert f"tcp://127.0.0.1:{proxy.port}" in said
    assert run.observations()
    assert run.record()["complete"] is False
