"""The graph of a plan: a sectioning, in which sections with voters are votes.

The same plan gives the same graph, so that a run of it can be resumed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.graphs.sectioning import create_sectioning
from langgraph_parallel.graphs.voting import create_voting
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.planner import Planner
from langgraph_parallel.nodes.flow.synthesize import concatenate, merge_fields, rank
from langgraph_parallel.nodes.flow.synthesizer import Synthesizer
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_sections, missing_line
from langgraph_parallel.records import Section
from langgraph_parallel.reducers.votes.rules import as_rule, ballot_form
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.tools.plan import Plan, PlannedJoin
from langgraph_parallel.tools.plan_check import is_vote, worker_of
from langgraph_parallel.tools.plan_terms import Terms
from langgraph_parallel.tools.plan_workers import PlanWorker, SectionVoter

JOINS = {
    "concat": "the results one after another",
    "merge": "results that are objects become one, field by field",
    "rank": "results that are lists, the best first, become one ranking",
}
"""What joins results without a model, each with what it does."""
SUMMARISE = "a model writes one text from the results, as `instructions` say"

_Vote = tuple[str, int, str, str, tuple[str, ...] | None]
"""What votes of several sections may have in common: one graph is enough for them."""


class Summary:
    """Let a model write one text from the results.

    Args:
        model: that writes.
        instructions: of the plan, which are data.
    """

    def __init__(self, model: ModelLike, instructions: str) -> None:
        self.ask = Ask.shipped("parallel_tool/join", model=model)
        self._instructions = instructions

    async def __call__(self, gathered: Gathered) -> JsonValue:
        """Write the text; what it does not mention of what is missing follows it."""
        text: str = await self.ask.ainvoke(
            {
                "instructions": self._instructions,
                "missing": ", ".join(gathered.missing),
                "results": as_sections((section.title, value) for section, value in gathered.results),
            }
        )
        unnamed = [title for title in gathered.missing if title.casefold() not in text.casefold()]
        return f"{text}\n\n{missing_line(unnamed)}" if unnamed else text


def build_graph(
    plan: Plan,
    terms: Terms,
    workers: Mapping[str, PlanWorker],
    *,
    summarises: ModelLike | None,
    limits: Limits | None,
    name: str,
) -> ParallelGraph:
    """Return the graph of a plan, and never run any of its text.

    Args:
        plan: checked.
        terms: it was checked under.
        workers: by name.
        summarises: the model that joins, if the plan says so.
        limits: of the run.
        name: of the graph, in traces.

    Raises:
        UsageError: a model, a limit or a vote is not valid.
    """
    votes: dict[_Vote, str] = {}
    sections = _sections(plan, terms, workers, votes)
    built: dict[str, Any] = {
        section.worker: workers[section.worker].worker
        for section in sections
        if section.worker in workers  # those that no section names need no key and no price
    }
    for vote, named in votes.items():
        built[named] = _vote_graph(vote, workers[vote[0]], named)
    graph = create_sectioning(
        planner=Planner("plan", dict[str, str], lambda content: sections),
        worker=built,
        synthesizer=_join(plan.join, summarises),
        name=name,
        limits=limits,
    )
    assert isinstance(graph, ParallelGraph)
    return graph


def graph_input(plan: Plan, terms: Terms, workers: Mapping[str, PlanWorker]) -> dict[str, dict[str, str]]:
    """Return the input of the graph of a plan: the text of each section, which checkpoints store once."""
    return {"content": _contents(plan, terms, workers)}


def _contents(plan: Plan, terms: Terms, workers: Mapping[str, PlanWorker]) -> dict[str, str]:
    """Return what each section is about: the context of all, its instructions, what its voters may answer."""
    contents = {}
    for section in plan.sections:
        parts = [plan.context, section.instructions]
        if section.choices and workers[worker_of(section, terms)].model is None:
            # The form of a model voter's answer holds it to them.
            parts.append(f"Answer with one of these alone: {', '.join(section.choices)}")
        contents[section.id] = "\n\n".join(part for part in parts if part.strip())
    return contents


def _sections(
    plan: Plan, terms: Terms, workers: Mapping[str, PlanWorker], votes: dict[_Vote, str]
) -> list[Section]:
    titles, contents, sections = _titles(plan), _contents(plan, terms, workers), []
    for section in plan.sections:
        worker = worker_of(section, terms)
        if is_vote(section):
            choices = None if section.choices is None else tuple(section.choices)
            rule, stop = section.rule or "majority", section.stop or "decided"
            vote = (worker, section.voters or 0, rule, stop, choices)
            worker = votes.setdefault(vote, _vote_name(worker, len(votes) + 1, terms))
        sections.append(
            Section(
                id=section.id,
                title=titles[section.id],
                content=contents[section.id],
                worker=worker,
                needs=list(dict.fromkeys(section.needs)),
            )
        )
    return sections


def _titles(plan: Plan) -> dict[str, str]:
    """Return a title for each section, with its id if another one has the same."""
    titles: dict[str, str] = {}
    taken: set[str] = set()
    for section in plan.sections:
        title = " ".join((section.title or section.id).split()) or section.id
        titles[section.id] = f"{title} ({section.id})" if title in taken else title
        taken.add(title)
    return titles


def _vote_name(worker: str, number: int, terms: Terms) -> str:
    name = f"vote {number} of {worker}"
    while name in terms.workers:
        name += "'"
    return name


def _vote_graph(vote: _Vote, worker: PlanWorker, name: str) -> ParallelGraph:
    _, voters, rule, stop, choices = vote
    decided: dict[str, Any] = {"rule": rule, "stop": stop, "name": name}
    if worker.model is not None:
        graph = create_voting(model=worker.model, voters=voters, choices=_offered(choices), **decided)
    else:
        if ballot_form(as_rule(rule)) == "number":
            decided["ballot"] = {"normalise": "number"}  # what is no model of ours may answer in words
        ours = isinstance(worker.worker, ParallelGraph)
        voter = worker.worker if ours else SectionVoter(worker.worker)
        members = {f"#{number}": voter for number in range(1, voters + 1)}
        graph = create_voting(voters=members, choices=_offered(choices), **decided)
    assert isinstance(graph, ParallelGraph)
    return graph


def _offered(choices: tuple[str, ...] | None) -> Sequence[str] | None:
    return None if choices is None else list(choices)


def _join(join: PlannedJoin, summarises: ModelLike | None) -> Synthesizer:
    if join.how == "summarise" and summarises is not None:
        return Summary(summarises, join.instructions)
    return {"merge": merge_fields(), "rank": rank()}.get(join.how, concatenate())
