"""pydantic-graph and Pydantic AI: broadcast, map, joins with reducers, decisions, iteration, fallback models.

Its users bring steps that are typed functions, a join whose reducer folds their outputs, and reducers that
cancel what is still running.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Roster,
    Section,
    create_map_reduce,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    synthesize,
)
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
GO = {"content": ""}


def mapped(worker: Any, synthesizer: Any = list, **options: Any) -> Any:
    """Map over items, and reduce the outputs."""
    return create_map_reduce(worker=worker, synthesizer=synthesizer, **options)


def steps(*names: str) -> Any:
    """Return a planner with a section for each name."""
    return lambda content: [Section(id=name, title=name, content=str(content)) for name in names]


# broadcast and map


async def test_one_value_is_broadcast_to_several_steps() -> None:
    """pydantic-graph: an edge to several steps gives each the same input; the join has all outputs."""
    graph = create_scatter_gather(
        sources={"one": lambda n: n + 1, "two": lambda n: n + 2, "three": lambda n: n + 3}, synthesizer=list
    )
    assert (await graph.ainvoke({"request": 10}))["result"] == [11, 12, 13]


async def test_outputs_are_joined_in_the_order_of_the_items() -> None:
    """pydantic-graph: a list join has the outputs as they come in; here always in the order of the items."""
    # Differs: two runs on the same items give the same result, whichever step was faster.
    third_is_done = asyncio.Event()

    async def square(n: int) -> int:
        if n == 3:
            third_is_done.set()
        await asyncio.wait_for(third_is_done.wait(), 10)
        return n * n

    assert (await mapped(square).ainvoke({"items": [1, 2, 3]}))["result"] == [1, 4, 9]


async def test_the_join_is_reached_once_with_everything() -> None:
    """pydantic-graph: what follows a join runs a single time, after the last step has ended."""
    joined: list[list[Any]] = []

    def join(gathered: synthesize.Gathered) -> int:
        joined.append(list(gathered))
        return len(gathered)

    out = await mapped(lambda n: n, join).ainvoke({"items": [1, 2, 3]})
    assert (joined, out["result"]) == ([[1, 2, 3]], 3)


async def test_a_map_over_nothing_has_an_empty_join() -> None:
    """pydantic-graph: a map over an empty list gives the initial value of the join that is downstream."""
    graph = create_sectioning(planner=steps(), worker=lambda s: 1, synthesizer=sum)
    out = await graph.ainvoke(GO)
    assert (out["result"], out["missing"], out["run_report"].status) == (0, [], "ok")
    assert (await mapped(lambda n: n, sum).ainvoke({"items": []}))["result"] is None


async def test_a_single_item_is_its_own_result() -> None:
    """pydantic-graph: a join of one input folds it into the initial value; here one output is not reduced."""
    # Differs: for a model as the reducer this would be a call without a purpose.
    reduced: list[Any] = []
    out = await mapped(lambda n: n * 2, reduced.append).ainvoke({"items": [42]})
    assert (out["result"], reduced) == (84, [])


async def test_a_value_that_cannot_be_mapped_is_refused_before_any_step() -> None:
    """pydantic-graph: mapping a value that is not iterable is an error."""
    worked: list[Any] = []
    with pytest.raises(errors.InputError, match="items"):
        await mapped(worked.append).ainvoke({"items": 42})
    assert worked == []


@pytest.mark.parametrize("value", [0, "", False, [], {}], ids=repr)
async def test_falsy_outputs_are_outputs(value: Any) -> None:
    """pydantic-graph: zero and the empty string are values like others, and are not taken for nothing."""
    out = await create_scatter_gather(sources={"a": lambda r: value}, synthesizer=list).ainvoke(
        {"request": "x"}
    )
    assert (out["results"], out["result"], out["missing"]) == ({"a": value}, [value], [])


async def test_a_step_that_returns_none_has_run() -> None:
    """pydantic-graph: a step may return None, and the graph goes on to its end."""
    out = await create_scatter_gather(sources={"a": lambda r: None, "b": lambda r: 1}).ainvoke(
        {"request": "x"}
    )
    assert (out["results"], out["missing"], out["run_report"].branches) == (
        {"a": None, "b": 1},
        [],
        {"ok": 2},
    )


async def test_outputs_of_different_types_are_kept_apart() -> None:
    """pydantic-graph: steps of a broadcast may return different types, and a literal 1 is not True."""
    out = await create_scatter_gather(
        sources={"int": lambda r: 42, "str": lambda r: "42", "bool": lambda r: True}
    ).ainvoke({"request": "x"})
    assert [type(value) for value in out["results"].values()] == [int, str, bool]
    voters: Any = {"a": lambda q: 1, "b": lambda q: True, "c": lambda q: "1"}
    verdict = (await create_voting(voters=voters, stop="all_votes").ainvoke({"question": "?"}))["verdict"]
    assert [count.votes for count in verdict.counts] == [1, 1, 1]


async def test_each_item_of_a_map_may_be_broadcast() -> None:
    """pydantic-graph: a map followed by a broadcast runs every step on every item."""
    inner = create_scatter_gather(sources={"one": lambda n: n + 1, "two": lambda n: n + 2}, synthesizer=list)

    async def both(n: int) -> Any:
        return (await inner.ainvoke({"request": n}))["result"]

    flat = mapped(both, lambda g: [n for pair in g for n in pair])
    assert (await flat.ainvoke({"items": [10, 20]}))["result"] == [11, 12, 21, 22]


async def test_a_map_inside_of_a_map_is_joined_inside_first() -> None:
    """pydantic-graph: with the closest fork as its parent, a join reduces each inner map by itself."""
    inner = mapped(lambda n: n * 2, sum)

    async def total(ns: list[int]) -> Any:
        return (await inner.ainvoke({"items": ns}))["result"]

    out = await mapped(total).ainvoke({"items": [[1, 2], [3, 4]]})
    assert out["result"] == [6, 14]


class Pipeline(TypedDict, total=False):
    """The state of an app that maps twice."""

    items: Any
    result: Any


async def test_maps_may_follow_each_other() -> None:
    """pydantic-graph: the output of one map and join is what the next one maps over."""
    builder = StateGraph(Pipeline)
    builder.add_node("pairs", mapped(lambda pair: [pair[0], pair[1]], lambda g: [n for ns in g for n in ns]))
    builder.add_node("hand_over", lambda state: {"items": state["result"]})
    builder.add_node("strings", mapped(lambda n: f"num:{n}"))
    for first, second in [
        (START, "pairs"),
        ("pairs", "hand_over"),
        ("hand_over", "strings"),
        ("strings", END),
    ]:
        builder.add_edge(first, second)
    out = await builder.compile().ainvoke({"items": [[1, 2], [3, 4]]})
    assert out["result"] == ["num:1", "num:2", "num:3", "num:4"]


async def test_a_long_chain_of_steps_counts_up() -> None:
    """pydantic-graph: ten steps after each other each add one to the output of the step before."""

    def chain(content: str) -> list[Section]:
        return [Section(id=str(i), title=str(i), needs=[str(i - 1)] if i else []) for i in range(10)]

    graph = create_sectioning(
        planner=chain, worker=lambda s: sum(s.earlier.values()) + 1, synthesizer=lambda g: g.values[-1]
    )
    assert (await graph.ainvoke(GO))["result"] == 10


# joins


async def test_a_join_extends_a_list_by_each_output() -> None:
    """pydantic-graph: `reduce_list_extend` makes one flat list of lists."""
    graph = mapped(lambda ns: ns, lambda g: [n for ns in g for n in ns])
    assert (await graph.ainvoke({"items": [[1, 2], [3, 4], [5, 6]]}))["result"] == [1, 2, 3, 4, 5, 6]


async def test_a_join_updates_a_dict_by_each_output() -> None:
    """pydantic-graph: `reduce_dict_update` merges the keys of all outputs."""
    graph = mapped(lambda key: {key: len(key)}, synthesize.merge_fields())
    assert (await graph.ainvoke({"items": ["a", "bb", "ccc"]}))["result"] == {"a": 1, "bb": 2, "ccc": 3}


async def test_values_for_one_key_are_a_contradiction_unless_a_function_joins_them() -> None:
    """pydantic-graph: of several values for a key the last one wins; here they are all reported."""
    # Differs: which one is last depends on the timing, and the others would be lost without a word.
    out = await mapped(lambda n: {"key": n}, synthesize.merge_fields()).ainvoke({"items": [1, 2, 3]})
    assert out["result"]["key"] == [1, 2, 3]
    assert len(out["result"]["contradictions"]) == 1
    out = await mapped(lambda n: {"key": n}, synthesize.merge_fields({"key": max})).ainvoke(
        {"items": [1, 3, 2]}
    )
    assert out["result"] == {"key": 3}


async def test_a_join_may_discard_all_outputs() -> None:
    """pydantic-graph: `reduce_null` joins steps that run for their side effects."""
    seen: list[int] = []
    graph = create_sectioning(
        planner=steps("a", "bb"), worker=lambda s: seen.append(len(s.id)), synthesizer=lambda g: None
    )
    out = await graph.ainvoke(GO)
    assert (out["result"], sorted(seen), out["missing"]) == (None, [1, 2], [])


async def test_a_join_may_read_the_input_of_the_graph() -> None:
    """pydantic-graph: a reducer has access to state and dependencies of the run."""
    graph = create_sectioning(
        planner=steps("a", "b", "c"),
        worker=lambda s: 1,
        synthesizer=lambda g: sum(g) * int(g.given["content"]),
    )
    assert (await graph.ainvoke({"content": "10"}))["result"] == 30


async def test_a_reducer_gets_at_most_as_many_outputs_as_it_can_take() -> None:
    """pydantic-graph: a reducer folds one output at a time; here groups are reduced in a tree, in order."""
    groups: list[list[str]] = []

    def join(outputs: Any) -> str:
        groups.append(list(outputs))
        return "".join(outputs)

    out = await mapped(str.upper, join, fan_in=3).ainvoke({"items": list("abcdefghi")})
    assert out["result"] == "ABCDEFGHI"
    assert sorted(groups[:3]) == [["A", "B", "C"], ["D", "E", "F"], ["G", "H", "I"]]
    assert groups[3:] == [["ABC", "DEF", "GHI"]]


async def test_a_reducer_that_raises_is_an_error_that_has_the_outputs() -> None:
    """pydantic-graph: an exception in a reducer ends the run; here what the steps have made is in it."""

    def reduce(outputs: Any) -> int:
        raise ZeroDivisionError("no outputs to divide by")

    graph = create_sectioning(planner=steps("a", "b"), worker=lambda s: s.id, synthesizer=reduce)
    with pytest.raises(errors.JoinError, match="no outputs to divide by") as failed:
        await graph.ainvoke(GO)
    assert {key: branch.value for key, branch in failed.value.succeeded.items()} == {"a": "a", "b": "b"}


class TwoJoins(TypedDict, total=False):
    """The state of an app with two fan-outs that run at the same time."""

    content: str
    request: int
    result: Any
    results: dict[str, Any]
    both: Any


async def test_two_joins_of_one_app_keep_their_outputs_apart() -> None:
    """pydantic-graph: a graph may have several joins, each with the steps of its own fork."""
    together = asyncio.Barrier(4)

    async def tripled(section: Section) -> int:
        await asyncio.wait_for(together.wait(), 10)
        return len(section.id) * 3

    async def doubled(n: int) -> int:
        await asyncio.wait_for(together.wait(), 10)
        return n * 2

    builder = StateGraph(TwoJoins)
    builder.add_node("left", create_sectioning(planner=steps("a", "bb"), worker=tripled, synthesizer=list))

    async def right(state: TwoJoins) -> dict[str, Any]:
        graph = create_scatter_gather(sources={"x": doubled, "y": doubled})
        return {"results": (await graph.ainvoke({"request": state["request"]}))["results"]}

    builder.add_node("right", right)
    builder.add_node("combine", lambda s: {"both": [s["result"], s["results"]]})
    builder.add_edge(START, "left")
    builder.add_edge(START, "right")
    builder.add_edge(["left", "right"], "combine")
    out = await builder.compile().ainvoke({"content": "", "request": 5})
    assert out["both"] == [[3, 6], {"x": 10, "y": 10}]


# reducers that cancel


async def test_the_first_output_cancels_the_other_steps() -> None:
    """pydantic-graph: `ReduceFirstValue` takes the first output, and cancels the siblings of its step."""
    cancelled: list[str] = []
    waiting = asyncio.Semaphore(0)

    async def step(section: Section) -> str:
        if section.id == "quick":
            for _ in range(2):
                await asyncio.wait_for(waiting.acquire(), 10)
            return "first"
        waiting.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(section.id)
            raise
        return "never"

    graph = create_sectioning(
        planner=steps("slow", "quick", "slower"), worker=step, synthesizer=list, completion="min_success(1)"
    )
    out = await asyncio.wait_for(graph.ainvoke(GO), 10)
    assert (out["result"], sorted(cancelled)) == (["first"], ["slow", "slower"])
    assert {key: branch.ended_by for key, branch in out["branches"].items()} == {
        "slow": "completion",
        "quick": None,
        "slower": "completion",
    }


async def test_what_a_cancelled_step_had_done_stays_done() -> None:
    """pydantic-graph: cancelling undoes no side effect, and makes none that was still to come."""
    done: list[str] = []
    recorded = asyncio.Event()

    async def step(section: Section) -> str:
        if section.id == "winner":
            await asyncio.wait_for(recorded.wait(), 10)
            done.append("winner")
            return "won"
        if section.id == "effect first":
            done.append("effect first")
            recorded.set()
            await asyncio.Event().wait()
        await asyncio.Event().wait()
        done.append("never")
        return "never"

    graph = create_sectioning(
        planner=steps("winner", "effect first", "wait first"), worker=step, completion="min_success(1)"
    )
    await asyncio.wait_for(graph.ainvoke(GO), 10)
    assert done == ["effect first", "winner"]


async def test_a_first_step_that_fails_does_not_win() -> None:
    """pydantic-graph: a step that raises ends the run; here the first output that is one wins."""
    failed = asyncio.Event()

    async def step(section: Section) -> str:
        if section.id == "fails":
            failed.set()
            raise ValueError("oh")
        await asyncio.wait_for(failed.wait(), 10)
        return "ok"

    graph = create_sectioning(
        planner=steps("fails", "works"), worker=step, synthesizer=list, completion="min_success(1)"
    )
    out = await graph.ainvoke(GO)
    assert (out["result"], out["missing"]) == (["ok"], ["fails"])


async def test_a_step_that_raises_leaves_the_others_their_outputs() -> None:
    """pydantic-graph: an exception in one step ends the run; here it is the record of that step."""
    # Differs: one bad item of many would otherwise cost all of them.
    out = await mapped(lambda n: 12 // n).ainvoke({"items": [1, 0, 3]})
    assert (out["result"], out["missing"]) == ([12, 4], ["item 2"])
    failed = next(branch for branch in out["branches"].values() if not branch.ok)
    assert failed.error.startswith("ZeroDivisionError")


# decisions and fallbacks


class Order(TypedDict, total=False):
    """The state of an app that decides by a vote."""

    question: str
    verdict: Any
    path: str


async def test_a_decision_may_depend_on_a_verdict() -> None:
    """pydantic-graph: a decision node takes the branch that matches a value; here the value is a verdict."""
    builder = StateGraph(Order)
    vote = create_voting(voters=[lambda q: "left" if "L" in q else "right"], choices=["left", "right"])
    builder.add_node("vote", vote)
    builder.add_node("left", lambda state: {"path": "went left"})
    builder.add_node("right", lambda state: {"path": "went right"})
    builder.add_edge(START, "vote")
    builder.add_conditional_edges("vote", lambda state: state["verdict"].choice, ["left", "right"])
    app = builder.compile()
    assert (await app.ainvoke({"question": "L?"}))["path"] == "went left"
    assert (await app.ainvoke({"question": "R?"}))["path"] == "went right"


async def test_a_value_that_no_branch_matches_is_not_guessed() -> None:
    """pydantic-graph: a value for which a decision has no branch is an error; here it abstains."""
    graph = create_voting(voters=[lambda q: "up"], choices=["left", "right"], on_undecided=lambda q: "left")
    out = await graph.ainvoke({"question": "?"})
    assert (out["ballots"][0].status, out["ballots"][0].said) == ("abstained", "up")
    assert (out["verdict"].choice, out["verdict"].decided_by) == ("left", "fallback")


async def test_a_failed_step_is_replaced_by_another_one() -> None:
    """pydantic-graph: an error can be recovered from by going to a different node instead."""
    called: list[str] = []

    def step(name: str, *, fails: bool = False) -> Any:
        def run(question: str) -> str:
            called.append(name)
            if fails:
                raise RuntimeError("always fails")
            return name

        return run

    steps = {"first": step("first", fails=True), "second": step("second"), "third": step("third")}
    out = await create_voting(voters=steps, rule="first_valid", wave=1).ainvoke({"question": "?"})
    assert (out["verdict"].choice, called, out["verdict"].failed) == ("second", ["first", "second"], 1)


def refusing(server: ModelServer, *names: str) -> None:
    """Let the server answer for all models but these."""
    server.always(Reply(json={"choice": "yes"}))
    unknown = {"error": {"message": "The model does not exist", "code": "model_not_found"}}
    server.on(lambda request: request.body["model"] in names, Reply(status=404, body=unknown))


async def test_a_fallback_model_is_asked_only_if_the_first_one_fails(model: str, server: ModelServer) -> None:
    """Pydantic AI: FallbackModel asks the next model after an error of the one before."""
    refusing(server, "first")
    fallback = create_voting(
        voters=Roster(models=["openai:first", "openai:second", "openai:third"]), rule="first_valid", wave=1
    )
    out = await fallback.ainvoke({"question": "Is it?"})
    assert [request.body["model"] for request in server.requests] == ["first", "second"]
    assert (out["verdict"].choice, out["verdict"].not_asked) == ("yes", 1)


async def test_if_every_fallback_model_fails_each_cause_is_known(model: str, server: ModelServer) -> None:
    """Pydantic AI: if all models fail, FallbackModel raises a group of all their errors."""
    refusing(server, "first", "second")
    fallback = create_voting(
        voters=Roster(models=["openai:first", "openai:second"]), rule="first_valid", wave=1
    )
    out = await fallback.ainvoke({"question": "Is it?"})
    assert (out["verdict"].choice, out["verdict"].status, out["verdict"].failed) == (None, "no_quorum", 2)
    assert [bool(ballot.error) for ballot in out["ballots"]] == [True, True]
    assert out["run_report"].status == "failed"


async def test_a_request_limit_ends_a_run_and_keeps_what_it_has(model: str, server: ModelServer) -> None:
    """Pydantic AI: `UsageLimits(request_limit=...)` raises; here the rest is skipped and the others count."""
    # Differs: the answers before the limit are paid for, and the report says that the run is partial.
    server.always(Reply(text="4"))
    graph = create_sectioning(
        planner=steps("a", "b", "c"),
        worker=Ask("{content}{title}", model=model),
        synthesizer=list,
        limits={"budget_calls": 2},
    )
    out = await graph.ainvoke(GO)
    assert (len(server.requests), out["result"], len(out["missing"])) == (2, ["4", "4"], 1)
    assert out["run_report"].status == "partial"


async def test_a_model_for_tests_takes_the_place_of_a_real_one() -> None:
    """Pydantic AI: TestModel and FunctionModel answer without a network, in the same graph."""
    fake = GenericFakeChatModel(messages=iter([AIMessage("Paris"), AIMessage("Paris")]))
    ask = Ask("{content}", model=fake)
    out = await create_map_reduce(worker=ask, synthesizer=list).ainvoke({"items": ["France?", "again?"]})
    assert out["result"] == ["Paris", "Paris"]
    assert [call.kind for call in out["run_report"].calls].count("model") == 2


async def test_a_record_is_the_same_data_before_and_after_a_checkpoint() -> None:
    """pydantic-graph: outputs are pydantic models, which persistence stores as JSON, and restores."""

    class City(BaseModel):
        name: str
        size: int

    graph = create_scatter_gather(
        sources={"a": lambda r: City(name="Bergen", size=3)}, checkpointer=InMemorySaver()
    )
    out = await graph.ainvoke({"request": "x"}, CONFIG)
    stored = (await graph.aget_state(CONFIG)).values
    assert out["results"] == stored["results"] == {"a": {"name": "Bergen", "size": 3}}


# iteration and persistence


async def test_a_run_can_be_followed_node_by_node() -> None:
    """pydantic-graph: iterating over a run shows each step, and the end last."""
    nodes = [
        name
        async for update in mapped(lambda n: n, sum).astream({"items": [1, 2, 3]}, stream_mode="updates")
        for name in update
    ]
    assert nodes[0] == "plan"
    assert nodes[-1] == "finish"
    assert nodes.count(nodes[1]) >= 3


async def test_leaving_the_iteration_stops_the_steps() -> None:
    """pydantic-graph: breaking out of an iteration ends the run, and its tasks with it."""
    stopped = asyncio.Event()

    async def step(section: Section) -> str:
        if section.id == "quick":
            return "done"
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return "never"

    graph = create_sectioning(planner=steps("quick", "endless"), worker=step)
    stream = graph.astream(GO, stream_mode="custom")
    async for event in stream:
        if event["event"] == "ended":
            break
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(stopped.wait(), 10)


async def test_two_runs_of_one_graph_do_not_mix() -> None:
    """pydantic-graph: a graph is built once, and each run has a state of its own."""
    together = asyncio.Barrier(4)

    async def step(n: int) -> int:
        await asyncio.wait_for(together.wait(), 10)
        return n

    graph = mapped(step, sum)
    one, two = await asyncio.gather(graph.ainvoke({"items": [1, 2]}), graph.ainvoke({"items": [10, 20]}))
    assert (one["result"], two["result"]) == (3, 30)


async def test_an_interrupted_run_goes_on_with_the_steps_that_had_not_ended() -> None:
    """pydantic-graph: a run is restored from its persistence, and does what was not done yet."""
    worked: list[str] = []
    held = True
    ended = asyncio.Event()

    async def step(section: Section) -> str:
        worked.append(section.id)
        if section.id == "held" and held:
            await asyncio.Event().wait()
        return section.id

    graph = create_sectioning(
        planner=steps("quick", "held"), worker=step, synthesizer=list, checkpointer=InMemorySaver()
    )

    async def run() -> None:
        async for update in graph.astream(GO, CONFIG, stream_mode="updates"):
            if "plan" not in update:  # that of the quick step, which is stored by now
                ended.set()

    running = asyncio.ensure_future(run())
    await asyncio.wait_for(ended.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    held = False
    worked.clear()
    out = await graph.ainvoke(None, CONFIG)
    assert out["result"] == ["quick", "held"]
    assert worked == ["held"]


def test_a_graph_can_be_drawn() -> None:
    """pydantic-graph: a graph renders itself as a mermaid diagram of its steps."""
    drawing = create_sectioning(planner=steps("a"), worker=lambda s: s.id).get_graph().draw_mermaid()
    assert all(node in drawing for node in ("plan", "gather", "synthesize"))


def test_a_graph_runs_in_plain_code() -> None:
    """pydantic-graph: `run_sync` mirrors `run`."""

    async def increment(n: int) -> int:
        return n + 1

    graph = mapped(increment, sum)
    assert [graph.invoke({"items": items})["result"] for items in ([1, 2], [10, 20])] == [5, 32]


async def test_an_item_may_be_any_structure() -> None:
    """pydantic-graph: the inputs of a step may be nested structures."""

    def total(item: Any) -> int:
        nested: Sequence[Sequence[int]] = list(item["nested"].values())
        return int(item["value"]) + sum(sum(values) for values in nested)

    item = {"value": 10, "nested": {"a": [1, 2, 3], "b": [4, 5]}}
    assert (await mapped(total).ainvoke({"items": {"only": item}}))["result"] == 25
