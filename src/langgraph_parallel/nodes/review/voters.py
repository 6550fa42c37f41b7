"""The electorate of a review: each question says who votes on it."""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableLambda

from langgraph_parallel.nodes.review.reader import Reader
from langgraph_parallel.nodes.review.settings import ReviewSettings
from langgraph_parallel.nodes.vote.electorate import Vote
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker
from langgraph_parallel.offline import FAMILIES, StaticVoter, families_for
from langgraph_parallel.records import Estimate, ReviewQuestion
from langgraph_parallel.records.review_question import STATIC_VOTER, model_voter_number
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import Run


class EngineVoter(RunnableLambda[Any, Any]):
    """Static engines as a voter: a Runnable, so that traces show it; it calls no model."""

    def estimate(self, input: Any, run: Run, context: Context) -> Estimate:
        """Return an empty estimate: engines cost nothing."""
        return Estimate()


class ReviewVoters:
    """Readers (model voters) and static engines, built when a question first asks for them.

    Args:
        settings: of the review.
    """

    def __init__(self, settings: ReviewSettings) -> None:
        self._settings = settings
        self._workers: dict[tuple[str, str], Worker] = {}

    def models(self) -> Sequence[ModelLike | None]:
        """Return the models of the readers."""
        return [model for ask in self.asks for model in ask.models]

    def check(self, context: Context, run: Run) -> None:
        """Check nothing: the plan of the review has checked the models."""

    @property
    def asks(self) -> Sequence[Ask]:
        """One `Ask` for each model, so that the graph can check models and prices before any call."""
        settings = self._settings
        named: Sequence[ModelLike | None] = settings.voters.models or [settings.model]
        models = [] if settings.offline else named
        same: dict[str, Any] = {"pinned": len(models) > 1, "fallbacks": settings.voters.fallbacks}
        return [Ask(settings.prompts["review"], model=model, **same) for model in models]

    only_asks = False

    def identical_warning(self, voters: Sequence[str]) -> str:
        """Return an empty text: every reader reads in another way."""
        return ""

    @property
    def names(self) -> Sequence[str]:
        """No names: the voters follow from the question."""
        return []

    def voters(self, question: ReviewQuestion, size: int | None) -> Sequence[str]:
        """Return the voters that the plan has chosen for the question."""
        return question.voters

    def select(self, work: Vote) -> tuple[Worker, object]:
        """Return a reader, or the engines of one family or of all; and the question."""
        voter, question = work["voter"], work["question"]
        number = model_voter_number(voter)
        key = (voter, "" if number is not None else question.aspect.name)
        if key not in self._workers:
            self._workers[key] = (
                self._engines(voter, question.aspect.name) if number is None else self._reader(number)
            )
        return self._workers[key], question

    def _reader(self, number: int) -> Reader:
        return Reader(
            number,
            roster=self._settings.voters,
            model=self._settings.model,
            prompt=self._settings.prompts["review"],
        )

    def _engines(self, voter: str, aspect: str) -> EngineVoter:
        families = families_for(aspect) if aspect in FAMILIES else []
        chosen = [family for family in families if voter in {STATIC_VOTER, family.name}]
        others = [family for other in self._settings.aspects for family in families_for(other.name)]
        return EngineVoter(StaticVoter(voter, chosen, others).ainvoke)
