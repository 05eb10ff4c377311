"""The reaper, for real, with a fake Docker daemon: who holds it, and what it removes when."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aftercancel.errors import CouldNotTell
from aftercancel.executor.ownership import Owner
from aftercancel.places import reaped, reaping
from aftercancel.places.daemon import Address, Daemon
from aftercancel.places.labels import CLIENT, RUN, Labels, command_of_owner, owner_of
from aftercancel.places.reaping import Patience
from tests import fake_daemon
from tests.fake_daemon import FakeDaemon

pytest.importorskip("docker", reason="Docker's SDK is not installed")
pytestmark = pytest.mark.usefixtures("sdk_leaves_sockets")
AT_ONCE = Patience(running_s=0.0, quiet_s=0.0, deadline_s=20.0, poll_s=0.01)
OTHER = {RUN: "other", CLIENT: "somebody"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    with fake_daemon.serving(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def labels() -> Labels:
    return Labels.new()


def everything(fake: FakeDaemon, labels: dict[str, str]) -> None:
    fake.containers["box"] = dict(labels)
    fake.volumes["disk"] = dict(labels)
    fake.networks["net"] = dict(labels)


def eventually(true: Callable[[], bool], within_s: float = 40.0) -> bool:
    until = time.monotonic() + within_s
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    return true()


def reap(fake: FakeDaemon, labels: Labels, patience: Patience, **more: object) -> object:
    return reaping.reap(
        lambda: Daemon.connect(fake.environment),
        labels.selection,
        patience,
        **more,  # type: ignore[arg-type]
    )


def test_a_volume_that_is_in_use_goes_after_its_container(fake: FakeDaemon, labels: Labels) -> None:
    everything(fake, labels.as_dict())
    assert reap(fake, labels, AT_ONCE) == ()
    assert not (fake.containers or fake.volumes or fake.networks)


def test_what_another_run_made_stays(fake: FakeDaemon, labels: Labels) -> None:
    everything(fake, OTHER)
    assert reap(fake, labels, AT_ONCE) == ()
    assert (len(fake.containers), len(fake.volumes), len(fake.networks)) == (1, 1, 1)


def test_a_container_that_runs_is_left_to_end_by_itself_first(
    fake: FakeDaemon, labels: Labels
) -> None:
    fake.containers["box"] = labels.as_dict()
    fake.running.add("box")
    patience = Patience(running_s=0.5, quiet_s=0.0, deadline_s=20.0, poll_s=0.01)
    before = time.monotonic()
    assert reap(fake, labels, patience) == ()
    assert time.monotonic() - before >= 0.5


def test_what_the_daemon_makes_late_is_waited_for(fake: FakeDaemon, labels: Labels) -> None:
    def late() -> fake_daemon.Answer:
        del fake.wrong["GET /networks"]
        fake.containers["late"] = labels.as_dict()
        return 200, []

    fake.wrong["GET /networks"] = late
    patience = Patience(running_s=0.0, quiet_s=0.5, deadline_s=20.0, poll_s=0.01)
    assert reap(fake, labels, patience) == ()
    assert not fake.containers


def test_a_daemon_that_is_away_for_a_while_is_asked_again(fake: FakeDaemon, labels: Labels) -> None:
    def away() -> fake_daemon.Answer:
        del fake.wrong["GET /containers/json"]
        return 500, {"message": "the daemon is shutting down"}

    everything(fake, labels.as_dict())
    fake.wrong["GET /containers/json"] = away
    assert reap(fake, labels, AT_ONCE) == ()
    assert not fake.containers


def test_what_cannot_be_removed_until_the_deadline_is_told(
    fake: FakeDaemon, labels: Labels
) -> None:
    fake.volumes["disk"] = labels.as_dict()
    fake.wrong["DELETE /volumes/disk"] = (409, {"message": "volume is in use"})
    patience = Patience(running_s=0.0, quiet_s=0.0, deadline_s=0.5, poll_s=0.01)
    left = reap(fake, labels, patience)
    assert [each.name for each in left] == ["disk"]  # type: ignore[attr-defined]


def test_an_image_that_it_was_told_of_goes_last(fake: FakeDaemon, labels: Labels) -> None:
    fake.containers["box"] = labels.as_dict()
    fake.images["mine"] = fake_daemon.IMAGE
    assert reap(fake, labels, AT_ONCE, images=["mine"]) == ()
    assert not fake.images
    deletions = [each for each in fake.asked if each.startswith("DELETE")]
    assert deletions == ["DELETE /containers/box", "DELETE /images/mine"]


def test_an_orderly_end_waits_until_everything_is_gone(fake: FakeDaemon, labels: Labels) -> None:
    address = Address.of(fake.environment)
    with reaped.started(labels, address, {**os.environ, **fake.environment}):
        everything(fake, labels.as_dict())
    assert not (fake.containers or fake.volumes or fake.networks)


def test_a_second_client_holds_it_when_the_first_has_gone(fake: FakeDaemon, labels: Labels) -> None:
    address = Address.of(fake.environment)
    with reaped.started(labels, address, {**os.environ, **fake.environment}) as (first, name):
        with reaped.held(name):
            everything(fake, labels.as_dict())
            first.let_go()
            time.sleep(1.0)
            assert fake.containers
        assert eventually(lambda: not fake.volumes)


def test_who_comes_when_it_has_gone_is_told_so() -> None:
    words = "process that tidies up after this run is gone"
    with pytest.raises(CouldNotTell, match=words), reaped.held("aftercancel-nobody"):
        pass


def test_signals_do_not_end_it_but_the_death_of_its_client_does(
    fake: FakeDaemon, labels: Labels, tmp_path: Path
) -> None:
    """The client is a process of its own, in a group that is killed as a whole."""
    everything(fake, labels.as_dict())
    program = f"""
import os, sys, time
from aftercancel.places import reaped
from aftercancel.places.daemon import Address
from aftercancel.places.labels import Labels
with reaped.started(Labels({labels.run!r}, "x"), Address.of(os.environ), os.environ) as (_, name):
    print(name, flush=True)
    time.sleep(60)
"""
    client = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **fake.environment},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert client.stdout is not None
    with client.stdout:
        name = client.stdout.readline().strip()
        os.killpg(client.pid, signal.SIGINT)
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()
    assert eventually(lambda: not (fake.containers or fake.volumes))
    assert eventually(lambda: not _answers(name))


def _answers(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(f"\0{name}") == 0


def test_a_label_says_whether_its_process_lives(labels: Labels) -> None:
    assert owner_of(labels.client) is Owner.LIVES
    assert command_of_owner(labels.client) == f"process {os.getpid()}"


def test_a_label_of_a_process_that_ended_says_so() -> None:
    program = "from aftercancel.places.labels import Labels; print(Labels.new().client)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert owner_of(said.stdout.strip()) is Owner.GONE


@pytest.mark.parametrize("client", ["", "nonsense", "other-host boot aftercancel-1-2-3"])
def test_of_a_label_of_another_machine_nothing_is_known(client: str) -> None:
    assert owner_of(client) is Owner.ELSEWHERE
