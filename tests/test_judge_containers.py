"""What a container engine has round a container is evidence, and nobody's process or orphan."""

from __future__ import annotations

from dataclasses import replace

from aftercancel.judge import judged
from aftercancel.judge.fingerprints import fingerprint
from aftercancel.model import Observation, Process, Processes
from tests.observing import cell, job, launcher, process, same

SHIM = replace(process("containerd-shim", key=2, ended=None), of_engine=True)
RUNC = replace(
    process("runc", key=5, parent=2, ended=2.0, status=0), of_engine=True, started_ms=-1.0
)


def with_shim(**shim: object) -> Observation:
    inside = replace(job(), key=3, parent=2)
    return cell(launcher("docker"), replace(SHIM, **shim), inside)  # type: ignore[arg-type]


def executed(*, later: bool) -> Observation:
    """A script that the runner had executed in the container, before the cell was armed or after."""
    started = 1.0 if later else -50.0
    runc = replace(RUNC, started_ms=started)
    script = replace(
        process("sh", key=6, parent=5, ended=2.0, status=0), program="sh", started_ms=started
    )
    return replace(cell(job(), runc, script), armed_ms=-1.0)


def roles(observation: Observation) -> set[str]:
    return {each.role for each in fingerprint(observation).processes}


def test_a_shim_that_is_still_there_is_no_orphan() -> None:
    assert judged(with_shim()).processes is Processes.GONE
    assert judged(with_shim(of_engine=False)).processes is Processes.ORPHANED


def test_how_an_engine_s_program_ended_is_no_behaviour() -> None:
    assert same(with_shim(), with_shim(ended_ms=3.0))
    assert not same(with_shim(of_engine=False), with_shim(of_engine=False, ended_ms=3.0))


def test_what_was_executed_in_the_container_afterwards_is_the_runner_s_own() -> None:
    assert "sh" in roles(executed(later=False))
    assert "sh" not in roles(executed(later=True))


def test_but_what_has_a_role_or_lives_on_is_not_passed_over() -> None:
    seen = executed(later=True)

    def told(**more: object) -> Observation:
        changed: list[Process] = [
            replace(p, **more) if p.role == "sh" else p  # type: ignore[arg-type]
            for p in seen.processes
        ]
        return replace(seen, processes=tuple(changed))

    assert "cleaner" in roles(told(role="cleaner"))
    assert "sh" in roles(told(ended_ms=None, end=None))
