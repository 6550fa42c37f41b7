"""LangGraph: users bring graphs of their own, with `Send`, reducers, interrupts, retries and checkpoints.

They put graphs of ours beside and into these, and expect of them what they expect of any compiled graph.
"""

import asyncio
import operator
from collections import Counter
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store, get_stream_writer
from langgraph.errors import InvalidUpdateError
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import CachePolicy, Command, RetryPolicy, Send, interrupt
from typing_extensions import TypedDict

from langgraph_parallel import (
    Section,
    agents,
    aredrive,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
)
from tests.support.clock import Clock, until

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GIVEN = {"content": "a b c"}
QUESTION = {"question": "so?"}


def words(content: str) -> list[Section]:
    """Plan a section for each word."""
    return [Section(id=word, title=word, content=word) for word in content.split()]


def fan(worker: Any, **options: Any) -> Any:
    """Build a fan-out over words."""
    return create_sectioning(planner=words, worker=worker, **options)


def says(choice: str) -> Any:
    """Return a voter."""
    return lambda question: choice


def panel(*choices: str, **options: Any) -> Any:
    """Build a vote of voters that always say the same."""
    return create_voting(voters={f"v{i}": says(choice) for i, choice in enumerate(choices)}, **options)


class App(TypedDict, total=False):
    """The state of a user's graph, with a reducer."""

    content: str
    question: str
    result: str
    missing: list[str]
    verdict: Any
    log: Annotated[list[str], operator.add]


def app(*nodes: tuple[str, Any], **options: Any) -> Any:
    """Compile a graph of nodes one after another."""
    return StateGraph(App).add_sequence([*nodes]).add_edge(START, nodes[0][0]).compile(**options)


# Send, supersteps and reducers


async def test_the_width_of_a_fan_out_is_known_only_when_it_runs() -> None:
    """LangGraph: one `Send` for each item of the state; the same graph fans out to three and to forty."""
    graph = fan(lambda section: section.content)
    for width in (3, 40):
        out = await graph.ainvoke({"content": " ".join(f"w{i}" for i in range(width))})
        assert [branch.value for branch in out["branches"].values()] == [f"w{i}" for i in range(width)]


async def test_a_superstep_is_one_step_whatever_its_width() -> None:
    """LangGraph: the recursion limit counts supersteps, so that it does not bound the number of branches."""
    graph = fan(lambda section: section.content)
    out = await graph.ainvoke({"content": " ".join(f"w{i}" for i in range(100))}, {"recursion_limit": 8})
    assert out["run_report"].branches == {"ok": 100}


async def test_a_graph_is_the_target_of_a_users_own_sends() -> None:
    """LangGraph: `Send("vote", state)` runs a subgraph several times, and a reducer collects the outputs."""

    class Many(TypedDict, total=False):
        questions: list[str]
        verdict: Annotated[list[Any], lambda old, new: [*old, new]]

    builder: Any = StateGraph(Many)
    builder.add_node("vote", create_voting(voters=[lambda question: question.upper()]))
    builder.add_conditional_edges(
        START, lambda state: [Send("vote", {"question": q}) for q in state["questions"]], ["vote"]
    )
    out = await builder.compile().ainvoke({"questions": ["x", "y", "z"]})
    assert [verdict.choice for verdict in out["verdict"]] == ["X", "Y", "Z"]


async def test_reducers_of_the_user_join_two_graphs_of_one_superstep() -> None:
    """LangGraph: nodes that run in the same step may write one key if it has a reducer."""

    def logging(name: str, graph: Any) -> Any:
        async def node(state: App) -> App:
            return {"log": [f"{name}: {(await graph.ainvoke(QUESTION))['verdict'].choice}"]}

        return node

    builder: Any = StateGraph(App)
    for name, graph in {"left": panel("yes"), "right": panel("no")}.items():
        builder.add_node(name, logging(name, graph))
        builder.add_edge(START, name)
    out = await builder.compile().ainvoke({"log": ["begun"]})
    assert out["log"] == ["begun", "left: yes", "right: no"]


async def test_two_graphs_that_write_one_key_without_a_reducer_are_an_error() -> None:
    """LangGraph: a key without a reducer takes one value per step, also from subgraphs."""
    builder: Any = StateGraph(App)
    for name in ("left", "right"):
        builder.add_node(name, panel("yes"))
        builder.add_edge(START, name)
    with pytest.raises(InvalidUpdateError, match="verdict"):
        await builder.compile().ainvoke(QUESTION)


async def test_updates_are_applied_in_the_order_of_the_tasks() -> None:
    """LangGraph: a reducer that is not commutative gets the updates by task, not by time of arrival."""
    done = {name: asyncio.Event() for name in "abcd"}

    async def work(item: str) -> str:
        if item != "d":
            await done[chr(ord(item) + 1)].wait()
        done[item].set()
        return item

    graph = create_map_reduce(worker=work, synthesizer=lambda gathered: "".join(gathered), fan_in=2)
    assert (await graph.ainvoke({"items": list("abcd")}))["result"] == "abcd"


async def test_a_join_runs_once_after_paths_of_different_lengths() -> None:
    """LangGraph: a deferred node runs once, when the longest path has ended."""
    joined: list[list[Any]] = []

    def plan(content: str) -> list[Section]:
        chain = [Section(id=str(i), title=str(i), needs=[str(i - 1)] if i else []) for i in range(4)]
        return [Section(id="short", title="short"), *chain]

    def join(gathered: Any) -> int:
        joined.append(sorted(gathered.by_id))
        return len(gathered)

    graph = create_sectioning(planner=plan, worker=lambda section: section.id, synthesizer=join)
    assert (await graph.ainvoke({"content": ""}))["result"] == 5
    assert joined == [["0", "1", "2", "3", "short"]]


async def test_max_concurrency_of_the_config_bounds_the_branches() -> None:
    """LangGraph: `max_concurrency` lets only so many tasks of a step run at a time."""
    entered: list[str] = []
    gate = asyncio.Event()

    async def work(section: Section) -> str:
        entered.append(section.id)
        await gate.wait()
        return section.id

    running = asyncio.ensure_future(fan(work).ainvoke({"content": "a b c d e f"}, {"max_concurrency": 2}))
    await until(lambda: len(entered) >= 2)
    assert len(entered) == 2
    gate.set()
    assert (await running)["run_report"].branches == {"ok": 6}


# errors and retries


async def test_a_node_that_raises_does_not_end_its_siblings() -> None:
    """LangGraph: an error in one task fails the step.

    Differs: it is a record of that branch with its cause, and the siblings are results all the same.
    """

    def work(section: Section) -> str:
        if section.id == "b":
            raise LookupError("no such ship")
        return section.id

    out = await fan(work).ainvoke(GIVEN)
    assert (out["missing"], out["branches"]["b"].status) == (["b"], "failed")
    assert out["branches"]["b"].error == "LookupError: no such ship"
    assert [out["branches"][name].value for name in "ac"] == ["a", "c"]


async def test_failing_fast_is_a_policy_that_cancels_what_still_runs() -> None:
    """LangGraph: an error raises and cancels the other tasks; here that is `tolerated_failures(0)`."""
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def work(section: Section) -> str:
        if section.id == "b":
            await started.wait()
            raise LookupError("no such ship")
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    with pytest.raises(errors.CompletionError, match="no such ship") as failed:
        await fan(work, completion="tolerated_failures(0)").ainvoke({"content": "a b"})
    assert cancelled.is_set()
    assert failed.value.branches["a"].status == "cancelled"
    assert failed.value.branches["a"].ended_by == "completion"


async def test_a_retry_policy_of_the_graph_around_runs_the_fan_out_again() -> None:
    """LangGraph: `RetryPolicy(retry_on=...)` of a node holds for a subgraph in it as well."""
    tries: Counter[str] = Counter()

    def work(section: Section) -> str:
        tries[section.id] += 1
        if tries[section.id] < 3:
            raise ConnectionError("down")
        return section.id

    graph = fan(work, completion="min_success(1)")

    async def node(state: App) -> App:
        return {"result": (await graph.ainvoke({"content": state["content"]}))["result"]}

    builder: Any = StateGraph(App)
    policy = RetryPolicy(initial_interval=0, max_attempts=3, jitter=False, retry_on=errors.CompletionError)
    builder.add_node("fan", node, retry_policy=policy)
    builder.add_edge(START, "fan")
    assert (await builder.compile().ainvoke({"content": "a"}))["result"] == "## a\n\na"
    assert tries == {"a": 3}


async def test_a_graph_has_fallbacks_as_any_runnable() -> None:
    """LangGraph: `with_fallbacks` runs another graph where the first one has raised."""
    asked: list[str] = []

    def first(section: Section) -> str:
        asked.append("first")
        raise ConnectionError("down")

    def second(section: Section) -> str:
        asked.append("second")
        return "there"

    both = fan(first, completion="min_success(1)").with_fallbacks([fan(second)])
    assert (await both.ainvoke({"content": "a"}))["result"] == "## a\n\nthere"
    assert asked == ["first", "second"]


async def test_what_had_succeeded_is_not_run_again_after_a_failure() -> None:
    """LangGraph: writes of tasks that succeeded are pending, and a resumed run repeats only the failed one.

    Differs: a failed branch fails no step, so that `ainvoke(None)` has nothing to do; `aredrive` repeats it.
    """
    tries: Counter[str] = Counter()

    def work(section: Section) -> str:
        tries[section.id] += 1
        if section.id == "b" and tries["b"] == 1:
            raise ConnectionError("down")
        return section.id

    graph = fan(work, checkpointer=InMemorySaver())
    assert (await graph.ainvoke(GIVEN, CONFIG))["missing"] == ["b"]
    out = await aredrive(graph, CONFIG)
    assert (tries, out["missing"], out["branches"]["b"].attempt) == ({"a": 1, "b": 2, "c": 1}, [], 2)


async def test_a_later_node_that_fails_does_not_repeat_the_fan_out() -> None:
    """LangGraph: `ainvoke(None, config)` goes on at the node that failed; earlier ones are in the state."""
    asked: list[str] = []
    fails = True

    def finish(state: App) -> App:
        if fails:
            raise ConnectionError("down")
        return {"log": [state["result"]]}

    def work(section: Section) -> str:
        asked.append(section.id)
        return section.id

    graph = app(("fan", fan(work)), ("finish", finish), checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        await graph.ainvoke(GIVEN, CONFIG)
    fails = False
    out = await graph.ainvoke(None, CONFIG)
    assert sorted(asked) == ["a", "b", "c"]
    assert out["log"] == ["## a\n\na\n\n## b\n\nb\n\n## c\n\nc"]


async def test_a_step_that_takes_too_long_keeps_what_it_has(clock: Clock) -> None:
    """LangGraph: `step_timeout` raises, and the step is lost.

    Differs: at the deadline what is unfinished is `timed_out`, and the run returns the rest.
    """
    begun: list[str] = []

    async def work(section: Section) -> str:
        begun.append(section.id)
        if section.id == "b":
            await asyncio.Event().wait()
        return section.id

    running = asyncio.ensure_future(fan(work, completion="deadline(50)").ainvoke(GIVEN))
    await until(lambda: len(begun) == 3)
    clock.advance(51)
    out = await running
    assert {key: branch.status for key, branch in out["branches"].items()} == {
        "a": "ok",
        "b": "timed_out",
        "c": "ok",
    }


async def test_leaving_a_stream_cancels_the_workers() -> None:
    """LangGraph: a caller that stops reading ends the run, and no task goes on unseen."""
    cancelled = asyncio.Event()

    async def work(section: Section) -> str:
        if section.id == "a":
            return "a"
        try:
            await asyncio.Event().wait()
        finally:
            if section.id == "b":
                cancelled.set()
        return "never"

    stream = fan(work).astream(GIVEN, stream_mode="custom")
    async for event in stream:
        if event["event"] == "ended":
            break
    await stream.aclose()
    await asyncio.wait_for(cancelled.wait(), 10)


# interrupts


async def test_a_resumed_worker_runs_from_its_beginning_and_its_siblings_do_not() -> None:
    """LangGraph: what comes before `interrupt` runs again; tasks that had ended are not repeated."""
    entered: Counter[str] = Counter()

    async def work(section: Section) -> str:
        entered[section.id] += 1
        return str(interrupt("which?")) if section.id == "b" else section.id

    graph = fan(work, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, CONFIG)
    assert [one.value for one in out["__interrupt__"]] == ["which?"]
    out = await graph.ainvoke(Command(resume="this one"), CONFIG)
    assert (out["branches"]["b"].value, entered) == ("this one", {"a": 1, "b": 2, "c": 1})


async def test_several_questions_of_one_worker_are_answered_in_order() -> None:
    """LangGraph: the replies of one task are matched by the order of its interrupts."""

    async def work(section: Section) -> str:
        return f"{interrupt('first?')} {interrupt('second?')}"

    graph = fan(work, checkpointer=InMemorySaver())
    asked = []
    out = await graph.ainvoke({"content": "a"}, CONFIG)
    for reply in ("one", "two"):
        asked.append(out["__interrupt__"][0].value)
        out = await graph.ainvoke(Command(resume=reply), CONFIG)
    assert (asked, out["branches"]["a"].value) == (["first?", "second?"], "one two")


async def test_an_interrupt_in_a_users_subgraph_below_a_branch_reaches_the_top() -> None:
    """LangGraph: interrupts bubble up through every level, and the reply finds its way down."""

    class Inner(TypedDict, total=False):
        ship: str
        port: str

    def ask(state: Inner) -> Inner:
        return {"port": interrupt(f"Where is {state['ship']}?")}

    inner = StateGraph(Inner).add_node("ask", ask).add_edge(START, "ask").compile()
    worker = agents.adapt(
        inner, input=lambda section: {"ship": section.title}, output=lambda out: out["port"]
    )
    graph = app(("fan", fan(worker)), checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": "Fram"}, CONFIG)
    assert [one.value for one in out["__interrupt__"]] == ["Where is Fram?"]
    out = await graph.ainvoke(Command(resume="Oslo"), CONFIG)
    assert out["result"] == "## Fram\n\nOslo"


async def test_an_interrupt_without_a_checkpointer_is_no_answer() -> None:
    """LangGraph: without a checkpointer the question comes back, and nothing passes for a result."""

    def work(section: Section) -> str:
        return str(interrupt("which?")) if section.id == "a" else section.id

    out = await fan(work).ainvoke({"content": "a b"})
    assert [one.value for one in out["__interrupt__"]] == ["which?"]
    assert "result" not in out
    assert "a" not in out["branches"]


async def test_with_several_questions_a_reply_says_which_one_it_is_for() -> None:
    """LangGraph: one value for several pending interrupts is refused, and both are still to be answered."""

    async def work(section: Section) -> str:
        return str(interrupt(f"{section.id}?"))

    graph = fan(work, checkpointer=InMemorySaver())
    await graph.ainvoke({"content": "a b"}, CONFIG)
    with pytest.raises(RuntimeError, match="interrupt id"):
        await graph.ainvoke(Command(resume="yes"), CONFIG)
    pending = (await graph.aget_state(CONFIG)).interrupts
    out = await graph.ainvoke(Command(resume={one.id: one.value for one in pending}), CONFIG)
    assert [branch.value for branch in out["branches"].values()] == ["a?", "b?"]


async def test_a_breakpoint_before_the_join_shows_the_results_and_goes_on() -> None:
    """LangGraph: `interrupt_before` stops in front of a node, for a look at the state; None goes on."""
    asked: list[str] = []

    def work(section: Section) -> str:
        asked.append(section.id)
        return section.id

    graph = fan(work, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG, interrupt_before=["synthesize"])
    state = await graph.aget_state(CONFIG)
    assert (state.next, [branch.value for branch in state.values["branches"].values()]) == (
        ("synthesize",),
        ["a", "b", "c"],
    )
    assert (await graph.ainvoke(None, CONFIG))["result"].startswith("## a")
    assert sorted(asked) == ["a", "b", "c"]


# state, checkpoints and time travel


async def test_the_state_of_a_waiting_subgraph_can_be_read() -> None:
    """LangGraph: `get_state(subgraphs=True)` shows which branches of a subgraph wait, and which ended."""

    async def work(section: Section) -> str:
        return str(interrupt("which?")) if section.id == "b" else section.id

    graph = app(("fan", fan(work)), checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    inner: Any = (await graph.aget_state(CONFIG, subgraphs=True)).tasks[0].state
    assert [[one.value for one in part.interrupts] for part in inner.tasks if part.interrupts] == [["which?"]]
    assert sum(part.result is not None for part in inner.tasks) == 2


async def test_the_state_of_a_finished_thread_can_be_read() -> None:
    """LangGraph: `get_state` has the values, and no next node once the run has ended."""
    graph = panel("yes", "yes", "no", checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG)
    state = await graph.aget_state(CONFIG)
    assert (state.next, state.values["verdict"].choice) == ((), "yes")
    assert state.values["question"] == "so?"


async def test_a_run_can_be_repeated_from_an_earlier_checkpoint() -> None:
    """LangGraph: time travel to a checkpoint before the fan-out runs the branches again."""
    asked: list[str] = []

    def work(section: Section) -> str:
        asked.append(section.id)
        return f"{section.id}{len(asked) > 3}"

    graph = fan(work, checkpointer=InMemorySaver())
    await graph.ainvoke(GIVEN, CONFIG)
    history = [state async for state in graph.aget_state_history(CONFIG)]
    first = next(state for state in reversed(history) if state.next and state.next != ("__start__",))
    out = await graph.ainvoke(None, first.config)
    assert sorted(asked) == ["a", "a", "b", "b", "c", "c"]
    assert [branch.value for branch in out["branches"].values()] == ["aTrue", "bTrue", "cTrue"]


async def test_threads_share_nothing() -> None:
    """LangGraph: two threads of one compiled graph run at the same time, each with its own state."""
    together = asyncio.Event()
    entered: list[str] = []

    async def work(section: Section) -> str:
        entered.append(section.id)
        if len(entered) == 4:
            together.set()
        await together.wait()
        return section.id

    saver = InMemorySaver()
    graph = fan(work, checkpointer=saver)
    one, two = await asyncio.gather(
        graph.ainvoke({"content": "a b"}, {"configurable": {"thread_id": "one"}}),
        graph.ainvoke({"content": "c d"}, {"configurable": {"thread_id": "two"}}),
    )
    assert (list(one["branches"]), list(two["branches"])) == (["a", "b"], ["c", "d"])
    state = await graph.aget_state({"configurable": {"thread_id": "two"}})
    assert list(state.values["branches"]) == ["c", "d"]


@pytest.mark.parametrize("durability", ["exit", "sync"])
async def test_each_durability_ends_in_the_same_state(durability: Any) -> None:
    """LangGraph: with `exit` checkpoints are written at the end, with `sync` one for every step.

    At the end there are two: LangGraph stores the updates of its `DeltaChannel`s with one before the last.
    """
    graph = fan(lambda section: section.id, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, CONFIG, durability=durability)
    history = [state async for state in graph.aget_state_history(CONFIG)]
    assert history[0].values["result"] == out["result"] == "## a\n\na\n\n## b\n\nb\n\n## c\n\nc"
    assert (len(history) <= 2) is (durability == "exit")


async def test_a_node_with_a_cache_policy_asks_nobody_a_second_time() -> None:
    """LangGraph: `CachePolicy` of a node answers equal input from the cache, also if it is a subgraph."""
    asked: list[str] = []

    def voter(question: str) -> str:
        asked.append(question)
        return "yes"

    builder: Any = StateGraph(App)
    builder.add_node("vote", create_voting(voters=[voter]), cache_policy=CachePolicy())
    builder.add_edge(START, "vote")
    graph = builder.compile(cache=InMemoryCache())
    outs = [await graph.ainvoke({"question": q}) for q in ("a", "a", "b")]
    assert [out["verdict"].choice for out in outs] == ["yes"] * 3
    assert asked == ["a", "b"]


# what reaches a worker


async def test_the_config_of_the_call_reaches_every_worker() -> None:
    """LangGraph: tags, metadata and `configurable` are inherited by all that runs below."""
    seen: list[tuple[Any, ...]] = []

    def work(section: Section, config: RunnableConfig) -> str:
        seen.append((config["tags"], config["metadata"]["team"], config["configurable"]["user"]))
        return section.id

    config: Any = {"tags": ["mine"], "metadata": {"team": "blue"}, "configurable": {"user": "ann"}}
    await fan(work).ainvoke(GIVEN, config)
    assert [(team, user) for _, team, user in seen] == [("blue", "ann")] * 3
    assert all("mine" in tags for tags, _, _ in seen)


@pytest.mark.parametrize("inside", [False, True], ids=["its own", "of the graph around it"])
async def test_workers_use_the_store(inside: bool) -> None:
    """LangGraph: `get_store` finds the store that the outermost graph was compiled with."""
    store = InMemoryStore()

    async def work(section: Section) -> str:
        await get_store().aput(("ships",), section.id, {"seen": True})
        return section.id

    graph = app(("fan", fan(work)), store=store) if inside else fan(work, store=store)
    await graph.ainvoke(GIVEN)
    assert sorted(item.key for item in await store.asearch(("ships",))) == ["a", "b", "c"]


async def test_a_worker_calls_tasks_of_the_functional_api() -> None:
    """LangGraph: a task may be called wherever a graph runs, so also in a branch, which awaits it."""

    @task
    async def shout(section: Section) -> str:
        return section.content.upper()

    async def work(section: Section) -> str:
        first, second = shout(section), shout(section)
        return await first + await second

    out = await fan(work).ainvoke(GIVEN)
    assert [branch.value for branch in out["branches"].values()] == ["AA", "BB", "CC"]


async def test_an_entrypoint_calls_graphs_one_after_another() -> None:
    """LangGraph: the functional API runs compiled graphs as functions, in loops of Python."""

    @entrypoint()
    async def workflow(given: dict[str, Any]) -> Any:
        answers = []
        for question in given["questions"]:
            out = await create_voting(voters=[str.upper, str.upper]).ainvoke({"question": question})
            answers.append(out["verdict"].choice)
        return answers

    assert await workflow.ainvoke({"questions": ["x", "y"]}) == ["X", "Y"]


# streaming


async def test_a_worker_writes_into_the_custom_stream() -> None:
    """LangGraph: what a node gives to `get_stream_writer` arrives beside the events of the graph."""

    def work(section: Section) -> str:
        get_stream_writer()({"progress": section.id})
        return section.id

    events = [event async for event in fan(work).astream(GIVEN, stream_mode="custom")]
    assert sorted(event["progress"] for event in events if "progress" in event) == ["a", "b", "c"]
    assert sum(event.get("event") == "ended" for event in events) == 3


async def test_tokens_of_a_model_in_a_worker_are_streamed() -> None:
    """LangGraph: `stream_mode="messages"` has the tokens of all models below, with their metadata."""
    model = GenericFakeChatModel(messages=iter([AIMessage("three little words")]))

    async def work(section: Section) -> str:
        return str((await model.ainvoke(section.content)).text)

    parts = [part async for part in fan(work).astream({"content": "a"}, stream_mode="messages")]
    texts = [message.text for message, metadata in parts if metadata.get("ls_model_type") == "chat"]
    assert "".join(texts) == "three little words"
    assert len(texts) > 1


async def test_the_last_value_of_a_stream_is_the_output() -> None:
    """LangGraph: `stream_mode="values"` ends with what `ainvoke` returns."""
    graph = panel("yes", "no", "yes", stop="all_votes")
    values = [value async for value in graph.astream(QUESTION, stream_mode="values")]
    out = await graph.ainvoke(QUESTION)
    assert out.keys() <= values[-1].keys()
    assert (values[-1]["verdict"], values[-1]["ballots"]) == (out["verdict"], out["ballots"])
    assert "verdict" not in values[0]


def test_sync_code_streams_updates_node_by_node() -> None:
    """LangGraph: `stream` works without an event loop, and names the node of each update."""
    nodes = [node for update in fan(lambda s: s.id).stream(GIVEN, stream_mode="updates") for node in update]
    assert (nodes[0], nodes.count("worker"), nodes[-1]) == ("plan", 3, "synthesize")


async def test_callbacks_see_each_branch_by_its_name() -> None:
    """LangGraph: a tracer sees every task; the branches have names of their own."""

    class Names(BaseCallbackHandler):
        def __init__(self) -> None:
            self.names: list[str] = []

        def on_chain_start(self, *args: Any, **options: Any) -> None:
            self.names.append(str(options.get("name")))

    handler = Names()
    await fan(lambda s: s.id).ainvoke(GIVEN, {"callbacks": [handler]})
    assert {"sectioning[a]", "sectioning[b]", "sectioning[c]"} <= set(handler.names)


# composition


async def test_the_outcome_decides_the_next_node() -> None:
    """LangGraph: a conditional edge routes by the state; a tie goes to another node than a decision."""

    def route(state: App) -> str:
        return "act" if state["verdict"].decided else "ask"

    builder: Any = StateGraph(App)
    builder.add_node("vote", create_voting(voters=[lambda q: "yes", lambda q: q], stop="all_votes"))
    builder.add_node("act", lambda state: {"log": ["act"]})
    builder.add_node("ask", lambda state: {"log": ["ask"]})
    builder.add_edge(START, "vote")
    builder.add_conditional_edges("vote", route, ["act", "ask"])
    graph = builder.compile()
    assert (await graph.ainvoke({"question": "yes"}))["log"] == ["act"]
    assert (await graph.ainvoke({"question": "no"}))["log"] == ["ask"]


async def test_a_cycle_of_the_user_runs_the_graph_until_nothing_is_missing() -> None:
    """LangGraph: a graph in a cycle is a new run each time, and `Command` leaves the cycle."""
    down = ["a", "b"]

    def work(section: Section) -> str:
        if section.id in down:
            down.remove(section.id)
            raise ConnectionError("down")
        return section.id

    def look(state: App) -> Any:
        missing = state["missing"]
        update: Any = {"log": [",".join(missing) or "none"], "content": " ".join(missing)}
        return Command(update=update, goto="fan" if missing else END)

    builder: Any = StateGraph(App)
    builder.add_node("fan", fan(work))
    builder.add_node("look", look, destinations=("fan", END))
    builder.add_edge(START, "fan")
    builder.add_edge("fan", "look")
    out = await builder.compile().ainvoke(GIVEN)
    assert out["log"] == ["a,b", "none"]


async def test_a_compiled_graph_of_the_user_is_a_source() -> None:
    """LangGraph: any compiled graph is a Runnable, whose input and output are its own schema."""
    inner = app(("shout", lambda state: {"result": state["question"].upper()}))
    graph = create_scatter_gather(sources={"graph": inner, "plain": lambda request: "x"})
    out = await graph.ainvoke({"request": QUESTION})
    assert out["results"]["graph"]["result"] == "SO?"
    assert out["missing"] == []


def test_the_schemas_of_input_and_output_are_public() -> None:
    """LangGraph: tools that show forms read the JSON schemas of a compiled graph."""
    graph = panel("yes")
    assert list(graph.get_input_jsonschema()["properties"]) == ["question", "messages"]
    assert {"verdict", "ballots", "missing", "branches", "run_report", "messages"} == set(
        graph.get_output_jsonschema()["properties"]
    )


async def test_one_graph_serves_many_runs_at_once() -> None:
    """LangGraph: a compiled graph holds no state of a run, so that calls of it may overlap."""
    entered: list[str] = []

    async def voter(question: str) -> str:
        entered.append(question)
        await until(lambda: len(entered) == 20)
        return question

    graph = create_voting(voters=[voter])
    outs = await asyncio.gather(*(graph.ainvoke({"question": str(i)}) for i in range(20)))
    assert [out["verdict"].choice for out in outs] == [str(i) for i in range(20)]
