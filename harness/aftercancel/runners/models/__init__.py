"""Models of runners that cannot be started here, and of some that can, to know what a model is worth.

A model is the start pattern and the kill pattern of one runner in one short file, with the source
that it follows; its constants name the lines of that source. All are imported here: in a sandbox
nothing can be imported any more.
"""

from __future__ import annotations

from aftercancel.runners.models import (
    buildbot,
    buildkite_agent,
    github_actions,
    gitlab_runner,
    hudson,
    jenkins,
    jenkins_pipeline,
    kubernetes,
    semaphore_2_10,
    semaphore_4228,
    systemd,
)
from aftercancel.runners.models.pattern import Model

MODELS: dict[str, Model] = {
    module.MODEL.name: module.MODEL
    for module in (
        buildbot,
        buildkite_agent,
        github_actions,
        gitlab_runner,
        hudson,
        jenkins,
        jenkins_pipeline,
        kubernetes,
        semaphore_2_10,
        semaphore_4228,
        systemd,
    )
}
"""By the names of their files."""
