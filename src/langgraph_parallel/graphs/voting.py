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
from langgraph_parallel.nodes.fan_out.branch import branch_node, task_type
from langgraph_parallel.nodes.fan_out.scatter import scatter_to
from langgraph_parallel.nodes.fan_out.state import BRANCHES, RUN_REPORT, typed_dict
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.electorate import Electorate, GivenVoters
from langgraph_parallel.nodes.vote.escalate import check_no_waiting, escalate_node
from langgraph_parallel.nodes.vote.estimate import voting_estimator
from langgraph_parallel.nodes.vote.fallback import (
    as_on_undecided,
    check_fallback,
    deciding_asks,
    fallback_node,
)
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.nodes import (
    all_voters,
    close_node,
    open_node,
    redrive_vote,
    tally_node,
    voter_tasks,
)
from langgraph_parallel.nodes.vote.panel import build_panel
from langgraph_parallel.nodes.vote.poll import VoteSettings, as_shadow_stops
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Ballot, Call, Verdict
from langgraph_parallel.reducers.canonical import check_choices
from langgraph_parallel.reducers.channels import merge_calls
from langgraph_parallel.reducers.completion import Completion, as_completion
from langgraph_parallel.reducers.votes.normalise import NormaliserLike, as_normaliser
from langgraph_parallel.reducers.votes.rules import Rule, among, as_rule, ballot_form
from langgraph_parallel.reducers.votes.stops import Stop, as_stop
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.graph import Governing, governed
from langgraph_parallel.runtime.limits import Limits, limits_from_environment, merged
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.prices import check_prices


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
    """All who may be asked, in their order."""
    wave: list[str]
    """Those who are asked now."""
    pending: list[str]
    """Those who may be asked later, in the order of asking."""
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
    stop: str | Stop = "decided",
    wave: Wave = "lossless",
    race: bool = True,
    normalise: NormaliserLike | None = None,
    on_undecided: str | Rule | Judge | WorkerLike = "return",
    shadow: bool | Sequence[str | Stop] = False,
    limits: Limits | None = None,
    completion: str | Completion | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str = "voting",
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph that puts one question to several voters, decides by a rule, and knows when to stop.

    Input: `question`. Output: `verdict` (`Verdict`), `ballots` (list of `Ballot`, in the voters' order),
    `branches` (a `Branch` for each voter that was asked), `report` (`RunReport`). A voter that fails, times
    out or gives no valid choice supports nothing, and the verdict counts it as that.

    Voters are asked in waves, those of a wave at the same time. By default nobody is asked whose ballot
    cannot change the choice: of three voters two, and the third only if they disagree. `wave="all"` asks
    everybody at once, which takes the least time, and cancels who is not needed any more;
    `stop="all_votes"` hears everybody.

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
        rule: what decides (see `reducers.rules`): a rule, its name, or a `Judge`. Under rules for lists,
            rankings and numbers model voters are asked for these.
        stop: when no further ballot is needed (see `reducers.stops`); by default `decided`, which never
            changes the choice.
        wave: how many are asked together: `lossless`, as many as one at a time would have asked in any case;
            `all`; or a number.
        race: whether those of a wave who are not needed any more are cancelled.
        normalise: what makes one answer of several ways to put it, before it is counted: `text`, `number`,
            `option`, `boxed`, a function, or several of them. What it cannot read abstains.
        on_undecided: what to do with a verdict whose status is not `decided`: `return` it; `escalate` it to
            a person by one interrupt; or have it decided by another rule, a `Judge`, or a worker that gets
            the question.
        shadow: hear everybody, and report what each of these stops would have saved, and whether it would
            have come to the same choice; True for the usual ones.
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
    if choices is not None:
        check_choices(choices)
    decide_by = rule if isinstance(rule, Judge) else among(as_rule(rule), choices)
    if ballot_form(decide_by) == "number" and any(isinstance(choice, str) for choice in choices or []):
        raise UsageError(f"{decide_by.name} decides among numbers, and the choices are texts; leave them out")
    if isinstance(voters, int | None):
        electorate: Electorate = build_panel(
            model,
            models,
            prompt,
            prompts,
            temperatures,
            voters,
            choices,
            schema,
            ballot,
            ballot_form(decide_by),
        )
    elif model is not None or models or prompt is not None or prompts or temperatures or schema is not None:
        raise UsageError(
            "voters are given as workers, so model, prompt, temperature and schema have nobody to go to"
        )
    else:
        electorate = GivenVoters(voters)
        check_no_waiting({f"voter {name!r}": worker for name, worker in electorate.workers.items()})
    settings = VoteSettings(
        electorate,
        decide_by,
        lambda _: name,
        BallotParser(choices, ballot, as_normaliser(normalise), ballot_form(decide_by)),
        stop=as_stop(stop),
        wave=as_wave(wave),
        race=race,
        on_undecided=among(as_on_undecided(on_undecided), choices),
        shadow=as_shadow_stops(shadow, as_stop(stop), decide_by),
    )
    settings.stop.check(settings.rule)
    check_fallback(settings.rule, settings.on_undecided)
    check_no_waiting({"the fallback": settings.on_undecided})
    asked = [ask.model for ask in deciding_asks(settings)]
    check_prices(merged([limits, limits_from_environment()]), [*electorate.models(), *asked])
    builder = voting_builder(settings, question=str)
    return governed(
        builder.compile(checkpointer=checkpointer, store=store, name=name),
        voting_governing(settings, limits, as_completion(completion)),
    )


def voting_governing(
    settings: VoteSettings, limits: Limits | None = None, completion: Completion | None = None
) -> Governing:
    """How the runs of a vote are governed."""
    return Governing(
        "open",
        "close",
        voting_estimator(settings),
        VotingContext,
        limits,
        completion,
        again=redrive_vote(settings),
        escalates=settings.on_undecided == "escalate",
        asks=[*settings.electorate.asks, *deciding_asks(settings)],
        takes=lambda title, text: {"question": text},
    )


def voting_builder(settings: VoteSettings, *, question: Any) -> StateGraph[Any, Any, Any, Any]:
    """Wire a vote on questions of any type: open -> voters -> tally -> (voters -> tally ...) -> close.

    Where something is done with an undecided vote: close -> fallback, or close -> escalate.

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
    router, paths = scatter_to("voter", voter_tasks(settings), join="close", all_of=all_voters)
    builder.add_node("open", open_node(settings))
    builder.add_node("voter", branch_node(settings.electorate, "voter"), input_schema=_task_on(asked))
    builder.add_node("tally", tally_node(settings))
    builder.add_node("close", close_node(settings))
    builder.add_edge(START, "open")
    builder.add_conditional_edges("open", router, paths)
    builder.add_edge("voter", "tally")
    builder.add_conditional_edges("tally", router, paths)
    _add_undecided(builder, settings)
    return builder


def _add_undecided(builder: StateGraph[Any, Any, Any, Any], settings: VoteSettings) -> None:
    if settings.on_undecided == "return":
        builder.add_edge("close", END)
        return
    name = "escalate" if settings.on_undecided == "escalate" else "fallback"
    make = escalate_node if settings.on_undecided == "escalate" else fallback_node

    def if_undecided(state: Any) -> str:
        return END if state["verdict"].decided else name

    builder.add_node(name, make(settings))
    builder.add_conditional_edges("close", if_undecided, {END: END, name: name})
    builder.add_edge(name, END)


def _task_on(asked: Mapping[str, Any]) -> Any:
    """What is sent to a voter's branch."""
    return task_type("VoteTask", typed_dict("Vote", {"voter": str}, asked))
