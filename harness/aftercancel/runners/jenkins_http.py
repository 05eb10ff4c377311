"""The HTTP side of Jenkins, and of Hudson, its ancestor: jobs, builds, the queue, the console.

Sources for what is asked and answered: ``hudson/model/Api.java``, ``ParameterizedJobMixIn.doBuild``,
``ItemGroupMixIn.createTopLevelItem`` and ``hudson/security/csrf/CrumbFilter.java`` of
jenkinsci/jenkins, each server's own page ``/api``, and for Hudson 3.3.2 its answers. Where the two differ:

===================  ======================================  =================================
what                 Jenkins                                 Hudson 3.3.2
===================  ======================================  =================================
a build was queued   201, ``Location:`` of the queue's item  302, ``Location:`` of the job
crumb, API token     asked for, unless security is off       none
version              ``X-Jenkins:`` in every answer          ``X-Hudson:`` on pages for people
===================  ======================================  =================================
"""

from __future__ import annotations

import base64

# The socket module encodes a host's name by this codec at the first connection, when nothing can
# be imported any more.
import encodings.idna  # noqa: F401
import html
import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from aftercancel.errors import RunnerError

TIMEOUT_S = 10.0
ANSWER_LIMIT = 1 << 24
"""Bytes of one answer that are read; nothing that is asked for here comes near."""
_CRUMB_REFUSED = 403
_MESSAGE = re.compile(r"<h1>(.*?)</h1>\s*<p>(.*?)</p>|Reason:\s*<pre>(.*?)</pre>", re.DOTALL)
"""Hudson's page of an error, and Jetty's."""
_MARKUP = re.compile(r"<(script|style).*?</\1>|<[^>]*>", re.DOTALL)
_FORM = "application/x-www-form-urlencoded"


class Unreachable(RunnerError):
    """Nobody answers: the server is not there, or not there yet."""


class Unknown(RunnerError):
    """The server does not know it (404)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def words(self) -> str:
        """What it says to a person, in one line."""
        text = self.body.decode("utf-8", "replace")
        said = self.headers.get("x-error")
        if said is None:
            found = _MESSAGE.search(text)
            said = " ".join(filter(None, found.groups())) if found else _MARKUP.sub(" ", text)
        return " ".join(html.unescape(said).split())[:300] or "nothing more"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A build that was asked for, which may not have begun."""

    job: str
    item: str | None
    """Path of the queue's item; None: a server that does not say (Hudson)."""


@dataclass(frozen=True, slots=True)
class State:
    """A build as the API has it."""

    building: bool
    result: str | None
    """SUCCESS, FAILURE, ABORTED, UNSTABLE, NOT_BUILT; None: not known yet."""


@dataclass(frozen=True, slots=True)
class Console:
    """A part of a build's log."""

    text: bytes
    end: int
    """Where the next part begins."""
    more: bool
    """Whether the server says that more may come."""


@dataclass
class JenkinsHttp:
    """A client of one server; not for use by several threads at once."""

    url: str
    user: str = ""
    token: str = ""
    timeout_s: float = TIMEOUT_S
    _crumb: dict[str, str] | None = None
    _cookies: dict[str, str] = field(default_factory=dict)

    # -- the server

    def version(self) -> tuple[str, str]:
        """``("Jenkins", "2.462.3")`` or ``("Hudson", "3.3.2")``."""
        headers = self._get("/api/json?tree=mode").headers
        if "x-jenkins" not in headers:
            headers = self._get("/").headers
        for name in ("Jenkins", "Hudson"):  # Jenkins calls itself Hudson 1.395 too
            if version := headers.get(f"x-{name.lower()}"):
                return name, version
        raise RunnerError(f"{self.url} is neither a Jenkins nor a Hudson: it sends no X-Jenkins.")

    def executors(self) -> tuple[int, int]:
        """How many are busy, and how many there are."""
        computers = self._json("/computer/api/json?tree=busyExecutors,totalExecutors")
        try:
            return int(computers["busyExecutors"]), int(computers["totalExecutors"])
        except (KeyError, TypeError, ValueError):
            raise self._nonsense("/computer/api/json", computers) from None

    def plugins(self) -> dict[str, str]:
        """Short names and versions of the active plugins."""
        tree = "tree=plugins[shortName,version,active]"
        plugins = self._json(f"/pluginManager/api/json?{tree}").get("plugins") or []
        return {str(p["shortName"]): str(p["version"]) for p in plugins if p.get("active")}

    def waiting(self) -> list[str]:
        """Names of the jobs that wait in the queue, in its order."""
        items = self._json("/queue/api/json?tree=items[id,task[name]]").get("items") or []
        return [str((item.get("task") or {}).get("name", "")) for item in items]

    # -- jobs and builds

    def create(self, job: str, config: str) -> None:
        """Make a job of its config.xml."""
        path = f"/createItem?name={quote(job, safe='')}"
        self._post(path, config.encode(), "text/xml; charset=utf-8")

    def delete(self, job: str) -> None:
        """Remove a job with its builds."""
        self._post(f"{_job(job)}/doDelete")

    def build(self, job: str, parameters: Sequence[tuple[str, str]] = ()) -> Ticket:
        """Ask for a build now."""
        # A job without parameters knows no buildWithParameters, and the other way round.
        way = "buildWithParameters" if parameters else "build"
        body = urlencode(list(parameters)).encode()
        answer = self._post(f"{_job(job)}/{way}?delay=0sec", body)
        path = urlsplit(answer.headers.get("location", "")).path.rstrip("/")
        found = re.search(r"/queue/item/\d+$", path)
        return Ticket(job, found[0] if found else None)

    def number(self, ticket: Ticket) -> int | None:
        """The build's number; None: it waits. Raises ``Unknown`` where the server has neither."""
        if ticket.item is not None:
            try:
                item = self._json(f"{ticket.item}/api/json")
            except Unknown:
                pass  # a queue's item is forgotten five minutes after it left the queue
            else:
                if item.get("cancelled"):
                    raise Unknown(f"The queue's item of {ticket.job} was cancelled.")
                number = (item.get("executable") or {}).get("number")
                return int(number) if number is not None else None
        last = self._json(f"{_job(ticket.job)}/api/json?tree=lastBuild[number]").get("lastBuild")
        return int(last["number"]) if last else None

    def state(self, job: str, number: int) -> State:
        """What is known of a build now."""
        path = f"{_job(job)}/{number}/api/json?tree=building,result"
        build = self._json(path)
        if not isinstance(build.get("building"), bool):
            raise self._nonsense(path, build)
        result = build.get("result")
        return State(build["building"], None if result is None else str(result))

    def console(self, job: str, number: int, start: int = 0) -> Console:
        """The log from a byte on (progressiveText: LargeText.doProgressText of Stapler)."""
        answer = self._get(f"{_job(job)}/{number}/logText/progressiveText?start={start}")
        try:
            end = int(answer.headers.get("x-text-size", ""))
        except ValueError:
            raise self._nonsense("progressiveText", "no X-Text-Size") from None
        if end < start:  # a file that became shorter: another build's
            return Console(b"", start, more=False)
        # It makes every line end CR LF, whatever the job wrote (Stapler's LineEndNormalizingWriter).
        text = answer.body.replace(b"\r\n", b"\n")
        return Console(text, end, more=answer.headers.get("x-more-data") == "true")

    def abort(self, job: str, number: int) -> None:
        """What the red cross beside a build does."""
        self._post(f"{_job(job)}/{number}/stop")

    # -- how it is asked

    def _get(self, path: str) -> Answer:
        return self._checked("GET", path, self._exchange("GET", path))

    def _json(self, path: str) -> dict[str, Any]:
        body = self._get(path).body
        try:
            answer = json.loads(body)
        except ValueError:
            raise self._nonsense(path, body[:200].decode("utf-8", "replace")) from None
        if not isinstance(answer, dict):
            raise self._nonsense(path, answer)
        return answer

    def _post(self, path: str, body: bytes = b"", content: str = _FORM) -> Answer:
        headers = {"Content-Type": content, **self._crumbs()}
        answer = self._exchange("POST", path, body, headers)
        if answer.status == _CRUMB_REFUSED and "crumb" in answer.words.lower():
            self._crumb = None  # a server that was started again has forgotten its sessions
            headers = {"Content-Type": content, **self._crumbs()}
            answer = self._exchange("POST", path, body, headers)
        return self._checked("POST", path, answer)

    def _crumbs(self) -> dict[str, str]:
        """The header that Jenkins wants with every POST (DefaultCrumbIssuer); it belongs to the
        session, so the cookie goes with it. Without the issuer there is none (404).
        """
        if self._crumb is None:
            answer = self._exchange("GET", "/crumbIssuer/api/json")
            if answer.status == http.client.NOT_FOUND:
                self._crumb = {}
            else:
                body = self._checked("GET", "/crumbIssuer/api/json", answer).body
                try:
                    issued = json.loads(body)
                    self._crumb = {str(issued["crumbRequestField"]): str(issued["crumb"])}
                except (ValueError, KeyError, TypeError):
                    raise self._nonsense("/crumbIssuer/api/json", body[:200]) from None
        return self._crumb

    def _checked(self, method: str, path: str, answer: Answer) -> Answer:
        """Refusals as errors; redirections are how these servers say yes to a form."""
        where = f"{method} {path.partition('?')[0]}"
        if answer.status == http.client.NOT_FOUND:
            raise Unknown(f"{self.url} knows no {where} (404: {answer.words}).")
        if answer.status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
            who = f"as {self.user}" if self.user else "without a user"
            raise RunnerError(f"{self.url} refuses {where} {who} ({answer.status}): {answer.words}")
        if "login" in answer.headers.get("location", ""):
            raise RunnerError(
                f"{self.url} wants a login for {where}: give it a user and API token."
            )
        if answer.status >= http.client.BAD_REQUEST:
            raise RunnerError(f"{self.url} answered {where} with {answer.status}: {answer.words}")
        return answer

    def _exchange(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        base = urlsplit(self.url)
        make = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
        sent = {"Accept": "*/*", **(headers or {})}
        if self.user:
            login = base64.b64encode(f"{self.user}:{self.token}".encode()).decode()
            sent["Authorization"] = f"Basic {login}"
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        connection = make(base.hostname or "127.0.0.1", base.port, timeout=self.timeout_s)
        try:
            connection.request(method, base.path.rstrip("/") + path, body or None, sent)
            response = connection.getresponse()
            read = response.read(ANSWER_LIMIT)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} does not answer {method} {path}: {error!r}") from error
        finally:
            connection.close()
        got = {name.lower(): value for name, value in response.getheaders()}
        for cookie in response.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].strip().partition("=")
            self._cookies[name] = value
        return Answer(response.status, got, read)

    def _nonsense(self, path: str, said: object) -> RunnerError:
        return RunnerError(
            f"{self.url} answers {path.partition('?')[0]} with nonsense: {said!r:.200}"
        )


def _job(job: str) -> str:
    return f"/job/{quote(job, safe='')}"
