"""The page of the service, in Chromium."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.service.settings import digest
from tests.support.browser import AXE, NEEDS_BROWSER, PATIENCE, chromium, faults_in, is_fault
from tests.support.documents import ROOT
from tests.support.forked import Forked
from tests.support.served import START, Served, decided, repeated, votes, waited
from tests.support.server import Gate, ModelServer, Reply

TENANTS = f"""
[tenants.acme]
key_sha256 = "afacab3575137afa4e00d9cbcafcb14c9ae25f779d964eb0ea5b2c4eb5dfd163"
budget_usd = 5.0
run_usd = 0.5

[tenants.globex]
key_sha256 = "f2a455b59b858a04c51108416af2042203cb6ac35fa4141fba4148bc856e78d4"
budget_usd = 0.5001
run_usd = 0.5

[tenants.initech]
key_sha256 = "{digest("initech-key")}"
budget_usd = 5.0
run_usd = 0.5
at_once = 1
"""

pytestmark = NEEDS_BROWSER


class Command(Served):
    """The service as its command starts it: beside the driver of a browser nothing can be forked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "tenants.toml").write_text(TENANTS)
        self._environment = os.environ | {
            "SERVICE_DATABASE": self.settings.database,
            "SERVICE_TENANTS": str(folder / "tenants.toml"),
            "SERVICE_LEASE": "1",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "-m", "examples.service", "--port", str(self.port)]
        started = subprocess.Popen(command, cwd=ROOT, env=self._environment)
        started.returncode = 0  # the next line takes care of it
        self.process = Forked(started.pid)
        waited(self._is_ready, START)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run Chromium for the tests of this module."""
    with chromium() as running:
        yield running


@pytest.fixture
def command(prices: None, server: ModelServer, tmp_path: Path) -> Iterator[Command]:
    """Run the service by its command."""
    with Command(tmp_path) as served:
        yield served


@pytest.fixture
def visit(browser: Any, command: Command) -> Iterator[Any]:
    """Opens the page with a key; at the end nothing has failed in it, and no policy was broken."""
    faults: list[str] = []
    contexts = []

    def opened(key: str = "acme-key", **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
        page.goto(command.url)
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Use it").click()
        page.get_by_text("None yet.").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def start(page: Any) -> None:
    """Start the review of the sample."""
    page.get_by_role("button", name="Start").click()
    page.locator("#run-title").wait_for()


def status(page: Any, text: str) -> None:
    """Wait until the page tells a status."""
    page.get_by_role("status").filter(has_text=text).wait_for()


def row(page: Any, name: str, status: str = "") -> Any:
    """Return the row of a branch, in a status if one is given."""
    kind = f".branch.{status}" if status else ".branch"
    return page.locator(kind, has=page.get_by_text(name, exact=True))


def hold(page: Any, address: str, method: str = "GET") -> list[Any]:
    """Hold the first request of a kind; all others pass.

    A route that Playwright takes away by itself (`times=1`) may take along requests that are on their way.
    """
    held: list[Any] = []

    def first(route: Any) -> None:
        if held or route.request.method != method:
            route.fallback()
        else:
            held.append(route)

    page.route(address, first)
    return held


def test_the_command_says_where_the_page_is(capfd: pytest.CaptureFixture[str], command: Command) -> None:
    """Once it answers; and no more about each request."""
    command.as_("acme-key").get("/runs")
    said = capfd.readouterr().err
    assert f"running on {command.url} " in said
    assert "GET" not in said


def test_a_run_is_started_watched_and_cancelled(visit: Any, server: ModelServer) -> None:
    """Branches run below each other; the cancel closes all connections."""
    server.always(Reply(hang=True))
    page = visit()
    start(page)
    status(page, "Running")
    server.wait(lambda s: s.hanging == 6)
    row(page, "vote[security#2]", "running").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    server.wait(lambda s: s.in_flight == 0)
    status(page, "Cancelled")
    row(page, "vote[security#2]", "cancelled").wait_for()
    page.get_by_role("button", name="Cancel", exact=True).wait_for(state="hidden")


def test_a_run_in_line_is_seen_to_begin(visit: Any, command: Command, server: ModelServer) -> None:
    """It waits while its tenant has as many runs as may go on, and says so as soon as one works on it."""
    server.always(Reply(hang=True))
    page = visit("initech-key")
    first = command.begin("initech-key")
    server.wait(lambda s: s.hanging == 6)
    start(page)
    status(page, "Waits for its turn")
    command.as_("initech-key").post(f"/runs/{first}/cancel")
    status(page, "Running")
    server.wait(lambda s: len(s.requests) == 12)


def test_a_second_click_starts_no_second_run(visit: Any, server: ModelServer) -> None:
    """While the first one is on its way to the service."""
    votes(server, "release", "release", "release")
    page = visit()
    held, sent = hold(page, "**/runs", "POST"), []
    page.on("request", lambda request: sent.append(request.method))
    with page.expect_request(lambda request: request.method == "POST"):
        page.get_by_role("button", name="Start").dblclick()
    page.evaluate("new Promise(requestAnimationFrame)")
    held[0].continue_()
    status(page, "Done")
    assert sent.count("POST") == 1


def test_a_list_that_comes_late_takes_nothing_away(visit: Any, server: ModelServer) -> None:
    """What was asked before a run began is no longer so once a later answer is shown."""
    votes(server, "release", "release", "release")
    page = visit()
    late = hold(page, "**/runs")
    with page.expect_request("**/runs"):
        pass  # one comes every three seconds
    start(page)
    page.locator("#runs li").wait_for()
    with page.expect_event("requestfinished", lambda request: request == late[0].request):
        late[0].fulfill(json=[])
    page.evaluate("new Promise((done) => setTimeout(done))")
    assert page.locator("#runs li").count() == 1


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_nothing_is_sent_before_the_script_of_the_page_is_there(
    by: str, browser: Any, command: Command
) -> None:
    """Whoever is faster than the script neither sends a form by the browser nor loses the page."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    held = hold(page, "**/page/page.js")
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: faults.append(said.text) if is_fault(said) else None)
    with page.expect_request("**/page/page.js"):
        page.goto(command.url, wait_until="commit")
    page.locator("button.main").wait_for()
    before = len(asked)
    if by == "mouse":
        box = page.locator("button.main").bounding_box()
        page.mouse.click(box["x"] + 5, box["y"] + 5)
    else:
        page.keyboard.press("Tab")
        page.keyboard.type("acme-key")
        page.keyboard.press("Enter")
    page.evaluate("new Promise(requestAnimationFrame)")
    assert asked[before:] == []
    assert faults == []
    held[0].continue_()
    page.get_by_label("Key").fill("acme-key")
    page.get_by_role("button", name="Use it").click()
    page.get_by_text("None yet.").wait_for()
    page.close()


def test_without_scripts_it_says_what_it_needs(browser: Any, command: Command) -> None:
    """In place of forms that do nothing."""
    page = browser.new_page(java_script_enabled=False)
    page.goto(command.url, timeout=PATIENCE)
    assert page.locator("noscript p").inner_text() == "This page needs JavaScript."
    page.close()


def test_a_page_goes_on_after_a_kill(visit: Any, command: Command, server: ModelServer) -> None:
    """It tells that the connection is lost, connects again, and shows the end; no answer is asked again."""
    gate = Gate()
    server.on(lambda _: len(server.requests) > 4, Reply(gate=gate))
    votes(server, "release", "release", "release")
    page = visit()
    start(page)
    page.locator(".branch.ok").nth(3).wait_for()
    waited(lambda: command.stored() == 4, 30)
    command.kill()
    status(page, "Connection lost")
    server.wait(lambda s: s.in_flight == 0)  # else it would answer a process that is gone
    gate.open()
    command.start()
    status(page, "Done")
    assert repeated(server) == []
    assert page.get_by_text("Decision: release, by vote").is_visible()
    page.locator("#branches").filter(has_text="11 of 11").wait_for()


def test_a_person_answers_twice(visit: Any, server: ModelServer) -> None:
    """Nothing chosen is refused with the reason, beside what was filled in; the second answer decides."""
    votes(server, "release", "hold")
    page = visit()
    start(page)
    status(page, "Asks you to decide")
    assert "no verdict of 2: below threshold; 1 not asked" in row(page, "release").inner_text()
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("alert").filter(has_text="is not one of 'release', 'hold'").wait_for()
    assert page.get_by_role("radio", name="Decide").is_checked()
    page.get_by_label("choice").select_option("hold")
    page.get_by_role("button", name="Answer").click()
    status(page, "Done")
    assert page.get_by_text("Decision: hold, by a person").is_visible()


def test_an_answer_that_came_too_late_is_told_so(visit: Any, command: Command, server: ModelServer) -> None:
    """The page shows what another one has decided."""
    votes(server, "release", "hold")
    page = visit()
    start(page)
    status(page, "Asks you to decide")
    run = page.url.partition("#")[2]
    command.as_("acme-key").post(f"/runs/{run}/answer", json=decided("hold"))
    command.reach(run, "done")
    page.get_by_label("choice").select_option("release")
    page.get_by_role("button", name="Answer").click()
    status(page, "Done: the run asks nothing: it is done")
    assert page.get_by_text("Decision: hold, by a person").is_visible()


def test_a_tenant_over_its_budget_reads_why_and_the_other_goes_on(visit: Any, server: ModelServer) -> None:
    """Two tenants at the same time, each with its own runs alone."""
    votes(server, "release", "release", "release")
    poor, rich = visit("globex-key"), visit("acme-key")
    start(poor)
    status(poor, "Done")
    poor.get_by_role("button", name="Start").click()
    poor.get_by_role("alert").filter(has_text="globex is over its budget of $0.5001 a day").wait_for()
    start(rich)
    status(rich, "Done")
    rich.locator("#runs li").wait_for()
    assert rich.locator("#runs li").count() == 1


def test_texts_of_others_are_shown_as_texts(visit: Any, server: ModelServer) -> None:
    """A path that is HTML neither runs nor loads anything."""
    votes(server, "release", "release", "release")
    page = visit()
    page.get_by_label("What is reviewed").select_option("file")
    page.get_by_label("Path").fill("<img src=x onerror=alert(1)>.py")
    page.get_by_label("Text").fill("pass")
    start(page)
    status(page, "Done")
    assert page.get_by_text("review[security] <img src=x onerror=alert(1)>.py", exact=True).is_visible()
    assert page.locator("img").count() == 0


@pytest.mark.skipif(not AXE, reason="AXE does not name axe.min.js; CI fetches it")
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    visit: Any, command: Command, server: ModelServer
) -> None:
    """While it runs, while it asks after a wrong answer, and at its end; at two widths, light and dark."""
    gate = Gate()
    server.on(lambda request: "May this change" not in request.prompt, Reply(gate=gate))
    votes(server, "release", "hold")
    page = visit()
    start(page)
    server.wait(lambda s: s.in_flight == 6)
    assert faults_in(page) == []
    gate.open()
    status(page, "Asks you to decide")
    page.get_by_role("button", name="Answer").click()
    page.get_by_role("alert").filter(has_text="is not one of").wait_for()
    assert faults_in(page) == []
    page.get_by_label("choice").select_option("hold")
    page.get_by_role("button", name="Answer").click()
    status(page, "Done")
    assert faults_in(page) == []
