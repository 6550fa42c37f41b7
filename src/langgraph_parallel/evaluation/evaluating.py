"""An evaluation while it runs: batch after batch, until it knows."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from langgraph_parallel.catalogue.spelling import naming
from langgraph_parallel.evaluation.asking.asker import Asker
from langgraph_parallel.evaluation.asking.store import Store
from langgraph_parallel.evaluation.board import Board
from langgraph_parallel.evaluation.compare import Terms
from langgraph_parallel.evaluation.items import Item, repeated
from langgraph_parallel.evaluation.measure import NONE
from langgraph_parallel.evaluation.recommend import recommend
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.scoring.base import Scorer
from langgraph_parallel.evaluation.scoring.judging import Judging
from langgraph_parallel.evaluation.variants import Variant, answer_in, check_answer
from langgraph_parallel.runtime.draining import reached_by_drain
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import Result, Row

KNOWN = "known"
"""Why an evaluation ended that stopped because it knew."""
ALL = "all items were asked"

_TELLING = 0.1
"""Part of the time that intervals for whoever watches may take."""
Watch = Callable[[Evaluation], None]


@dataclass(kw_only=True)
class Evaluating:
    """Asks, scores and compares.

    Attributes:
        variants: by name.
        programs: that run them.
        items: in the order in which they are asked.
        of: number of items of the dataset.
        scorer: of answers.
        judging: by a model; None if the scorer is a rule.
        asker: that runs programs on rows.
        store: of what comes back.
        terms: of the comparisons.
        batch: items between two looks.
        repeats: how often each item is asked; the mean of its scores is its score.
        recorded: answers of variants that are not asked, by name and key.
        watch: is told after each batch.
    """

    variants: Mapping[str, Variant]
    programs: Mapping[str, Program]
    items: Sequence[Item]
    of: int
    scorer: Scorer | Judging
    asker: Asker
    store: Store
    terms: Terms
    batch: int
    repeats: int = 1
    recorded: Mapping[str, Mapping[str, Result]] = field(default_factory=dict)
    watch: Watch | None = None
    _reason: str = ""
    _next_telling: float = 0.0
    _begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.board = Board(list(self.variants), self.terms, in_pairs=self._in_pairs)
        self._asked = 0

    async def run(self) -> Evaluation:
        """Run to the end.

        Raises:
            UsageError: a scorer or the store cannot do its work.
        """
        with reached_by_drain(self._drain):
            for start in range(0, len(self.items), self.batch):
                await self._take(self.items[start : start + self.batch])
                if self._reason or self._is_known():
                    break
                self._tell()
        self._reason = self._reason or ALL
        found = self.result()
        if self.watch is not None:
            self.watch(found)
        return found

    def _tell(self) -> None:
        """Tell whoever watches, unless that would take more than a small part of the time."""
        started = time.monotonic()
        if self.watch is not None and started >= self._next_telling:
            self.watch(self.result())
            took = time.monotonic() - started
            self._next_telling = started + took / _TELLING

    def result(self) -> Evaluation:
        """Return what is known so far."""
        variants, comparisons = self.board.variants(), self.board.comparisons()
        spent = self.asker.total
        return Evaluation(
            scorer=self.scorer.name,
            level=round(1 - self.terms.alpha, 9),
            margin=self.terms.margin,
            stops=self.terms.stopping,
            items=self._asked,
            of=self.of,
            repeats=self.repeats,
            variants=variants,
            comparisons=comparisons,
            recommendation=recommend(variants, comparisons, self.terms.margin, self.board.together),
            reason=self._reason,
            calls=spent.calls,
            tokens=spent.input_tokens + spent.output_tokens,
            usd=spent.usd,
            seconds=time.monotonic() - self._begun,
            remarks=self._remarks(),
        )

    @property
    def _in_pairs(self) -> bool:
        return isinstance(self.scorer, Judging) and self.scorer.in_pairs

    async def _take(self, batch: Sequence[Item]) -> None:
        """Have the variants that are left asked about a batch, and score what comes back.

        Items that some of them could not be asked about are left for the next command.
        """
        names = self.board.left
        asked = [repeated(item, self.repeats) for item in batch]
        keys = [one.key for item in asked for one in item]
        for name in names:
            rows = [Row(one.key, one.data) for item in asked for one in item]
            if not self._reason and name not in self.recorded:
                why = await self.asker.ask(self.programs[name], table_of(name), rows, name)
                self._reason = self._reason or why
        found = {name: self._rows(name, keys) for name in names}
        whole = [item for item in asked if all(one.key in found[name] for name in names for one in item)]
        for name in names:
            self.board.rows[name] |= {one.key: found[name][one.key] for item in whole for one in item}
        if isinstance(self.scorer, Judging):
            answers = self._answers([one for item in whole for one in item])
            self._reason = await self.scorer.judge(self.board, whole, answers) or self._reason
        else:
            await self._score(self.scorer, whole, names)
        self._asked += len(whole)

    def _rows(self, name: str, keys: Sequence[str]) -> Mapping[str, Result]:
        if name in self.recorded:
            return self.recorded[name]
        return self.store.rows(table_of(name), keys)

    async def _score(self, scorer: Scorer, items: Sequence[Sequence[Item]], names: Sequence[str]) -> None:
        for name in names:
            for one in (one for item in items for one in item):
                row = self.board.rows[name][one.key]
                score = NONE
                if row.status == "ok":
                    score = await scorer.score(self._answer(name, row), one)
                self.board.scores[name][one.key] = score
        self.board.add_scores(items)

    def _answers(self, items: Sequence[Item]) -> dict[str, dict[str, object]]:
        """Return the answers of variants to items by name and key; none where a variant failed."""
        return {
            name: {
                item.key: self._answer(name, row)
                for item in items
                if (row := self.board.rows[name][item.key]).status == "ok"
            }
            for name in self.board.left
        }

    def _answer(self, name: str, row: Result) -> object:
        """Return the answer in a row.

        Raises:
            UsageError: nobody has said what in the output is the answer, and the scorer takes no other.
        """
        variant = self.variants[name]
        if isinstance(self.scorer, Scorer) and not self.scorer.takes_whole and variant.answer is None:
            with naming(f"variant {name!r}"):
                check_answer(row.output)
        return answer_in(row.output, variant)

    def _is_known(self) -> bool:
        """Return whether the best choice is known; variants that are known not to be it are dropped."""
        if not self.terms.stopping:
            return False
        lost = self.board.lost()
        left = [name for name in self.variants if name not in lost]
        if len(left) <= 1:
            self._reason = KNOWN
            return True
        self.board.dropped |= lost
        return False

    def _drain(self, why: str, grace: float | None) -> None:
        self._reason = self._reason or why

    def _remarks(self) -> list[str]:
        variants = self.board.variants()
        kept = [
            f"{one.name} ({one.kept:,} of {len(self.board.rows[one.name]):,})" for one in variants if one.kept
        ]
        remarks = []
        if kept:
            remarks.append(
                f"answers of {', '.join(kept)} came from the cache; their costs and times are not counted"
            )
        if failures := [f"{one.name} ({one.failed:,})" for one in variants if one.failed]:
            remarks.append(f"failed answers count as 0: {', '.join(failures)}")
        if isinstance(self.scorer, Judging):
            remarks += self.scorer.remarks(self.board)
        return remarks


def table_of(variant: str) -> str:
    """Return the name of the table of a variant's answers."""
    return f"answers {variant}"
