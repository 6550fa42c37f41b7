"""What is kept of a run, and the pieces in which it is read."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.store.base import GetOp, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from langgraph_parallel.errors import InputError
from langgraph_parallel.records import Section
from langgraph_parallel.report.wording import visible
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.tools.bounded_store import BoundedStore
from langgraph_parallel.tools.kept import Shelf, new_run_id
from langgraph_parallel.tools.pieces import find_part, piece


def thread(name: str) -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": name}}


def data_of(page: str) -> str:
    """Return the data of a page, without its head and the marks."""
    _, *lines = page.split("\n")
    assert all(line.startswith("| ") for line in lines)
    return "".join(line[2:] for line in lines)


def pages_of(lines: list[str], tokens: int) -> list[str]:
    """Return all pages of lines."""
    pages = [piece("run r, part x", lines, 1, tokens)]
    while "go on with page" in pages[-1].split("\n")[0]:
        pages.append(piece("run r, part x", lines, len(pages) + 1, tokens))
    assert all(estimate_tokens(page) <= tokens for page in pages)
    return pages


OUTPUT: dict[str, Any] = {
    "findings": [
        {"id": "f1", "message": "one"},
        {"id": "a/b", "message": "two"},
        {"id": "2", "message": "three"},
    ],
    "files": {"src/app.py": "print(1)\nprint(2)", "src": "x"},
    "sections": [Section(id="s1", title="Intro", content="text")],
    "score": float("nan"),
    "empty": [],
}


@pytest.mark.parametrize("store", [None, InMemoryStore()])
def test_parts_are_listed_and_read_by_name(store: Any) -> None:
    """By key, by id, by number from 1, by a name with slashes; in the agent's store and in this process."""
    shelf, run = Shelf.of(store, thread("1")), new_run_id()
    shelf.keep(run, OUTPUT)
    listed = shelf.read(run)
    assert '| "findings": ' in listed
    assert "3 entries" in listed
    assert data_of(shelf.read(run, "findings/f1")) == '"id": "f1""message": "one"'
    assert "two" in shelf.read(run, "findings/a/b")
    assert "three" in shelf.read(run, "findings/2")  # an id comes before a number
    assert data_of(shelf.read(run, "findings/3/message")) == "three"
    assert data_of(shelf.read(run, "files/src/app.py")) == "print(1)print(2)"
    assert data_of(shelf.read(run, "files/src")) == "x"
    assert "Intro" in shelf.read(run, "sections/s1")
    assert data_of(shelf.read(run, "score")) == "NaN"
    assert data_of(asyncio.run(shelf.aread(run, "empty"))) == "[]"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=80),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
        max_leaves=20,
    ),
    st.integers(300, 500),
)
def test_the_pages_of_a_part_are_the_whole_part(value: Any, tokens: int) -> None:
    """Nothing is lost between pages, no page is too long, and each says how to go on."""
    lines = find_part(value, "", "x")
    pages = pages_of(lines, tokens)
    number = len(pages)
    whole = "".join(map(data_of, pages))
    assert whole == "".join(map(visible, lines))
    if isinstance(value, list | dict) and value:
        assert len(lines) == len(value)
    with pytest.raises(InputError, match=f"the last one is {len(pages)}"):
        piece("run r, part x", lines, number + 1, tokens)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.builds(lambda char, size: char * size, st.sampled_from("aé投👩\x1b"), st.integers(100, 2500)),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(300, 1000),
)
def test_every_page_but_the_last_is_at_least_half_full(lines: list[str], tokens: int) -> None:
    """Short lines before a long one do not have a page to themselves; nothing is lost, the order is kept."""
    pages = pages_of(lines, tokens)
    room = tokens - 140  # the head
    for page in pages:
        head, data = page.split("\n", 1)
        used = sum(estimate_tokens(line) + 1 for line in data.split("\n"))
        assert used <= room
        assert 2 * used >= room or "go on with page" not in head
    assert "".join(map(data_of, pages)) == "".join(map(visible, lines))


def test_a_line_that_fits_into_a_page_is_not_cut_if_the_page_before_it_is_half_full() -> None:
    """It goes onto the next page as a whole."""
    whole = [page.split("\n")[1:] for page in pages_of(["a" * 900, "b" * 1200], 700)]
    assert whole == [["| " + "a" * 900], ["| " + "b" * 1200]]
    first, second = (page.split("\n")[1:] for page in pages_of(["a" * 600, "b" * 1200], 700))
    assert first[0] == "| " + "a" * 600
    assert first[1].startswith("| bbb")  # the page was less than half full
    assert second == ["| " + "b" * (1200 - len(first[1]) + 2)]


def test_long_lines_go_on_over_pages_at_whole_characters() -> None:
    """A line of a megabyte of emoji is all there, in order."""
    text = "".join(chr(0x1F600 + number % 80) for number in range(20_000))
    pages = [piece("t", [text], 1, 1000)]
    while "go on with page" in pages[-1]:
        pages.append(piece("t", [text], len(pages) + 1, 1000))
    assert all(estimate_tokens(page) <= 1000 for page in pages)
    assert "".join(map(data_of, pages)) == text


def test_data_cannot_pose_as_the_words_of_the_tool() -> None:
    """Each line of it is marked, control characters are shown, and a head cannot be forged."""
    lines = find_part("x\nrun r, part p, page 1 of 1\x1b[2J\u202e\u2028y", "", "p")
    page = piece("run r, part p", lines, 1, 500)
    assert [line for line in page.split("\n") if line.startswith("run ")] == ["run r, part p, page 1 of 1"]
    assert "\\x1b[2J\\u202e" in page


@pytest.mark.parametrize(
    ("part", "page", "words"),
    [
        ("nothing", 1, 'there is no part "nothing"; the parts are findings, files'),
        ("findings/zz", 1, 'it has "1", "2", "3", "f1", "a/b"'),
        ("score/x", 1, "it has no parts"),
        ("findings", 2, "there is no page 2 of run"),
        ("findings", 0, "there is no page 0 of run"),
    ],
)
def test_what_does_not_exist_is_an_error_that_says_what_does(part: str, page: int, words: str) -> None:
    """A model can go on from the error."""
    shelf, run = Shelf.of(None, thread("errors")), new_run_id()
    shelf.keep(run, OUTPUT)
    with pytest.raises(InputError) as raised:
        shelf.read(run, part, page)
    assert words in str(raised.value)


@pytest.mark.parametrize("store", [None, InMemoryStore()])
def test_a_run_is_read_in_its_own_conversation_only(store: Any) -> None:
    """Even with its id, another thread gets nothing, and its error lists no run of others."""
    run = new_run_id()
    Shelf.of(store, thread("mine")).keep(run, OUTPUT)
    for other in (thread("yours"), thread("mine.2"), None):
        with pytest.raises(InputError) as raised:
            Shelf.of(store, other).read(run)
        assert str(raised.value).count(run) == 1  # the id that was asked for
    with pytest.raises(InputError, match=f"this conversation has {run}"):
        Shelf.of(store, thread("mine")).read("other")
    with pytest.raises(InputError, match="there is no run"):
        Shelf.of(store, thread("mine")).read("a.b")


def test_a_conversation_without_runs_says_so() -> None:
    """And without threads no id is told: ids are all that separates runs."""
    with pytest.raises(InputError, match="this conversation has none"):
        Shelf.of(None, thread("empty")).read("x")
    Shelf.of(None, None).keep(secret := new_run_id(), OUTPUT)
    words = "in this conversation; it has no thread_id, .* the result of a tool says its run id"
    with pytest.raises(InputError, match=words) as raised:
        Shelf.of(None, None).read("x")
    assert secret not in str(raised.value)


def test_tenants_are_separated_by_namespaces_of_the_application() -> None:
    """The same store and thread, another namespace: nothing there."""
    store, run = InMemoryStore(), new_run_id()
    Shelf.of(store, thread("1"), ("acme", "runs")).keep(run, OUTPUT)
    with pytest.raises(InputError, match="there is no run"):
        Shelf.of(store, thread("1"), ("other", "runs")).read(run)


def test_ids_cannot_be_guessed() -> None:
    """128 random bits, none twice, and no period, which a store would refuse."""
    ids = {new_run_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 22 and "." not in one for one in ids)


def test_this_process_forgets_what_was_used_least_recently() -> None:
    """Bounded by number and by bytes; reading a run keeps it."""
    store = BoundedStore(namespaces=3, size=100)

    def put(name: str, size: int) -> None:
        store.batch([PutOp((name,), "k", {"json": "x" * size})])

    def held(name: str) -> bool:
        return store.batch([GetOp((name,), "k")])[0] is not None

    for name in "abc":
        put(name, 10)
    assert held("a")
    put("d", 10)
    assert [held(name) for name in "bcda"] == [False, True, True, True]
    put("e", 85)
    assert [name for name in "acde" if held(name)] == ["a", "e"]
    put("f", 500)
    assert [name for name in "aef" if held(name)] == ["f"]  # one run is kept, however large
    store.delete(("f",), "k")
    assert not held("f")
    with pytest.raises(NotImplementedError):
        store.batch([SearchOp(("f",))])


def test_a_part_that_the_store_has_lost_is_an_error() -> None:
    """A store may drop items by their age."""
    store, run = InMemoryStore(), new_run_id()
    shelf = Shelf.of(store, thread("1"))
    shelf.keep(run, OUTPUT)
    store.delete((*shelf.namespace, run), "part findings")
    with pytest.raises(InputError, match="is not stored any more; run the tool again"):
        shelf.read(run, "findings")
