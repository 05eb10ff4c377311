"""The kinds of real runners that there are adapters for: one module each, imported when asked for."""

from __future__ import annotations

from importlib import import_module

from aftercancel.runners.protocol import Kind

_MODULES = {
    "act": ("act", "KIND"),
    "ansible-playbook": ("ansible", "PLAYBOOK"),
    "ansible-runner": ("ansible", "RUNNER"),
    "buildbot": ("buildbot", "KIND"),
    "buildkite-agent": ("buildkite_agent", "KIND"),
    "gitlab-ci-local": ("gitlab_ci_local", "KIND"),
    "gitlab-runner": ("gitlab_runner", "KIND"),
    "hudson": ("jenkins", "HUDSON"),
    "jenkins": ("jenkins", "KIND"),
    "semaphore": ("semaphore", "KIND"),
}
NAMES = tuple(_MODULES)


def kind(name: str) -> Kind:
    """The kind of this name; KeyError where there is none."""
    module, constant = _MODULES[name]
    found = getattr(import_module(f"aftercancel.runners.{module}"), constant)
    assert isinstance(found, Kind)
    return found
