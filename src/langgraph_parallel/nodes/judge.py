"""Judge: a model reads the answers and chooses one."""

import hashlib
import random
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Count, Dissent, Support, Tally, Verdict
from langgraph_parallel.reducers import canonical, majority
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
    the list, leaves the verdict `below_threshold` with None.

    Args:
        model: by default, what the environment names.
        prompt: with the variables `{question}` and `{answers}`; by default the one that ships.
        limits: bounds of its call.

    Raises:
        PromptError: the prompt has other variables, or lacks one of these.
    """

    name = "judge"

    def __init__(
        self,
        model: ModelLike | None = None,
        *,
        prompt: str | Path | Prompt | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.ask = Ask(prompt or load("judge"), model=model, schema=_Judgement, limits=limits)
        self.ask.prompt.check(["question", "answers"], needs=["question", "answers"])

    async def decide(self, question: str, tally: Tally) -> Verdict:
        """Judge the ballots of one vote.

        Raises:
            Exception: as `Ask.ainvoke`; the caller decides what a vote without its judge is worth.
        """
        counted = majority()(tally)
        candidates = list(counted.counts)
        if len(candidates) < 2:
            return counted.model_copy(update={"rule": self.name})
        random.Random(hashlib.sha256(question.encode()).digest()).shuffle(candidates)  # noqa: S311
        answers = "\n\n".join(_candidate(i, count, tally) for i, count in enumerate(candidates, 1))
        judgement: _Judgement = await self.ask.ainvoke({"question": question, "answers": answers})
        number = judgement.answer
        chosen = candidates[number - 1] if number is not None and 1 <= number <= len(candidates) else None
        return _verdict(counted, tally, chosen)


def undecided(tally: Tally) -> Verdict:
    """What a vote is worth whose judge or rule has failed: its counts, and no choice."""
    return _verdict(majority()(tally), tally, None)


def _verdict(counted: Verdict, tally: Tally, chosen: Count | None) -> Verdict:
    key = canonical(chosen.choice) if chosen else None
    return counted.model_copy(
        update={
            "rule": Judge.name,
            "status": "decided"
            if chosen
            else counted.status
            if counted.status == "no_quorum"
            else "below_threshold",
            "choice": chosen.choice if chosen else None,
            "support": Support(k=chosen.votes if chosen else 0, n=counted.support.n),
            "confidence": None,
            "margin": 0.0,
            "dissent": [
                Dissent(voter=ballot.voter, choice=ballot.choice, rationale=ballot.rationale)
                for ballot in tally.cast
                if canonical(ballot.choice) != key
            ],
        }
    )


def _candidate(number: int, count: Count, tally: Tally) -> str:
    reasons = [ballot.rationale for ballot in tally.cast if ballot.voter in count.voters and ballot.rationale]
    return "\n".join([f"Answer {number}: {_shown(count.choice)}", *(f"- {reason}" for reason in reasons)])


def _shown(choice: JsonValue) -> str:
    return choice if isinstance(choice, str) else canonical(choice)
