"""Judge: a model reads the answers and chooses one."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Count, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import overruled
from langgraph_parallel.reducers.votes.rules import majority
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike


class _Judgement(BaseModel):
    """The judge's choice."""

    reason: str = Field(description="Why this answer, in a sentence or two.")
    answer: int | None = Field(
        description="The number of the chosen answer, or null if none can be defended."
    )


class Judge:
    """A rule that asks a model which of the voters' distinct answers is best supported.

    The judge sees each distinct answer once, with its rationales and without its votes, in an order that
    is shuffled by the question: the same for the same question, and without a favoured place. One
    distinct answer needs no judge. An answer that the judge cannot defend, or a number that is not on
    the list, leaves the verdict `below_threshold` with None. As `on_undecided=Judge(...)` it decides only
    what a rule has left undecided; of a tie, among those that are tied.

    Args:
        model: by default, what the environment names.
        prompt: with the variables `{question}` and `{answers}`; by default the one that ships.
        readings: how often it reads, each time from another answer onwards, so that each has had several
            places; the answer that it chooses most often counts, and a draw is no choice.
        limits: bounds of its calls.

    Raises:
        PromptError: the prompt has other variables, or lacks one of these.
        UsageError: `readings` is less than 1.
    """

    name = "judge"

    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        prompt: str | Path | Prompt | None = None,
        readings: int = 1,
        limits: Limits | None = None,
    ) -> None:
        if readings < 1:
            raise UsageError(f"readings is {readings}; a judge reads at least once")
        self.ask = Ask(prompt or load("voting/judge"), model=model, schema=_Judgement, limits=limits)
        self.ask.prompt.check(["question", "answers"], needs=["question", "answers"])
        self.readings = readings

    async def decide(self, question: str, tally: Tally) -> Verdict:
        """Judge the ballots of one vote.

        Raises:
            Exception: as `Ask.ainvoke`; the caller decides what a vote without its judge is worth.
        """
        counted = majority()(tally)
        chosen, reason = await self.choose(question, tally, counted.counts)
        if len(counted.counts) < 2:
            return counted.model_copy(update={"rule": self.name})
        return overruled(counted, tally, chosen, rule=self.name, note=reason)

    async def choose(self, question: str, tally: Tally, candidates: Sequence[Count]) -> tuple[JsonValue, str]:
        """Choose among answers: the choice, or None, and the reason.

        Raises:
            Exception: as `Ask.ainvoke`.
        """
        if len(candidates) < 2:
            return (candidates[0].choice if candidates else None), ""
        order = list(candidates)
        random.Random(hashlib.sha256(question.encode()).digest()).shuffle(order)  # noqa: S311
        starts = [i * len(order) // self.readings for i in range(self.readings)]
        read = await asyncio.gather(*(self._read(question, tally, _from(order, i)) for i in starts))
        votes = Counter(None if count is None else canonical(count.choice) for count, _ in read)
        (first, most), *others = votes.most_common(2)
        if first is None or (others and others[0][1] == most):
            return None, ""
        return next(
            (count.choice, reason)
            for count, reason in read
            if count is not None and canonical(count.choice) == first
        )

    async def _read(
        self, question: str, tally: Tally, candidates: Sequence[Count]
    ) -> tuple[Count | None, str]:
        answers = "\n\n".join(_candidate(i, count, tally) for i, count in enumerate(candidates, 1))
        judgement: _Judgement = await self.ask.ainvoke({"question": question, "answers": answers})
        number = judgement.answer
        on_list = number is not None and 1 <= number <= len(candidates)
        return (candidates[number - 1] if number is not None and on_list else None), judgement.reason


def undecided(tally: Tally, rule: str) -> Verdict:
    """What a vote is worth whose judge or rule has failed: its counts, and no choice."""
    return overruled(majority()(tally), tally, None, rule=rule)


def shown(choice: JsonValue) -> str:
    """A choice as a person or a model reads it."""
    return choice if isinstance(choice, str) else canonical(choice)


def _from(order: Sequence[Count], start: int) -> list[Count]:
    return [*order[start % len(order) :], *order[: start % len(order)]]


def _candidate(number: int, count: Count, tally: Tally) -> str:
    reasons = [ballot.rationale for ballot in tally.cast if ballot.voter in count.voters and ballot.rationale]
    return "\n".join([f"Answer {number}: {shown(count.choice)}", *(f"- {reason}" for reason in reasons)])
