"""Reconcile: a model decides on pairs of findings that text similarity could not."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Finding
from langgraph_parallel.reducers.findings.unite import near_misses
from langgraph_parallel.runtime.models import ModelLike


class _Same(BaseModel):
    """Pairs that are one defect."""

    same: list[int] = Field(description="Numbers of the pairs that describe the same defect.")


class Reconciler:
    """Finds near misses among findings, and asks a model which of them are the same defect.

    Args:
        model: by default the one that the environment names.
        prompt: with the variable `{pairs}`.
    """

    def __init__(self, model: ModelLike | None, prompt: Prompt) -> None:
        self.ask = Ask(prompt, model=model, schema=_Same)

    async def find_same(self, findings: Sequence[Finding]) -> list[tuple[str, str]]:
        """Return pairs of ids of findings that are the same; without a near miss no call is made.

        Raises:
            Exception: as `Ask.ainvoke`.
        """
        pairs = near_misses(findings)
        if not pairs:
            return []
        shown = "\n\n".join(
            f"Pair {i}, {first.path}\n- line {first.lines}: {first.message} {first.explanation}\n"
            f"- line {second.lines}: {second.message} {second.explanation}"
            for i, (first, second) in enumerate(pairs, 1)
        )
        answer: _Same = await self.ask.ainvoke({"pairs": shown})
        chosen = [pairs[number - 1] for number in sorted(set(answer.same)) if 1 <= number <= len(pairs)]
        return [(first.id, second.id) for first, second in chosen]
