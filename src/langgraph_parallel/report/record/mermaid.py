"""What ran in a run, as a flowchart in Mermaid's language."""

from collections import Counter
from collections.abc import Iterator, Sequence

from langgraph_parallel.records.run_record import RecordedGraph, RunRecord
from langgraph_parallel.report.record.tree import BranchTree, has_failed
from langgraph_parallel.report.record.wording import seconds, status_word, vote_result
from langgraph_parallel.report.wording import count, visible

MOST = 12
"""Branches of one graph that are drawn by themselves; failed ones come first, the others are one box."""
_MOST_GRAPHS = 60
"""Graphs that are drawn; those in further branches are left out."""
_LONGEST = 60
_COLOURS = {
    "ok": "fill:#dff2e3,stroke:#1a6b34,color:#12331d",
    "bad": "fill:#fde4e1,stroke:#b3261e,color:#4a100c",
    "cut": "fill:#eceff3,stroke:#6b7480,color:#2a3038",
}
_SAFE = {code: f"#{code};" for code in (*range(33, 48), *range(58, 65), *range(91, 97), *range(123, 127))}
"""All punctuation of ASCII, as the codes that Mermaid shows as characters."""
_PLAIN = {ord(sign): None for sign in ",.:/-()"}


def run_mermaid(record: RunRecord) -> str:
    """Return the flowchart: each graph with its branches, their statuses and times, and votes.

    Of a graph with many branches, `MOST` are drawn, and the others are one box.
    """
    drawn = _Drawing(record)
    lines = ["flowchart LR", *drawn.lines()]
    lines += [f"  classDef {name} {style}" for name, style in _COLOURS.items()]
    return "\n".join(lines) + "\n"


class _Drawing:
    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._tree = BranchTree(record)
        self._branches: dict[int, list[int]] = {}
        for place in self._tree.latest:
            self._branches.setdefault(record.branches[place].graph, []).append(place)
        self._inner: dict[int, list[int]] = {}
        for place, graph in enumerate(record.graphs):
            if graph.branch is not None:
                self._inner.setdefault(graph.branch, []).append(place)
        self._left = _MOST_GRAPHS

    def lines(self) -> Iterator[str]:
        """Yield nodes and arrows, from the outermost graphs on."""
        waiting = [place for place, graph in enumerate(self._record.graphs) if graph.branch is None]
        while waiting and self._left:
            self._left -= 1
            place = waiting.pop(0)
            yield _node(
                f"g{place}",
                self._graph_text(self._record.graphs[place]),
                _kind(self._record.graphs[place].status),
            )
            shown, others = self._chosen(self._branches.get(place, []))
            for branch in shown:
                yield from self._branch(place, branch)
                waiting += self._inner.get(branch, [])
            if others:
                yield _node(f"g{place}_others", self._others_text(others), "cut")
                yield f"  g{place} --> g{place}_others"

    def _branch(self, graph: int, place: int) -> Iterator[str]:
        branch = self._record.branches[place]
        status = f"{status_word(branch.status)}, {seconds(branch.ended - branch.started)}"
        yield _node(f"b{place}", [branch.name, status], _kind(branch.status or "cut"))
        yield f"  g{graph} --> b{place}"
        for inner in self._inner.get(place, [])[: self._left]:
            yield f"  b{place} --> g{inner}"

    def _graph_text(self, graph: RecordedGraph) -> list[str]:
        text = [graph.name, f"{status_word(graph.status)}, {seconds(graph.ended - graph.started)}"]
        return text if graph.vote is None else [*text, vote_result(graph.vote)]

    def _others_text(self, others: Sequence[int]) -> list[str]:
        statuses = Counter(status_word(self._record.branches[place].status) for place in others)
        return [
            f"{count(len(others), 'branch')} more",
            ", ".join(f"{n} {word}" for word, n in statuses.items()),
        ]

    def _chosen(self, places: Sequence[int]) -> tuple[list[int], list[int]]:
        if len(places) <= MOST:
            return [*places], []
        branches = self._record.branches
        first = sorted(places, key=lambda place: (not has_failed(branches[place]), branches[place].order))
        return sorted(first[: MOST - 1]), first[MOST - 1 :]


def _kind(status: str) -> str:
    return (
        "ok" if status == "ok" else "cut" if status in ("cancelled", "skipped", "cut", "running") else "bad"
    )


def _node(id: str, lines: Sequence[str], kind: str) -> str:
    return f'  {id}["{"<br/>".join(map(_escape, lines))}"]:::{kind}'


def _escape(text: str) -> str:
    """Return text as a label in quotes shows it, whatever is in it."""
    text = visible(text)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return text.translate({code: safe for code, safe in _SAFE.items() if code not in _PLAIN})
