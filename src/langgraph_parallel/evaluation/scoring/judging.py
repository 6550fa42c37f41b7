"""Judging batches of answers by a model, in rows of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.counted import count
from langgraph_parallel.evaluation.asking.asker import Asker
from langgraph_parallel.evaluation.asking.store import Store
from langgraph_parallel.evaluation.board import Board
from langgraph_parallel.evaluation.compare import Pair
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.measure import NONE
from langgraph_parallel.evaluation.scoring.judges import JudgeScorer
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.rows import Result

Answers = Mapping[str, Mapping[str, object]]
"""By variant and key; none where a variant failed."""


class Judging:
    """A judge, and the rows that it makes.

    Args:
        judge: a model.
        asker: that runs it.
        store: of its rows.
        limits: of its calls.

    Raises:
        UsageError: its model is not valid.
    """

    def __init__(self, judge: JudgeScorer, asker: Asker, store: Store, limits: Limits | None) -> None:
        self._judge, self._asker, self._store = judge, asker, store
        self._program = judge.program(limits)
        self.name = judge.name
        self.in_pairs = judge.kind == "pairwise"
        self._failures: dict[str, None] = {}
        self._failed = 0

    async def judge(self, board: Board, items: Sequence[Sequence[Item]], answers: Answers) -> str:
        """Judge the answers to items, and put what comes back on the board.

        Args:
            board: of the evaluation.
            items: each as often as it was asked.
            answers: to them.

        Returns:
            Why not all were judged; empty if they were.
        """
        if self.in_pairs:
            return await self._compare(board, items, answers)
        reasons = []
        flat = [one for item in items for one in item]
        for name, given in answers.items():
            shown = [(one, {"answer": given[one.key]}) for one in flat if one.key in given]
            found, reason = await self._rows(name, shown)
            reasons.append(reason)
            for item in flat:
                row = found.get(item.key)
                is_ok = row is not None and row.status == "ok"
                score = NONE if item.key not in given else None
                board.scores[name][item.key] = self._judge.read(row.output) if row and is_ok else score
        board.add_scores(items)
        return next(filter(None, reasons), "")

    def remarks(self, board: Board) -> list[str]:
        """Return what is to be known of the judge."""
        found = ["the judge is a model, and its scores are no better than it is"]
        if self._failed:
            found.append(
                f"the judge failed {count(self._failed, 'time')}, such as: {next(iter(self._failures))}; "
                "what it failed on is left out"
            )
        if orders := board.judged_orders():
            found.append(
                f"the judge chose by place on {orders['disagreed']:.0%} of the items, where its two orders "
                f"differ, and favours the first answer by {100 * orders['first_favoured']:+.0f} points; both "
                "orders are asked, so that neither variant gains by it"
            )
        return found

    async def _compare(self, board: Board, items: Sequence[Sequence[Item]], answers: Answers) -> str:
        reasons = []
        for pair in board.open_pairs:
            one, other = answers[pair.variant], answers[pair.against]
            shown = [
                (item, {"first": one[item.key], "second": other[item.key]})
                for asked in items
                for item in asked
                if item.key in one and item.key in other
            ]
            found, reason = await self._rows(f"{pair.variant} | {pair.against}", shown)
            reasons.append(reason)
            for asked in items:
                gains = [_gain(pair, found.get(n.key), n.key in one, n.key in other) for n in asked]
                known = [gain for gain in gains if gain is not None]
                if known:
                    pair.add(sum(known) / len(known))
        return next(filter(None, reasons), "")

    async def _rows(
        self, name: str, shown: Sequence[tuple[Item, Mapping[str, object]]]
    ) -> tuple[Mapping[str, Result], str]:
        """Return what the judge says of items, by key, and why not of all."""
        rows = [self._judge.row(item, **answers) for item, answers in shown]
        table = f"{self._judge.table} {name}"
        reason = await self._asker.ask(self._program, table, rows, "the judge") if rows else ""
        stored = self._store.rows(table, [row.key for row in rows])
        failed = [row.error for row in stored.values() if row.status == "failed"]
        self._failed += len(failed)
        self._failures |= dict.fromkeys(failed)
        return stored, reason


def _gain(pair: Pair, row: Result | None, is_there: bool, is_other: bool) -> float | None:
    """Return what a judge says of a pair; an answer that failed loses against any other one.

    Returns:
        None if it says nothing.
    """
    if not (is_there and is_other):
        return float(is_there) - float(is_other)
    if row is None or row.status != "ok":
        return None
    output: Mapping[str, Any] = row.output
    forward, backward = float(output["forward"]), float(output["backward"])
    pair.orders.append((forward, backward))
    return (forward + backward) / 2
