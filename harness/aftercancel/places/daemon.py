"""The Docker daemon that we speak with: which one it is, and its errors in words of ours.

Which one: ``DOCKER_HOST``, else the context that ``DOCKER_CONTEXT`` or ``docker context use``
names, else /var/run/docker.sock, as the docker command decides (docs.docker.com, "Docker contexts").
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from aftercancel.errors import AftercancelError, MissingError, UsageError

if TYPE_CHECKING:
    from docker.api.client import APIClient

TIMEOUT_S = 60
"""For one answer. Attached streams have none."""
_DEFAULT = "unix:///var/run/docker.sock"
_DOCTOR = "`aftercancel doctor` says what this machine has of Docker."


class DaemonError(MissingError):
    """The Docker daemon is not there, refuses, or cannot do what is needed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon is, and who said so."""

    url: str
    said_by: str
    """``DOCKER_HOST``, ``the Docker context NAME``, or ``the default``."""
    tls: Any = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Address:
        """Raises ``UsageError`` where a context is named that does not exist."""
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        if environ.get("DOCKER_HOST"):
            try:
                found = kwargs_from_env(dict(environ))
            except DockerException as error:
                raise UsageError(f"DOCKER_TLS_VERIFY or DOCKER_CERT_PATH: {error}") from error
            return cls(found["base_url"], "DOCKER_HOST", found.get("tls"))
        return cls._of_context(environ.get("DOCKER_CONTEXT")) or cls(_DEFAULT, "the default")

    @classmethod
    def _of_context(cls, named: str | None) -> Address | None:
        from docker.context import ContextAPI
        from docker.context.config import get_current_context_name
        from docker.errors import DockerException

        try:
            name = named or get_current_context_name()
            if name == "default":
                return None
            context = ContextAPI.get_context(name)
        except (DockerException, OSError, ValueError, KeyError) as error:
            raise UsageError(f"The Docker context cannot be read: {error}.") from error
        if context is None:
            raise UsageError(
                f"There is no Docker context {name}. `docker context ls` has those that there are."
            )
        return cls(context.Host or _DEFAULT, f"the Docker context {name}", context.TLSConfig)

    def __str__(self) -> str:
        return f"{self.url} ({self.said_by})"


class Daemon:
    """A connection to one; a context manager."""

    def __init__(self, address: Address, api: APIClient) -> None:
        self.address = address
        self.api: Any = api
        """Untyped: what is asked of it has more keys than its stubs know."""

    @classmethod
    def connect(cls, environ: Mapping[str, str] = os.environ, timeout_s: int = TIMEOUT_S) -> Self:
        """Raises ``DaemonError`` or, for an address that is none, ``UsageError``."""
        try:
            import docker
            from docker.api.client import APIClient
        except ImportError:
            raise MissingError(
                "Docker's SDK for Python is not installed, and images need it: "
                "pip install 'aftercancel[containers]'."
            ) from None
        address = Address.of(environ)
        _refuse_nonsense(address)
        shell_out = address.url.startswith("ssh://") and shutil.which("ssh") is not None
        with in_words(address, "asking for its version"):
            try:
                api = APIClient(
                    base_url=address.url,
                    version="auto",
                    timeout=timeout_s,
                    tls=address.tls or False,
                    use_ssh_client=shell_out,
                )
            except docker.errors.DockerException as error:
                raise _not_reached(address, error) from error
        return cls(address, api)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.api.close()

    def doing(self, what: str) -> contextlib.AbstractContextManager[None]:
        """While something is asked of it: errors in words of ours."""
        return in_words(self.address, what)


@contextlib.contextmanager
def in_words(address: Address, doing: str) -> Iterator[None]:
    """Turns the SDK's errors into ``DaemonError``; ``doing`` is what it was asked to do."""
    import requests
    import urllib3
    from docker.errors import APIError, DockerException

    try:
        yield
    except AftercancelError:
        raise
    except APIError as error:
        raise _refused(address, doing, error) from error
    except (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as error:
        raise DaemonError(
            f"The Docker daemon at {address} went away or did not answer, while {doing}: "
            f"{_innermost(error)}. Look whether it runs (`docker version`), and start again. "
            "What was measured before is kept."
        ) from error
    except DockerException as error:
        raise DaemonError(f"Docker's SDK failed while {doing}: {error}. {_DOCTOR}") from error


def _refused(address: Address, doing: str, error: Any) -> DaemonError:
    said = str(error.explanation or error).strip().rstrip(".")
    if "no space left on device" in said:
        return DaemonError(
            f"The disk of the Docker daemon at {address} is full; this was seen while {doing}: "
            f"{said}. `docker system df` shows what takes the room, `docker system prune` and "
            "`aftercancel clean` free some. What was measured before is kept."
        )
    return DaemonError(
        f"The Docker daemon at {address} refused while {doing}: {said}. What it can do here, and "
        "what it lacks: `aftercancel doctor`."
    )


def _refuse_nonsense(address: Address) -> None:
    from docker.errors import DockerException
    from docker.utils import parse_host

    try:
        parse_host(address.url, is_win32=False, tls=bool(address.tls))
        scheme, sign, _ = address.url.partition("://")
        known = sign and scheme in ("unix", "tcp", "ssh", "http", "https", "http+unix")
    except (DockerException, ValueError) as error:
        raise _no_address(address, str(error)) from error
    if not known:
        raise _no_address(address, "it begins with none of unix://, tcp://, ssh://")


def _no_address(address: Address, why: str) -> UsageError:
    return UsageError(
        f"{address.said_by} is {address.url!r}, which is no address of a Docker daemon: {why}. "
        "Write unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST, or unset it."
    )


def _not_reached(address: Address, error: Exception) -> DaemonError:
    """What keeps us from the daemon, and what to do about it."""
    number = _errno(error)
    if number in (errno.EACCES, errno.EPERM):
        return DaemonError(
            f"This user may not speak with the Docker daemon at {address}: permission denied. "
            "Join the group of its socket (sudo usermod -aG docker $USER, then log in again; its "
            "members are as powerful as root), or set DOCKER_HOST to a daemon that you may use."
        )
    if number in (errno.ENOENT, errno.ECONNREFUSED):
        return DaemonError(
            f"No Docker daemon answers at {address}: {os.strerror(number)}. Start it "
            "(sudo systemctl start docker), install it (sudo apt-get install docker.io), or set "
            "DOCKER_HOST to another one."
        )
    if "paramiko" in str(error):
        return DaemonError("DOCKER_HOST with ssh:// needs paramiko: pip install 'docker[ssh]'.")
    return DaemonError(
        f"No Docker daemon answers at {address}: {_innermost(error)}. Look whether "
        "`docker version` works there, or set DOCKER_HOST to another one."
    )


def _errno(error: BaseException | None) -> int | None:
    """Of the operating system's error behind the layers of libraries."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, OSError) and isinstance(each.errno, int):
            return each.errno
        waiting += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return None


def _innermost(error: BaseException) -> str:
    number = _errno(error)
    return os.strerror(number) if number is not None else f"{error}".strip().rstrip(".")
