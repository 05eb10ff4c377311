"""The fixture ``lab``: cancel a script of one's own, and ask what became of it.

::

    def test_deploy_cleans_up(lab):
        assert lab.cancel("./deploy.sh", how="TERM-group", removes=["deploy.lock"]).cleanup.ran

An answer that is not known is never a pass, in neither direction: asking for it raises.
"""

from aftercancel.lab.cancelled import Cancelled, CleanUpAxis, ProcessesAxis, ReportAxis
from aftercancel.lab.scripts import Lab

__all__ = ["Cancelled", "CleanUpAxis", "Lab", "ProcessesAxis", "ReportAxis"]
