"""Guarded answer: the answer and the checks of the message run at once; the checks release the answer."""

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.catalogue.answer_checks import AnswerChecks
from langgraph_parallel.nodes.catalogue.checks import CheckLike, build_check_workers, load_checks
from langgraph_parallel.nodes.catalogue.guarded import GuardedSteps, Policy, build_answer_workers
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.conversation import text_from_messages
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import CheckOutcome
from langgraph_parallel.runtime.models import ModelLike


class GuardedInput(TypedDict):
    """The message."""

    message: Annotated[
        str, Field(title="Message", description="What to answer.", examples=["How do I mend a bicycle tube?"])
    ]


class GuardedOutput(TypedDict):
    """The answer, or why it is withheld."""

    answer: Annotated[JsonValue, Field(title="Answer", description="None if it is withheld.")]
    released: Annotated[
        bool, Field(title="Released", description="Whether the answer is released; see `policy`.")
    ]
    reason: Annotated[str, Field(title="Reason", description="Why the answer is withheld.")]
    outcomes: Annotated[list[CheckOutcome], Field(title="Outcomes", description="The outcome of each check.")]


@checked
def create_guarded(
    *,
    model: ModelLike | None = None,
    worker: WorkerLike | None = None,
    checks: Mapping[str, CheckLike] | None = None,
    answer_checks: Mapping[str, CheckLike] | None = None,
    check_model: ModelLike | None = None,
    policy: Policy = "closed",
    stream: bool = False,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "guarded",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that answers a message while it checks it, and releases the answer once all checks pass.

    Input: `message`; or a conversation as `messages`, which gets the answer. Output: `answer` (None if it is
    withheld), `released`, `reason`, `outcomes` (list of `CheckOutcome`), `missing`, `sections`, `branches`,
    `run_report`. As soon as a check trips, the answer is cancelled: its connection is closed, and the rest of
    it is never generated. A withheld answer is in no output, event, trace or checkpoint. Traces show the
    steps of an answer without their contents, until it is released. (A graph in it that was compiled with a
    checkpointer of its own, or LangGraph's `@task`, stores what it likes; a graph in it that asks a person
    stores how far it has come.)

    Args:
        model: of the answer and the checks; by default the one that the environment names.
        worker: a worker that answers instead; it gets the message.
        checks: by name: criteria for a model, a worker (as in `create_moderation`), or a `Check`; by default
            the shipped check `safety`. They run beside the answer; a `Check(..., blocking=True)` must have
            passed before anything else starts.
        answer_checks: of the answer, in the same forms; by default none. They get its text once it is there,
            and what a streamed answer has so far after each sentence: only text that has passed is streamed,
            and with each sentence the checks judge all of the answer again. What they say of a withheld
            answer may quote it: it is in no output. They cannot ask a person.
        check_model: the model of the checks, for example a small and fast one; by default `model`.
        policy: handling of a check that fails to run: `closed` withholds the answer, `open` releases it. A
            check that cannot decide withholds it under both.
        stream: whether the answer is streamed as events `token`, each with a `text`, under
            `stream_mode="custom"`: what was generated before the checks passed is sent when they do, the rest
            as it arrives. If a part was sent when the answer is withheld, an event `withheld` follows.
        prompts: replacements of shipped prompts: `answer`, `check`, `check_answer`.
        name: shown in traces: `guarded[answer]`.
        options: `limits`, `checkpointer`, `store`; `completion` does not apply; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    if options.get("completion") is not None:
        raise UsageError("a guarded answer waits for all of its checks; leave out completion")
    texts = load_prompts("guarded", prompts)
    by_name = load_checks(checks, "guarded/checks", may_block=True)
    of_answer = {} if answer_checks is None else load_checks(answer_checks, "", "answer_checks")
    if both := by_name.keys() & of_answer.keys():
        raise UsageError(f"{min(both)!r} is in checks and in answer_checks; rename one of them")
    guard = GuardedSteps(by_name, policy, list(of_answer))
    judge = check_model if check_model is not None else model
    check_workers, check_inputs = build_check_workers(
        by_name, texts["check"], judge, variable="message", create_voting=create_voting
    )
    answer_judges: AnswerChecks | None = None
    if of_answer:
        workers, inputs = build_check_workers(
            of_answer, texts["check_answer"], judge, variable="answer", create_voting=create_voting
        )
        answer_judges = AnswerChecks(workers, inputs, list(of_answer), guard.passes)
    answering = build_answer_workers(
        worker, texts["answer"], model, guard, stream=stream, checks=answer_judges
    )
    flow = Flow(
        name=name,
        kind="guarded",
        input=GuardedInput,
        output=GuardedOutput,
        plan=guard.plan,
        workers=Workers(
            {**answering, **check_workers},
            foreign_input=lambda section: section.content,
            inputs=check_inputs,
        ),
        watch=guard.watch,
        next_round=guard.next_round,
        quiet=True,
        close=guard.close,
        needs_results=False,
        work_name="answer_and_check",
        close_name="release",
        from_text=lambda title, text: {"message": text},
        from_messages=text_from_messages("message", "message"),
    )
    return flow_graph(flow, **options)
