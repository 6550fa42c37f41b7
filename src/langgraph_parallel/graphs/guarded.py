"""Guarded: an answer and the checks of what it answers, at once; nothing is seen before the checks pass."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.checking import check_worker
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.checks import CheckLike, as_check
from langgraph_parallel.nodes.catalogue.guarded import ANSWER, LATE, Guard, HeldAnswer, Policy
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.arguments import check_named
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers, as_worker
from langgraph_parallel.prompts import Prompt, load, load_prompts
from langgraph_parallel.records import CheckOutcome, Section
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike


class GuardedInput(TypedDict):
    """What to answer."""

    message: Annotated[
        str, Field(title="Message", description="What to answer.", examples=["How do I mend a bicycle tube?"])
    ]


class GuardedOutput(TypedDict):
    """The answer, or why there is none."""

    answer: Annotated[JsonValue, Field(title="Answer", description="None where it is kept back.")]
    released: Annotated[bool, Field(title="Released", description="Whether every check has passed.")]
    reason: Annotated[str, Field(title="Reason", description="Why it is kept back.")]
    checks: Annotated[list[CheckOutcome], Field(title="Checks", description="What each check came to.")]


def create_guarded(
    *,
    model: ModelLike | None = None,
    answer: WorkerLike | None = None,
    checks: Mapping[str, CheckLike] | None = None,
    check_model: ModelLike | None = None,
    policy: Policy = "closed",
    stream: bool = False,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "guarded",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that answers a message while it checks it, and lets nobody see the answer before that.

    Input: `message`. Output: `answer` (None where it is kept back), `released`, `reason`, `checks` (list of
    `CheckOutcome`), `sections`, `branches`, `report`. As soon as a check trips, the answer is cancelled: its
    connection is closed, and the rest of its tokens is never made. An answer that is kept back is in no
    output.

    Args:
        model: for the answer and the checks; by default, what the environment names.
        answer: answers instead: a worker of your own, which gets the message.
        checks: by name: criteria for a model, a worker (as in `create_moderation`), or a `Check`; by default
            one that ships, `safety`.
        check_model: the model of the checks, a small and fast one, say; by default `model`.
        policy: what a check means that could not be run: `closed` keeps the answer back, `open` lets it
            through. One that cannot decide keeps it back in any case.
        stream: tell the answer part by part, as `{"event": "token", "text": ...}` under
            `stream_mode="custom"`: what was made before the checks have passed is told at once when they do,
            the rest as it comes.
        prompts: your own instead of those that ship: `answer`, `check`.
        name: shown in traces: `guarded[answer]`.
        options: `limits`, `checkpointer`, `store`; `completion` does not apply.

    Raises:
        UsageError: there is no check, or the policy is another.
        PromptError: a prompt with other variables.
    """
    if policy not in ("closed", "open"):
        raise UsageError(f"policy is {policy!r}; choose closed or open")
    if options.get("completion") is not None:
        raise UsageError("a guarded answer waits for all of its checks; leave out completion=")
    if checks is not None:
        check_named(checks, "checks")
    texts = load_prompts("guarded", prompts)
    shipped = {"safety": load("guarded/checks/safety").text}
    held = {one: as_check(check) for one, check in (shipped if checks is None else checks).items()}
    if not held:
        raise UsageError("there is no check; pass {'name': 'what must not be answered'}")
    judge = check_model if check_model is not None else model
    workers: dict[str, WorkerLike] = {
        f"check/{one}": check_worker(one, check, texts["check"], judge, "message")
        for one, check in held.items()
    }
    guard = Guard(list(held), policy)
    once = Limits(hedge="off") if stream else None  # two streams of one answer would be told at once
    own = (
        as_worker(answer, "guarded/answer")
        if answer is not None
        else Ask(texts["answer"], model=model, limits=once)
    )
    flow = Flow(
        name=name,
        takes=["message"],
        plan=guard.plan,
        workers=Workers(
            {
                ANSWER: HeldAnswer(own, guard, stream=stream),
                LATE: HeldAnswer(own, guard, stream=stream, late=True),
                **workers,
            },
            foreign=lambda section: section.content,
            inputs={one: _as_message for one, worker in workers.items() if isinstance(worker, Ask)},
        ),
        watch=guard.watch,
        further=guard.further,
        quiet=True,
        close=guard.close,
        closes_with="release",
        gives=["answer", "released", "reason", "checks"],
    )
    return flow_graph(
        flow, GuardedInput, GuardedOutput, takes=lambda title, text: {"message": text}, **options
    )


def _as_message(section: Section) -> dict[str, str]:
    return {"message": section.content}
