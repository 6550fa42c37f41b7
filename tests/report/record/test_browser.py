"""The page of a run, in Chromium, from the disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel.records.run_record import RunRecord
from tests.support.browser import AXE, NEEDS_BROWSER, PATIENCE, chromium, faults_in
from tests.support.made_records import HOSTILE, Maker, add_vote, failed, huge, nested, resumed, small

pytestmark = NEEDS_BROWSER
Open = Callable[..., Any]
_UNTIL_NARROW = """() => new Promise(done => {
    const look = () => HEIGHT === 46 ? done() : requestAnimationFrame(look);
    look();
})"""
"""Waits for rows as they are in a narrow window; the page itself may not evaluate texts."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run Chromium for the tests of this module."""
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a record; at the end nothing has failed in it, and nothing was loaded."""
    faults: list[str] = []
    contexts: list[Any] = []

    def refuse(dialog: Any) -> None:
        faults.append(dialog.message)
        dialog.dismiss()

    def opened(record: RunRecord, **options: Any) -> Any:
        file = tmp_path / f"{len(contexts)}.html"
        record.to_html(file)
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: faults.append(asked.url) if asked.url != file.as_uri() else None)
        page.on("dialog", refuse)
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def names(page: Any) -> list[str]:
    """Return the names of the rows that are drawn, in the order of the page."""
    drawn: list[list[Any]] = page.eval_on_selector_all(
        ".row",
        "rows => rows.map(row => [+row.ariaRowIndex, row.querySelector('.label').textContent])",
    )
    return [name for _, name in sorted(drawn)]


def focused(page: Any) -> str:
    """Return the name of the row that has the focus, or the id of what has it."""
    found: str = page.evaluate(
        "document.activeElement.querySelector('.label')?.textContent ?? document.activeElement.id"
    )
    return found


def test_a_run_of_5000_branches_is_used_as_a_small_one(visit: Open) -> None:
    """Few of its rows are in the page; the last one is there after one key, and search finds one of all."""
    page = visit(huge(5000))
    page.locator(".row").nth(10).wait_for()
    assert page.locator(".row").count() < 100
    page.get_by_role("button", name="Expand all").click()
    assert page.locator("#found").inner_text() == "5,001 of 5,001 rows"
    page.locator(".row").first.focus()
    page.keyboard.press("End")
    assert focused(page) == "vote[item-1249#3]"
    page.get_by_label("Search").fill("item-777#2")
    assert names(page) == ["labeling", "label[review 778 of the year]", "vote[item-777#2]"]
    assert page.locator("#found").inner_text() == "1 of 5,001 rows match"


def test_only_the_rows_in_view_are_drawn(visit: Open) -> None:
    """Wherever a list of 5,000 is, its page stays as small, and the rows that are in view are there."""
    page = visit(huge(5000))
    page.get_by_role("button", name="Expand all").click()
    for place in (0, 2300, 57_500, 115_000):
        page.evaluate(f"() => {{ grid.scrollTop = {place}; draw(); }}")
        assert page.locator(".row").count() < 100
        assert page.evaluate(
            """() => {
            const { top, height } = grid.getBoundingClientRect();
            const rows = [...grid.querySelectorAll(".row")].map((row) => row.getBoundingClientRect());
            return [0.1, 0.5, 0.9].every((part) =>
                rows.some((row) => row.top <= top + part * height && top + part * height <= row.bottom));
        }"""
        )


def test_rows_are_read_in_their_order(visit: Open) -> None:
    """However the list was scrolled; a row that has the focus keeps it, out of view and after a resize."""
    page = visit(huge(400))
    page.get_by_role("button", name="Expand all").click()
    page.locator(".row").first.focus()
    for place in (3000, 1200, 5000, 2500):
        page.evaluate(f"() => {{ grid.scrollTop = {place}; draw(); }}")
        order = page.eval_on_selector_all(".row", "rows => rows.map(row => +row.ariaRowIndex)")
        assert order == sorted(order)
    assert focused(page) == "labeling"
    page.set_viewport_size({"width": 500, "height": 700})
    page.evaluate(_UNTIL_NARROW)
    assert focused(page) == "labeling"


def test_it_is_used_by_keys_alone(visit: Open) -> None:
    """Move, close, open, details and back, zoom and search; the focus is never lost."""
    page = visit(nested())
    page.locator(".row").first.focus()
    page.keyboard.press("ArrowDown")
    assert focused(page) == "review[security-app.py]"
    page.keyboard.press("ArrowLeft")
    row = page.locator(".row:focus")
    assert row.get_attribute("aria-expanded") == "false"
    assert "vote[security-app.py#1]" not in names(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "vote[security-app.py#1]"
    page.keyboard.press("Enter")
    assert focused(page) == "details-title"
    assert page.get_by_role("region", name="vote[security-app.py#1]").is_visible()
    page.keyboard.press("Escape")
    assert focused(page) == "vote[security-app.py#1]"
    assert not page.locator("#details").is_visible()
    page.keyboard.press("ArrowLeft")
    assert focused(page) == "review[security-app.py]"
    before = page.locator(".axis").inner_text()
    page.keyboard.press("+")
    assert page.locator(".axis").inner_text() != before
    assert focused(page) == "review[security-app.py]"
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("0")
    assert page.locator(".axis").inner_text() == before
    page.keyboard.press("/")
    assert focused(page) == "search"
    page.keyboard.type("server style")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "review"
    assert names(page)[1] == "review[style-server.py]"


def test_waiting_and_working_are_drawn_apart(visit: Open) -> None:
    """A row says both in words; waits, refusals, the critical path and stops have marks of their own."""
    page = visit(nested())
    row = page.locator(".row", has=page.get_by_text("vote[security-server.py#3]", exact=True))
    assert row.locator(".wait").count() == 2
    assert row.locator(".work.throttled").count() == 1
    words = row.locator(".bars .sr").inner_text()
    assert " working, " in words
    assert words.endswith(" waiting")
    lit = page.locator(".row.critical")
    assert "on the critical path" in lit.nth(1).inner_text()
    assert (
        page.locator(".row", has=page.get_by_text("review[security-app.py]", exact=True))
        .locator(".stop")
        .count()
        == 1
    )


def test_details_have_all_of_a_branch(visit: Open) -> None:
    """A vote with its ballots and denominators; the calls of a voter; a failure with its message."""
    page = visit(nested())
    page.get_by_text("review[tests-app.py]", exact=True).first.click()
    shown = page.locator("#details").inner_text()
    for text in ("no, 2 of 2", "2 of 3 voters", "decided()", "majority(quorum=1", "Counted at", "Stopped by"):
        assert text in shown
    page = visit(failed())
    page.locator(".row.failed").first.click()
    assert f"throttled: 503 from api.example.org {HOSTILE[:40]}" in page.locator("#details").inner_text()


def test_details_of_a_vote_of_thousands_are_short(visit: Open) -> None:
    """A hundred ballots are listed, and how many more there are."""
    make = Maker()
    ended = add_vote(make, None, None, [], "poll", 0.0, 3000)
    page = visit(make.record(ended))
    page.locator(".row").first.click()
    heard = len(make.graphs[0].vote.ballots) if make.graphs[0].vote else 0
    assert page.get_by_text(f"and {heard - 100:,} more", exact=True).is_visible()
    assert page.locator("#details tbody tr").count() == 100


def test_a_name_of_the_critical_path_leads_to_its_branch(visit: Open) -> None:
    """It is shown with its details, also where it was in a closed branch or not searched for."""
    page = visit(nested())
    page.get_by_role("button", name="Collapse all").click()
    page.get_by_label("Search").fill("nothing is called so")
    page.locator("#path").get_by_role("button", name="vote[style-server.py#2]").click()
    assert focused(page) == "details-title"
    selected = page.locator(".row[aria-selected=true]")
    assert selected.locator(".label").inner_text() == "vote[style-server.py#2]"


def test_rows_are_filtered_and_ordered(visit: Open) -> None:
    """By status, with what is around them; longest first within what they are in."""
    record = small()
    (lost,) = [branch.name for branch in record.branches if branch.status == "cancelled"]
    page = visit(record)
    page.get_by_label("Show").select_option("cancelled")
    assert names(page) == ["release", lost]
    page.get_by_label("Show").select_option("all")
    page.get_by_label("Order").select_option("took")
    longest = sorted(record.branches, key=lambda branch: branch.started - branch.ended)
    assert names(page)[1:] == [branch.name for branch in longest]


def test_nothing_from_outside_is_markup(visit: Open) -> None:
    """Names, messages and values that are HTML are read as texts; no dialog opens, nothing is loaded."""
    page = visit(failed())
    page.get_by_role("button", name="Expand all").click()
    for place in range(page.locator(".row").count()):
        page.locator(f".row[aria-rowindex='{place + 2}']").click()
    assert page.locator("img").count() == 0
    assert page.evaluate("document.scripts.length") == 2


def test_a_resumed_run_has_no_hole(visit: Open) -> None:
    """The hour between its invocations is one line."""
    page = visit(resumed())
    assert page.locator(".seam").count() == 1
    assert page.locator(".row[aria-level='1']").count() == 2


def test_it_is_read_without_a_script(visit: Open) -> None:
    """The numbers, votes and costs are there, and a line says what is not."""
    page = visit(nested(), java_script_enabled=False)
    for text in ("needs JavaScript", "Ballots for the choice", "Models and engines"):
        assert page.get_by_text(text).first.is_visible()
    page.get_by_text("In five lines").click()
    assert page.get_by_text(str(nested()).split("\n")[1]).is_visible()


@pytest.mark.skipif(not AXE, reason="AXE does not name axe.min.js; CI fetches it")
@pytest.mark.parametrize(
    "record",
    [nested(), failed(), huge(100), RunRecord(started=0.0)],
    ids=["nested", "failed", "large", "empty"],
)
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(visit: Open, record: RunRecord) -> None:
    """At two widths, light and dark, with the details of a branch."""
    page = visit(record)
    if record.branches:
        page.locator(".row").nth(1).click()
    assert faults_in(page) == []
