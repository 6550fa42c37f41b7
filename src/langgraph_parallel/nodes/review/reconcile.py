"""Reconcile: a model looks at pairs of findings that the measure could not decide."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Finding
from langgraph_parallel.reducers.findings.unite import near_misses
from langgraph_parallel.runtime.models import ModelLike


class _Same(BaseModel):
    """Pairs that are one defect."""

    same: list[int] = Field(description="Numbers of the pairs that describe the same defect.")


class Reconciler:
    """Finds near misses among findings, and asks a model which of them are the same defect."""

    def __init__(self, model: ModelLike | None = None, prompt: Prompt | None = None) -> None:
        self.ask = Ask(prompt or load("review/reconcile"), model=model, schema=_Same)

    async def same(self, findings: Sequence[Finding]) -> list[list[str]]:
        """Ids of findings that are the same, in pairs; no call where there is no near miss.

        Raises:
            Exception: as `Ask.ainvoke`. The caller then keeps all findings apart.
        """
        pairs = near_misses(findings)
        if not pairs:
            return []
        shown = "\n\n".join(
            f"Pair {i}, {one.path}\n- line {one.lines}: {one.message} {one.explanation}\n"
            f"- line {other.lines}: {other.message} {other.explanation}"
            for i, (one, other) in enumerate(pairs, 1)
        )
        answer: _Same = await self.ask.ainvoke({"pairs": shown})
        chosen = [pairs[number - 1] for number in sorted(set(answer.same)) if 1 <= number <= len(pairs)]
        return [[one.id, other.id] for one, other in chosen]
