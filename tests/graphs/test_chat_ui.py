"""agent-chat-ui in a browser, against `langgraph dev`: answers, escalations, threads that are reloaded."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.agent_server import START, serving, waited_for
from tests.support.browser import NEEDS_CHROMIUM, PATIENCE, chromium
from tests.support.ports import free_ports
from tests.support.server import Gate, ModelServer, Reply

FOLDER = os.environ.get("CHAT_UI")
pytestmark = [
    pytest.mark.needs_chat_ui,
    pytest.mark.skipif(not FOLDER, reason="agent-chat-ui is needed: set CHAT_UI to its folder"),
    *NEEDS_CHROMIUM,
]
FONTS = """const style = "@font-face { font-family: 'Inter'; src: local('sans-serif'); }";
const find = (all, url) => (String(url).startsWith("http") ? style : undefined);
module.exports = new Proxy({}, { get: find });
"""
"""What Next.js takes for the style sheets of Google Fonts."""
CODE = """```python app.py
import os


def run(command: str) -> int:
    return os.system("ls " + command)
```
"""
FORM = "decide_vote"


@contextmanager
def _next(folder: Path, port: int, log: Path) -> Iterator[None]:
    """Run the UI's development server, and wait until it has made the page."""
    (fonts := log.with_name("fonts.cjs")).write_text(FONTS)
    program = [shutil.which("node") or "node", "node_modules/next/dist/bin/next", "dev", "-H", "127.0.0.1"]
    settings = {"NEXT_TELEMETRY_DISABLED": "1", "NEXT_FONT_GOOGLE_MOCKED_RESPONSES": str(fonts)}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*program, "-p", str(port)],
            cwd=folder,
            env=os.environ | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def ask() -> None:
        httpx.get(f"http://127.0.0.1:{port}", timeout=START).raise_for_status()

    try:
        waited_for(ask, process, log)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=START)


class Chat:
    """The UI in a page of the browser."""

    def __init__(self, browser: Any, ui: str, api: str) -> None:
        self._browser, self._ui, self._api = browser, ui, api
        self.page: Any = None

    def open(self, graph: str) -> None:
        """Open a new chat with a graph."""
        if self.page is not None:
            self.page.close()
        self.page = self._browser.new_page(viewport={"width": 1100, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.page.goto(f"{self._ui}?{urlencode({'apiUrl': self._api, 'assistantId': graph})}")

    def send(self, text: str) -> None:
        """Send a message."""
        self.page.get_by_placeholder("Type your message...").fill(text)
        # And not until there is a button to cancel: it may be gone before it is looked for.
        with self.page.expect_request("**/runs/stream"):
            self.page.get_by_role("button", name="Send", exact=True).click()

    def settle(self) -> None:
        """Wait until the run has ended or waits for a person."""
        self.page.get_by_role("button", name="Cancel").wait_for(state="detached")

    def ask(self, text: str) -> None:
        """Send a message, and wait until the run has ended or waits for a person."""
        self.send(text)
        self.settle()

    def reload(self) -> None:
        """Open the thread anew, once the run has ended: the UI cancels a run when its page goes."""
        self.settle()
        self.page.wait_for_url("**threadId=*")
        self.page.reload()

    def answers(self, number: int) -> list[str]:
        """Return the texts of the answers, once there are so many of them."""
        shown = self.page.locator(".markdown-content")
        shown.nth(number - 1).wait_for()
        return [text.strip() for text in shown.all_inner_texts()]

    def choose(self, choice: str) -> None:
        """Fill in the form of an undecided vote, and send it."""
        self.page.get_by_text(FORM, exact=True).wait_for()
        self.page.locator("textarea").nth(1).fill(choice)
        self.page.get_by_role("button", name="Submit", exact=True).click()


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    """A model whose voters agree."""
    with ModelServer() as running:
        running.always(Reply(json={"choice": "yes", "rationale": "It has no divisors."}))
        yield running


@pytest.fixture(scope="module")
def chat(models: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """The UI and the server."""
    assert FOLDER
    api, ui = free_ports(2)
    settings = {"OPENAI_BASE_URL": models.url, "OPENAI_API_KEY": "sk-test-not-a-real-key"}
    with (
        serving(tmp_path_factory.mktemp("server"), api, settings) as ready,
        _next(Path(FOLDER), ui, tmp_path_factory.mktemp("ui") / "log.txt"),
        chromium() as browser,
    ):
        ready()
        yield Chat(browser, f"http://127.0.0.1:{ui}", f"http://127.0.0.1:{api}")


def test_a_vote_answers_in_markdown_and_goes_on_after_a_reload(chat: Chat) -> None:
    """Each answer is there once, with bold text in place of asterisks."""
    chat.open("voting")
    for text in ("Is 2027 a prime number?", "And 2029?"):
        chat.ask(text)
        chat.reload()
    first, second = chat.answers(2)
    assert first.startswith("yes (2/2, by majority)")
    assert second.startswith("yes (2/2, by majority)")
    assert chat.page.locator(".markdown-content strong").first.inner_text() == "yes"


def test_branches_are_watched_while_they_run(chat: Chat, models: ModelServer) -> None:
    """They are shown below a message of the graph, whose place the answer takes."""
    gate = Gate()
    models.on(lambda request: "2039" in request.prompt, Reply(gate=gate, json={"choice": "yes"}))
    chat.open("voting")
    chat.send("Is 2039 a prime number?")
    chat.page.get_by_text("No answer yet.").wait_for()
    progress = chat.page.get_by_role("region", name="Progress of voting")
    rows = progress.get_by_role("listitem")
    rows.nth(1).wait_for()
    rows.nth(0).filter(has_text="vote[voting#1]").filter(has_text="works").wait_for()
    assert "0% done" in progress.inner_text()
    gate.open()
    chat.page.get_by_text("by majority").wait_for()
    chat.settle()
    (answer,) = chat.answers(1)
    assert answer.startswith("yes (2/2, by majority)")
    assert progress.count() == 0
    assert chat.page.get_by_text("No answer yet.").count() == 0


def test_a_person_decides_in_the_form_of_the_ui(chat: Chat) -> None:
    """A wrong choice is refused in words, another one is taken, and so in the second round of the thread."""
    chat.open("approval")
    chat.ask("Write to ann@example.org.")
    (asked,) = chat.answers(1)
    assert asked.startswith("The vote is undecided: a person is asked.")
    assert chat.page.locator(".markdown-content table").count() == 1
    chat.choose("perhaps")
    chat.page.get_by_text("perhaps is not one of publish, hold").wait_for()
    chat.choose("publish")
    chat.page.get_by_text("decided by a person").wait_for()
    assert chat.page.get_by_text(FORM, exact=True).count() == 0
    chat.reload()
    chat.answers(1)
    chat.ask("Write to bob@example.org.")
    chat.reload()
    chat.page.get_by_role("button", name="Ignore").click()
    chat.page.get_by_text("a person left it undecided").wait_for()
    chat.settle()
    first, second = chat.answers(2)
    assert first.startswith("publish (1/2, decided by a person)")
    assert second.startswith("The vote is undecided.")


def test_a_review_shows_code_and_its_thread_is_there_after_a_reload(chat: Chat) -> None:
    """The history of the thread, which the UI reads, has the plan of the review."""
    chat.open("review")
    chat.ask(CODE)
    chat.reload()
    (report,) = chat.answers(1)
    assert "Code review" in report
    assert 'os.system("ls " + command)' in chat.page.locator(".markdown-content pre").first.inner_text()
    assert chat.page.get_by_text("An error occurred").count() == 0
