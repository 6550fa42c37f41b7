"""Judge: a model that reads the voters' answers and chooses one."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.nodes.work.agent_ask import JudgeLike, ask_model_or_agent
from langgraph_parallel.prompts import PromptLike, as_prompt, load_prompt
from langgraph_parallel.records import Count, Tally, Verdict
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import override_verdict
from langgraph_parallel.reducers.votes.rules import majority
from langgraph_parallel.runtime.limits import Limits


class _Judgement(BaseModel):
    """The chosen answer."""

    reason: str = Field("", description="Why this answer, in a sentence or two.")
    answer: int | None = Field(
        description="The number of the chosen answer, or null if none can be defended."
    )


class Judge:
    """A rule that lets a model decide which of the voters' distinct answers is best supported.

    The judge sees each distinct answer once, with its rationales but not its votes, in an order shuffled by
    the question: reproducible, and favouring no place. A single distinct answer needs no call. If the judge
    defends no answer, or names a number that is not on the list, the verdict is `below_threshold` with choice
    None. As `on_undecided=Judge(...)` it decides only undecided votes, and a tie only among the tied answers.

    Args:
        model: a model or an agent; by default the model that the environment names.
        prompt: with the variables `{question}` and `{answers}`; by default the shipped one.
        readings: number of calls, each starting at another answer, so that every answer appears in several
            places. The answer chosen most often wins; a draw is not a choice.
        limits: limits of its calls, as `Limits` or a mapping.

    Raises:
        PromptError: the prompt lacks a variable, or has others.
        ModelError: the model is not valid.
        UsageError: `readings` is less than 1, or `limits` has an unknown key or a limit of runs.
    """

    name = "judge"

    @checked
    def __init__(
        self,
        model: JudgeLike | None = None,
        *,
        prompt: PromptLike | None = None,
        readings: int = 1,
        limits: Limits | Mapping[str, Any] | None = None,
    ) -> None:
        at_least(readings, "readings")
        shipped = load_prompt("voting/judge")
        asked = as_prompt(prompt or shipped).sharing(shipped.shared)
        self.ask = ask_model_or_agent(asked, model, _Judgement, limits=limits)
        asked.check(["question", "answers"], needs=["question", "answers"])
        self.readings = readings

    async def decide(self, question: str, tally: Tally) -> Verdict:
        """Return the verdict on the ballots of one vote.

        Raises:
            Exception: as `Ask.ainvoke`.
        """
        counted = majority()(tally)
        chosen, reason = await self.choose(question, tally, counted.counts)
        if len(counted.counts) < 2:
            return counted.model_copy(update={"rule": self.name})
        return override_verdict(counted, tally, chosen, rule=self.name, note=reason)

    async def choose(self, question: str, tally: Tally, candidates: Sequence[Count]) -> tuple[JsonValue, str]:
        """Return the chosen answer, or None, and the reason.

        Raises:
            Exception: as `Ask.ainvoke`.
        """
        if len(candidates) < 2:
            return (candidates[0].choice if candidates else None), ""
        order = list(candidates)
        random.Random(hashlib.sha256(question.encode()).digest()).shuffle(order)  # noqa: S311
        starts = [i * len(order) // self.readings for i in range(self.readings)]
        judgements = await asyncio.gather(
            *(self._read(question, tally, _starting_at(order, i)) for i in starts)
        )
        votes = Counter(None if count is None else canonical(count.choice) for count, _ in judgements)
        (first, most), *others = votes.most_common(2)
        if first is None or (others and others[0][1] == most):
            return None, ""
        return next(
            (count.choice, reason)
            for count, reason in judgements
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


def undecided_verdict(tally: Tally, rule: str) -> Verdict:
    """Return the verdict of a vote whose judge or rule failed: its counts, without a choice."""
    return override_verdict(majority()(tally), tally, None, rule=rule)


def render_choice(choice: JsonValue) -> str:
    """Render a choice for a person or a model."""
    return choice if isinstance(choice, str) else canonical(choice)


def _starting_at(order: Sequence[Count], start: int) -> list[Count]:
    return [*order[start % len(order) :], *order[: start % len(order)]]


def _candidate(number: int, count: Count, tally: Tally) -> str:
    ballots = (tally.ballots[voter] for voter in count.voters)
    reasons = [ballot.rationale for ballot in ballots if ballot.rationale]
    return "\n".join(
        [f"Answer {number}: {render_choice(count.choice)}", *(f"- {reason}" for reason in reasons)]
    )
