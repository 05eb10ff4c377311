"""What ``doctor`` says of Docker. The daemon is a fake."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftercancel.doctor import Finding, Status, docker
from aftercancel.places.labels import CLIENT, RUN
from tests import fake_daemon

pytest.importorskip("docker", reason="Docker's SDK is not installed")
pytestmark = pytest.mark.usefixtures("sdk_leaves_sockets")
VERSION = {"Version": "24.0", "ApiVersion": "1.43"}


def by_name(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_daemon_that_answers_can(tmp_path: Path) -> None:
    with fake_daemon.serving(tmp_path) as fake:
        fake.wrong["GET /images/json"] = (200, [{"RepoTags": ["aftercancel/runtime:1"]}])
        found = by_name(docker.look(fake.environment))
    assert {finding.status for finding in found.values()} == {Status.CAN}
    assert "fake at unix://" in found[docker.DAEMON].detail


def test_without_a_daemon_the_next_step_is_said(tmp_path: Path) -> None:
    (finding,) = docker.look({"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"})
    assert finding.status is Status.DEGRADED
    assert "No Docker daemon answers" in finding.detail
    assert "apt-get install docker.io" in finding.remedy


def test_a_runtime_image_that_is_missing_is_made_by_a_command(tmp_path: Path) -> None:
    with fake_daemon.serving(tmp_path) as fake:
        fake.wrong["GET /images/json"] = (200, [])
        finding = by_name(docker.look(fake.environment))[docker.RUNTIME]
    assert finding.status is Status.DEGRADED
    assert finding.remedy == "aftercancel images build runtime"


def test_a_daemon_without_roots_rights_degrades() -> None:
    info = {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
    finding = docker.of_daemon("there", VERSION, info)
    assert finding.status is Status.DEGRADED
    assert "without root's rights" in finding.detail


def test_a_daemon_that_is_too_old_degrades() -> None:
    finding = docker.of_daemon("there", VERSION | {"ApiVersion": "1.40"}, {})
    assert finding.status is Status.DEGRADED
    assert "20.10" in finding.remedy


def test_what_a_dead_run_left_is_listed(tmp_path: Path) -> None:
    from aftercancel.places import labels

    dead = labels.Labels.new().client.rpartition("-")
    # No process began at clock tick 1 of this boot with a number so high.
    client = f"{dead[0].rpartition(' ')[0]} aftercancel-4194303-1-{dead[2]}"
    with fake_daemon.serving(tmp_path) as fake:
        fake.volumes["disk"] = {RUN: "r", CLIENT: client}
        fake.wrong["GET /images/json"] = (200, [])
        finding = by_name(docker.look(fake.environment))[docker.LEFT]
    assert finding.status is Status.DEGRADED
    assert finding.detail == "volume disk"
    assert "aftercancel clean" in finding.remedy
