"""Checks as workers: one model, several that vote, or a worker of one's own."""

from collections.abc import Iterator, Sequence

from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.checks import CLEAN, FLAG, Check, Judged
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.roster import Models
from langgraph_parallel.nodes.work.workers import Worker, as_worker
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.runtime.models import ModelLike


def check_worker(name: str, check: Check, prompt: Prompt, model: ModelLike | None, variable: str) -> Worker:
    """The worker of a check.

    Args:
        name: of the check.
        check: what it is.
        prompt: with `{criteria}`, and the text under `variable`.
        model: for those that models judge.
        variable: what the prompt calls the text.
    """
    if check.worker is not None:
        return as_worker(check.worker, "voting/question")
    prompt.check(["criteria", variable], needs=[variable])
    panel, given = Models(model), prompt.fitting({"criteria": check.criteria})
    asks = [
        panel.ask(prompt, i, f"You are judge {i + 1} of the check {name!r}.", Judged, given)
        for i in range(check.voters)
    ]
    if check.voters == 1:
        return asks[0]
    return create_voting(voters=dict(_numbered(asks)), choices=[FLAG, CLEAN], name=name)


def _numbered(asks: Sequence[Ask]) -> Iterator[tuple[str, Ask]]:
    for i, ask in enumerate(asks, 1):
        yield f"#{i}", ask
