"""What an ordinary user's namespace serves for, and who forbids one."""

from __future__ import annotations

import dataclasses

import pytest

from aftercancel import absence
from aftercancel.doctor import findings
from aftercancel.doctor.findings import Status
from aftercancel.model import (
    Action,
    Cancellation,
    Cell,
    Engine,
    EngineKind,
    Far,
    Launcher,
    Sender,
    Server,
    Step,
    Target,
)
from aftercancel.places.user_namespace import (
    NEEDS_MORE,
    InUserNamespaces,
    Refused,
    Settings,
    cannot,
    why_not,
)
from aftercancel.places.user_namespace import Step as Attempt
from tests.real.vocabulary import PLAIN, cell

NOTHING_SET = Settings({}, filtered=False)
REFUSED = Refused(Attempt.NAMESPACES, "unshare: Operation not permitted")


def launched(**fields: object) -> Cell:
    launcher = Launcher("launcher", "A sentence.", argv=("env",), **fields)  # type: ignore[arg-type]
    return dataclasses.replace(cell("mark ready"), launcher=launcher)


def root_sends() -> Cell:
    step = Step(Action.SIGNAL, signal="TERM", to=Target.GROUP, by=Sender.ROOT)
    return cell("mark ready", Cancellation("root-TERM", "A sentence.", (step,)))


def test_a_job_without_more_than_a_shell_is_tried() -> None:
    assert cannot(cell("mark ready")) is None


@pytest.mark.parametrize(
    ("what", "one"),
    [
        ("sudo", launched(sudoers=("ci ALL=(root) NOPASSWD: ALL",))),
        ("sudo", cell("mark ready", sudoers=("ci ALL=(root) NOPASSWD: ALL",))),
        ("runners of root", launched(as_root=True)),
        ("other hosts", launched(far=Far(Server.OPENSSH))),
        ("container engines", launched(engine=Engine(EngineKind.DOCKER))),
        ("real runners", cell("mark ready", runner=dataclasses.replace(PLAIN, adapter="jenkins"))),
        ("signals of root", root_sends()),
    ],
    ids=["rules", "job-rules", "as-root", "far", "engine", "real", "root-sends"],
)
def test_what_only_root_could_do_is_not_tried(what: str, one: Cell) -> None:
    found = cannot(one)
    assert found is not None
    assert found.what == what
    assert found.why.startswith(NEEDS_MORE)


def test_the_inner_launcher_of_a_chain_counts_as_well() -> None:
    inner = launched(as_root=False, sudoers=("ci ALL=(root) NOPASSWD: ALL",)).launcher
    assert cannot(launched(inner=inner)) is not None


def test_a_program_that_becomes_another_user_is_not_tried() -> None:
    one = launched(needs=("env",))
    assert cannot(one, lambda _: False) is None
    found = cannot(one, lambda _: True)
    assert found is not None
    assert found.what.endswith("/env")


def test_cells_that_are_not_tried_are_named_with_the_reason() -> None:
    fine, not_tried = cell("mark ready"), root_sends()
    absent = absence.absent([fine, not_tried], {}, InUserNamespaces.programs)
    assert absent.without([fine, not_tried]) == [fine]
    assert absent.of(not_tried) == "signals of root"
    assert (absent.why(not_tried) or "").startswith(NEEDS_MORE)


def test_on_this_machine_the_same_cells_are_tried() -> None:
    assert absence.absent([root_sends()]).without([root_sends()]) == [root_sends()]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("user/max_user_namespaces", 0),
        ("kernel/unprivileged_userns_clone", 0),
        ("kernel/apparmor_restrict_unprivileged_userns", 1),
    ],
)
def test_the_setting_that_forbids_it_is_named_and_how_to_change_it(
    setting: str, value: int
) -> None:
    words = why_not(REFUSED, Settings({setting: value}, filtered=False))
    assert "Operation not permitted" in words
    assert f"sysctl {setting.replace('/', '.')}=" in words.rpartition("; ")[2]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("user/max_user_namespaces", 10_000),
        ("kernel/unprivileged_userns_clone", 1),
        ("kernel/apparmor_restrict_unprivileged_userns", 0),
    ],
)
def test_a_setting_that_allows_it_is_not_blamed(setting: str, value: int) -> None:
    assert "sysctl" not in why_not(REFUSED, Settings({setting: value}, filtered=False))


def test_a_container_s_system_call_filter_is_named() -> None:
    words = why_not(REFUSED, Settings({}, filtered=True))
    assert words.endswith("--security-opt seccomp=unconfined")


def test_a_container_s_masked_proc_is_named() -> None:
    refused = Refused(Attempt.PROC, "mount proc on /proc: Operation not permitted")
    words = why_not(refused, Settings({}, filtered=True))
    assert words.endswith("--security-opt systempaths=unconfined")


def test_a_kernel_without_overlays_for_ordinary_users_is_told_from_the_rest() -> None:
    refused = Refused(Attempt.OVERLAY, "mount overlay: Operation not permitted")
    assert "since Linux 5.11" in why_not(refused, NOTHING_SET)


@pytest.mark.parametrize("step", Attempt)
def test_doctor_tells_what_to_do_whatever_was_refused(step: Attempt) -> None:
    found = findings.user_namespaces(why_not(Refused(step, "no"), NOTHING_SET))
    assert found.status is Status.CANNOT
    assert found.detail.startswith(f"could not {step.value} (no): ")
    assert found.remedy


def test_doctor_says_what_user_namespaces_serve_for() -> None:
    found = findings.user_namespaces(None)
    assert found.status is Status.CAN
    assert "evidence is /proc" in found.detail
