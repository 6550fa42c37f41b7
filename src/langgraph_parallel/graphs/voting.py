"""Voting: several voters answer one question, and a rule decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Required, Unpack

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send
from pydantic import Field, JsonValue
from typing_extensions import TypedDict

from langgraph_parallel.arguments import checked
from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.options import GraphOptions, resolve
from langgraph_parallel.nodes.fan_out.branch import branch_node
from langgraph_parallel.nodes.fan_out.bundle import in_bundles
from langgraph_parallel.nodes.fan_out.scatter import scatter_to
from langgraph_parallel.nodes.fan_out.state import (
    BRANCHES,
    MISSING,
    RUN_REPORT,
    input_type,
    messages_fields,
    output_messages,
    state_type,
    typed_dict,
)
from langgraph_parallel.nodes.fan_out.task import SentTask
from langgraph_parallel.nodes.vote.ballots import BallotFormat, BallotParser
from langgraph_parallel.nodes.vote.escalate import asked_after_tally, check_no_waiting, escalate_node
from langgraph_parallel.nodes.vote.estimate import voting_estimator
from langgraph_parallel.nodes.vote.fallback import (
    as_on_undecided,
    check_fallback,
    deciding_asks,
    fallback_node,
)
from langgraph_parallel.nodes.vote.further import further_waves
from langgraph_parallel.nodes.vote.judge import Judge
from langgraph_parallel.nodes.vote.nodes import (
    ASSIGNMENTS,
    Asking,
    is_asking,
    open_node,
    planned_voters,
    redrive_vote,
    tally_node,
    voter_tasks,
    watch_again,
)
from langgraph_parallel.nodes.vote.panel import build_electorate
from langgraph_parallel.nodes.vote.poll import VoteSettings, as_shadow_stops
from langgraph_parallel.nodes.work.conversation import question_from_messages
from langgraph_parallel.nodes.work.roster import RosterLike, as_roster
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import PromptLike
from langgraph_parallel.records import Ballot, Call, Verdict
from langgraph_parallel.reducers.canonical import check_choices
from langgraph_parallel.reducers.votes.normalise import as_normaliser
from langgraph_parallel.reducers.votes.rules import (
    Rule,
    RuleLike,
    as_rule,
    ballot_form,
    with_candidates,
)
from langgraph_parallel.reducers.votes.stops import Stop, as_stop
from langgraph_parallel.reducers.votes.waves import Wave, as_wave
from langgraph_parallel.report.reply import answering
from langgraph_parallel.runtime.context import VotingContext
from langgraph_parallel.runtime.governing import Governing
from langgraph_parallel.runtime.graph import parallel_graph
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.named_graph import name_keys
from langgraph_parallel.runtime.replying import Replying, replying, showing_progress, telling_to_wait
from langgraph_parallel.runtime.settings import as_settings
from langgraph_parallel.runtime.stamp import STAMP


class VotingInput(TypedDict):
    """The question that every voter answers."""

    question: Required[
        Annotated[
            str | list[str | dict[str, Any]],
            Field(
                title="Question",
                description="What the voters answer, independently of each other: a text, or a list of texts "
                "and content blocks, such as pictures.",
                examples=["Is 2027 a prime number? Answer yes or no."],
            ),
        ]
    ]


class VotingOutput(TypedDict):
    """The verdict, the ballots in the voters' order, and the run's numbers."""

    verdict: Annotated[Verdict, Field(title="Verdict", description="The choice, its support, and dissent.")]
    ballots: Annotated[
        list[Ballot], Field(title="Ballots", description="The ballot of each voter, in their order.")
    ]
    missing: MISSING
    branches: BRANCHES
    run_report: RUN_REPORT


class _Inner(VotingOutput):
    """Internal channels."""

    voters: list[str]
    """All voters that may be asked, in their order."""
    asking: Asking
    calls: dict[str, Call]
    stamp: STAMP


@checked
def create_voting(
    *,
    model: ModelLike | None = None,
    prompt: PromptLike | None = None,
    choices: Sequence[JsonValue] | None = None,
    voters: RosterLike | None = None,
    rule: RuleLike | Judge = "majority",
    stop: str | Stop = "decided",
    on_undecided: str | Rule | Judge | WorkerLike = "return",
    ballot: BallotFormat | Mapping[str, Any] | None = None,
    wave: Wave | None = None,
    race: bool = True,
    shadow: bool | Sequence[str | Stop] = False,
    name: str = "voting",
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build a graph that puts one question to several voters, decides by a rule, and knows when to stop.

    Input: `question`, a text, or a list of texts and content blocks (see `media`); or a conversation as
    `messages`, which gets the answer. Output: `verdict` (`Verdict`), `ballots` (list of `Ballot`, in the
    voters' order), `missing` (voters that were asked and gave no answer), `branches` (a `Branch` for each
    voter that was asked), `run_report` (`RunReport`). A voter that fails, times out or gives no valid choice
    supports nothing; the verdict counts it under `failed`, `timed_out` or `abstained`.

    Voters are asked in waves. By default no voter is asked whose ballot cannot change the choice: of three
    voters two are asked, and the third only if they disagree; of five three, and the fourth as soon as the
    first two disagree. `wave="all"` asks all voters at once, which
    takes the least time, and cancels those that are not needed any more; `stop="all_votes"` hears all of
    them.

    Args:
        model: of all voters; by default the one that the environment names when the graph runs.
        prompt: what the voters are asked, with the variable `{question}`; by default the question alone.
        choices: the valid answers; any other answer abstains. None for free answers.
        voters: their number (default 3), workers that get the question, or a `Roster` of models, wordings and
            temperatures.
        rule: decides on the ballots: one of `rules`, its name, a `Judge`, or a function that gets the list of
            choices and returns one, or None to leave the vote undecided. Model voters are asked for what the
            rule reads: a choice, a list, a ranking, a number, or a truth value; for `elementwise` and
            `by_field` pass a `schema` in `ballot`.
        stop: when no further ballot is needed: one of `stops`, or as text. `decided` never changes the
            choice.
        on_undecided: handling of a verdict whose status is not `decided`: `return` it, `escalate` it to a
            person in one interrupt, or let another rule, a `Judge` or a worker decide. A function here is a
            worker, which gets the question.
        ballot: the form of an answer: `BallotFormat`, or a mapping of `schema`, `field` and `normalise`.
        wave: how many voters are asked together: `lossless` (as many as one at a time would have asked
            anyway, and a further one as soon as it is certain to be asked), `all`, or a number. By default
            `lossless`, and `all` in the batch lane, where a wave may take a day. More than 1,000 are asked in
            parts of 1,000, one after another; once the vote may stop, the parts that follow are not asked.
        race: whether voters of a wave that are not needed any more are cancelled.
        shadow: hear all voters, and report what each of these stops would have saved and whether the choice
            would have been the same; True for the stops that fit the rule.
        name: shown in traces: `vote[name#2]`.
        options: `limits`, `completion` (with the voters' names as ids), `checkpointer`, `store`; see
            `GraphOptions`.

    Raises:
        UsageError: an argument is not valid, or arguments contradict each other.
        UnknownRule, UnknownStop: a name is not a rule, or not a stop.
        ModelError: a model is not valid.
        PromptError: a prompt lacks `{question}`, or has other variables.
        UnknownPrice: the budget is in dollars, and a model has no known price.
    """
    if choices is not None:
        check_choices(choices)
    decider = rule if isinstance(rule, Judge) else with_candidates(as_rule(rule), choices)
    form, layout = ballot_form(decider), as_settings(ballot or {}, BallotFormat, "ballot")
    if form in ("number", "score") and any(isinstance(choice, str) for choice in choices or []):
        raise UsageError(
            f"rule {decider.name} decides among numbers, but choices are texts; leave out choices"
        )
    settings = VoteSettings(
        build_electorate(as_roster(voters, "voters", model), model, prompt, choices, layout, form),
        decider,
        lambda _: name,
        BallotParser(choices, layout.field, as_normaliser(layout.normalise), form),
        stop=as_stop(stop),
        wave=None if wave is None else as_wave(wave),
        race=race,
        on_undecided=with_candidates(as_on_undecided(on_undecided), choices),
        shadow=as_shadow_stops(shadow, as_stop(stop), decider),
        from_messages=question_from_messages(),
    )
    settings.stop.check(settings.rule)
    check_fallback(settings.rule, settings.on_undecided)
    check_no_waiting({"the fallback": settings.on_undecided})
    return voting_graph(settings, name, **options)


def voting_graph(
    settings: VoteSettings,
    name: str,
    *,
    question: Any = str,
    **options: Unpack[GraphOptions],
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a vote.

    Args:
        settings: who votes, and what decides.
        name: of the graph.
        question: the type of the question, which checkpoints need to restore it.
        options: see `GraphOptions`.
    """
    asks = deciding_asks(settings)
    resolved = resolve(
        options, [*settings.electorate.models(), *(model for ask in asks for model in ask.models)]
    )
    governing = Governing(
        kind="voting",
        fan_out_node="open",
        close_node=None,
        estimate=voting_estimator(settings),
        context=VotingContext,
        limits=resolved.limits,
        completion=resolved.completion,
        **resolved.governing,
        redrive=redrive_vote(settings),
        built=settings.built,
        escalates=settings.on_undecided == "escalate",
        asks=[*settings.electorate.asks, *asks],
        from_text=lambda title, text: {"question": text},
        from_messages=settings.from_messages,
        bundles=True,
        in_task=settings.only_asks,
    )
    inner = None
    if settings.counts_alone:
        alone = replace(settings, from_messages=None)  # what a branch gets is a question
        inner = _wire(alone, name, question, inner=True).compile(name=name, store=resolved.compile["store"])
        inner = parallel_graph(inner, replace(governing, stores_waves=True, from_messages=None))
    wired = _wire(settings, name, question)
    graph = parallel_graph(wired.compile(name=name, **resolved.compile), governing, inner)
    return name_keys(graph, **resolved.names)


def _wire(
    settings: VoteSettings, name: str, question: Any, *, inner: bool = False
) -> StateGraph[Any, Any, Any, Any]:
    """Wire open -> voters -> tally -> (voters -> tally ...) -> (fallback or ask_person)."""
    asked, spec = {"question": question}, settings.from_messages
    builder: StateGraph[Any, Any, Any, Any] = StateGraph(
        state_type("VotingState", ["question"], _Inner, asked, messages_fields(spec), inner=inner),
        context_schema=VotingContext,
        input_schema=input_type(VotingInput, spec) if question is str else typed_dict("VotingInput", asked),
        output_schema=typed_dict("VotingOutput", VotingOutput, output_messages(spec)),
    )
    reply = None if spec is None else answering("voting", name, spec)
    tasks, undecided = voter_tasks(settings), _wire_undecided(builder, settings, reply)
    builder.add_node("open", showing_progress(open_node(settings, name), reply))
    after, paths = scatter_to("voter", tasks, join=undecided, planned=planned_voters)
    watch = watch_again(settings)
    voter = branch_node(settings.electorate, "voter", assignments=ASSIGNMENTS, on_resume=watch)
    builder.add_node("voter", in_bundles(voter, further_waves(settings, after)), input_schema=SentTask)
    tally = telling_to_wait(tally_node(settings), reply, asked_after_tally(settings))
    builder.add_node("tally", replying(tally, reply, settings.is_final))
    builder.add_edge(START, "open")
    builder.add_conditional_edges("open", *scatter_to("voter", tasks, join="tally", planned=planned_voters))
    builder.add_edge("voter", "tally")

    def ask_or_end(state: Any, config: RunnableConfig) -> Sequence[Send] | str:
        return END if not is_asking(state) and state["verdict"].decided else after(state, config)

    builder.add_conditional_edges("tally", ask_or_end, {**paths, END: END})
    return builder


def _wire_undecided(
    builder: StateGraph[Any, Any, Any, Any], settings: VoteSettings, reply: Replying | None
) -> str:
    """Add what handles an undecided verdict, and return its name."""
    if settings.on_undecided == "return":
        return END
    name, node = "fallback", fallback_node
    if settings.on_undecided == "escalate":
        name, node = "ask_person", escalate_node
    builder.add_node(name, replying(node(settings), reply))
    builder.add_edge(name, END)
    return name
