"""Voting: several voters answer one question, and a rule decides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Required

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.branch import branch_node, task_of
from langgraph_parallel.nodes.estimating import voting_estimator
from langgraph_parallel.nodes.judge import Judge
from langgraph_parallel.nodes.scatter import scatter_to
from langgraph_parallel.nodes.shapes import BRANCHES, RUN_REPORT, typed_dict
from langgraph_parallel.nodes.voters import Electorate, GivenVoters, ModelVoters, answer_schema
from langgraph_parallel.nodes.voting import VoteSettings, opening, tallying, voter_tasks
from langgraph_parallel.nodes.workers import WorkerLike
from langgraph_parallel.prompts import Prompt, load
from langgraph_parallel.records import Ballot, Call, Verdict
from langgraph_parallel.reducers import Rule, merge_calls, rule_of
from langgraph_parallel.reducers.completion import Completion, completion_of
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.graph import Governing, governed
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.prices import check_prices

_VOTERS = 3


class VotingInput(TypedDict):
    """The question that is put to every voter."""

    question: Required[
        Annotated[
            str,
            Field(
                title="Question",
                description="What the voters answer, independently of each other.",
                examples=["Is 2027 a prime number? Answer yes or no."],
            ),
        ]
    ]


class VotingOutput(TypedDict):
    """The verdict, the ballots behind it in the voters' order, and the run's numbers."""

    verdict: Annotated[
        Verdict, Field(title="Verdict", description="The choice, its support, and who disagrees.")
    ]
    ballots: Annotated[
        list[Ballot], Field(title="Ballots", description="What each voter said, in their order.")
    ]
    branches: BRANCHES
    report: RUN_REPORT


class _Inner(VotingOutput):
    """Channels that stay inside."""

    voters: list[str]
    calls: Annotated[dict[str, Call], merge_calls]


def create_voting(
    *,
    model: ModelLike | None = None,
    models: Sequence[ModelLike] = (),
    prompt: str | Path | Prompt | None = None,
    prompts: Sequence[str | Path | Prompt] = (),
    temperatures: Sequence[float] = (),
    voters: int | Sequence[WorkerLike] | Mapping[str, WorkerLike] | None = None,
    choices: Sequence[str] | None = None,
    schema: type[BaseModel] | None = None,
    ballot: str = "choice",
    rule: str | Rule | Judge = "majority",
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "voting",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that puts one question to several voters at once, and decides by a rule.

    Input: `question`. Output: `verdict` (`Verdict`), `ballots` (list of `Ballot`, in the voters' order),
    `branches` (a `Branch` for each voter), `report` (`RunReport`). A voter that fails, times out or gives no
    valid choice supports nothing, and the verdict says so in its denominators.

    Args:
        model: for all voters; by default, what the environment names when the graph runs.
        models: a panel of different models instead: voter i gets `models[i % len]`, and the runtime
            context's model does not apply.
        prompt: what to ask, with the variable `{question}`; by default, just the question.
        prompts: several wordings instead, dealt out as `models` are.
        temperatures: dealt out likewise.
        voters: how many model voters (by default as many as the longest of the lists above, at least 3,
            or one for each of `models`); or the voters themselves: workers that get the question.
        choices: the valid answers; anything else abstains.
        schema: pydantic model of an answer, instead of rationale, choice and confidence.
        ballot: the field of the answer that is the choice.
        rule: `majority`, `unanimous`, `threshold(share)`, `weighted(...)`, `union`, `median`, `mode`, or
            a `Judge`.
        limits: bounds of calls, budget and deadline of a run.
        completion: when the vote has enough voters, such as `min_success(3)`; the others are cancelled then.
            Ids of voters are their names, else `#1`, `#2` and so on. By default all are heard.
        checkpointer: of the compiled graph; leave it out where the graph becomes part of another.
        store: of the compiled graph.
        name: shown in traces: `vote[name#2]`.

    Raises:
        UsageError: arguments that contradict each other, or that are not what they should be.
        PromptError: a prompt without `{question}`, or with other variables.
        ModelError: a model that cannot be one.
        UnknownRule: a rule that does not exist.
        UnknownPrice: a budget in dollars, and a model without a known price.
    """
    if choices is not None and (isinstance(choices, str) or not choices):
        raise UsageError(f"choices is {choices!r}; pass a list of valid answers, or leave it out")
    if isinstance(voters, int | None):
        electorate: Electorate = _panel(
            model, models, prompt, prompts, temperatures, voters, choices, schema, ballot
        )
    elif model is not None or models or prompt is not None or prompts or temperatures or schema is not None:
        raise UsageError(
            "voters are given as workers, so model, prompt, temperature and schema have nobody to go to"
        )
    else:
        electorate = GivenVoters(voters)
    settings = VoteSettings(electorate, _rule(rule), lambda _: name, choices, ballot)
    judge = [settings.rule.ask.model] if isinstance(settings.rule, Judge) else []
    check_prices(merged([limits, limits_from_environment()]), [*electorate.models(), *judge])
    builder = voting_builder(settings, question=str)
    return governed(
        builder.compile(checkpointer=checkpointer, store=store, name=name),
        voting_governing(settings, limits, completion_of(completion)),
    )


def voting_governing(
    settings: VoteSettings, limits: Limits | None = None, completion: Completion | None = None
) -> Governing:
    """How the runs of a vote are governed."""
    return Governing("open", "tally", voting_estimator(settings), VotingContext, limits, completion)


def voting_builder(settings: VoteSettings, *, question: Any) -> StateGraph[Any, Any, Any, Any]:
    """Wire a vote on questions of any type: open -> voters -> tally.

    Args:
        settings: who votes, and what decides.
        question: the type of the question, as a checkpoint has to know it.
    """
    asked = {"question": question}
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        typed_dict("VotingState", _Inner, asked),
        context_schema=VotingContext,
        input_schema=VotingInput if question is str else typed_dict("VotingInput", asked),
        output_schema=VotingOutput,
    )
    router, paths = scatter_to("voter", voter_tasks(settings), join="tally")
    builder.add_node("open", opening(settings))
    builder.add_node("voter", branch_node(settings.electorate, "voter"), input_schema=_task_on(asked))
    builder.add_node("tally", tallying(settings))
    builder.add_edge(START, "open")
    builder.add_conditional_edges("open", router, paths)
    builder.add_edge("voter", "tally")
    builder.add_edge("tally", END)
    return builder


def _rule(rule: str | Rule | Judge) -> Rule | Judge:
    return rule if isinstance(rule, Judge) else rule_of(rule)


def _task_on(asked: Mapping[str, Any]) -> Any:
    """What is sent to a voter's branch."""
    return task_of("VoteTask", typed_dict("Vote", {"voter": str}, asked))


def _panel(
    model: ModelLike | None,
    models: Sequence[ModelLike],
    prompt: str | Path | Prompt | None,
    prompts: Sequence[str | Path | Prompt],
    temperatures: Sequence[float],
    voters: int | None,
    choices: Sequence[str] | None,
    schema: type[BaseModel] | None,
    ballot: str,
) -> ModelVoters:
    if model is not None and models:
        raise UsageError("pass model= or models=, not both")
    if prompt is not None and prompts:
        raise UsageError("pass prompt= or prompts=, not both")
    if schema is not None and ballot not in schema.model_fields:
        raise UsageError(
            f"ballot={ballot!r} is not a field of {schema.__name__}; it has {', '.join(schema.model_fields)}"
        )
    if schema is None and ballot != "choice":
        raise UsageError(f"ballot={ballot!r} names a field of a schema; pass schema= as well")
    longest = max(len(models), len(prompts), len(temperatures))
    size = voters if voters is not None else longest if models else max(_VOTERS, longest)
    if size < 1:
        raise UsageError(f"voters is {size}; a vote needs at least one")
    if longest > size:
        raise UsageError(
            f"{longest} models, prompts or temperatures for {size} voters: some would never be asked"
        )
    return ModelVoters(
        models=list(models) or [model],
        prompts=list(prompts) or [prompt if prompt is not None else load("question")],
        temperatures=list(temperatures) or [None],
        schema=schema or answer_schema(None if choices is None else tuple(choices)),
        size=size,
    )
