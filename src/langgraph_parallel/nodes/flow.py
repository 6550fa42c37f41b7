"""The nodes that every graph over sections is made of: plan -> workers -> gather -> (workers ...) -> close.

A `Flow` says what is special about one of them. What is not special is here: needs and rounds, limits,
redrive, people who are asked, failures that are data.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from langgraph_parallel.errors import InputError, PlanError, PromptError
from langgraph_parallel.nodes.ask import Ask
from langgraph_parallel.nodes.branch import Inside, Task, inside_of
from langgraph_parallel.nodes.closing import Closing, closing, require_completion
from langgraph_parallel.nodes.escalate import passing_on
from langgraph_parallel.nodes.gather import Gathered
from langgraph_parallel.nodes.workers import Workers
from langgraph_parallel.records import Branch, Call, Estimate, Section
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.staging import check_plan, earliest_round, fingerprint, handed, stage
from langgraph_parallel.runtime.context import Context, context_of
from langgraph_parallel.runtime.fan_out import IsOver
from langgraph_parallel.runtime.models import require_model
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.recording import recording
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.run_report import escalated

Sections = Sequence[Section]
Plan = Callable[[Mapping[str, Any], Context], Sections | Awaitable[Sections]]
"""From a graph's input, and the runtime context, to sections."""
Further = Callable[[Gathered], Sections | Awaitable[Sections]]
"""From what was gathered to the sections of the next round; none ends the rounds."""
Close = Callable[[Gathered], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
"""From what was gathered to a graph's output, without its branches and its report."""


@dataclass(frozen=True)
class Flow:
    """What is special about one graph over sections."""

    name: str
    """Shown in traces: `name[title of the section]`."""
    plan: Plan
    workers: Workers
    close: Close
    gives: Sequence[str]
    """The keys that the close makes; they are None where it fails."""
    takes: Sequence[str]
    """The keys of the input."""
    further: Further | None = None
    draft: Callable[[Mapping[str, Any], Run, Context], tuple[Estimate, Sections]] | None = None
    """For an estimate, where a model plans: what asking it takes, and the most sections that it may make."""
    plans: Sequence[Ask] = ()
    """What asks a model in the plan and between the rounds."""
    closes: Sequence[Ask] = ()
    """What asks a model in the close."""
    needs_model: Callable[[Context], bool] = lambda context: True
    """Whether a run with this context asks models; else engines do the work, where there are any."""
    watch: Callable[[Run, Sections], IsOver] | None = None
    """Makes what is asked after each branch: why those that still run are not needed any more; an empty text
    while they are."""
    quiet: bool = False
    """Whether what comes of a branch is kept out of the stream of events."""
    most: Callable[[Sections], Sections] = field(default=lambda sections: [])
    """For an estimate: the sections of all later rounds, at the most, by those of the first."""
    timeout: Callable[[Section], float | None] = lambda section: None
    """Seconds for the worker of a section."""
    metadata: Callable[[Section], dict[str, str]] = lambda section: {}
    """What traces show of a section besides, and its worker finds in its config."""
    closes_with: str = "synthesize"
    """What the closing node, and so its failure, is called."""

    @property
    def all_asks(self) -> list[Ask]:
        """Everything that asks a model."""
        return [*self.plans, *self.closes, *self.workers.asks]


def given_of(flow: Flow, state: Mapping[str, Any]) -> dict[str, Any]:
    """The input, as far as it was given."""
    return {key: state[key] for key in flow.takes if state.get(key) is not None}


def text_of(given: Mapping[str, Any], key: str, graph: str) -> str:
    """What a graph works on, where that is a text.

    Raises:
        InputError: it is none, or there is nothing in it.
    """
    text = given.get(key)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{graph} has no {key}; pass {{{key!r}: '...'}}")
    return text


def texts_of(given: Mapping[str, Any], key: str, noun: str, *, some: bool = False) -> dict[str, str]:
    """What a graph works on, where that is a list of texts, or a mapping of name to text: by name.

    Args:
        given: the input.
        key: of the texts.
        noun: what texts without a name are called: `text 1`, `text 2`.
        some: whether there has to be at least one.

    Raises:
        InputError: they are something else.
    """
    texts = given.get(key)
    if isinstance(texts, list):
        texts = {f"{noun} {i}": text for i, text in enumerate(texts, 1)}
    if not isinstance(texts, Mapping) or not all(
        isinstance(text, str) for pair in texts.items() for text in pair
    ):
        raise InputError(f"there are no {key}; pass {{{key!r}: {{name: text}}}}, or a list of texts")
    if some and not texts:
        raise InputError(f"there are no {key}; pass at least one")
    return dict(texts)


def planning(flow: Flow) -> Callable[..., Any]:
    """Make the node that divides the work, once it is sure that all models can be had."""

    async def plan(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """Divide the work into sections, and forget what an earlier run on this thread has left."""
        inside, run = inside_of(config), current_run()
        if inside and inside.below is not None:
            held = restaged(inside.below.sections or [], inside.below.branches, inside)
            return {"problems": {}, **held, "calls": Overwrite(held["calls"])}
        context = context_of(runtime.context, Context)
        for ask in flow.all_asks if flow.needs_model(context) else ():
            require_model(ask.chosen(context))
            check_prices(run.limits_for(ask.limits), [ask.chosen(context)])
        with recording() as calls:
            sections = await planned(flow, given_of(flow, state), context)
        kept, left = sections[: run.limits.sections], sections[run.limits.sections :]
        check_completion(run.completion, [section.id for section in kept])
        if flow.watch is not None:
            run.race(flow.watch(run, kept))
        skipped = _skipped(left, f"beyond the limit of {run.limits.sections} sections", len(kept))
        return {
            "sections": kept,
            "branches": Overwrite(skipped),
            "calls": Overwrite(dict(calls)),
            "problems": {},
            "spare": {},
            "answers": [],
            "wave": stage(kept, skipped).ready,
        }

    return plan


async def planned(flow: Flow, given: Mapping[str, Any], context: Context) -> list[Section]:
    """What the planner makes of an input, once it is sure that it can be worked on.

    Raises:
        InputError: the input is not what it divides.
        PlanError: the sections cannot be worked on.
    """
    made = flow.plan(given, context)
    given_back = await made if inspect.isawaitable(made) else made
    if isinstance(given_back, str) or not isinstance(given_back, Sequence):
        raise PlanError(f"the planner gave {type(given_back).__name__} where a list of sections is due")
    sections = list(given_back)
    check_plan(sections, flow.workers.names)
    _check_earlier(flow, sections)
    return sections


def _check_earlier(flow: Flow, sections: Sections) -> None:
    """What a section needs has to reach its worker."""
    for section in sections:
        worker = flow.workers.select(section)[0] if section.needs else None
        if isinstance(worker, Ask) and "earlier" not in worker.variables:
            raise PromptError(
                f"section {section.id!r} needs results of others, and prompt {worker.prompt.name!r} has no "
                "{earlier} to show them in"
            )


def _skipped(sections: Sections, why: str, first: int, **more: Any) -> dict[str, Branch]:
    """Records of sections that are not worked on: nothing is dropped in silence."""
    return {
        section.id: Branch(
            id=section.id, name=section.title, order=order, status="skipped", error=why, **more
        )
        for order, section in enumerate(sections, first)
    }


def section_tasks(flow: Flow) -> Callable[[Any], list[Task]]:
    """Make the function that gives one task for each section of the wave: `name[Introduction]`."""

    def tasks(state: Any) -> list[Task]:
        order = {section.id: place for place, section in enumerate(state["sections"])}
        return [
            Task(
                id=section.id,
                name=f"{flow.name}[{section.title}]",
                order=order[section.id],
                work=section,
                timeout=flow.timeout(section),
                metadata=flow.metadata(section),
            )
            for section in handed(state["sections"], state.get("branches") or {}, state["wave"])
        ]

    return tasks


def of_first_round(state: Any) -> set[str]:
    """Ids of all that the completion policy speaks of: what was planned at first."""
    later = {section.id for section in state["sections"] if section.round > 0}
    planned = {section.id for section in state["sections"]}
    return (planned | (state.get("branches") or {}).keys()) - later


def gathering(flow: Flow) -> Callable[..., Any]:
    """Make the node behind each wave: it says what is worked on next, if anything."""

    async def gather(state: Any) -> dict[str, Any]:
        """Go on with what is ready now, else with the next round."""
        run, sections, branches = current_run(), state["sections"], state["branches"]
        ready, blocked = stage(sections, branches)
        lost: dict[str, Branch] = {}
        for order, section in enumerate(sections):
            if section.id in blocked:
                lost |= _skipped([section], blocked[section.id], order)
                run.ended(lost[section.id])
        if run.had_enough():
            why = f"not needed any more: {run.completion}"
            for order, section in enumerate(sections):
                if section.id not in branches and section.id not in lost:
                    lost |= _skipped([section], why, order, ended_by="completion")
            ready = []
        update: dict[str, Any] = {"branches": lost, "answers": [], "wave": ready}
        if ready or flow.further is None or _is_over(run, branches):
            return update
        return update | await _next_round(flow, state, branches | lost)

    return gather


def _is_over(run: Run, branches: Mapping[str, Branch]) -> bool:
    """Whether no further round begins: a person is waited for, or nobody answers any more."""
    if run.starts_no_more() or escalated(branches.values()):
        return True
    return any(branch.ended_by in {"budget", "drain"} for branch in branches.values())


async def _next_round(flow: Flow, state: Any, branches: Mapping[str, Branch]) -> dict[str, Any]:
    """Plan the next round; when that fails, the graph closes on what there is.

    What a run before has done of it is not done again, and the round behind it is planned then.
    """
    assert flow.further is not None
    sections: list[Section] = state["sections"]
    held, spare = dict(branches), dict(state.get("spare") or {})
    calls: dict[str, Call] = {}
    problems: dict[str, str] = dict(state["problems"])
    ready: list[str] = []
    while not ready and not escalated(held.values()):
        new: list[Section] = []
        with closing("next round") as closed:
            made = flow.further(Gathered.of(sections, held, given_of(flow, state)))
            new = _of_next_round(sections, await made if inspect.isawaitable(made) else made)
            check_plan([*sections, *new], flow.workers.names)
            if len(new) > (most := current_run().limits.sections):
                raise PlanError(f"the next round has {len(new)} sections; the limit is {most}")
        calls |= closed.calls
        problems |= closed.problems
        if closed.problems or not new:
            break
        for order, section in enumerate(new, len(sections)):
            done = spare.get(fingerprint(section, held))
            if done is not None:
                named = f"{flow.name}[{section.title}]"
                held[section.id] = done.model_copy(update={"id": section.id, "name": named, "order": order})
        sections = [*sections, *new]
        ready = stage(sections, held).ready
    reused = {key: branch for key, branch in held.items() if key not in branches}
    return {
        "sections": sections,
        "branches": {**{key: held[key] for key in branches if key not in state["branches"]}, **reused},
        "wave": ready,
        "calls": calls,
        "problems": problems,
    }


def _of_next_round(sections: Sections, made: Sections) -> list[Section]:
    number = max((section.round for section in sections), default=0) + 1
    return [section.model_copy(update={"round": number}) for section in made]


async def asking(state: Any, config: RunnableConfig) -> dict[str, Any]:
    """Put all undecided votes before a person at once, then go on with the sections that they are in."""
    update = await passing_on(state, config)
    asked = {answer.path[0] for answer in update["answers"]}
    return {**update, "wave": [section.id for section in state["sections"] if section.id in asked]}


def closing_with(flow: Flow) -> Callable[..., Any]:
    """Make the closing node; when it fails, the sections come back without a result."""

    async def close(state: Any) -> dict[str, Any]:
        """Join what succeeded, and say what is missing."""
        require_completion(state, among=of_first_round(state))
        nothing = dict.fromkeys(flow.gives)
        if escalated(state["branches"].values()):  # a graph around asks a person, and then comes back
            return {**nothing, "report": Closing(problems=dict(state["problems"])).report(state)}
        made: Mapping[str, Any] = {}
        gathered = Gathered.of(state["sections"], state["branches"], given_of(flow, state))
        with closing(flow.closes_with) as closed:
            joined = flow.close(gathered)
            made = await joined if inspect.isawaitable(joined) else joined
        closed.problems = {**state["problems"], **gathered.problems, **closed.problems}
        return {**nothing, **made, "report": closed.report(state), "calls": closed.calls}

    return close


def restaged(
    sections: Sections, branches: Mapping[str, Branch], inside: Inside | None = None
) -> dict[str, Any]:
    """Where a run goes on that has ended before: with what is not done, and nothing that followed from it.

    Later rounds were planned by what came of the earlier ones, so they are planned anew; what they have
    called stays in the report, and what is the same work on the same results as before is not done again
    (`spare`).

    Args:
        sections: the plan, with all its rounds.
        branches: what has come of them.
        inside: what a person has decided; then only the sections that have waited for it are worked on.
    """
    answers = list(inside.answers) if inside else []
    if answers:
        asked = {answer.path[0] for answer in answers}
        return {
            "sections": list(sections),
            "branches": Overwrite(dict(branches)),
            "calls": {},
            "spare": {},
            "answers": answers,
            "wave": [section.id for section in sections if section.id in asked],
        }
    last = earliest_round(sections, branches)
    later = [s for s in sections if s.round > last and s.id in branches and branches[s.id].whole]
    kept = [section for section in sections if section.round <= last]
    wave = stage(kept, {key: branch for key, branch in branches.items() if branch.whole}).ready
    dropped = {section.id for section in sections} - {section.id for section in kept}
    dropped |= {s.id for s in kept if s.id in branches and not branches[s.id].whole and s.id not in wave}
    calls: dict[str, Call] = {c.id: c for key in dropped if key in branches for c in branches[key].calls}
    return {
        "sections": kept,
        "branches": Overwrite({key: branch for key, branch in branches.items() if key not in dropped}),
        "calls": calls,
        "answers": [],
        "wave": wave,
        "spare": {fingerprint(section, branches): branches[section.id] for section in later},
    }


def again(state: Any, context: Context) -> dict[str, Any]:
    """What a redrive writes to the state before it goes on."""
    return {**restaged(state["sections"], state["branches"]), "problems": {}}
