"""Google ADK: users bring agents that run in parallel, one after another, or in a loop, and share a state.

`ParallelAgent` is a fan-out here, `SequentialAgent` are sections with needs, and `LoopAgent` is best of n in
waves, each of which improves the best draft so far.
"""

import asyncio
from collections import Counter
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Roster,
    Section,
    agents,
    aredrive,
    create_best_of,
    create_guarded,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    drain,
    errors,
    synthesize,
)
from tests.support.clock import until

CONFIG: Any = {"configurable": {"thread_id": "session"}}
REQUEST = {"request": "harbour"}
TASK = {"task": "a headline"}


def parallel(**sources: Any) -> Any:
    """Build what is a `ParallelAgent` there: named agents that get the same request."""
    return create_scatter_gather(sources=sources)


def plan(*sections: Section) -> Any:
    """Return a planner that always plans the same."""
    return lambda content: list(sections)


def section(id: str, *needs: str, worker: str = "") -> Section:
    """Return a section whose title is its id."""
    return Section(id=id, title=id, content=id, needs=list(needs), worker=worker)


async def hang(*_: Any) -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return "never"


# ParallelAgent


async def test_all_agents_have_begun_before_any_has_ended() -> None:
    """ADK: the sub-agents of a `ParallelAgent` run at the same time, in one event loop."""
    together = asyncio.Barrier(3)

    async def agent(request: str) -> str:
        await together.wait()
        return request

    out = await asyncio.wait_for(parallel(a=agent, b=agent, c=agent).ainvoke(REQUEST), 10)
    assert out["results"] == {"a": "harbour", "b": "harbour", "c": "harbour"}


async def test_events_come_as_they_happen_and_results_as_they_were_listed() -> None:
    """ADK: the event of the faster agent comes first, although it is the second one."""
    second_is_done = asyncio.Event()

    async def slow(request: str) -> str:
        await second_is_done.wait()
        return "slow"

    order = []
    out: Any = {}
    modes: Any = ["custom", "values"]
    async for mode, event in parallel(slow=slow, fast=lambda r: "fast").astream(REQUEST, stream_mode=modes):
        if mode == "values":
            out = event
        elif event["event"] == "ended":
            order.append(event["branch"][-1])
            second_is_done.set()
    assert order == ["fast", "slow"]
    assert list(out["results"].items()) == [("slow", "slow"), ("fast", "fast")]


async def test_each_event_names_its_branch_at_every_level() -> None:
    """ADK: an event has the path of its branch, such as `parallel.inner`; so have the events here."""
    inner = create_voting(voters={"ann": lambda q: "yes"}, name="inner")
    names = []
    stream: Any = create_scatter_gather(sources={"vote": inner}, name="outer").astream(
        REQUEST, stream_mode="custom", subgraphs=True
    )
    async for _, event in stream:
        if event["event"] == "ended":
            names.append((event["branch"], event["name"]))
    assert names == [(["vote", "ann"], "vote[inner#ann]"), (["vote"], "outer[vote]")]


async def test_an_agent_that_raises_does_not_end_the_others() -> None:
    """ADK: an exception of one sub-agent stops all of them, and is raised.

    Differs: it is the record of that branch, since the others are paid for.
    """

    def broken(request: str) -> str:
        raise LookupError("no map")

    out = await parallel(a=lambda r: "a", b=broken).ainvoke(REQUEST)
    assert (out["results"], out["missing"]) == ({"a": "a"}, ["b"])
    assert out["branches"]["b"].error == "LookupError: no map"


async def test_an_agent_that_never_ends_is_stopped_when_one_fails_if_all_are_wanted() -> None:
    """ADK: after the failure of a sub-agent no other one runs on for ever; so if a policy wants all."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def endless(request: str) -> str:
        begun.set()
        try:
            return await hang()
        finally:
            stopped.set()

    async def broken(request: str) -> str:
        await begun.wait()
        raise LookupError("no map")

    graph = create_scatter_gather(
        sources={"endless": endless, "broken": broken}, completion="tolerated_failures(0)"
    )
    with pytest.raises(errors.CompletionError, match="no map"):
        await asyncio.wait_for(graph.ainvoke(REQUEST), 10)
    assert stopped.is_set()


def test_without_agents_there_is_nothing_to_run() -> None:
    """ADK: a `ParallelAgent` without sub-agents yields no event.

    Differs: it is refused when the graph is made, since it is a mistake.
    """
    with pytest.raises(errors.UsageError, match="sources is empty"):
        create_scatter_gather(sources={})


async def test_a_plan_that_finds_nothing_to_do_is_no_error() -> None:
    """ADK: an agent whose plan is empty ends without an event; here with an empty result."""
    graph = create_sectioning(planner=plan(), worker=hang, synthesizer=len)
    out = await graph.ainvoke({"content": "x"})
    assert (out["result"], out["missing"], out["run_report"].status) == (0, [], "ok")


async def test_names_are_unique_in_a_plan() -> None:
    """ADK: sub-agents of the same name are refused, because their outputs would overwrite each other."""
    graph = create_sectioning(planner=plan(section("a"), section("a")), worker=hang)
    with pytest.raises(errors.UsageError, match="several sections have the id 'a'"):
        await graph.ainvoke({"content": "x"})


async def test_one_agent_may_be_used_several_times() -> None:
    """ADK: an agent has one parent, so that three of it are three objects.

    Differs: a worker holds no state of a run, and a roster runs the same one several times.
    """
    seen: list[str] = []

    def agent(question: str) -> str:
        seen.append(question)
        return "yes"

    out = await create_voting(voters=Roster(agent, 3), stop="all_votes").ainvoke({"question": "so?"})
    assert (str(out["verdict"].support), seen) == ("3/3", ["so?"] * 3)


async def test_agents_in_parallel_see_nothing_of_each_other() -> None:
    """ADK: each branch has its own context; what one does with its request is not seen by its sibling."""
    changed = asyncio.Event()

    async def greedy(request: dict[str, Any]) -> Any:
        request["harbours"].append("Oslo")
        changed.set()
        return request["harbours"]

    async def other(request: dict[str, Any]) -> Any:
        await changed.wait()
        return request["harbours"]

    given = {"harbours": ["Bergen"]}
    out = await parallel(greedy=greedy, other=other).ainvoke({"request": given})
    assert out["results"] == {"greedy": ["Bergen", "Oslo"], "other": ["Bergen"]}
    assert given == {"harbours": ["Bergen"]}


# SequentialAgent, and agents inside of agents


async def test_a_sequence_runs_beside_a_single_agent() -> None:
    """ADK: a `SequentialAgent` in a `ParallelAgent` runs in order, and its sibling does not wait for it."""
    log: list[str] = []
    first = asyncio.Event()

    async def work(given: Section) -> str:
        if given.id == "one":
            await first.wait()
        log.append(given.id)
        if given.id == "alone":
            first.set()
        return given.id

    sections = [section("one"), section("two", "one"), section("alone")]
    out = await create_sectioning(planner=plan(*sections), worker=work).ainvoke({"content": "x"})
    assert (log, out["missing"]) == (["alone", "one", "two"], [])


async def test_a_sequence_of_parallel_agents_meets_between_them() -> None:
    """ADK: the second `ParallelAgent` begins once all of the first have ended, and sees what they said."""
    ended: list[str] = []
    seen: dict[str, list[str]] = {}

    def work(given: Section) -> str:
        seen[given.id] = [*given.earlier.values()]  # type: ignore[list-item]
        assert not given.needs or set(ended) >= {"a", "b"}
        ended.append(given.id)
        return f"{given.id}!"

    sections = [section("a"), section("b"), section("c", "a", "b"), section("d", "a", "b")]
    await create_sectioning(planner=plan(*sections), worker=work).ainvoke({"content": "x"})
    assert seen == {"a": [], "b": [], "c": ["a!", "b!"], "d": ["a!", "b!"]}


async def test_what_follows_a_failed_agent_does_not_run() -> None:
    """ADK: an exception ends a `SequentialAgent`; here only what needed the failed section is left out."""

    def work(given: Section) -> str:
        if given.id == "a":
            raise LookupError("no map")
        return given.id

    sections = [section("a"), section("after a", "a"), section("b"), section("after b", "b")]
    out = await create_sectioning(planner=plan(*sections), worker=work).ainvoke({"content": "x"})
    assert out["missing"] == ["a", "after a"]
    assert (out["branches"]["after a"].status, out["branches"]["after b"].status) == ("skipped", "ok")


async def test_a_resumed_sequence_goes_on_where_it_was() -> None:
    """ADK: a resumable app goes on at the sub-agent that had not ended; those before it are not repeated."""
    ran: Counter[str] = Counter()

    def work(given: Section) -> str:
        ran[given.id] += 1
        if given.id == "two" and ran["two"] == 1:
            raise ConnectionError("down")
        return given.id

    sections = [section("one"), section("two", "one"), section("three", "two"), section("alone")]
    graph = create_sectioning(planner=plan(*sections), worker=work, checkpointer=InMemorySaver())
    assert (await graph.ainvoke({"content": "x"}, CONFIG))["missing"] == ["two", "three"]
    assert (await aredrive(graph, CONFIG))["missing"] == []
    assert ran == {"one": 1, "two": 2, "three": 1, "alone": 1}


async def test_an_agent_is_any_object_that_runs() -> None:
    """ADK: a `BaseAgent` of one's own implements how it runs; here an object with `ainvoke`."""

    class Custom:
        def __init__(self) -> None:
            self.runs = 0

        async def ainvoke(self, input: Any, config: Any = None) -> str:
            self.runs += 1
            return f"{input} {self.runs}"

    agent = Custom()
    out = await parallel(custom=agent).ainvoke(REQUEST)
    assert (out["results"], agent.runs) == ({"custom": "harbour 1"}, 1)


async def test_an_agent_as_a_tool_is_part_of_the_run() -> None:
    """ADK: `AgentTool` runs an agent inside of another one, and its usage is that of the invocation."""
    model = FakeListChatModel(responses=["yes"])
    inner = create_voting(voters=Roster(lambda q: model.invoke(q).text, 3), stop="all_votes")

    async def outer(request: str) -> Any:
        return (await inner.ainvoke({"question": request}))["verdict"].choice

    out = await parallel(outer=outer, plain=lambda r: "x").ainvoke(REQUEST)
    assert out["results"]["outer"] == "yes"
    assert [call.kind for call in out["run_report"].calls].count("model") == 3


# state


async def test_each_agent_writes_under_its_own_key_for_the_one_that_merges() -> None:
    """ADK: with `output_key`, the results of parallel agents stand in the state for the agent after them."""
    prompts: list[str] = []

    class Merger(FakeListChatModel):
        def _call(self, messages: Any, *args: Any, **options: Any) -> str:
            prompts.append(messages[-1].text)
            return super()._call(messages, *args, **options)

    graph = create_scatter_gather(
        sources={"north": lambda r: "cold", "south": lambda r: "warm"},
        synthesizer=Ask("Merge:\n\n{results}", model=Merger(responses=["Cold and warm."])),
    )
    out = await graph.ainvoke(REQUEST)
    assert (out["results"], out["result"]) == ({"north": "cold", "south": "warm"}, "Cold and warm.")
    assert prompts[0].index("cold") < prompts[0].index("south") < prompts[0].index("warm")


def test_a_variable_that_no_state_has_is_refused() -> None:
    """ADK: `{name}` in an instruction that is not in the state is a `KeyError` when the agent runs.

    Differs: it is a `PromptError` when the graph is made.
    """
    with pytest.raises(errors.PromptError, match="colour"):
        create_sectioning(planner=plan(), worker=Ask("{content} in {colour}"))


async def test_a_structured_output_is_data() -> None:
    """ADK: `output_schema` makes the output of an agent a record; here models are dumped to JSON data."""

    class Port(BaseModel):
        name: str
        depth: float

    merged = create_scatter_gather(
        sources={"a": lambda r: Port(name=r, depth=11.5), "b": lambda r: Port(name=r, depth=12.0)},
        synthesizer=synthesize.best_by("depth", highest=True),
    )
    out = await merged.ainvoke(REQUEST)
    assert out["results"]["a"] == {"name": "harbour", "depth": 11.5}
    assert out["result"]["source"] == "b"


class Session(TypedDict, total=False):
    """The state of a session of the user's."""

    question: str
    verdict: Any
    turns: Annotated[list[str], lambda old, new: [*old, *new]]


async def test_a_session_keeps_its_state_between_turns() -> None:
    """ADK: the state of a session outlives an invocation; here it is that of the graph around ours."""

    def note(state: Session) -> Session:
        return {"turns": [state["verdict"].choice]}

    builder: Any = StateGraph(Session)
    builder.add_node("vote", create_voting(voters=[str.upper]))
    builder.add_node("note", note)
    builder.add_edge(START, "vote")
    builder.add_edge("vote", "note")
    app = builder.compile(checkpointer=InMemorySaver())
    for question in ("a", "b"):
        out = await app.ainvoke({"question": question}, CONFIG)
    assert out["turns"] == ["A", "B"]
    other: Any = {"configurable": {"thread_id": "another session"}}
    assert (await app.ainvoke({"question": "c"}, other))["turns"] == ["C"]


async def test_what_belongs_to_a_user_outlives_the_session() -> None:
    """ADK: state with the prefix `user:` is shared by all sessions of a user; here that is the store."""
    store = InMemoryStore()

    async def count(question: str) -> int:
        item = await get_store().aget(("user", "ann"), "visits")
        visits = (item.value["count"] if item else 0) + 1
        await get_store().aput(("user", "ann"), "visits", {"count": visits})
        return visits

    graph = create_voting(voters=[count], store=store, checkpointer=InMemorySaver())
    choices = []
    for thread in ("one", "two", "three"):
        out = await graph.ainvoke({"question": "?"}, {"configurable": {"thread_id": thread}})
        choices.append(out["verdict"].choice)
    assert choices == [1, 2, 3]


# LoopAgent


def score(draft: str) -> dict[str, Any]:
    """Score a draft by its length; say what is wrong."""
    return {"score": len(draft), "feedback": f"{draft!r} is too short"}


async def test_a_loop_ends_when_the_critic_escalates() -> None:
    """ADK: `escalate` ends a `LoopAgent` at once; here a draft that has reached the threshold does."""
    drafts = iter(["a", "bbb", "ccccc", "ddddddd"])
    asked: list[str] = []

    def write(task: str) -> str:
        asked.append(task)
        return next(drafts)

    loop = create_best_of(drafters=Roster(write, 4), judge=score, threshold=5, wave=1, refine=True)
    out = await loop.ainvoke(TASK)
    assert (out["best"], len(asked), out["run_report"].calls_saved) == ("ccccc", 3, 1)


async def test_a_loop_ends_after_its_most_rounds() -> None:
    """ADK: `max_iterations` ends a loop in which nobody escalates; the best of all rounds is the result."""
    drafts = iter(["a", "ccccc", "bbb"])
    loop = create_best_of(
        drafters=Roster(lambda task: next(drafts), 3), judge=score, threshold=99, wave=1, refine=True
    )
    out = await loop.ainvoke(TASK)
    assert (out["best"], [draft.score for draft in out["drafts"]]) == ("ccccc", [5, 3, 1])
    assert out["run_report"].calls_saved == 0


async def test_the_writer_of_the_next_round_sees_the_critic() -> None:
    """ADK: writer and critic of a loop share the state, so that each draft answers the last feedback."""
    asked: list[str] = []

    def write(task: str) -> str:
        asked.append(task)
        return "b" * len(asked)

    await create_best_of(drafters=Roster(write, 2), judge=score, wave=1, refine=True).ainvoke(TASK)
    assert asked[0] == "a headline"
    assert "'b' is too short" in asked[1]
    assert asked[1].startswith("a headline")


async def test_a_round_that_fails_does_not_end_the_loop() -> None:
    """ADK: an exception ends the loop. Differs: the next round is asked, and the failed one is missing."""
    rounds = iter([None, "ccccc"])

    def write(task: str) -> str:
        draft = next(rounds)
        if draft is None:
            raise ConnectionError("down")
        return draft

    loop = create_best_of(drafters=Roster(write, 2), judge=score, threshold=5, wave=1)
    out = await loop.ainvoke(TASK)
    assert (out["best"], len(out["missing"])) == ("ccccc", 1)


# callbacks, limits, confirmation


async def test_a_callback_before_the_agent_keeps_its_answer_back() -> None:
    """ADK: `before_agent_callback` may answer instead of the agent; here a check trips, and cancels it."""
    guarded = create_guarded(
        worker=hang, checks={"rude": lambda m: {"flagged": "!" in m, "reason": "shouting"}}
    )
    out = await asyncio.wait_for(guarded.ainvoke({"message": "Hey!"}), 10)
    assert (out["answer"], out["released"], out["reason"]) == (None, False, "shouting")
    assert out["branches"]["answer"].ended_by == "stop"


async def test_a_callback_after_the_agent_changes_its_answer() -> None:
    """ADK: `after_agent_callback` replaces the output; here an adapter reads it."""
    agent = agents.adapt(
        create_voting(voters=[str.lower]), input=lambda r: {"question": r}, output=lambda out: "<redacted>"
    )
    out = await parallel(agent=agent).ainvoke(REQUEST)
    assert out["results"] == {"agent": "<redacted>"}


async def test_callbacks_of_models_see_every_branch() -> None:
    """ADK: `before_model_callback` is called for each request to a model, whichever agent makes it."""

    class Started(BaseCallbackHandler):
        def __init__(self) -> None:
            self.prompts: list[str] = []

        def on_chat_model_start(self, serialized: Any, messages: Any, **options: Any) -> None:
            self.prompts.append(messages[0][-1].text)

    handler, model = Started(), FakeListChatModel(responses=["yes"])

    async def work(given: Section) -> str:
        return str((await model.ainvoke(f"work on {given.id}")).text)

    graph = create_sectioning(planner=plan(section("a"), section("b")), worker=work)
    await graph.ainvoke({"content": "x"}, {"callbacks": [handler]})
    assert sorted(handler.prompts) == ["work on a", "work on b"]


async def test_the_most_calls_to_models_bound_an_invocation() -> None:
    """ADK: `max_llm_calls` raises when it is exceeded.

    Differs: what had been answered is the result, and the rest is `skipped`, with the reason in the report.
    """
    model = FakeListChatModel(responses=["yes"])

    async def work(given: Section) -> str:
        return str((await model.ainvoke(given.id)).text)

    sections = [section(name) for name in "abcde"]
    graph = create_sectioning(planner=plan(*sections), worker=work, limits={"budget_calls": 2})
    out = await graph.ainvoke({"content": "x"})
    assert out["run_report"].branches == {"ok": 2, "skipped": 3}
    assert "2 calls" in out["run_report"].completion_reason


async def test_usage_of_all_agents_is_added_up() -> None:
    """ADK: events carry `usage_metadata`, which users sum up; here the report has the sum."""
    usage: Any = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
    model = GenericFakeChatModel(messages=iter([AIMessage("x", usage_metadata=usage) for _ in range(3)]))

    async def work(given: Section) -> str:
        return str((await model.ainvoke(given.id)).text)

    sections = [section(name) for name in "abc"]
    report = (await create_sectioning(planner=plan(*sections), worker=work).ainvoke({"content": "x"}))[
        "run_report"
    ]
    assert (report.usage.input_tokens, report.usage.output_tokens) == (21, 6)


async def test_ending_an_invocation_keeps_what_is_there() -> None:
    """ADK: `end_invocation` stops an invocation; here `drain` ends all runs, with what they have."""
    begun = asyncio.Event()

    async def endless(request: str) -> str:
        begun.set()
        return await hang()

    async def quick(request: str) -> str:
        return "done"

    running = asyncio.ensure_future(parallel(done=quick, endless=endless).ainvoke(REQUEST))
    await until(begun.is_set)
    assert drain("the user left", grace=0) == 1
    out = await asyncio.wait_for(running, 10)
    assert (out["results"], out["branches"]["endless"].ended_by) == ({"done": "done"}, "drain")
    assert "the user left" in out["run_report"].completion_reason


async def test_a_tool_waits_for_its_confirmation() -> None:
    """ADK: a tool that needs a confirmation pauses its agent alone; the reply is data with a payload."""
    paid: list[int] = []

    async def pay(request: str) -> str:
        reply = interrupt({"hint": "Pay?", "payload": {"amount": 5}})
        if not reply["confirmed"]:
            return "rejected"
        paid.append(reply["amount"])
        return "paid"

    graph = create_scatter_gather(
        sources={"pay": pay, "look": lambda r: "seen"}, checkpointer=InMemorySaver()
    )
    out = await graph.ainvoke(REQUEST, CONFIG)
    assert out["__interrupt__"][0].value["payload"] == {"amount": 5}
    assert paid == []
    out = await graph.ainvoke(Command(resume={"confirmed": True, "amount": 4}), CONFIG)
    assert (out["results"], paid) == ({"pay": "paid", "look": "seen"}, [4])
