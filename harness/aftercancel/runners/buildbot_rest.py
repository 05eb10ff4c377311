"""A Buildbot master's REST API and its stream of events, as docs.buildbot.net ("REST API", "Server-Sent
Events") describe them, and buildbot/www/rest.py and sse.py answer.
"""

from __future__ import annotations

# The socket module encodes a host's name by this codec at the first connection, when nothing can
# be imported any more.
import encodings.idna  # noqa: F401
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aftercancel.errors import RunnerError

TIMEOUT_S = 10.0
EVENTS = "/sse/listen/*/*/*"
"""Everything with a key of three words: builds/7/finished, logs/3/append, …"""


class Unreachable(RunnerError):
    """Nobody answers: the master is not there, or not there yet."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the master's."""

    kind: str
    """builds, logs, steps, buildrequests, workers, …"""
    what: str
    """new, update, append, finished, …"""
    of: Mapping[str, Any]
    """The thing, as the REST API has it."""


@dataclass(frozen=True, slots=True)
class Rest:
    """One master's API; may be used by several threads."""

    port: int
    timeout_s: float = TIMEOUT_S

    def get(self, kind: str, path: str, **query: str) -> list[dict[str, Any]]:
        """What stands below ``kind`` in the answer."""
        where = f"/api/v2/{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._exchange("GET", where)
        things = answer.get(kind)
        if not isinstance(things, list):
            raise RunnerError(f"Buildbot's master answers {where} without {kind}: {answer!r:.200}")
        return things

    def call(self, path: str, method: str, **parameters: object) -> Any:
        """What a button of the web page does (JSON-RPC)."""
        order = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = self._exchange("POST", f"/api/v2/{path}", json.dumps(order).encode())
        return answer.get("result")

    def events(self, timeout_s: float) -> Iterator[Event | None]:
        """What happens from now on; the first is None, when the master listens. Ends, or raises
        ``Unreachable``, when it hangs up or says nothing for so long.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", EVENTS, headers={"Accept": "text/event-stream"})
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise RunnerError(f"Buildbot's master refuses {EVENTS}: {response.status}")
            for line in response:
                name, _, value = line.decode("utf-8", "replace").strip().partition(": ")
                if name == "event" and value == "handshake":
                    yield None
                elif name == "data" and value.startswith("{"):
                    yield _event(value)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"Buildbot's master sends no events: {error!r}") from error
        finally:
            connection.close()

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            read = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"Buildbot's master does not answer {method} {path}: {error!r}"
            ) from error
        finally:
            connection.close()
        said = " ".join(read[:300].decode("utf-8", "replace").split())
        if response.status >= http.client.BAD_REQUEST:
            raise RunnerError(
                f"Buildbot's master answered {method} {path} with {response.status}: {said}"
            )
        try:
            answer = json.loads(read)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RunnerError(f"Buildbot's master answers {path} with nonsense: {said}")
        return answer


def _event(data: str) -> Event:
    try:
        event = json.loads(data)
        kind, _, what = event["key"]
        return Event(str(kind), str(what), dict(event["message"]))
    except (ValueError, KeyError, TypeError) as error:
        raise RunnerError(f"Buildbot's master sends a nonsensical event: {data:.200}") from error
