"""A Jenkins or Hudson of the lab's own: found as a war, started by java on 127.0.0.1, and ended."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
import zipfile
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.runners.ending import end_tree
from aftercancel.runners.ground import Ground, free_port
from aftercancel.runners.jenkins_http import JenkinsHttp, Unreachable
from aftercancel.runners.jenkins_jobs import HUDSON_CONFIG, HUDSON_SECURITY, JENKINS_INIT
from aftercancel.runners.ports import refuse_taken
from aftercancel.runners.protocol import Found

_JAVA = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEB_PROGRAM = Path("/usr/bin/jenkins")
_DEB_WAR = Path("/usr/share/java/jenkins.war")
_PORTS_TRIED = 3
_STOP_S = 3.0
_END_S = 20.0
_POLL_S = 0.25  # each makes it render a page that says to wait
_PORT_TAKEN = "Address already in use"
_FROM_JAVA_9 = (
    *(f"java.base/java.{name}" for name in ("lang", "lang.reflect", "lang.ref", "util", "io")),
    *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic", "regex")),
    *(f"java.base/java.{name}" for name in ("util.concurrent.locks", "net", "text", "nio")),
    "java.base/java.security",
    *(f"java.desktop/java.{name}" for name in ("beans", "awt", "awt.font")),
)
"""What Hudson 3.3.2's XStream and its ProcessTree look into, which is closed since Java 9."""


class Flavour(StrEnum):
    """Whose program it is."""

    JENKINS = "jenkins"
    HUDSON = "hudson"

    @property
    def spelt(self) -> str:
        """As it is spelt in its manifest and headers."""
        return self.value.capitalize()

    @property
    def start_s(self) -> float:
        """Within which it must answer; on two busy cores it takes a fifth of that."""
        return 150.0 if self is Flavour.JENKINS else 60.0


def find(flavour: Flavour, path: Path) -> Found:
    """What a war, the folder that it is in, or a launcher script beside that folder is."""
    war = _war(flavour, path)
    version = _version(flavour, war)
    if shutil.which("java", path=_JAVA) is None:
        raise RunnerError(
            f"{flavour.spelt} {version} needs java, and there is none in {_JAVA}. "
            "How to get it: apt-get install openjdk-17-jre-headless"
        )
    with_company = any((war.parent / name).is_dir() for name in ("plugins", "launcher"))
    return Found(war, war.parent if with_company else war, version)


def _war(flavour: Flavour, path: Path) -> Path:
    path = path.resolve()
    if flavour is Flavour.JENKINS and path == _DEB_PROGRAM:
        path = _DEB_WAR
    if path.is_file() and path.suffix == ".war":
        return path
    folders = [path] if path.is_dir() else sorted(path.parent.glob(f"{flavour}-*"), reverse=True)
    for folder in folders:
        for name in (f"{flavour}.war", f"{flavour}-war-*.war"):
            if wars := sorted(folder.glob(name)):
                return wars[-1]
    raise RunnerError(f"{path} is no {flavour}.war, and there is none in or beside it.")


def _version(flavour: Flavour, war: Path) -> str:
    try:
        with zipfile.ZipFile(war) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise RunnerError(f"{war} is no war that could be read: {error}") from error
    found = re.search(rf"^{flavour.spelt}-Version: (\S+)", manifest, re.MULTILINE)
    if found is None:
        raise RunnerError(
            f"{war} is no {flavour.spelt}: its manifest has no {flavour.spelt}-Version."
        )
    return found[1]


@dataclass
class Server:
    """The process. Its home is in the ground's folder, and stays when it is started again."""

    ground: Ground
    flavour: Flavour
    port: int = 0
    """0: any that is free."""
    memory: str = "256m"
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def home(self) -> Path:
        return self.ground.folder / "home"

    @property
    def http(self) -> JenkinsHttp:
        """A client; one for each thread."""
        return JenkinsHttp(f"http://127.0.0.1:{self.port}")

    def prepare(self) -> None:
        """Write its configuration; plugins that lie beside the war go with it."""
        (self.home / "tmp").mkdir(parents=True)
        if self.flavour is Flavour.HUDSON:
            (self.home / "config.xml").write_text(HUDSON_CONFIG, encoding="utf-8")
            (self.home / "hudson-security.xml").write_text(HUDSON_SECURITY, encoding="utf-8")
        else:
            init = self.home / "init.groovy.d" / "aftercancel.groovy"
            init.parent.mkdir()
            init.write_text(JENKINS_INIT, encoding="utf-8")
            plugins = self.ground.program.parent / "plugins"
            if plugins.is_dir():
                shutil.copytree(plugins, self.home / "plugins")
        self.ground.give(self.home)

    def start(self) -> None:
        """Start it until it answers; on another port where one was taken meanwhile."""
        tries = 1 if self.port else _PORTS_TRIED
        for attempt in range(1, tries + 1):
            if tries > 1:
                self.port = free_port()
            try:
                self._start()
            except RunnerError as error:
                self.stop()
                if _PORT_TAKEN not in str(error) or attempt == tries:
                    raise
            else:
                return

    def start_again(self) -> None:
        """Start it, when it has ended, on the same port and with the state that it left."""
        if self._process is not None:
            try:
                self._process.wait(_END_S)  # who was told to end may take a while
            except subprocess.TimeoutExpired:
                raise RunnerError(
                    f"{self._name()} has not ended within {_END_S:.0f} s, so that it is not started "
                    f"again. The last words: {self.ground.last_words()}"
                ) from None
        self._start()

    def _start(self) -> None:
        refuse_taken(self.port, self._name())
        begin = self.ground.log.stat().st_size if self.ground.log.exists() else 0
        variable = f"{self.flavour.name}_HOME"
        self._process = self.ground.spawn(self._argv(), env={variable: str(self.home)})
        until = time.monotonic() + self.flavour.start_s
        http = self.http
        answer = "nothing"
        while time.monotonic() < until:
            said = self._said_since(begin)
            if self._process.poll() is not None or _PORT_TAKEN in said:
                taken = f"{_PORT_TAKEN}: port {self.port}. " if _PORT_TAKEN in said else ""
                raise RunnerError(
                    f"{self._name()} did not start (status {self._process.poll()}): "
                    f"{taken}It said: {said[-600:]}"
                )
            try:
                executors = http.executors()
            except Unreachable:
                answer = "nothing"
            except RunnerError as error:  # 503 or 404 while it starts
                answer = str(error)
            else:
                self._accept(executors)
                return
            time.sleep(_POLL_S)
        raise RunnerError(
            f"{self._name()} was not ready within {self.flavour.start_s:.0f} s; it answered: "
            f"{answer}; it said: {self.ground.last_words()}"
        )

    def stop(self) -> None:
        """End it, with the jobs that still run below it, and remove what it unpacked."""
        process = self._process
        if process is not None and process.poll() is None:
            end_tree(process.pid, _STOP_S)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
        shutil.rmtree(self.home / "war", ignore_errors=True)

    def _accept(self, executors: tuple[int, int]) -> None:
        if executors[1] != 1:
            raise RunnerError(
                f"{self._name()} has {executors[1]} executors instead of 1: it did not read its "
                f"configuration in {self.home}; it said: {self.ground.last_words()}"
            )

    def _name(self) -> str:
        return f"{self.flavour.spelt} {self.ground.version}"

    def _said_since(self, begin: int) -> str:
        with contextlib.suppress(OSError), self.ground.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", "replace").strip()
        return ""

    def _argv(self) -> list[str]:
        war = self.ground.program
        argv = [
            "java",
            # Quick to start and small rather than fast: it does next to nothing.
            *(f"-Xmx{self.memory}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
            "-XX:-UsePerfData",  # else there is a /tmp/hsperfdata_USER, which is no job's
            "-Djava.awt.headless=true",
            f"-Djava.io.tmpdir={self.home}/tmp",
            "-Dhudson.DNSMultiCast.disabled=true",
            "-Dhudson.model.UpdateCenter.never=true",
            "-Dhudson.model.UsageStatistics.disabled=true",
        ]
        listen = [f"--httpPort={self.port}", "--httpListenAddress=127.0.0.1"]
        if self.flavour is Flavour.JENKINS:
            argv += ["-Djenkins.install.runSetupWizard=false", "-Dhudson.udp=-1"]
            return [*argv, "-jar", str(war), *listen]
        # It cannot do without its UDP socket (UDPBroadcastThread): 0 is any port.
        argv += [f"-DHUDSON_HOME={self.home}", "-Dhudson.udp=0"]
        listen.append("--skipInitSetup")
        launcher = war.parent / "launcher"
        if not (launcher / "HL.class").exists():  # Java 8 needs none
            return [*argv, "-jar", str(war), *listen]
        argv += [word for name in _FROM_JAVA_9 for word in ("--add-opens", f"{name}=ALL-UNNAMED")]
        argv += ["-Dhl.main=org.eclipse.hudson.war.Executable", "-cp", f"{war}:{launcher}"]
        return [*argv, "HL", *listen]
