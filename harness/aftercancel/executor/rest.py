"""Is a tree of processes at rest? Two looks, with nothing run between them.

A process that waits has the same number of context switches at both looks; one that computes or
wants a processor is in state R. So a machine under load makes the answer later, not wrong.
"""

from __future__ import annotations

from aftercancel.executor import procfs
from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.procfs import Activity

Sample = dict[int, Activity]
"""Activities by the processes' keys."""


def sample(processes: list[ProcessHistory]) -> Sample:
    """What each of them does now; those that have gone meanwhile are left out."""
    seen = ((process.key, procfs.activity(process.pid)) for process in processes)
    return {key: activity for key, activity in seen if activity is not None}


def at_rest(before: Sample, after: Sample) -> bool:
    """Whether the same processes were there both times, blocked, and none ran in between."""
    return before.keys() == after.keys() and all(
        before[key].blocked and after[key].blocked and before[key].switches == after[key].switches
        for key in after
    )
