"""Interrupts at any place of any graph: none hangs, none is lost, none is asked twice, whoever is killed."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import Field
from typing_extensions import TypedDict

from langgraph_parallel import (
    Check,
    Section,
    completion,
    create_best_of,
    create_debate,
    create_guarded,
    create_labeling,
    create_map_reduce,
    create_moderation,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
)

NAMES = "abcd"
CONFIG: Any = {"configurable": {"thread_id": "1"}}
PARTS, RUNS = 4, 50
"""Parts of the test, and runs in each."""


class Office:
    """People who are asked by workers, and a process that may die while one of them works.

    Args:
        draw: decides who asks, and how often.
    """

    def __init__(self, draw: random.Random) -> None:
        self.asks = {name: draw.choice([0, 0, 1, 1, 2]) for name in NAMES}
        self.victim: str | None = None
        """Whose work the process dies in, once it has its replies."""
        self.dying = asyncio.Event()
        self.done: dict[str, list[Any]] = {}
        """The replies of the workers that have ended, in the last attempt of each."""
        self.ended: Counter[str] = Counter()

    def worker(self, name: str, result: Any) -> Callable[[Any], Any]:
        """Return a worker that asks its questions, and then returns the result."""

        async def work(given: Any) -> Any:
            await asyncio.sleep(0)
            replies = [
                interrupt(f"{name} {number}", response_schema=Annotated[str, Field(pattern="^reply")])  # type: ignore[call-overload]
                for number in range(self.asks[name])
            ]
            assert replies == [f"reply to {name} {number}" for number in range(self.asks[name])]
            if self.victim == name:
                self.dying.set()
                await asyncio.Event().wait()
            self.done[name] = replies
            self.ended[name] += 1
            return result

        return work


def voting(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """A vote, in waves of any size."""
    voters = {name: office.worker(name, "yes" if name != "d" else "no") for name in NAMES}
    stop = draw.choice(["all_votes", "decided"])
    wave: Any = draw.choice([1, 2, "all"])
    policy = {} if stop == "decided" else options
    return create_voting(voters=voters, stop=stop, wave=wave, **policy), {"question": "?"}


def sectioning(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Sections, some of which need others."""
    needs = draw.random() < 0.5
    sections = [
        Section(id=name, title=name, worker=name, needs=["a"] if needs and name in "cd" else [])
        for name in NAMES
    ]
    workers = {name: office.worker(name, name) for name in NAMES}
    return create_sectioning(planner=lambda content: sections, worker=workers, **options), {"content": "x"}


def nested(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Votes in sections."""
    votes = {
        pair: create_voting(voters={name: office.worker(name, "yes") for name in pair}, stop="all_votes")
        for pair in ("ab", "cd")
    }
    sections = [Section(id=pair, title=pair, content="x", worker=pair) for pair in votes]
    return create_sectioning(planner=lambda content: sections, worker=votes, **options), {"content": "x"}


def map_reduce(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Items, by one worker for all."""
    workers = {name: office.worker(name, name) for name in NAMES}

    async def work(item: str) -> Any:
        return await workers[item](item)

    graph = create_map_reduce(worker=work, synthesizer=lambda given: given.values, **options)
    return graph, {"items": list(NAMES)}


def scatter_gather(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Sources."""
    sources = {name: office.worker(name, name) for name in NAMES}
    return create_scatter_gather(sources=sources, **options), {"request": "x"}


def best_of(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Drafts in waves, and a judge."""
    waves: Any = draw.choice([{}, {"wave": 2, "threshold": 9}])
    drafters = {name: office.worker(name, name) for name in NAMES}
    judge = (lambda draft: 1) if waves else ord
    return create_best_of(drafters=drafters, judge=judge, **waves), {"task": "x"}


def moderation(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Checks of a text."""
    checks = {name: Check(worker=office.worker(name, False)) for name in NAMES}
    return create_moderation(checks=checks), {"text": "x"}


def guarded(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Checks and an answer, of which some may block."""
    checks = {
        name: Check(worker=office.worker(name, False), blocking=draw.random() < 0.3) for name in NAMES[:3]
    }
    return create_guarded(worker=office.worker("d", "d"), checks=checks), {"message": "x"}


def debate(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """Voters that hear each other, and agree at once."""
    voters = {name: office.worker(name, {"choice": "yes", "rationale": ""}) for name in NAMES}
    return create_debate(debaters=voters, max_rounds=2), {"question": "?"}


def labeling(office: Office, draw: random.Random, options: Any) -> tuple[Any, Any]:
    """A vote for an item."""
    voters = {name: office.worker(name, "yes") for name in NAMES}
    graph = create_labeling(voters=voters, labels=["yes", "no"], stop="all_votes")
    return graph, {"items": ["one"]}


KINDS = [
    debate,
    labeling,
    voting,
    sectioning,
    nested,
    map_reduce,
    scatter_gather,
    best_of,
    moderation,
    guarded,
]
POLICIES: list[Any] = [
    {},
    {"completion": completion.min_success(2)},
    {"completion": completion.tolerated_failures(0)},
]


class App(TypedDict, total=False):
    """The state of an app around a graph."""

    question: str
    content: str
    items: list[str]
    request: str
    task: str
    text: str
    message: str
    branches: Any
    run_report: Any


def in_app(graph: Any, saver: Any) -> Any:
    """Return an app that has a graph as its only node."""
    builder = StateGraph(App)
    builder.add_node("graph", graph)
    builder.add_edge(START, "graph")
    return builder.compile(checkpointer=saver)


async def until_it_ends_or_dies(app: Any, given: Any, office: Office) -> Any:
    """Run an app; return None if its process died."""
    running = asyncio.ensure_future(app.ainvoke(given, CONFIG))
    dying = asyncio.ensure_future(office.dying.wait())
    async with asyncio.timeout(30):
        await asyncio.wait([running, dying], return_when=asyncio.FIRST_COMPLETED)
    dying.cancel()
    if not running.done():
        for _ in range(100):  # what has ended by now is stored
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return None
    return running.result()


async def live(seed: int) -> None:
    """Run a drawn graph to its end, with drawn replies and deaths."""
    draw = random.Random(seed)
    office, saver = Office(draw), InMemorySaver()
    build, options, embedded = draw.choice(KINDS), draw.choice(POLICIES), draw.random() < 0.4
    shape = draw.random()

    def fresh() -> tuple[Any, Any]:
        graph, given = build(office, random.Random(shape), options)
        if not embedded:
            graph.checkpointer = saver
            return graph, given
        return in_app(graph, saver), given

    app, given = fresh()
    answered: set[str] = set()
    died = False
    deaths = draw.choice([0, 0, 1, 2])
    out: Any = None
    for _ in range(40):
        office.dying.clear()
        office.victim = draw.choice(NAMES) if deaths else None
        before = office.ended.copy()
        out = await until_it_ends_or_dies(app, given, office)
        died = out is None
        if died:
            deaths -= 1
            office.victim = None
            # Nothing that had ended is asked again; the replies of the one that died may be.
            answered = {question for question in answered if office.ended[question[0]]}
            (app, _), given = fresh(), None
            continue
        waiting = out.get("__interrupt__") or []
        if not waiting:
            break
        questions = [one.value for one in waiting]
        assert len(set(questions)) == len(questions), (seed, questions)
        again = answered & set(questions)
        assert not again, (seed, build.__name__, again)
        assert all(office.ended[name] >= before[name] for name in NAMES)
        chosen = waiting if draw.random() < 0.5 else [draw.choice(waiting)]
        answered |= {one.value for one in chosen}
        replies = {one.id: f"reply to {one.value}" for one in chosen}
        given = Command(resume=replies)
        if draw.random() < 0.2:
            # One answer is bad: it can be given again, and the others have been used.
            bad: Any = Command(resume={**replies, chosen[0].id: "no"})
            office.victim = None
            async with asyncio.timeout(30):
                with pytest.raises(errors.InputError, match=r"'no', does not fit.*reply"):
                    await app.ainvoke(bad, CONFIG)
            answered.discard(chosen[0].value)
            given = None
        if draw.random() < 0.3:
            app, _ = fresh()
    else:
        raise AssertionError((seed, build.__name__, "it never ended"))
    check_end(seed, build.__name__, office, out)


def check_end(seed: int, kind: str, office: Office, out: Any) -> None:
    """Check that each worker has ended with all of its replies, or was not needed."""
    report = out["run_report"]
    assert report.status in ("ok", "partial"), (seed, kind, report.failures)
    ended = ("not needed", "KeptBack", "withheld")
    unwanted = [why for why in report.failures.values() if not any(word in why for word in ended)]
    assert unwanted == [], (seed, kind)
    for name, replies in office.done.items():
        assert len(replies) == office.asks[name], (seed, kind, name)
    statuses = {branch.status for branch in out["branches"].values()}
    assert statuses <= {"ok", "cancelled", "skipped"}, (seed, kind, statuses)


@pytest.mark.parametrize("part", range(PARTS))
async def test_no_interrupt_hangs_is_lost_or_is_asked_twice(part: int) -> None:
    """Over graphs, places, waves, policies, resumes in any order, and deaths between and in them."""
    for seed in range(part * RUNS, part * RUNS + RUNS):
        await live(seed)
