"""Compare graphs on the same items, and say which to use."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.asking.asker import Asker
from langgraph_parallel.evaluation.asking.store import Store
from langgraph_parallel.evaluation.compare import Terms
from langgraph_parallel.evaluation.evaluating import Evaluating, Watch, table_of
from langgraph_parallel.evaluation.items import Item
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.scoring.base import Scorer
from langgraph_parallel.evaluation.scoring.choose import ScorerLike, as_scorer
from langgraph_parallel.evaluation.scoring.judges import JudgeScorer
from langgraph_parallel.evaluation.scoring.judging import Judging
from langgraph_parallel.evaluation.smith import Smith
from langgraph_parallel.evaluation.variants import Variant, as_variants, make_programs
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.scale.api import wait_for
from langgraph_parallel.scale.rows import Result

BATCH = 32
"""Items between two looks."""


class EvaluateOptions(TypedDict, total=False):
    """Options of `evaluate`; each may be left out.

    Attributes:
        key: column that identifies the items. Default: their numbers.
        expected: column of what is expected. Default: `expected`.
        margin: difference of mean scores that does not matter, 0 to 1. With one, a variant that is cheaper
            and no worse by more than it is the better choice. Default: 0.
        level: of intervals and verdicts. Default: 0.95.
        stop: whether to stop asking as soon as the best choice is known. Intervals then hold at every moment,
            and are wider than those of one look at the end. Default: True.
        limits: of all variants and judges together: budgets, deadline, rates, concurrency.
        store: SQLite file of answers and judgements; the same call goes on with what is there. Default: none
            is kept.
        redrive: whether answers and judgements that failed in an earlier call are asked for again. Default:
            False.
        batch: items between two looks. Default: 32.
        repeats: how often each item is asked; the mean of its scores is its score. More than one tells more
            of a small dataset whose answers vary from one time to the next. Default: 1.
        limit: number of items that are asked at most. Default: all.
        seed: of the order of the items. Default: 0.
        experiment: beginning of the names of LangSmith experiments that are written at the end, one for each
            variant. Items that are not of LangSmith are written first, as the dataset of this name.
        client: of LangSmith. Default: that of the environment.
        watch: called with an `Evaluation` after a batch, if that takes little of the time, and at the end.
    """

    key: str | None
    expected: str | None
    margin: float
    level: float
    stop: bool
    limits: Limits | Mapping[str, Any] | None
    store: str | os.PathLike[str] | None
    redrive: bool
    batch: int
    repeats: int
    limit: int | None
    seed: int
    experiment: str | None
    client: Any
    watch: Watch | None


async def aevaluate(
    variants: Mapping[str, Any],
    dataset: Any,
    scorer: ScorerLike = "exact",
    **options: Unpack[EvaluateOptions],
) -> Evaluation:
    """Ask variants about the same items, compare their scores in pairs, and say which to use.

    Items are asked in a random order, in batches: each batch by all variants that are still in question.
    After each batch it looks, and by default stops once the best choice is known. A variant of which another
    one is known to be the better choice is not asked any further. What is said to be known is right with the
    level, over all comparisons and all looks together.

    Args:
        variants: two or more by name: a graph, a function of an item, the name of a pattern or of a graph as
            `module:attribute`, or a `Variant` with a model, settings and the path of the answer.
        dataset: path of a file, or a list, data frame or source of items, as `map_items` reads them; or
            `langsmith:NAME`.
        scorer: `exact`, `numeric`, `f1`, `precision`, `recall`, `rubric`, `pairwise`; what the functions of
            these names make with settings; or a function of the answer and what is expected, which returns a
            number between 0 and 1 or a `Score`.
        options: see `EvaluateOptions`.

    Returns:
        The scores, comparisons and costs, and a recommendation.

    Raises:
        UsageError: an argument is not valid, before anything is paid for; or a scorer failed, or the store
            has answers of other variants.
    """
    settings = _Settings(options)
    chosen = as_scorer(scorer)
    by_name = as_variants(variants)
    smith = Smith(dataset, settings.experiment, settings.client)
    items = await smith.read(
        key=settings.key, expected=settings.expected, needs_expected=chosen.needs_expected
    )
    if isinstance(chosen, JudgeScorer):
        chosen.check(items)
    recorded = await smith.recorded(by_name)
    store = Store(settings.store)
    try:
        evaluating = _begin(settings, chosen, by_name, items, recorded, store)
        await smith.prepare(evaluating.items)
        return await smith.write(await evaluating.run(), evaluating.items, evaluating.board)
    finally:
        store.close()


def _begin(
    settings: "_Settings",
    chosen: Scorer | JudgeScorer,
    variants: Mapping[str, Variant],
    items: Sequence[Item],
    recorded: Mapping[str, Mapping[str, Result]],
    store: Store,
) -> Evaluating:
    """Return an evaluation that has passed all checks.

    Raises:
        UsageError: a variant, the judge, or the store is not valid.
    """
    if recorded and settings.repeats > 1:
        raise UsageError(f"repeats is {settings.repeats}, and experiments have one answer to an example")
    asked = {name: variant for name, variant in variants.items() if name not in recorded}
    programs = make_programs(
        asked, items, settings.limits, repeats=settings.repeats, takes_whole=chosen.takes_whole
    )
    asker = Asker(store, settings.limits, redrive=settings.redrive)
    judged = Judging(chosen, asker, store, settings.limits) if isinstance(chosen, JudgeScorer) else chosen
    store.check({table_of(name): program for name, program in programs.items()})
    number = len(variants)
    return Evaluating(
        variants=variants,
        programs=programs,
        items=store.ordered(items, shuffled(items, settings.seed))[: settings.limit],
        of=len(items),
        scorer=judged,
        asker=asker,
        store=store,
        terms=Terms(
            alpha=1 - settings.level,
            margin=settings.margin,
            stopping=settings.stop,
            family=number * (number - 1) // 2,
        ),
        batch=settings.batch,
        repeats=settings.repeats,
        recorded=recorded,
        watch=settings.watch,
    )


def evaluate(
    variants: Mapping[str, Any],
    dataset: Any,
    scorer: ScorerLike = "exact",
    **options: Unpack[EvaluateOptions],
) -> Evaluation:
    """Compare variants, as `aevaluate`, from code that is not async.

    It works while an event loop runs, for example in a notebook. In the main thread the first Ctrl-C lets the
    running items end, and returns what is known; the second cancels.

    Args:
        variants: as for `aevaluate`.
        dataset: as for `aevaluate`.
        scorer: as for `aevaluate`.
        options: see `EvaluateOptions`.

    Raises:
        UsageError: as `aevaluate`.
    """
    return wait_for(lambda: aevaluate(variants, dataset, scorer, **options))


def shuffled(items: Sequence[Item], seed: int) -> list[Item]:
    """Return items in an order that depends on the seed and their keys alone."""
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed} {item.key}".encode()).digest())


class _Settings:
    """The options, checked."""

    def __init__(self, options: EvaluateOptions) -> None:
        known = EvaluateOptions.__annotations__
        for name in options:
            if name not in known:
                raise TypeError(f"evaluate() has no argument {name!r}; it takes {', '.join(known)}")
        self.key, self.expected = options.get("key"), options.get("expected")
        self.margin = _between("margin", options.get("margin", 0.0), 0.0, 1.0, is_open=False)
        self.level = _between("level", options.get("level", 0.95), 0.5, 1.0, is_open=True)
        self.stop, self.store = options.get("stop", True), options.get("store")
        self.redrive = options.get("redrive", False)
        self.batch = _at_least_one("batch", options.get("batch", BATCH))
        self.repeats = _at_least_one("repeats", options.get("repeats", 1))
        limit = options.get("limit")
        self.limit = None if limit is None else _at_least_one("limit", limit)
        self.experiment, self.client = options.get("experiment"), options.get("client")
        self.seed, self.watch = options.get("seed", 0), options.get("watch")
        limits = options.get("limits")
        self.limits = None if limits is None else as_settings(limits, Limits, "limits")


def _between(name: str, value: Any, low: float, high: float, *, is_open: bool) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (low < value < high if is_open else low <= value < high):
        raise UsageError(f"{name} is {value!r}; expected a number from {low:g} to below {high:g}")
    return float(value)


def _at_least_one(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} is {value!r}; expected a whole number of at least 1")
    return value
