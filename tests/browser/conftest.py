"""A real browser: Debian's Chromium, driven by Playwright, and one page for all tests of a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests import reporting

CHROMIUM = Path("/usr/bin/chromium")


# Of a module, not of the session: while it runs, Playwright has an event loop in this thread, and
# tests of other files that start one of their own would be refused.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must look at the page: {CHROMIUM} is missing (apt install chromium).")
        pytest.skip(f"{CHROMIUM} is missing: apt install chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=str(CHROMIUM), headless=True, args=["--no-sandbox"]
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the small run, on disk."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(reporting.html(), encoding="utf-8")
    return path


Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def tabs(browser: Browser) -> Iterator[dict[str, Page]]:
    """The tabs that are open, by what was asked of them: a new one takes longer than most tests."""
    made: dict[str, Page] = {}
    yield made
    for page in made.values():
        page.context.close()


@pytest.fixture
def opened(
    browser: Browser, report: Path, tabs: dict[str, Page], tmp_path: Path
) -> Iterator[Opener]:
    """Opens the report; afterwards no error was on the console and nothing was asked of a network."""
    complaints: list[str] = []
    asked: list[str] = []
    ours = {report.as_uri()}
    heard: list[tuple[Page, str, Any]] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def listen(page: Page, event: Any, to: Callable[[Any], None]) -> None:
        page.on(event, to)
        heard.append((page, event, to))

    def open_it(
        fragment: str = "",
        *,
        html: str = "",
        width: int = 1280,
        height: int = 900,
        without: str = "",
        **more: Any,
    ) -> Page:
        """``without`` names something of JavaScript's that this browser shall not have.

        ``html`` is a page to open instead of the small run's.
        """
        at = report
        if html:
            at = tmp_path / f"{len(ours)}.html"
            at.write_text(html, encoding="utf-8")
            ours.add(at.as_uri())
        key = f"{width} {height} {without} {more}"
        if key not in tabs:
            context = browser.new_context(viewport={"width": width, "height": height}, **more)
            if without:
                context.add_init_script(f"delete window.{without}")
            tabs[key] = context.new_page()
            tabs[key].set_default_timeout(10_000)
        page = tabs[key]
        page.goto("about:blank")
        listen(page, "console", complain)
        listen(page, "pageerror", lambda error: complaints.append(str(error)))
        listen(page, "request", lambda request: asked.append(request.url))
        page.goto(at.as_uri() + fragment)
        if more.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_it
    for page, event, to in heard:
        page.remove_listener(event, to)
    assert complaints == []
    assert {url.partition("#")[0] for url in asked} <= ours


def axe(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What somebody who does not see the page, or not well, would stumble over."""
    options = {"runOnly": list(rules)} if rules else {}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
