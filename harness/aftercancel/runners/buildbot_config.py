"""What the lab writes for Buildbot: the master's and the worker's .tac, and master.cfg.

One builder on one worker that runs one build at a time. A build's job comes with the request, as
JSON in the property ``job``, and the steps are rendered from it, so that one master serves all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aftercancel.errors import RunnerError

BUILDER = "jobs"
SCHEDULER = "force"
_WORKER = "lab"

TWISTD = "from twisted.scripts.twistd import run; run()"
"""What bin/twistd does: its first line holds a path that may not be right any more."""

_MASTER_TAC = '''
import os

import sqlalchemy
from buildbot.db import enginestrategy
from buildbot.master import BuildMaster
from buildbot.scripts.create_master import createDB
from twisted.application import service
from twisted.internet import defer

BASE = os.path.dirname(os.path.abspath(__file__))
URL = "sqlite:///state.sqlite"

# For a file Buildbot takes a new connection for each of a build's some hundred questions, which
# then reads the schema anew; SQLAlchemy itself keeps its connections since 2.0, and so do we. It
# halves what a build costs the master (0.4 s of processor time), and no worker notices.
if int(sqlalchemy.__version__.split(".")[0]) >= 2 and hasattr(enginestrategy, "NullPool"):
    enginestrategy.NullPool = sqlalchemy.QueuePool


class Master(BuildMaster):
    """Makes its database as `buildbot create-master` does, but needs no second process for it."""

    @defer.inlineCallbacks
    def startService(self):
        if not os.path.exists(os.path.join(BASE, "state.sqlite")):
            yield createDB({"basedir": BASE, "db": URL, "quiet": True})
        yield super().startService()


application = service.Application("buildmaster")
Master(BASE, "master.cfg").setServiceParent(application)
'''

_MASTER_CFG = """
import json

from buildbot.plugins import schedulers, steps, util, worker


def of_job(name, default=None):
    @util.renderer
    def render(properties):
        return json.loads(properties.getProperty("job")).get(name, default)

    return render


def has_after(step):
    return bool(json.loads(step.getProperty("job")).get("after"))


def command(name, **options):
    return steps.ShellCommand(
        name=name,
        env=of_job("env"),
        workdir=of_job("folder"),
        logEnviron=False,
        **options,
    )


factory = util.BuildFactory()
factory.addStep(
    command(
        "job",
        command=of_job("command"),
        timeout=of_job("timeout", 1200),
        maxTime=of_job("max_time"),
        haltOnFailure=True,
        **%(options)r,
    )
)
factory.addStep(
    command(
        "after",
        command=of_job("after"),
        alwaysRun=True,
        doStepIf=has_after,
        hideStepIf=lambda results, step: not has_after(step),
    )
)

URL = "http://127.0.0.1:%(port)d/"
c = BuildmasterConfig = {
    "workers": [worker.Worker(%(worker)r, %(password)r, max_builds=1)],
    "protocols": {"pb": {"port": "tcp:%(worker_port)d:interface=127.0.0.1"}},
    "builders": [util.BuilderConfig(name=%(builder)r, workernames=[%(worker)r], factory=factory)],
    "schedulers": [
        schedulers.ForceScheduler(
            name=%(scheduler)r,
            builderNames=[%(builder)r],
            properties=[util.TextParameter(name="job", default="")],
        )
    ],
    # Else requests that wait for one builder become one build.
    "collapseRequests": False,
    "www": {"port": "tcp:%(port)d:interface=127.0.0.1", "plugins": {}},
    "title": "aftercancel",
    "titleURL": URL,
    "buildbotURL": URL,
    "db": {"db_url": "sqlite:///state.sqlite"},
    "buildbotNetUsageData": None,
}
"""

_WORKER_TAC = """
import os

from buildbot_worker.bot import Worker
from twisted.application import service

application = service.Application("buildbot-worker")
Worker(
    "127.0.0.1",
    %(worker_port)d,
    %(worker)r,
    %(password)r,
    os.path.dirname(os.path.abspath(__file__)),
    keepalive=600,
    # Until it tries again to reach the master, in seconds; 300 where nobody is waiting.
    maxdelay=2,
).setServiceParent(application)
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the master listens, on 127.0.0.1."""

    http: int
    worker: int


def files(ports: Ports, options: Mapping[str, object]) -> dict[str, str]:
    """Texts by path in the runner's folder; ``options``: arguments of the job's ShellCommand."""
    words = {
        "builder": BUILDER,
        "options": dict(options),
        "password": "lab",
        "port": ports.http,
        "scheduler": SCHEDULER,
        "worker": _WORKER,
        "worker_port": ports.worker,
    }
    return {
        "master/buildbot.tac": _MASTER_TAC,
        "master/master.cfg": _MASTER_CFG % words,
        "worker/buildbot.tac": _WORKER_TAC % words,
    }


def step_options(options: Mapping[str, str]) -> dict[str, object]:
    """A row's options as arguments of ShellCommand, in Buildbot's own names."""
    step: dict[str, object] = {}
    for name, value in options.items():
        match name:
            case "interruptSignal":
                step[name] = value
            case "sigtermTime":
                step[name] = _number(name, value)
            case "usePTY":
                if value not in ("true", "false"):
                    raise RunnerError(f"Buildbot's option usePTY is true or false, not {value!r}.")
                step[name] = value == "true"
            case _:
                raise RunnerError(
                    f"Buildbot has no option {name!r}, but interruptSignal, sigtermTime, usePTY."
                )
    return step


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise RunnerError(f"Buildbot's option {name} is in seconds, not {value!r}.") from None
