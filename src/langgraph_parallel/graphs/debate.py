"""Debate: voters see each other's arguments and may revise, until none does; then a rule decides."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Unpack

from langgraph.graph.state import CompiledStateGraph
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.nodes.catalogue.debate import DebateSteps
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.vote.ballots import BallotFormat
from langgraph_parallel.nodes.work.conversation import text_from_messages
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import Workers
from langgraph_parallel.prompts import PromptLike, load_prompts
from langgraph_parallel.records import Ballot, Turn, Verdict
from langgraph_parallel.reducers.votes.rules import RuleLike
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.settings import as_settings


class DebateInput(TypedDict):
    """The question."""

    question: Annotated[
        str,
        Field(title="Question", description="What to argue about.", examples=["Is a hot dog a sandwich?"]),
    ]


class DebateOutput(TypedDict):
    """The verdict, and the arguments."""

    verdict: Annotated[Verdict, Field(title="Verdict", description="The verdict on the last ballots.")]
    ballots: Annotated[
        list[Ballot], Field(title="Ballots", description="The last ballot of each debater, in their order.")
    ]
    transcript: Annotated[
        list[Turn], Field(title="Transcript", description="Every turn of every round, and who changed.")
    ]


@checked
def create_debate(
    *,
    model: ModelLike | None = None,
    choices: Sequence[str] | None = None,
    debaters: RosterLike | None = None,
    max_rounds: int = 3,
    rule: RuleLike = "majority",
    ballot: BallotFormat | Mapping[str, Any] | None = None,
    prompts: Mapping[str, PromptLike] | None = None,
    name: str = "debate",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph whose voters argue: each sees the arguments of the others, without their names.

    Input: `question`; or a conversation as `messages`, which gets the answer. Output: `verdict` (`Verdict`,
    of the last ballots), `ballots`, `transcript` (list of `Turn`), `missing`, `sections`, `branches`,
    `run_report`. All debaters of a round are asked at once. The debate ends when no debater has changed its
    choice, when all agree, or after the last round. A debater that fails in a round keeps its last ballot.

    Args:
        model: of all debaters; by default the one that the environment names.
        choices: the valid answers; any other answer abstains. None for free answers.
        debaters: their number (default 3), workers, or a `Roster` of models and temperatures. A worker gets
            the `Section`, whose `data` holds `question`, `own` and `others`.
        max_rounds: most rounds.
        rule: decides on the last ballots; one whose ballots hold one choice or a number.
        ballot: the form of an answer: `BallotFormat`, or a mapping of its fields.
        prompts: replacements of shipped prompts: `open`, `revise`.
        name: shown in traces: `debate[ann, round 2]`.
        options: `limits`, `completion` (of the first round), `checkpointer`, `store`; see `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownRule: a name is not a rule.
        ModelError: a model is not valid.
        PromptError: a prompt has other variables than the one that it replaces.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    debate = DebateSteps(
        as_roster(debaters, "debaters", model),
        model,
        load_prompts("debate", prompts, also={"revise": ["own", "others"]}),
        choices=choices,
        rule=rule,
        layout=as_settings(ballot or {}, BallotFormat, "ballot"),
        max_rounds=max_rounds,
    )
    flow = Flow(
        name=name,
        kind="debate",
        input=DebateInput,
        output=DebateOutput,
        plan=debate.plan,
        workers=Workers(debate.workers, inputs=debate.inputs),
        next_round=debate.next_round,
        later_sections=debate.later_sections,
        close=debate.close,
        needs_results=False,
        work_name="argue",
        close_name="decide",
        from_text=lambda title, text: {"question": text},
        from_messages=text_from_messages("question", "question"),
    )
    return flow_graph(flow, **options)
