"""LlamaIndex Workflows: users bring steps that send and collect events, retry, and wait for a person.

An event that is sent n times is a plan of n sections, a step with workers is the worker of these, and
`collect_events` is the join.
"""

import asyncio
import operator
import threading
from collections import Counter
from typing import Annotated, Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Roster,
    Section,
    aredrive,
    create_best_of,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    drain,
    errors,
    split,
    synthesize,
)
from tests.support.clock import Clock, until

CONFIG: Any = {"configurable": {"thread_id": "1"}}
QUERY = {"content": "query"}


def send(n: int) -> Any:
    """Return a planner that sends n events, each with data of its own."""
    return lambda content: [Section(id=str(i), title=f"{content} {i}", data={"n": i}) for i in range(n)]


def workflow(n: int, step: Any, collect: Any = None, **options: Any) -> Any:
    """Build a workflow that sends n events to a step and collects what it returns."""
    return create_sectioning(planner=send(n), worker=step, synthesizer=collect, **options)


async def number(section: Section) -> int:
    """Return the number in the event."""
    n = section.data["n"]
    assert isinstance(n, int)
    return n


# events: sent, collected, routed


async def test_every_event_that_was_sent_is_collected() -> None:
    """LlamaIndex: `collect_events(ev, [Result] * n)` gives all n results together, once."""
    collected: list[list[Any]] = []

    def collect(gathered: Any) -> int:
        collected.append(list(gathered))
        return sum(gathered)

    out = await workflow(5, number, collect).ainvoke(QUERY)
    assert (out["result"], collected) == (10, [[0, 1, 2, 3, 4]])


async def test_events_of_several_kinds_are_collected_in_the_order_that_is_expected() -> None:
    """LlamaIndex: `collect_events(ev, [A, B])` gives A before B, whichever came first."""
    b_is_there = asyncio.Event()

    async def a(request: str) -> str:
        await b_is_there.wait()
        return "a"

    async def b(request: str) -> str:
        b_is_there.set()
        return "b"

    graph = create_scatter_gather(sources={"A": a, "B": b}, synthesizer=lambda g: "".join(g))
    assert (await graph.ainvoke({"request": "x"}))["result"] == "ab"


async def test_collecting_does_not_wait_for_ever_for_a_step_that_failed() -> None:
    """LlamaIndex: a step that raises ends the workflow, or else the collector would never be complete.

    Differs: the collector gets what there is, and the names of what is missing.
    """

    async def step(section: Section) -> int:
        if section.data["n"] == 1:
            raise ValueError("Something bad happened!")
        return await number(section)

    out = await workflow(3, step, lambda g: [list(g), g.missing]).ainvoke(QUERY)
    assert out["result"] == [[0, 2], ["query 1"]]
    assert out["branches"]["1"].error == "ValueError: Something bad happened!"


async def test_the_first_results_may_be_enough() -> None:
    """LlamaIndex: a collector that wants three of five goes on, and the late events are dropped.

    Differs: the steps that are still running are cancelled, too.
    """
    cancelled: list[int] = []

    async def step(section: Section) -> int:
        n = await number(section)
        if n in (1, 3):
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(n)
        return n

    out = await asyncio.wait_for(workflow(5, step, sum, completion="min_success(3)").ainvoke(QUERY), 10)
    assert (out["result"], sorted(cancelled), out["missing"]) == (6, [1, 3], ["query 1", "query 3"])


async def test_an_event_goes_to_the_step_that_takes_its_kind() -> None:
    """LlamaIndex: steps are chosen by the type of an event; here a section names its worker."""

    def plan(content: str) -> list[Section]:
        return [
            Section(id="a", title="a", content=content, worker="count"),
            Section(id="b", title="b", content=content, worker="shout"),
        ]

    workers: Any = {"count": lambda s: len(s.content), "shout": lambda s: s.content.upper()}
    out = await create_sectioning(planner=plan, worker=workers).ainvoke(QUERY)
    assert [branch.value for branch in out["branches"].values()] == [5, "QUERY"]


async def test_an_event_that_no_step_takes_is_refused_before_any_step_runs() -> None:
    """LlamaIndex: validation finds events that are produced and never consumed."""
    ran: list[str] = []

    def step(section: Section) -> None:
        ran.append(section.id)

    def plan(content: str) -> list[Section]:
        return [Section(id="a", title="a", worker="step"), Section(id="b", title="b", worker="nobody")]

    with pytest.raises(errors.PlanError, match="'nobody'"):
        await create_sectioning(planner=plan, worker={"step": step}).ainvoke(QUERY)
    assert ran == []


async def test_the_input_of_a_run_is_checked_by_name() -> None:
    """LlamaIndex: a start event without a field that it needs is refused when the workflow is run."""
    with pytest.raises(errors.InputError, match="content"):
        await workflow(1, number).ainvoke({})
    with pytest.raises(errors.InputError, match="request"):
        await create_scatter_gather(sources={"a": number}).ainvoke({"topic": "x"})


async def test_what_a_step_returns_may_be_a_record() -> None:
    """LlamaIndex: events and results are pydantic models; here the join gets them as JSON data."""

    class Scored(BaseModel):
        text: str
        score: float

    def step(section: Section) -> Scored:
        return Scored(text=section.title, score=float(section.data["n"]) / 2)  # type: ignore[arg-type]

    out = await workflow(3, step, lambda g: max(g, key=lambda one: one["score"])).ainvoke(QUERY)
    assert out["result"] == {"text": "query 2", "score": 1.0}


async def test_a_step_that_returns_nothing_is_no_failure() -> None:
    """LlamaIndex: a step may return None, which sends no event; here the branch is ok without a value."""
    ran: list[str] = []

    def step(section: Section) -> None:
        ran.append(section.id)

    out = await workflow(2, step, len).ainvoke(QUERY)
    assert (out["missing"], out["result"], len(ran)) == ([], 2, 2)
    assert [branch.value for branch in out["branches"].values()] == [None, None]


# workers, timeouts, retries


async def test_the_number_of_workers_of_a_step_is_bounded() -> None:
    """LlamaIndex: `num_workers=4` runs four of ten events at a time, and the others after them."""
    running, most = 0, 0
    full = asyncio.Event()

    async def step(section: Section) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await full.wait()
        running -= 1
        return await number(section)

    task = asyncio.ensure_future(workflow(10, step, sum).ainvoke(QUERY, {"max_concurrency": 4}))
    await until(lambda: running >= 4)
    assert most == 4
    full.set()
    assert ((await task)["result"], most) == (45, 4)


async def test_calls_to_a_model_are_bounded_whatever_the_number_of_workers() -> None:
    """LlamaIndex: workers bound a step, and not what it calls.

    Differs: the limit is that of the model's endpoint, however many steps call it.
    """
    inside = most = 0
    lock, pair = threading.Lock(), threading.Barrier(2)

    class Counting(FakeListChatModel):
        def _call(self, *args: Any, **options: Any) -> str:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            pair.wait(10)
            with lock:
                inside -= 1
            return "x"

    model = Counting(responses=["x"])

    async def step(section: Section) -> str:
        return str((await model.ainvoke(section.title)).text)

    out = await workflow(12, step, limits={"concurrency": 2}).ainvoke(QUERY)
    assert out["run_report"].branches == {"ok": 12}
    assert most == 2


async def test_a_workflow_that_takes_too_long_returns_what_it_has(clock: Clock) -> None:
    """LlamaIndex: `timeout` raises, and says which steps were running.

    Differs: the report names them, and what had ended is the result.
    """
    begun: list[int] = []

    async def step(section: Section) -> int:
        begun.append(await number(section))
        if section.data["n"] == 2:
            await asyncio.Event().wait()
        return begun[-1]

    task = asyncio.ensure_future(workflow(3, step, list, limits={"deadline": 450}).ainvoke(QUERY))
    await until(lambda: len(begun) == 3)
    clock.advance(450)
    out = await task
    assert (out["result"], out["missing"]) == ([0, 1], ["query 2"])
    assert list(out["run_report"].failures) == ["sectioning[query 2]"]
    assert out["branches"]["2"].ended_by == "deadline"


async def test_without_a_timeout_a_run_takes_as_long_as_it_takes(clock: Clock) -> None:
    """LlamaIndex: `timeout=None` waits; here that is the default for the work of functions."""
    released = asyncio.Event()

    async def step(section: Section) -> int:
        await released.wait()
        return 1

    task = asyncio.ensure_future(workflow(1, step, sum).ainvoke(QUERY))
    await until(lambda: not task.done())
    clock.advance(10_000)
    await until(lambda: not task.done())
    released.set()
    assert (await task)["result"] == 1


async def test_a_step_is_retried_by_a_policy_of_its_own() -> None:
    """LlamaIndex: a retry policy repeats a step that raised; a Runnable has one as well."""
    tries: Counter[int] = Counter()

    def flaky(section: dict[str, Any]) -> str:
        n = section["data"]["n"]
        tries[n] += 1
        if tries[n] <= n:
            raise ValueError("Something bad happened!")
        return "All good!"

    quick = RunnableLambda(flaky).with_retry(
        stop_after_attempt=3, exponential_jitter_params={"initial": 0, "max": 0, "jitter": 0}
    )
    out = await workflow(4, quick).ainvoke(QUERY)
    assert tries == {0: 1, 1: 2, 2: 3, 3: 3}
    assert (out["missing"], out["branches"]["3"].error) == (
        ["query 3"],
        "ValueError: Something bad happened!",
    )


async def test_a_run_that_was_cancelled_keeps_what_had_ended() -> None:
    """LlamaIndex: `cancel_run` raises in the handler.

    Differs: a drained run returns its results, and says who ended it.
    """
    begun: list[int] = []

    async def step(section: Section) -> int:
        begun.append(await number(section))
        if section.data["n"]:
            await asyncio.Event().wait()
        return 0

    task = asyncio.ensure_future(workflow(3, step, len).ainvoke(QUERY))
    await until(lambda: len(begun) == 3)
    assert drain("cancelled by the user", grace=0) == 1
    out = await asyncio.wait_for(task, 10)
    assert (out["result"], out["missing"]) == (1, ["query 1", "query 2"])
    assert {out["branches"][id].error for id in "12"} == {"cancelled by the user"}


async def test_runs_of_one_workflow_can_be_put_in_line() -> None:
    """LlamaIndex: `num_concurrent_runs=1` lets one run follow the other; so does a batch with a limit."""
    inside, most = 0, 0

    async def step(section: Section) -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(30):
            await asyncio.sleep(0)
        inside -= 1
        return 1

    outs = await workflow(1, step, sum).abatch([QUERY] * 4, {"max_concurrency": 1})
    assert ([out["result"] for out in outs], most) == ([1] * 4, 1)


# state


class State(TypedDict, total=False):
    """The state that steps share."""

    content: str
    result: Any
    total: Annotated[int, operator.add]


async def test_state_that_steps_add_to_at_once_loses_nothing() -> None:
    """LlamaIndex: `edit_state` locks the store, so that parallel steps do not overwrite each other.

    Differs: branches share no state; their results are added up where they join.
    """

    def note(state: State) -> State:
        return {"total": state["result"]}

    builder: Any = StateGraph(State)
    builder.add_sequence([("fan", workflow(50, lambda section: 1, sum)), ("note", note)])
    builder.add_edge(START, "fan")
    app = builder.compile(checkpointer=InMemorySaver())
    for _ in range(2):
        out = await app.ainvoke(QUERY, CONFIG)
    assert out["total"] == 100


async def test_each_run_begins_with_a_state_of_its_own() -> None:
    """LlamaIndex: a run without a given context knows nothing of the runs before it."""
    graph = create_voting(voters=[str.upper], checkpointer=InMemorySaver())
    for question in ("a", "b"):
        out = await graph.ainvoke({"question": question}, CONFIG)
    assert (out["verdict"].choice, out["run_report"].branches) == ("B", {"ok": 1})


async def test_a_step_that_failed_can_be_run_again_from_the_checkpoint() -> None:
    """LlamaIndex: a checkpointer lets a run go on after the last completed step; the others are kept."""
    ran: Counter[int] = Counter()

    async def step(section: Section) -> int:
        n = await number(section)
        ran[n] += 1
        if n == 1 and ran[1] == 1:
            raise ConnectionError("down")
        return n

    graph = workflow(3, step, sum, checkpointer=InMemorySaver())
    assert (await graph.ainvoke(QUERY, CONFIG))["result"] == 2
    assert (await aredrive(graph, CONFIG))["result"] == 3
    assert ran == {0: 1, 1: 2, 2: 1}


# streams


async def test_steps_write_events_of_their_own_into_the_stream() -> None:
    """LlamaIndex: `write_event_to_stream` shows progress; the run's result comes after all of it."""

    async def step(section: Section) -> int:
        get_stream_writer()({"progress": section.data["n"]})
        return await number(section)

    modes: Any = ["custom", "values"]
    events = [(mode, event) async for mode, event in workflow(3, step, sum).astream(QUERY, stream_mode=modes)]
    assert sorted(e["progress"] for mode, e in events if mode == "custom" and "progress" in e) == [0, 1, 2]
    assert [event for mode, event in events if mode == "values"][-1]["result"] == 3


async def test_events_are_seen_while_other_steps_still_run() -> None:
    """LlamaIndex: `stream_events` yields an event when it is written, and not at the end of the run."""
    seen = asyncio.Event()

    async def step(section: Section) -> int:
        if section.data["n"] == 1:
            await seen.wait()  # only the reader of the stream can release it
        return await number(section)

    order = []

    async def read() -> None:
        async for event in workflow(2, step).astream(QUERY, stream_mode="custom"):
            if event["event"] == "ended":
                order.append(event["branch"][-1])
                seen.set()

    await asyncio.wait_for(read(), 10)
    assert order == ["0", "1"]


async def test_events_of_a_nested_workflow_reach_the_outer_stream() -> None:
    """LlamaIndex: events of nested workflows are streamed by the outer one, with their origin."""
    inner = create_voting(voters={"ann": str.upper, "ben": str.upper}, stop="all_votes")
    outer = create_scatter_gather(sources={"panel": inner, "plain": str.lower})
    stream: Any = outer.astream({"request": "x"}, stream_mode="custom", subgraphs=True)
    events = [event async for _, event in stream]
    ended = {tuple(e["branch"]): e["kind"] for e in events if e["event"] == "ended"}
    expected: dict[Any, str] = {("panel",): "section", ("plain",): "section"}
    assert ended == expected | dict.fromkeys([("panel", "ann"), ("panel", "ben")], "voter")


async def test_an_error_of_a_run_reaches_the_reader_of_its_stream() -> None:
    """LlamaIndex: an exception of a workflow is raised to the reader of the stream, after its events."""

    def broken(gathered: Any) -> int:
        raise ZeroDivisionError("no results")

    seen: Counter[str] = Counter()

    async def read() -> None:
        async for event in workflow(2, number, broken).astream(QUERY, stream_mode="custom"):
            seen[event["event"]] += 1

    with pytest.raises(errors.JoinError, match="no results"):
        await read()
    assert (seen["started"], seen["ended"], seen["run_ended"]) == (2, 2, 1)


# a person in the loop


async def test_a_run_waits_for_a_person_and_goes_on_with_the_reply() -> None:
    """LlamaIndex: an `InputRequiredEvent` has a prefix for the person; the response event has the reply."""

    async def step(section: Section) -> str:
        return str(interrupt({"prefix": f"{section.title}?"})["response"])

    graph = workflow(1, step, checkpointer=InMemorySaver())
    out = await graph.ainvoke(QUERY, CONFIG)
    assert out["__interrupt__"][0].value == {"prefix": "query 0?"}
    assert "result" not in out
    out = await graph.ainvoke(Command(resume={"response": "42"}), CONFIG)
    assert out["branches"]["0"].value == "42"


async def test_replies_find_the_step_that_asked() -> None:
    """LlamaIndex: `wait_for_event` with requirements tells the replies of several waiting steps apart."""

    async def step(section: Section) -> str:
        return f"{section.data['n']}={interrupt(section.data['n'])}"

    graph = workflow(3, step, lambda g: list(g), checkpointer=InMemorySaver())
    out = await graph.ainvoke(QUERY, CONFIG)
    backwards = {one.id: one.value * 10 for one in reversed(out["__interrupt__"])}
    out = await graph.ainvoke(Command(resume=backwards), CONFIG)
    assert out["result"] == ["0=0", "1=10", "2=20"]


async def test_a_run_that_waits_is_stored_and_picked_up_elsewhere() -> None:
    """LlamaIndex: `ctx.to_dict()` is stored while a person thinks, and another process goes on with it."""
    ran: Counter[int] = Counter()

    async def step(section: Section) -> Any:
        n = await number(section)
        ran[n] += 1
        return interrupt("which?") if n == 1 else n

    saver = InMemorySaver()
    await workflow(3, step, checkpointer=saver).ainvoke(QUERY, CONFIG)
    out = await workflow(3, step, checkpointer=saver).ainvoke(Command(resume="this"), CONFIG)
    assert [branch.value for branch in out["branches"].values()] == [0, "this", 2]
    assert (ran[0], ran[2]) == (1, 1)


# patterns of the documentation


async def test_sub_questions_are_answered_at_once_and_combined() -> None:
    """LlamaIndex: the sub-question workflow sends a query event for each, and combines the answers."""
    together = asyncio.Barrier(3)

    def plan(content: str) -> list[Section]:
        return [Section(id=q, title=q, content=q) for q in content.split("; ")]

    async def answer(section: Section) -> str:
        await together.wait()
        return section.content.upper()

    graph = create_sectioning(planner=plan, worker=answer, synthesizer=synthesize.concatenate())
    out = await asyncio.wait_for(graph.ainvoke({"content": "who; where; when"}), 10)
    assert out["result"] == "## who\n\nWHO\n\n## where\n\nWHERE\n\n## when\n\nWHEN"


async def test_several_strategies_compete_and_a_judge_picks_the_best() -> None:
    """LlamaIndex: the multi-strategy workflow collects the results of all, and a judge step chooses one."""
    judged: list[str] = []

    def judge(task: str, draft: str) -> float:
        judged.append(draft)
        return len(set(draft))

    drafters: Any = {"naive": lambda t: "aaaa", "rerank": lambda t: "abc", "high": lambda t: "abcde"}
    out = await create_best_of(drafters=drafters, judge=judge).ainvoke({"task": "query"})
    assert (out["best"], sorted(judged)) == ("abcde", ["aaaa", "abc", "abcde"])


async def test_self_consistency_stops_asking_when_it_is_settled() -> None:
    """LlamaIndex: an ensemble asks all of its members.

    Differs: none is asked who cannot change the choice.
    """
    asked: list[str] = []

    def member(question: str) -> str:
        asked.append(question)
        return "42"

    out = await create_voting(voters=Roster(member, 9)).ainvoke({"question": "6 x 7?"})
    assert (out["verdict"].choice, str(out["verdict"].support), len(asked)) == ("42", "5/5", 5)
    assert (out["verdict"].not_asked, out["run_report"].calls_saved) == (4, 4)


async def test_a_reflection_loop_corrects_a_result_by_what_was_wrong_with_it() -> None:
    """LlamaIndex: the reflection workflow sends a validation error back to the step that extracts."""
    asked: list[str] = []

    def extract(task: str) -> str:
        asked.append(task)
        return '{"model": "A3"}' if "not JSON" in task else "model: A3"

    def validate(draft: str) -> dict[str, Any]:
        good = draft.startswith("{")
        return {"score": int(good), "feedback": "" if good else "this is not JSON"}

    loop = create_best_of(drafters=Roster(extract, 5), judge=validate, threshold=1, wave=1, refine=True)
    out = await loop.ainvoke({"task": "extract"})
    assert (out["best"], len(asked)) == ('{"model": "A3"}', 2)


async def test_a_document_is_split_read_in_parallel_and_reduced() -> None:
    """LlamaIndex: long texts are split by a node parser, and summaries are made in a tree."""
    text = "# One\n\na b\n\n# Two\n\nc\n\n# Three\n\nd e f\n"
    parts = create_sectioning(planner=split.by_heading(), worker=lambda s: len(s.content.split()))
    counts = [branch.value for branch in (await parts.ainvoke({"content": text}))["branches"].values()]
    assert counts == [4, 3, 5]  # each heading is two words
    tree = create_map_reduce(worker=lambda n: n, synthesizer=sum, fan_in=2)
    out = await tree.ainvoke({"items": counts})
    assert (out["result"], len(out["sections"])) == (12, 5)
