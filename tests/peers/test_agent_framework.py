"""Microsoft Agent Framework: users bring concurrent agents, fan-out and fan-in edges, and aggregators.

Its workflows run in supersteps, as LangGraph's do. An executor is a worker here, an aggregator a synthesizer,
and a request for information an interrupt.
"""

import asyncio
from collections import Counter
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from langgraph_parallel import (
    Section,
    Source,
    agents,
    aredrive,
    create_debate,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    rules,
)
from tests.support.clock import until

CONFIG: Any = {"configurable": {"thread_id": "1"}}
REQUEST = {"request": "hello"}
QUESTION = {"question": "so?"}


def concurrent(sources: dict[str, Any], aggregator: Any = None, **options: Any) -> Any:
    """Build what `ConcurrentBuilder` builds there."""
    return create_scatter_gather(sources=sources, synthesizer=aggregator, **options)


def says(text: str) -> Any:
    """Return an agent that always says the same."""
    return lambda request: text


def chat(reply: Any) -> Any:
    """Return a graph with messages in its state, which answers the last one."""

    def answer(state: MessagesState) -> Any:
        return {"messages": [AIMessage(reply(state["messages"][-1].text))]}

    return StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()


ALPHA_BETA: dict[str, Any] = {"alpha": says("One"), "beta": says("Two")}


# participants and aggregators


async def test_every_participant_gets_the_prompt_once() -> None:
    """Agent Framework: a concurrent workflow sends the same prompt to each participant."""
    heard: Counter[str] = Counter()

    def participant(name: str) -> Any:
        def answer(request: str) -> str:
            heard[f"{name}: {request}"] += 1
            return name

        return answer

    out = await concurrent({name: participant(name) for name in "abc"}).ainvoke(REQUEST)
    assert heard == {"a: hello": 1, "b: hello": 1, "c: hello": 1}
    assert out["results"] == {"a": "a", "b": "b", "c": "c"}


async def test_without_an_aggregator_every_reply_is_kept_apart() -> None:
    """Agent Framework: the default aggregator gives the prompt and one message for each participant.

    Differs: the replies are by name, and nothing is made of them.
    """
    out = await concurrent(ALPHA_BETA).ainvoke(REQUEST)
    assert (out["results"], out["result"]) == ({"alpha": "One", "beta": "Two"}, None)


async def test_an_aggregator_may_be_async() -> None:
    """Agent Framework: a callback gets the results of all participants, and is awaited."""

    async def summarize(gathered: Any) -> str:
        await asyncio.sleep(0)
        return " | ".join(sorted(gathered, reverse=True))

    assert (await concurrent(ALPHA_BETA, summarize).ainvoke(REQUEST))["result"] == "Two | One"


async def test_an_aggregator_may_be_sync_and_return_data() -> None:
    """Agent Framework: a sync callback may return any payload, which is the output of the workflow."""
    out = await concurrent(ALPHA_BETA, lambda g: {"count": len(g), "of": g.titles}).ainvoke(REQUEST)
    assert out["result"] == {"count": 2, "of": ["alpha", "beta"]}


async def test_an_aggregator_may_be_a_graph() -> None:
    """Agent Framework: an executor may aggregate; here a graph with messages, which gets one text."""
    aggregator = chat(lambda text: f"{'One' in text} {'Two' in text} {'alpha' in text}")
    assert (await concurrent(ALPHA_BETA, aggregator).ainvoke(REQUEST))["result"] == "True True True"


def test_what_cannot_aggregate_is_refused_when_the_graph_is_made() -> None:
    """Agent Framework: an aggregator of another type is a `TypeError` of the builder."""
    with pytest.raises(errors.UsageError, match="synthesizer"):
        concurrent(ALPHA_BETA, "mock aggregator")


async def test_the_aggregator_runs_once_and_after_the_slowest() -> None:
    """Agent Framework: a fan-in buffers messages until every source has sent one."""
    gate = asyncio.Event()
    aggregated: list[int] = []

    async def slow(request: str) -> str:
        await gate.wait()
        return "slow"

    async def fast(request: str) -> str:
        return "fast"

    def aggregate(gathered: Any) -> int:
        aggregated.append(len(gathered))
        return len(gathered)

    graph = concurrent({"slow": slow, "a": fast, "b": fast}, aggregate)
    ended: list[str] = []

    async def watch() -> None:
        async for event in graph.astream(REQUEST, stream_mode="custom"):
            if event["event"] == "ended":
                ended.append(event["branch"][-1])  # noqa: PERF401 - it is read meanwhile

    running = asyncio.ensure_future(watch())
    await until(lambda: sorted(ended) == ["a", "b"])
    assert aggregated == []
    gate.set()
    await running
    assert aggregated == [3]


async def test_the_order_of_results_is_that_of_the_participants() -> None:
    """Agent Framework: results are aggregated by participant, not by who answered first."""
    last_is_done = asyncio.Event()

    async def first(request: str) -> str:
        await last_is_done.wait()
        return "first"

    async def last(request: str) -> str:
        last_is_done.set()
        return "last"

    out = await concurrent({"f": first, "l": last}, lambda g: ", ".join(g)).ainvoke(REQUEST)
    assert out["result"] == "first, last"


async def test_participants_of_one_name_are_numbered() -> None:
    """Agent Framework: two participants with one id are refused.

    Differs: voters in a list that have the same name are told apart by a number, since each is meant.
    """
    agent = says("yes")
    out = await create_voting(voters=[agent, agent], stop="all_votes").ainvoke(QUESTION)
    assert list(out["branches"]) == ["#1", "#2"]
    assert str(out["verdict"].support) == "2/2"


async def test_an_aggregator_that_raises_has_lost_no_reply() -> None:
    """Agent Framework: an exception of the aggregator fails the workflow; here it carries what there was."""

    async def broken(gathered: Any) -> str:
        raise KeyError("summary")

    with pytest.raises(errors.JoinError, match="summary") as raised:
        await concurrent(ALPHA_BETA, broken).ainvoke(REQUEST)
    assert {key: branch.value for key, branch in raised.value.succeeded.items()} == {
        "alpha": "One",
        "beta": "Two",
    }


async def test_two_graphs_of_the_same_participants_share_nothing() -> None:
    """Agent Framework: a builder may build several workflows, each with its own state."""
    one = concurrent(ALPHA_BETA, lambda g: "one", checkpointer=InMemorySaver())
    two = concurrent(ALPHA_BETA, lambda g: "two", checkpointer=InMemorySaver())
    assert (await one.ainvoke(REQUEST, CONFIG))["result"] == "one"
    assert (await two.aget_state(CONFIG)).values == {}
    assert (await two.ainvoke(REQUEST, CONFIG))["result"] == "two"


# edges: selection, conditions, routes


def routed(route: Any, workers: dict[str, Any], **options: Any) -> Any:
    """Build a fan-out whose targets a function selects by the content."""

    def plan(content: str) -> list[Section]:
        return [Section(id=name, title=name, content=content, worker=name) for name in route(content)]

    return create_sectioning(planner=plan, worker=workers, **options)


async def test_a_selection_sends_to_some_targets_only() -> None:
    """Agent Framework: the selection function of a fan-out edge names the targets of a message."""
    ran: list[str] = []

    def worker(section: Section) -> str:
        ran.append(section.worker)
        return section.worker

    graph = routed(lambda content: content.split(), dict.fromkeys("abc", worker))
    out = await graph.ainvoke({"content": "c a"})
    assert (sorted(ran), list(out["branches"]), out["missing"]) == (["a", "c"], ["c", "a"], [])


async def test_a_selection_of_an_unknown_target_is_refused_before_any_work() -> None:
    """Agent Framework: a selected id that is no target of the edge is an error."""
    ran: list[str] = []
    graph = routed(lambda content: ["a", "z"], {"a": ran.append, "b": ran.append})
    with pytest.raises(errors.PlanError, match="'z'"):
        await graph.ainvoke({"content": "x"})
    assert ran == []


async def test_a_switch_takes_the_first_case_or_the_default() -> None:
    """Agent Framework: a switch-case edge sends a message to one target; the default takes the rest."""

    def route(content: str) -> list[str]:
        return ["spam"] if "win" in content else ["default"]

    graph = routed(route, {"spam": lambda s: "deleted", "default": lambda s: f"answered {s.content}"})
    assert "deleted" in (await graph.ainvoke({"content": "win a boat"}))["result"]
    assert "answered hello" in (await graph.ainvoke({"content": "hello"}))["result"]


async def test_a_chain_hands_its_result_to_the_next() -> None:
    """Agent Framework: an edge delivers what an executor sent to the next one, in the next superstep."""

    def plan(content: str) -> list[Section]:
        return [
            Section(id="upper", title="upper", content=content, worker="upper"),
            Section(id="reverse", title="reverse", needs=["upper"], worker="reverse"),
        ]

    workers: Any = {"upper": lambda s: s.content.upper(), "reverse": lambda s: s.earlier["upper"][::-1]}
    out = await create_sectioning(planner=plan, worker=workers).ainvoke({"content": "hello"})
    assert out["branches"]["reverse"].value == "OLLEH"


def test_a_participant_whose_input_is_of_another_type_is_refused() -> None:
    """Agent Framework: edges are validated by type when the workflow is built; an adapter translates."""

    class Ship(BaseModel):
        ship: str

    builder: Any = StateGraph(Ship)
    builder.add_node("sail", lambda state: {})
    builder.add_edge(START, "sail")
    with pytest.raises(errors.UsageError, match=r"takes ship.*agents\.adapt"):
        create_voting(voters=[builder.compile()])


async def test_items_are_mapped_and_reduced() -> None:
    """Agent Framework: the map-reduce sample splits, counts in parallel mappers, and reduces their parts."""

    def count(text: str) -> dict[str, int]:
        return dict(Counter(text.split()))

    def add(gathered: Any) -> Any:
        total: Counter[str] = Counter()
        for part in gathered:
            total.update(part)
        return dict(total)

    graph = create_map_reduce(worker=count, synthesizer=add, fan_in=2)
    out = await graph.ainvoke({"items": ["a b a", "b", "a c", "c c", "d"]})
    assert out["result"] == {"a": 3, "b": 2, "c": 3, "d": 1}


# failures


async def test_a_failed_executor_has_an_event_of_its_own() -> None:
    """Agent Framework: `ExecutorFailedEvent` names the executor and the error, and the workflow fails.

    Differs: the event is that of a finished branch with its status, and the run goes on.
    """

    def broken(request: str) -> str:
        raise RuntimeError("no engine")

    events: Any = [
        e async for e in concurrent({"a": says("x"), "b": broken}).astream(REQUEST, stream_mode="custom")
    ]
    told = Counter(event["event"] for event in events)
    assert (told["started"], told["ended"]) == (2, 2)
    ended = {event["branch"][-1]: event for event in events if event["event"] == "ended"}
    assert (ended["a"]["status"], ended["b"]["status"]) == ("ok", "failed")
    assert ended["b"]["error"] == "RuntimeError: no engine"


async def test_the_state_of_a_run_says_whether_all_went_well() -> None:
    """Agent Framework: a run ends idle or failed; here `ok`, `partial` or `failed`."""

    def broken(request: str) -> str:
        raise RuntimeError("no engine")

    states = []
    for sources in ({"a": says("x")}, {"a": says("x"), "b": broken}, {"b": broken}):
        states.append((await concurrent(sources).ainvoke(REQUEST))["run_report"].status)  # noqa: PERF401
    assert states == ["ok", "partial", "failed"]


async def test_a_participant_that_must_answer_fails_the_workflow() -> None:
    """Agent Framework: any failure fails the workflow; here that of those which are required."""

    def broken(request: str) -> str:
        raise RuntimeError("no engine")

    sources = {"a": says("x"), "b": broken}
    out = await concurrent(sources, completion="required('a')").ainvoke(REQUEST)
    assert out["missing"] == ["b"]
    with pytest.raises(errors.CompletionError, match="no engine"):
        await concurrent(sources, completion="required('b')").ainvoke(REQUEST)


async def test_a_slow_participant_does_not_hold_up_the_fan_in_for_ever() -> None:
    """Agent Framework: a fan-in waits for all of its sources. Differs: a source may have a time limit."""
    cancelled = asyncio.Event()

    async def slow(request: str) -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    out = await concurrent({"slow": Source(slow, timeout=0.05), "fast": says("x")}).ainvoke(REQUEST)
    assert (out["results"], out["late"]) == ({"fast": "x"}, ["slow"])
    assert cancelled.is_set()


async def test_a_cancelled_run_stops_its_executors() -> None:
    """Agent Framework: cancelling the task of a run cancels the handlers that are running."""
    begun, cancelled = [], []

    def worker(name: str) -> Any:
        async def work(request: str) -> str:
            begun.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(name)
            return "never"

        return work

    running = asyncio.ensure_future(concurrent({name: worker(name) for name in "ab"}).ainvoke(REQUEST))
    await until(lambda: len(begun) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: sorted(cancelled) == ["a", "b"])


async def test_a_failure_in_a_sub_workflow_is_named_with_its_path() -> None:
    """Agent Framework: an error in a sub-workflow reaches the parent; here with the names of both levels."""

    def broken(question: str) -> str:
        raise RuntimeError("no engine")

    vote = create_voting(voters={"ann": broken, "ben": says("yes")}, stop="all_votes", name="inner")
    report = (await create_scatter_gather(sources={"panel": vote}, name="outer").ainvoke(REQUEST))[
        "run_report"
    ]
    assert report.failures == {"vote[inner#ann] in outer[panel]": "RuntimeError: no engine"}
    assert report.branches == {"failed": 1, "ok": 1}


# checkpoints and requests for information


async def test_a_workflow_built_anew_goes_on_from_the_checkpoint() -> None:
    """Agent Framework: a workflow with the same participants and storage resumes, and repeats no executor."""
    ran: Counter[str] = Counter()

    def participants() -> dict[str, Any]:
        return {name: (lambda request, name=name: ran.update([name]) or name) for name in "ab"}

    def broken(gathered: Any) -> str:
        raise RuntimeError("the process died")

    saver = InMemorySaver()
    with pytest.raises(errors.JoinError):
        await concurrent(participants(), broken, checkpointer=saver).ainvoke(REQUEST, CONFIG)
    again = concurrent(participants(), lambda g: "+".join(g), checkpointer=saver)
    assert (await again.ainvoke(None, CONFIG))["result"] == "a+b"
    assert ran == {"a": 1, "b": 1}


async def test_a_workflow_of_other_participants_is_refused() -> None:
    """Agent Framework: a checkpoint of a workflow with another topology is not resumed."""
    saver = InMemorySaver()

    def broken(question: str) -> str:
        raise RuntimeError("no engine")

    first = create_voting(voters={"ann": broken, "ben": broken}, checkpointer=saver)
    await first.ainvoke(QUESTION, CONFIG)
    other = create_voting(voters={"cas": says("yes"), "ben": says("yes")}, checkpointer=saver)
    with pytest.raises(errors.UsageError, match="built otherwise"):
        await aredrive(other, CONFIG)


async def test_a_person_steers_the_aggregator_and_nobody_answers_twice() -> None:
    """Agent Framework: request info pauses after the participants, and the reply goes to the aggregator."""
    ran: Counter[str] = Counter()

    def participant(name: str) -> Any:
        return lambda request: ran.update([name]) or name

    async def aggregate(gathered: Any) -> str:
        wish = interrupt({"replies": list(gathered)})
        return f"{'+'.join(gathered)} ({wish})"

    graph = concurrent({n: participant(n) for n in "ab"}, aggregate, checkpointer=InMemorySaver())
    out = await graph.ainvoke(REQUEST, CONFIG)
    assert out["__interrupt__"][0].value == {"replies": ["a", "b"]}
    out = await graph.ainvoke(Command(resume="shorter"), CONFIG)
    assert (out["result"], ran) == ("a+b (shorter)", {"a": 1, "b": 1})


async def test_a_request_is_answered_by_another_process() -> None:
    """Agent Framework: pending requests are restored from a checkpoint, and answered by their ids."""

    def ask(name: str) -> Any:
        async def agent(request: str) -> str:
            return f"{name} {interrupt(f'{name}?')}"

        return agent

    saver = InMemorySaver()

    def build() -> Any:
        return concurrent({name: ask(name) for name in "ab"}, checkpointer=saver)

    await build().ainvoke(REQUEST, CONFIG)
    pending = (await build().aget_state(CONFIG)).interrupts
    assert sorted(one.value for one in pending) == ["a?", "b?"]
    replies = {one.id: f"says {one.value[0].upper()}" for one in pending}
    out = await build().ainvoke(Command(resume=replies), CONFIG)
    assert out["results"] == {"a": "a says A", "b": "b says B"}


async def test_what_a_participant_may_do_is_approved_one_by_one() -> None:
    """Agent Framework: a tool call is approved or rejected; a rejection is a result, and no failure."""
    done: list[str] = []

    def careful(name: str) -> Any:
        async def agent(request: str) -> str:
            if interrupt({"tool": name})["approved"]:
                done.append(name)
                return "done"
            return "rejected"

        return agent

    graph = concurrent({n: careful(n) for n in ("pay", "erase")}, checkpointer=InMemorySaver())
    out = await graph.ainvoke(REQUEST, CONFIG)
    replies = {one.id: {"approved": one.value["tool"] == "pay"} for one in out["__interrupt__"]}
    out = await graph.ainvoke(Command(resume=replies), CONFIG)
    assert (out["results"], done) == ({"pay": "done", "erase": "rejected"}, ["pay"])


# agents, conversations and group chats


async def test_a_workflow_is_an_agent_of_another_one() -> None:
    """Agent Framework: `as_agent` makes an agent of a workflow; here a graph of ours is a node of a chat."""
    panel = create_voting(voters=[str.upper, str.upper])

    async def answer(state: MessagesState) -> Any:
        out = await panel.ainvoke({"question": state["messages"][-1].text})
        return {"messages": [AIMessage(out["verdict"].choice)]}

    app = StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile()
    out = await concurrent({"app": app}).ainvoke(REQUEST)
    assert out["results"] == {"app": "HELLO"}


async def test_agents_with_messages_need_no_adapter() -> None:
    """Agent Framework: agents and executors are mixed; an agent gets the prompt as a message."""
    graph = concurrent({"agent": chat(lambda text: f"heard {text}"), "executor": str.upper})
    assert (await graph.ainvoke(REQUEST))["results"] == {"agent": "heard hello", "executor": "HELLO"}


async def test_a_conversation_reaches_every_participant_whole() -> None:
    """Agent Framework: participants get the full conversation, with roles."""
    history = [HumanMessage("hello"), AIMessage("hi"), HumanMessage("and now?")]
    heard: list[list[str]] = []

    def voter(question: Any) -> str:
        heard.append([message.type for message in question])
        return "yes"

    await create_voting(voters={"a": voter, "b": voter}, stop="all_votes").ainvoke({"question": history})
    assert heard == [["human", "ai", "human"]] * 2


async def test_middleware_around_an_agent_sees_what_goes_in_and_out() -> None:
    """Agent Framework: middleware wraps an agent; here a chain of Runnables does."""
    log: list[str] = []

    def note(value: str) -> str:
        log.append(value)
        return value

    chain = RunnableLambda(note) | RunnableLambda(str.upper) | RunnableLambda(note)
    out = await concurrent({"agent": chain}).ainvoke(REQUEST)
    assert (out["results"], log) == ({"agent": "HELLO"}, ["hello", "HELLO"])


async def test_a_group_chat_ends_when_its_members_agree() -> None:
    """Agent Framework: a termination condition ends a group chat before its most rounds."""
    said: list[str] = []

    def stubborn(section: Any) -> str:
        said.append("stubborn")
        return "tea"

    def open_minded(section: Any) -> str:
        said.append("open")
        return "tea" if said.count("open") > 1 else "coffee"

    debate = create_debate(debaters={"a": stubborn, "b": open_minded, "c": stubborn}, max_rounds=9)
    out = await debate.ainvoke({"question": "Tea or coffee?"})
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("tea", "3/3")
    assert said.count("open") < 9


async def test_a_group_chat_without_an_end_is_bounded() -> None:
    """Agent Framework: a workflow that does not converge raises at `max_iterations`.

    Differs: after the most rounds the rule decides on the last ballots.
    """
    turns: Counter[str] = Counter()

    def wavering(name: str, offset: int) -> Any:
        def debater(section: Any) -> str:
            turns[name] += 1
            return ["left", "right"][(turns[name] + offset) % 2]

        return debater

    debaters = {"a": wavering("a", 0), "b": wavering("b", 1), "c": wavering("c", 1)}
    out = await create_debate(debaters=debaters, max_rounds=3).ainvoke({"question": "?"})
    assert turns == {"a": 3, "b": 3, "c": 3}
    assert str(out["verdict"].support) == "2/3"


async def test_the_replies_of_agents_are_put_to_a_vote() -> None:
    """Agent Framework: users write an aggregator that counts; here a rule does, and says who dissented."""
    voters = {"a": chat(lambda t: "yes"), "b": says("no"), "c": chat(lambda t: "yes")}
    graph = create_voting(voters=voters, rule=rules.threshold(0.6), stop="all_votes")
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.choice, str(verdict.support)) == ("yes", "2/3")
    assert [one.voter for one in verdict.dissent] == ["b"]


async def test_a_handoff_to_an_agent_that_is_not_there_is_one_failed_reply() -> None:
    """Agent Framework: a handoff workflow goes to another agent. Differs: a fan-out has none to go to."""

    class Handing(MessagesState):
        pass

    def hand_over(state: Handing) -> Command[Any]:
        return Command(goto="billing", graph=Command.PARENT)

    handing = StateGraph(Handing).add_node("go", hand_over).add_edge(START, "go").compile()
    received = agents.adapt(
        handing,
        input=lambda r: {"messages": [HumanMessage(r)]},
        handoff=lambda command: f"to {command.goto}",
    )
    out = await concurrent({"lost": handing, "received": received}).ainvoke(REQUEST)
    assert (out["branches"]["lost"].cause, out["results"]) == ("handoff", {"received": "to billing"})


async def test_the_report_tells_calls_of_models_from_work_it_cannot_see() -> None:
    """Agent Framework: spans show each executor and each model call; here the report counts both kinds."""
    model = FakeListChatModel(responses=["x"])

    async def asks(request: str) -> str:
        return str((await model.ainvoke(request)).text)

    report = (await concurrent({"asks": asks, "plain": says("y")}).ainvoke(REQUEST))["run_report"]
    assert Counter(call.kind for call in report.calls) == {"model": 1, "worker": 1}
    assert report.unseen == 1
