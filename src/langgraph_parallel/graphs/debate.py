"""Debate: voters see each other's arguments, and may revise, until nobody does; then a rule decides."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict, Unpack

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.flow import Options, flow_graph
from langgraph_parallel.nodes.catalogue.debate import Debate
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.vote.ballots import BallotParser
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.nodes.work.arguments import at_least, check_named, require_text
from langgraph_parallel.nodes.work.roster import Models
from langgraph_parallel.nodes.work.workers import WorkerLike, Workers
from langgraph_parallel.prompts import Prompt, load_prompts
from langgraph_parallel.records import Ballot, Section, Turn, Verdict
from langgraph_parallel.reducers.canonical import check_choices
from langgraph_parallel.reducers.votes.normalise import NormaliserLike, as_normaliser
from langgraph_parallel.reducers.votes.rules import Rule, among, as_rule, ballot_form
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike


class DebateInput(TypedDict):
    """What to argue about."""

    question: Annotated[
        str,
        Field(title="Question", description="What to argue about.", examples=["Is a hot dog a sandwich?"]),
    ]


class DebateOutput(TypedDict):
    """What they came to, and how."""

    verdict: Annotated[Verdict, Field(title="Verdict", description="What the last ballots come to.")]
    ballots: Annotated[
        list[Ballot], Field(title="Ballots", description="The last ballot of each, in their order.")
    ]
    transcript: Annotated[
        list[Turn], Field(title="Transcript", description="What each said in each round, and who changed.")
    ]


def create_debate(
    *,
    model: ModelLike | None = None,
    models: Sequence[ModelLike] = (),
    temperatures: Sequence[float] = (),
    debaters: int | Mapping[str, WorkerLike] | None = None,
    choices: Sequence[str] | None = None,
    rounds: int = 3,
    rule: str | Rule = "majority",
    normalise: NormaliserLike | None = None,
    prompts: Mapping[str, str | Path | Prompt] | None = None,
    name: str = "debate",
    **options: Unpack[Options],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Make a graph whose voters argue: each sees the arguments of the others, without their names.

    Input: `question`. Output: `verdict` (`Verdict`, of the last ballots), `ballots`, `transcript` (list of
    `Turn`), `sections`, `branches`, `report`. All voters of a round are asked at once. It ends when nobody
    has changed their choice, when all agree, or after the last round. Who fails in a round keeps the last
    ballot that was cast before it.

    Args:
        model: for all; by default, what the environment names.
        models: several instead, dealt out.
        temperatures: dealt out likewise.
        debaters: how many (by default 3, or one for each model); or workers of your own, by name: each gets
            the `Section`, whose `data` has `question`, `own` and `others`.
        choices: the valid answers; anything else abstains.
        rounds: how often each is asked, at most.
        rule: what decides in the end; one whose ballots hold one choice or a number.
        normalise: as in `create_voting`.
        prompts: your own instead of those that ship: `open`, `revise`.
        name: shown in traces: `debate[ann, round 2]`.
        options: `limits`, `completion` (of the first round), `checkpointer`, `store`.

    Raises:
        UsageError: arguments that contradict each other, or are out of range.
        UnknownRule: a rule that does not exist.
        PromptError: a prompt with other variables.
    """
    at_least(rounds, "rounds")
    if isinstance(debaters, Mapping):
        check_named(debaters, "debaters")
    if choices is not None:
        check_choices(choices)
    decide = among(as_rule(rule), choices)
    if ballot_form(decide) not in ("one", "number"):
        raise UsageError(f"{decide.name} wants lists or rankings, and debaters choose one answer")
    texts, panel = load_prompts("debate", prompts), Models(model, models, temperatures)
    schema = answer_schema(None if choices is None else tuple(choices), ballot_form(decide))
    workers: dict[str, WorkerLike] = {}
    if isinstance(debaters, Mapping):
        if not debaters or model is not None or models or temperatures:
            raise UsageError("debaters are given as workers: pass at least one, and no model for them")
        held = {one: (worker, worker) for one, worker in debaters.items()}
    else:
        size = panel.size(debaters, 3, "debaters")
        held = {
            f"#{i + 1}": (
                panel.ask(texts["open"], i, f"You are participant {i + 1} of a debate.", schema),
                panel.ask(texts["revise"], i, f"You are participant {i + 1} of a debate.", schema),
            )
            for i in range(size)
        }
    for one, (opens, revises) in held.items():
        workers |= {f"open/{one}": opens, f"revise/{one}": revises}
    reading = BallotParser(choices, "choice", as_normaliser(normalise), ballot_form(decide))
    debate = Debate(list(held), reading, decide, rounds)

    def begin(given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        return debate.opening(require_text(given, "question", "debate"))

    flow = Flow(
        name=name,
        takes=["question"],
        plan=begin,
        workers=Workers(workers),
        further=debate.next_round,
        most=debate.most,
        close=debate.close,
        closes_with=decide.name,
        gives=["verdict", "ballots", "transcript"],
    )
    return flow_graph(
        flow, DebateInput, DebateOutput, takes=lambda title, text: {"question": text}, **options
    )
