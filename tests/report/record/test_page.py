"""The page of a run, without a browser: its size, its escaping, and what it has without a script."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.records.recorded_vote import RecordedBallot, RecordedVote
from langgraph_parallel.records.run_record import RunRecord
from langgraph_parallel.reducers.recorded.critical import critical_path
from langgraph_parallel.report.record.numbers import Measured
from langgraph_parallel.report.record.page.data import page_data
from tests.support.made_records import KINDS, Maker, failed, huge, nested, random_run, resumed

MEGABYTE = 1_000_000


class Parsed(HTMLParser):
    """The elements of a page, its attributes, its texts and its data, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note a text."""
        (self.scripts if self.elements[-1:] == ["script"] else self.texts).append(data)

    @property
    def data(self) -> Any:
        """What the script reads."""
        return json.loads(next(text for text in self.scripts if text.startswith("{")))


@pytest.mark.parametrize("contents", [False, True], ids=["without contents", "with contents"])
def test_a_page_of_5000_branches_is_under_3_megabytes(contents: bool) -> None:
    """With answers and messages too, however long they are."""
    record = huge(5000, contents=contents)
    if contents:
        long = [
            branch.model_copy(update={"value": "é" * 5000, "error": "x" * 500}) for branch in record.branches
        ]
        record = record.model_copy(update={"branches": long})
    assert len(record.branches) == 5000
    assert len(record.to_html().encode()) < 3 * MEGABYTE


TEXTS = st.text(
    alphabet=st.characters() | st.sampled_from("<>&\"'/!-\u2028\u202e"), min_size=1
) | st.sampled_from(
    ["</script>", "<!--", "<script>", "]]>", "${name}", "$data", "<img src=x onerror=alert(1)>", "&lt;"]
)


@given(TEXTS)
def test_no_text_becomes_an_element(text: str) -> None:
    """Names, messages, values, choices, threads, models and remarks add no element and no attribute."""
    plain, hostile = (Parsed(_filled(name).to_html()) for name in ("plain", text))
    assert hostile.elements == plain.elements
    assert hostile.attributes == plain.attributes
    assert len(hostile.data["rows"]["name"]) == len(plain.data["rows"]["name"])


def _filled(text: str) -> RunRecord:
    """Return a record with a text in every place where one can be."""
    make = Maker()
    vote = RecordedVote(
        rule=text,
        stop=text,
        voters=[text],
        ballots=[RecordedBallot(voter=text, order=0, at=0.5, status="cast", choice=text)],
        stopped=text,
        stopped_at=0.5,
        status="decided",
        choice=text,
    )
    graph = make.graph(text, "voting", 0.0, 1.0, status="partial", reason=text, error=f"E: {text}", vote=vote)
    first = make.branch(graph, [text], text, 0.0, 1.0, value={text: text})
    make.branch(graph, [f"{text}2"], text, 0.0, 1.0, status="failed", error=f"{text}!", cause=text)
    make.call(graph, first, 0.0, 1.0, target=text, step=text, instead_of=text)
    return make.record(1.0, thread=text, remarks=[text])


def test_what_was_written_is_what_is_read() -> None:
    """The data has the texts themselves, with control characters and directions shown."""
    data = Parsed(_filled("</script> & \u202e\u2028 'é'").to_html()).data
    assert data["rows"]["name"][1] == "</script> & \\u202e\\u2028 'é'"
    assert "</script>" in data["rows"]["more"]["1"]["value"]


def test_nothing_is_loaded_and_only_its_own_script_runs() -> None:
    """The policy allows the style and the script by their digests; nothing names an address."""
    page = nested().to_html()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    digest = r"'sha256-[\w+/]{43}='"
    assert policy is not None
    assert re.match(
        f"default-src 'none'; style-src {digest}; script-src {digest}; base-uri 'none'", unescape(policy[1])
    )
    assert "unsafe-inline" not in page
    assert not re.search(r"(?:src|href)=(?![\"']?#)|url\(|@import|https?://|innerHTML|\beval\(", page)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_script_there_are_the_lines_and_the_tables(kind: str) -> None:
    """The five lines, and votes, failures and costs where there are any."""
    record = KINDS[kind]()
    parsed = Parsed(record.to_html())
    text, page = " ".join(parsed.texts), record.to_html()
    for line in str(record).split("\n"):
        assert line in text
    for title, there in (
        ("Votes", any(graph.vote for graph in record.graphs)),
        ("Tokens and cost", bool(record.calls)),
        ("Failures by cause", any(branch.status == "failed" for branch in record.branches)),
        ("Waits", any(wait.on != "needs" for wait in record.waits)),
        ("Critical path", bool(critical_path(record))),
    ):
        assert (f">{title}</h2>" in page) == there


def test_tables_are_capped_and_say_so() -> None:
    """Of 250 votes a hundred are listed, those without a decision first."""
    record = huge(1000)
    tied = record.graphs[200].model_copy(update={"vote": _tied(record.graphs[200].vote)})
    record.graphs[200] = tied
    page = record.to_html()
    assert "100 of 250 shown" in page
    votes = page[page.index('id="votes"') :]
    assert votes.index("no choice, 2 of 3, tied") < votes.index("2 of 3 voters")


def _tied(vote: RecordedVote | None) -> RecordedVote:
    assert vote is not None
    return vote.model_copy(update={"status": "tied", "choice": None, "k": 2, "n": 3})


@given(st.integers(0, 10_000).map(random_run))
def test_the_data_has_all_rows_in_a_tree(record: RunRecord) -> None:
    """A row for each outermost graph and each branch, within the time, below one that comes before."""
    data = json.loads(page_data(Measured(record)))
    rows = data["rows"]
    assert len(rows["name"]) == rows["roots"] + len(record.branches)
    assert all(-1 <= parent < len(rows["name"]) for parent in rows["parent"])
    assert [row for row, parent in enumerate(rows["parent"]) if parent < 0] == list(range(rows["roots"]))
    assert all(
        0 <= start <= end <= data["end"] for start, end in zip(rows["start"], rows["end"], strict=True)
    )
    for table in ("calls", "waits"):
        assert len(data[table]["row"]) == len(getattr(record, table))
        assert all(0 <= row < len(rows["name"]) for row in data[table]["row"])
    assert sum(end - start for _, start, end, _, _ in data["path"]) == data["end"]


def test_the_time_between_invocations_is_cut_out() -> None:
    """An hour until the run was resumed is a line, and no empty space."""
    data = json.loads(page_data(Measured(resumed())))
    assert data["end"] == 4 * data["unit"]
    assert data["seams"] == [2 * data["unit"]]


def test_failures_of_a_cause_are_one_entry() -> None:
    """With the branches that it hit."""
    page = failed().to_html()
    part = page[page.index('id="failures"') : page.index('id="costs"')]
    assert part.count("no answer in 60 s") == 1
    assert " 2 times" in part
