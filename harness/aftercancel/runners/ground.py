"""Where a runner is started: its program, its own folder, its user, and how its processes start."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an adapter may use. Paths are those that the runner itself sees."""

    program: Path
    version: str
    folder: Path
    """The runner's own, empty at first and its user's: configuration, work folders, logs. Nothing
    in it counts as left behind by a job."""
    home: Path
    """Its user's home, where jobs start; may be emptied between two jobs."""
    uid: int
    user: str

    @property
    def log(self) -> Path:
        """What the runner's processes say, all in one file; it is named when something fails."""
        return self.folder / "runner.log"

    @property
    def scratch(self) -> Path:
        """Its temporary files; anybody may write there, as in /tmp."""
        place = self.folder / "tmp"
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o1777)
        return place

    def spawn(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        as_root: bool = False,
        output: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start one of the runner's processes as its user, in a session of its own.

        ``env``: what it has beside HOME, PATH, USER, TMPDIR and LANG; ``output``: a descriptor for both of
        its outputs, else they go to ``log``. Its input is /dev/null.
        """
        variables = {
            "HOME": "/root" if as_root else str(self.home),
            "LANG": "C.UTF-8",
            "LOGNAME": "root" if as_root else self.user,
            "PATH": _PATH,
            "SHELL": "/bin/sh",
            # What it puts there is its own; jobs are told another (``executor.tasks``).
            "TMPDIR": str(self.scratch),
            "USER": "root" if as_root else self.user,
            **(env or {}),
        }
        # A process that is not root cannot become anybody, and need not (a test).
        other = not as_root and os.geteuid() == 0
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(word) for word in argv],
                env=variables,
                cwd=folder or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.uid if other else None,
                group=self.uid if other else None,
                extra_groups=[] if other else None,
            )

    def give(self, path: Path) -> None:
        """Make a file or folder the runner's user's own, with everything in it."""
        if os.geteuid() != 0:
            return
        os.chown(path, self.uid, self.uid)
        for top, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(Path(top) / name, self.uid, self.uid, follow_symlinks=False)

    def last_words(self, limit: int = 600, *, since: int = 0) -> str:
        """The end of the log; ``since``: of what was written when it had so many bytes already."""
        try:
            said = self.log.read_bytes()[since:][-limit:].decode("utf-8", "replace").strip()
        except OSError:
            return "it said nothing"
        return said or "it said nothing"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
