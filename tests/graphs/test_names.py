"""Graphs as nodes whose keys have names of the caller's own."""

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel, create_model
from typing_extensions import TypedDict

import langgraph_parallel
from langgraph_parallel import (
    Ask,
    aestimate,
    agents,
    create_labeling,
    create_map_reduce,
    create_sectioning,
    create_voting,
    synthesize,
)
from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.records import Finding, Verdict
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.testing import FakeModel
from tests.support.fans import YES, numbered
from tests.support.parents import FOUND, REVIEWED, noting, parent, review, saver
from tests.support.server import Gate, ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
OWN = {"missing": {"mine": 1}, "files": 3, "log": ["begun"]}
"""Keys of the parent that have the names of keys of ours, and stay as they are."""


def _state(keys: Mapping[str, Any]) -> Any:
    make: Any = TypedDict
    return make("State", dict(keys), total=False)


def _model() -> FakeModel:
    return FakeModel({"": FOUND})


async def test_two_reviews_in_sequence_keep_both_results() -> None:
    """Each under its own name, and nothing else of them leaves."""
    second = review(_model(), "more", aspects=["correctness"])
    out = await parent({"first": review(_model()), "second": second}).ainvoke({**REVIEWED, **OWN})
    assert out.keys() == {"sources", "problems", "more", "report", *OWN}
    assert [finding.aspect for finding in out["problems"]] != [finding.aspect for finding in out["more"]]
    assert {key: out[key] for key in OWN} == OWN


async def test_two_graphs_as_parallel_nodes_do_not_collide() -> None:
    """Although both have findings, missing, branches and a run report."""
    only = {"findings": "problems"}
    graph = parent(
        {"a": review(_model(), outputs=only), "b": review(_model(), outputs={"findings": "more"})},
        parallel=True,
    )
    out = await graph.ainvoke({**REVIEWED, **OWN})
    assert out["problems"] == out["more"] != []


async def test_the_same_graph_under_two_nodes() -> None:
    """It is compiled once, and runs twice; the later result counts, as of any node."""
    graph = review(_model())
    out = await parent({"a": graph, "b": graph}, checkpointer=saver()).ainvoke({**REVIEWED, **OWN}, CONFIG)
    assert {finding.path for finding in out["problems"]} == {"a.py"}


class _Model(BaseModel):
    sources: dict[str, str]
    problems: list[Finding] = []
    report: Any = None
    missing: int = 0


@dataclass
class _Data:
    sources: dict[str, str]
    problems: list[Finding] = field(default_factory=list)
    report: Any = None
    missing: int = 0


@pytest.mark.parametrize("state", [_Model, _Data])
async def test_the_state_around_may_be_a_record(state: Any) -> None:
    """A pydantic model or a dataclass, whose fields keep their types."""
    out = await parent({"review": review(_model())}, state=state).ainvoke(state(**REVIEWED, missing=4))
    assert [finding.path for finding in out["problems"]] == ["a.py"]
    assert out["missing"] == 4


async def test_a_node_of_a_node() -> None:
    """The parent of a graph with names is itself a node, of a graph with other names."""
    inner = parent({"review": review(_model())}, name="inner")

    async def rename(state: Any, config: RunnableConfig) -> dict[str, Any]:
        return {"summary": (await inner.ainvoke({"sources": state["sources"]}, config))["problems"]}

    graph = parent({"shared": inner, "called": rename}, checkpointer=saver())
    out = await graph.ainvoke({**REVIEWED, "missing": OWN["missing"], "files": 3}, CONFIG)
    assert out["problems"] == out["summary"] != []
    assert (out["missing"], out["files"]) == (OWN["missing"], 3)


async def test_every_form_of_a_stream_has_the_names() -> None:
    """Values of the graph's own level; updates and levels inside keep the keys of the pattern."""
    graph, seen = review(_model()), []
    forms: list[tuple[dict[str, Any], Callable[[Any], Any]]] = [
        ({"stream_mode": "values"}, lambda chunk: chunk),
        ({"stream_mode": ["values", "updates"]}, lambda chunk: chunk[1] if chunk[0] == "values" else None),
        ({"stream_mode": "values", "subgraphs": True}, lambda chunk: None if chunk[0] else chunk[1]),
        (
            {"stream_mode": ["values", "custom"], "subgraphs": True},
            lambda chunk: chunk[2] if not chunk[0] and chunk[1] == "values" else None,
        ),
        ({"stream_mode": "values", "version": "v2"}, lambda chunk: chunk["data"]),
        (
            {"stream_mode": ["values"], "version": "v2", "subgraphs": True},
            lambda chunk: None if chunk["ns"] else chunk["data"],
        ),
    ]
    for form, values_of in forms:
        chunks = [values_of(chunk) async for chunk in graph.astream(REVIEWED, **form)]
        seen.append([list(values) for values in chunks if values is not None])
    assert all(keys == seen[0] for keys in seen)
    assert seen[0][0] == ["sources"]
    assert seen[0][-1] == ["sources", "problems", "report"]
    inner = [
        chunk[2]
        async for chunk in graph.astream(REVIEWED, stream_mode=["values"], subgraphs=True)
        if chunk[0]
    ]
    assert any("verdict" in values for values in inner)
    updates = [chunk async for chunk in graph.astream(REVIEWED, stream_mode="updates")]
    assert "findings" in updates[-1]["unite"]


async def test_what_is_invoked_returns_the_names() -> None:
    """In both versions, with chosen keys, and from code that is not async."""
    graph = review(_model())
    out = await graph.ainvoke(REVIEWED)
    assert out.keys() == {"problems", "report"}
    assert (await graph.ainvoke(REVIEWED, version="v2")).value.keys() == out.keys()
    assert (await graph.ainvoke(REVIEWED, output_keys=["problems"])).keys() == {"problems"}
    assert graph.invoke(REVIEWED, output_keys="problems") == out["problems"]
    with pytest.raises(
        UsageError, match="output_keys has 'findings'; the graph's outputs are problems, report"
    ):
        await graph.ainvoke(REVIEWED, output_keys=["findings"])
    assert (await graph.with_config(tags=["x"]).ainvoke(REVIEWED)).keys() == out.keys()


async def test_events_have_the_names() -> None:
    """The output of the graph's own run, which apps read from the last event."""
    graph = review(_model())
    events = [event async for event in graph.astream_events(REVIEWED, version="v2")]
    assert events[0]["data"]["input"] == REVIEWED
    assert events[-1]["event"] == "on_chain_end"
    assert events[-1]["data"]["output"].keys() == {"sources", "problems", "report"}


async def test_nested_streams_and_the_drawing_show_the_graph() -> None:
    """It stays one node with its own nodes inside; its values in the stream around it have the names."""
    graph = parent({"review": review(_model()), "after": noting("after")})
    parts = [
        part
        async for part in graph.astream(
            {**REVIEWED, **OWN}, stream_mode=["values", "updates"], subgraphs=True
        )
    ]
    inside: list[tuple[str, Any]] = [(mode, data) for place, mode, data in parts if len(place) == 1]
    assert [set(data) for mode, data in inside if mode == "values"][-1] == {"problems", "report"}
    assert "findings" in next(data for mode, data in inside if mode == "updates" and "unite" in data)["unite"]
    assert {"review:plan", "review:unite"} <= set(graph.get_graph(xray=True).nodes)
    assert next(name for name, _ in graph.get_subgraphs(recurse=True)) == "review"


def test_schemas_have_the_names() -> None:
    """For forms and tools that are made of them; what is not named is not in them."""
    graph = review(_model())
    assert list(graph.get_input_jsonschema()["properties"]) == ["sources"]
    assert list(graph.get_output_jsonschema()["properties"]) == ["problems", "report"]
    assert list(graph.get_output_schema().model_fields) == ["problems", "report"]
    assert "sources" in str(graph.get_input_schema().model_json_schema())
    labeling = create_labeling(model=_model(), labels=["a", "b"], inputs={"items": "texts"})
    assert labeling.get_input_jsonschema()["required"] == ["texts"]
    vote = create_voting(model=_model(), inputs={"question": "asked"})
    assert list(vote.get_input_jsonschema()["properties"]) == ["asked"]
    assert {"verdict", "missing"} <= set(vote.get_output_jsonschema()["properties"])


async def test_the_state_of_a_thread_has_the_names() -> None:
    """Now and in its history; updates of it are by the names, too."""
    graph = review(_model(), checkpointer=saver())
    await graph.ainvoke(REVIEWED, CONFIG)
    state = await graph.aget_state(CONFIG)
    assert state.values.keys() == {"sources", "problems", "report"}
    assert graph.get_state(CONFIG).values == state.values
    assert await anext(graph.aget_state_history(CONFIG)) == state
    assert next(graph.get_state_history(CONFIG)).values == state.values
    await graph.aupdate_state(CONFIG, {"problems": []}, as_node="unite")
    assert (await graph.aget_state(CONFIG)).values["problems"] == []
    with pytest.raises(UsageError, match="the update has 'findings'"):
        graph.update_state(CONFIG, {"findings": []}, as_node="unite")


@pytest.mark.parametrize("also", [False, True])
def test_a_key_is_required_if_no_messages_may_take_its_place(also: bool) -> None:
    """Where only the key enters, there is no other way to say what is asked."""
    names = {"question": "asked", **({"messages": "chat"} if also else {})}
    vote = create_voting(model=_model(), inputs=names)
    assert vote.get_input_jsonschema().get("required", []) == ([] if also else ["asked"])
    assert "required" not in create_voting(model=_model()).get_input_jsonschema()


async def test_it_is_sent_work_under_keys_that_the_state_does_not_have() -> None:
    """`Send` passes what it likes; only what comes back has to be a key of the state."""

    class Questions(TypedDict, total=False):
        questions: list[str]
        decisions: Annotated[list[Any], lambda old, new: [*old, new] if isinstance(new, Verdict) else old]

    def fan_out(state: Questions) -> list[Send]:
        return [Send("vote", {"asked": question}) for question in state["questions"]]

    vote = create_voting(
        voters={"ann": lambda question: f"{question}!"},
        inputs={"question": "asked"},
        outputs={"verdict": "decisions"},
    )
    builder = StateGraph(Questions).add_node("vote", vote)
    builder.add_conditional_edges(START, fan_out, ["vote"])
    app = builder.compile(checkpointer=saver())
    out = await app.ainvoke({"questions": ["one", "two"]}, CONFIG)
    assert [verdict.choice for verdict in out["decisions"]] == ["one!", "two!"]


async def test_errors_and_estimates_know_the_names() -> None:
    """An input that lacks a key is told by the caller's name of it."""
    graph = review(_model())
    with pytest.raises(InputError, match="files is 'sources' here"):
        await graph.ainvoke({"files": {"a.py": "x"}})
    assert (await aestimate(graph, REVIEWED)).calls == 4
    vote = create_voting(voters={"ann": lambda question: "x"}, inputs={"messages": "chat"})
    with pytest.raises(InputError, match="messages is 'chat' here, question is not named in inputs"):
        await vote.ainvoke({"question": "Is it?"})


def _vote(**options: Any) -> Any:
    return create_voting(
        model=FakeModel({"": YES}),
        prompt="{question}",
        choices=["yes", "no"],
        inputs={"question": "asked"},
        outputs={"verdict": "decision"},
        **options,
    )


async def test_a_graph_with_names_works_inside_another_one_of_ours() -> None:
    """As a worker, one of several, a voter and a judge of text: there it is asked by its own keys."""
    planned: Any = {"planner": numbered(2)}
    for worker in (_vote(), {"w": _vote()}, _vote(checkpointer=None).with_config(tags=["x"])):
        if isinstance(worker, dict):
            planned = {
                "planner": lambda content: [s.model_copy(update={"worker": "w"}) for s in numbered(2)("")]
            }
        out = await create_sectioning(**planned, worker=worker).ainvoke({"content": "go"})
        assert [branch.value["verdict"]["choice"] for branch in out["branches"].values()] == ["yes", "yes"]
    named = create_map_reduce(
        worker=Ask("{content}", model=FakeModel()),
        synthesizer=synthesize.concatenate(),
        inputs={"items": "parts"},
        outputs={"result": "whole"},
    )
    out = await create_voting(voters=[_vote(), _vote(), named]).ainvoke({"question": "?"})
    assert [ballot.choice for ballot in out["ballots"]][:2] == ["yes", "yes"]


async def test_functions_and_adapters_use_the_names() -> None:
    """Code of the caller's calls the graph by its face."""
    worker = agents.adapt(
        _vote(), input=lambda section: {"asked": section.title}, output=lambda out: out["decision"].choice
    )
    out = await create_sectioning(planner=numbered(2), worker=worker).ainvoke({"content": "go"})
    assert [branch.value for branch in out["branches"].values()] == ["yes", "yes"]


async def test_cancelled_and_resumed_through_a_parent(model: str, server: ModelServer) -> None:
    """What had ended is not asked again; a second run on the thread starts anew."""
    gate = Gate()
    server.always(Reply(json=FOUND))
    server.on("You are reviewer 2 ", Reply(json=FOUND, gate=gate))
    graph = parent({"review": review(model)}, checkpointer=saver())
    run = asyncio.ensure_future(graph.ainvoke({**REVIEWED, **OWN}, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: len(s.requests) == 4 and s.in_flight == 2)
    await asyncio.to_thread(_until_stored, graph, 2)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    gate.open()
    out = await graph.ainvoke(None, CONFIG)
    assert len(server.requests) == 6
    assert (out["report"].branches, out["missing"]) == ({"ok": 4}, OWN["missing"])
    again = await graph.ainvoke({"sources": {"b.py": "y = 2\n"}}, CONFIG)
    assert len(server.requests) == 10
    assert again["report"].branches == {"ok": 4}


def _until_stored(graph: Any, count: int) -> None:
    """Wait until the checkpointer has the records of voters, at the innermost level."""
    found = -1
    while found < count:
        found = sum(
            channel == "branches" and "|" in stored.config["configurable"]["checkpoint_ns"]
            for stored in graph.checkpointer.list(CONFIG)
            for _, channel, _ in stored.pending_writes or []
        )
        time.sleep(0.005)


async def test_interrupted_and_resumed_through_a_parent() -> None:
    """A person is asked by the parent's run, and the answer goes to the vote inside."""
    tied = FakeModel({"voter 1": {**YES, "choice": "yes"}, "voter 2": {**YES, "choice": "no"}})
    vote = create_voting(
        model=tied,
        choices=["yes", "no"],
        voters=2,
        on_undecided="escalate",
        inputs={"question": "text"},
        outputs={"verdict": "summary"},
    )
    graph = parent({"vote": vote, "after": noting("after")}, checkpointer=saver())
    waiting = await graph.ainvoke({"text": "Is it?", **OWN}, CONFIG)
    assert "summary" not in waiting
    asked = waiting["__interrupt__"][0].value["action_requests"]
    edited = {"name": asked[0]["name"], "args": {"choice": "no"}}
    decided = {"decisions": [{"type": "edit", "edited_action": edited}]}
    out = await graph.ainvoke(Command(resume=decided), CONFIG)
    assert (out["summary"].choice, out["summary"].decided_by) == ("no", "person")
    assert (out["missing"], out["log"]) == (OWN["missing"], ["begun", "after"])


async def test_the_interrupt_of_a_graph_with_names_is_in_its_values() -> None:
    """A stream of values tells it, as LangGraph does, beside the caller's keys."""
    tied = FakeModel({"voter 1": {**YES, "choice": "yes"}, "voter 2": {**YES, "choice": "no"}})
    vote = create_voting(
        model=tied,
        choices=["yes", "no"],
        voters=2,
        on_undecided="escalate",
        checkpointer=saver(),
        inputs={"question": "asked"},
        outputs={"verdict": "decision"},
    )
    out = await vote.ainvoke({"asked": "?"}, CONFIG)
    assert {"decision", "__interrupt__"} == set(out)


def _count(old: int, new: list[Finding]) -> int:
    return len(new)


def _untyped(old, new):  # type: ignore[no-untyped-def]
    return new


@pytest.mark.parametrize(
    "kind",
    [
        list,
        list[Finding],
        list[Finding] | None,
        Any,
        object,
        list[dict[str, Any]],
        Annotated[list[Finding], lambda old, new: old + new],
        Annotated[int, _count],
        Annotated[str, _untyped],
    ],
    ids=["bare", "same", "optional", "any", "object", "mappings", "adding", "counting", "untyped"],
)
async def test_a_parent_whose_types_agree_runs_as_before(kind: Any) -> None:
    """Nothing is said of a key that may hold what ours holds, or whose reducer takes it."""
    state = _state({"files": dict, "findings": kind})
    out = await parent({"review": review(_model(), inputs=None, outputs=None)}, state=state).ainvoke(
        {"files": {"a.py": "x = 1\n"}}
    )
    assert "findings" in out


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (
            {"files": dict[str, str], "findings": list[str]},
            "would write its output 'findings' (list[Finding]) as 'findings' of the state around it, which "
            "is list[str]; name the outputs that you want, for example outputs={'findings': '<key of "
            "yours>'}",
        ),
        (
            {"files": dict[str, str], "missing": dict[str, int], "markdown": str},
            "outputs={'markdown': 'markdown', 'findings': '<key of yours>'}; 'missing' then stays inside, "
            "unless you also name a key of list[str] for 'missing'",
        ),
        (
            {"files": int, "review_files": dict[str, str], "diff": str},
            "name the inputs that it is to read, for example inputs={'diff': 'diff'}; 'files' then stays "
            "outside, unless you also name a key of dict[str, str] for 'files'",
        ),
    ],
)
@pytest.mark.parametrize("form", ["mapping", "model", "sync"])
def test_a_key_of_another_type_is_told_before_any_call(kinds: dict[str, Any], said: str, form: str) -> None:
    """With the node, both types, and what mends it; the parent may be a record, and be run by `invoke`."""
    model = _model()
    state = _state(kinds)
    if form == "model":
        fields: dict[str, Any] = {key: (kind, None) for key, kind in kinds.items()}
        state = create_model("State", **fields)
    graph = parent({"review": review(model, inputs=None, outputs=None)}, state=state)
    values: dict[str, Any] = {"files": 3 if kinds["files"] is int else {"a.py": "x"}}
    if "diff" in kinds:
        values |= {"diff": "x"}
    with pytest.raises(UsageError) as error:
        graph.invoke(values) if form == "sync" else asyncio.run(graph.ainvoke(values))
    assert "node 'review' (graph 'review')" in str(error.value)
    assert said in str(error.value)
    assert not model.prompts


@pytest.mark.parametrize(
    ("kinds", "names", "said"),
    [
        (
            {"sources": dict[str, str], "score": float},
            {"outputs": {"findings": "score"}},
            "would write its output 'findings' (list[Finding]) as 'score' of the state around it, which is "
            "float; in outputs= give 'findings' the name of a key of list[Finding]",
        ),
        (
            {"sources": str, "problems": list[Finding]},
            {"outputs": {"findings": "problems"}},
            "would read its input 'files' (dict[str, str]) as 'sources' of the state around it, which is "
            "str; in inputs= give 'files' the name of a key of dict[str, str]",
        ),
        (
            {"sources": dict[str, str], "findings": int},
            {"outputs": {"findings": "findings"}},
            "in outputs= give 'findings' the name of a key of list[Finding]",
        ),
        (
            {"sources": dict[str, str], "findings": int},
            {"outputs": None},
            "name the outputs that you want, for example outputs={'findings': '<key of yours>'}",
        ),
    ],
)
async def test_a_named_key_of_another_type_is_told_before_any_call(
    kinds: dict[str, Any], names: dict[str, Any], said: str
) -> None:
    """What the caller names has to be able to hold what ours holds, as what is shared by chance."""
    model, built = _model(), {"inputs": {"files": "sources"}, **names}
    sources = "x" if kinds["sources"] is str else {"a.py": "x = 1\n"}
    with pytest.raises(UsageError) as error:
        await parent({"review": review(model, **built)}, state=_state(kinds)).ainvoke({"sources": sources})
    assert said in str(error.value)
    assert not model.prompts


async def test_what_send_passes_has_its_own_type() -> None:
    """Whatever the key of this name in the state around holds."""
    names: Any = {"inputs": {"question": "text"}, "outputs": {"verdict": "decision"}}
    builder: Any = StateGraph(_state({"text": list[str], "decision": Any}))
    builder.add_node("vote", create_voting(voters={"ann": lambda question: question}, **names))
    builder.add_conditional_edges(START, lambda state: [Send("vote", {"text": state["text"][0]})])
    out = await builder.compile().ainvoke({"text": ["yes"]})
    assert out["decision"].choice == "yes"


async def test_the_advice_of_a_collision_works() -> None:
    """With keys of the caller's for those that it asks for, and what collides stays inside."""
    kinds = {"files": dict[str, str], "missing": dict[str, int], "problems": list[Finding]}
    with pytest.raises(UsageError, match=r"outputs=\{'findings': '<key of yours>'\}"):
        await parent({"review": review(_model(), inputs=None, outputs=None)}, state=_state(kinds)).ainvoke(
            {"files": {"a.py": "x = 1\n"}}
        )
    graph = review(_model(), inputs=None, outputs={"findings": "problems"})
    out = await parent({"review": graph}, state=_state(kinds)).ainvoke({"files": {"a.py": "x = 1\n"}})
    assert out["problems"]
    assert "missing" not in out


async def test_messages_of_another_type_are_left_alone_by_a_graph_that_has_its_own_input() -> None:
    """It neither reads nor answers them; where they are its input, their type is told."""
    vote = create_voting(voters={"ann": lambda question: "yes"})
    state = _state({"question": str, "messages": list[str]})
    out = await parent({"vote": vote}, state=state).ainvoke({"question": "?", "messages": ["a"]})
    assert out["messages"] == ["a"]
    with pytest.raises(UsageError, match="would read its input 'messages'"):
        await parent({"vote": vote}, state=state).ainvoke({"messages": ["a"]})


async def test_a_name_that_the_state_does_not_have_is_told() -> None:
    """Else what has this name would be lost in silence."""
    with pytest.raises(UsageError, match="outputs of node 'review' names 'problms' for 'findings'"):
        await parent({"review": review(_model(), "problms")}).ainvoke(REVIEWED)


async def test_who_calls_a_graph_in_a_function_may_have_what_keys_it_likes() -> None:
    """What a function or a chain passes on, it has chosen."""
    state = _state({"files": dict, "findings": str, "missing": int})
    graph = review(_model(), inputs=None, outputs=None)

    async def call(state: Any) -> dict[str, Any]:
        return {"findings": str((await graph.ainvoke(state))["findings"])}

    for node in (call, graph | RunnableLambda(lambda out: {"findings": str(out["findings"])})):
        out = await parent({"node": node}, state=state).ainvoke({"files": {"a.py": "x = 1\n"}, "missing": 1})
        assert out["missing"] == 1
        assert isinstance(out["findings"], str)


MODEL = FakeModel()
PATTERNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "best_of": ({}, {"task": "x"}),
    "brainstorm": ({}, {"topic": "x"}),
    "briefing": ({}, {"documents": ["Sales rose."]}),
    "debate": ({}, {"question": "x"}),
    "feedback": ({}, {"texts": ["good"]}),
    "guarded": ({"checks": {"a": "x"}}, {"message": "x"}),
    "labeling": ({"labels": ["a", "b"]}, {"items": ["x"]}),
    "map_reduce": ({"worker": MODEL, "synthesizer": MODEL}, {"items": ["x", "y"]}),
    "market_study": ({}, {"subject": "bikes", "regions": ["Norway"]}),
    "moderation": ({}, {"text": "x"}),
    "research": ({}, {"question": "Why?", "files": ["x"]}),
    "review": ({"aspects": ["security"], "engines": False}, {"files": {"a.py": "x = 1\n"}}),
    "scatter_gather": ({"sources": {"a": len}, "synthesizer": MODEL}, {"request": "x"}),
    "sectioning": (
        {"planner": numbered(2), "worker": len, "synthesizer": synthesize.concatenate()},
        {"content": "x"},
    ),
    "voting": ({}, {"question": "x"}),
}
"""Arguments and an input of each pattern."""
TAKEN = ["missing", "result", "messages", "branches", "run_report", "files", "question", "findings"]
"""Names of keys of ours, which a parent has for something else."""
_name = st.sampled_from(TAKEN) | st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)


def _creator(pattern: str) -> Callable[..., ParallelGraph]:
    """Return what builds the graph of a pattern, whose other arguments are given."""
    create, arguments = getattr(langgraph_parallel, f"create_{pattern}"), PATTERNS[pattern][0]
    if "model" in inspect.signature(create).parameters:
        arguments = {**arguments, "model": MODEL}
    return partial(create, **arguments)


@cache
def _outputs(pattern: str) -> list[str]:
    """Return the keys of the output of a pattern."""
    return list(_creator(pattern)().get_output_jsonschema()["properties"])


@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@settings(max_examples=4)
@given(data=st.data())
def test_only_named_keys_change(pattern: str, data: st.DataObject) -> None:
    """In a parent with ten keys of its own, whatever they are called and whatever is named.

    `messages` is an output of a graph only if they are its input.
    """
    create, values = _creator(pattern), PATTERNS[pattern][1]
    chosen = data.draw(st.lists(st.sampled_from(_outputs(pattern)), min_size=1, max_size=3, unique=True))
    names = data.draw(st.lists(_name, min_size=10, max_size=10, unique=True))
    inputs = dict(zip(values, names, strict=False))
    outputs = dict(zip(chosen, names[len(inputs) :], strict=False))
    state = _state(dict.fromkeys(names, Any))
    graph = parent({"ours": create(inputs=inputs, outputs=outputs)}, state=state)
    before = {name: {"of the parent": name} for name in names} | {inputs[key]: values[key] for key in values}
    after = asyncio.run(graph.ainvoke(before))
    written = {name for key, name in outputs.items() if key != "messages"}
    assert {name for name in names if after[name] is not before[name]} == written


def test_the_patterns_of_the_law_are_all() -> None:
    """A new one has to have an input here."""
    assert {f"create_{name}" for name in PATTERNS} == {
        name for name in langgraph_parallel.__all__ if name.startswith("create_")
    }
