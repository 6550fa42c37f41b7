"""The sectioning graph: divide, work at once, join, and say what is missing."""

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from openai import DefaultAioHttpClient

from langgraph_parallel import (
    Ask,
    Context,
    Limits,
    Section,
    create_sectioning,
    create_voting,
    errors,
    plan,
    split,
    synthesize,
)
from tests.support.fans import GIVEN, numbered
from tests.support.server import Gate, ModelServer, Reply

TEXT = "# Water\nIt boils.\n# Iron\nIt melts.\n# Wood\nIt burns.\n"


def shout(section: Section) -> str:
    """A worker that fails on iron."""
    if section.title == "Iron":
        raise RuntimeError("too hot, sk-abcdefgh12345")
    return section.content.upper()


async def test_results_are_joined_in_the_order_of_the_plan() -> None:
    """Branches finish in reverse, and the text still reads from first to last."""
    done = {title: asyncio.Event() for title in ("Water", "Iron", "Wood")}
    after = {"Water": "Iron", "Iron": "Wood"}

    async def work(section: Section) -> str:
        if section.title in after:
            await done[after[section.title]].wait()
        done[section.title].set()
        return section.title.lower()

    out = await create_sectioning(planner=split.by_heading(), worker=work).ainvoke({"content": TEXT})
    assert out["result"] == "## Water\n\nwater\n\n## Iron\n\niron\n\n## Wood\n\nwood"


async def test_a_section_that_fails_is_named_as_missing_and_takes_nobody_along() -> None:
    """Its siblings are in the result; the error is in its record, masked, and nowhere else."""
    out = await create_sectioning(planner=split.by_heading(), worker=shout).ainvoke({"content": TEXT})
    assert "IT BOILS" in out["result"]
    assert "IT BURNS" in out["result"]
    assert out["result"].endswith("Missing: Iron.")
    assert "too hot" not in out["result"]
    assert out["branches"]["2"].error == "RuntimeError: too hot, ***"
    assert out["run_report"].branches == {"failed": 1, "ok": 2}


async def test_no_sections_go_straight_to_the_join() -> None:
    """An empty text has no sections, and the graph still ends with a result."""
    out = await create_sectioning(planner=split.by_heading(), worker=shout).ainvoke({"content": ""})
    assert (out["result"], out["branches"]) == ("", {})


async def test_when_every_section_fails_there_is_no_result() -> None:
    """Nothing is raised, no text passes for an answer, and the status says that the run has failed."""

    def broken(section: Section) -> str:
        raise ValueError("no")

    out = await create_sectioning(planner=split.by_heading(), worker=broken).ainvoke({"content": TEXT})
    assert (out["result"], out["missing"]) == (None, ["Water", "Iron", "Wood"])
    assert out["run_report"].status == "failed"


async def test_a_model_plans_works_and_writes(model: str, server: ModelServer) -> None:
    """Planner, workers and synthesizer can all be models; all of their calls are in the report."""
    sections = [{"title": "North", "brief": "Look north."}, {"title": "South", "brief": "Look south."}]
    server.on("Divide the work", Reply(json={"sections": sections}))
    server.on("Look north.", Reply(text="cold"))
    server.on("Look south.", Reply(text="warm"))
    server.on("Write one coherent answer", Reply(text="Cold and warm."))
    graph = create_sectioning(
        planner=plan.by_model(model),
        worker=Ask.shipped("sectioning/section", model=model),
        synthesizer=synthesize.by_model(model),
    )
    out = await graph.ainvoke({"content": "Where should we go?"})
    assert out["result"] == "Cold and warm."
    system, human = (message["content"] for message in server.asked("Look north.")[0].body["messages"])
    assert human.index("<data-") < human.index("Look north.")  # a model made the brief of what it read
    final = server.asked("Write one coherent answer")[0].prompt
    assert "data-" in system
    assert final.index("cold") < final.index("warm")
    assert len(out["run_report"].calls) == 4


async def test_a_model_plan_is_bounded(model: str, server: ModelServer) -> None:
    """A model that plans twenty sections gets the first three done."""
    many = [{"title": f"S{i}", "brief": "b"} for i in range(20)]
    server.on("Divide the work", Reply(json={"sections": many}))
    graph = create_sectioning(planner=plan.by_model(model, max_sections=3), worker=lambda s: s.title)
    out = await graph.ainvoke({"content": "x"})
    assert [branch.value for branch in out["branches"].values()] == ["S0", "S1", "S2"]


async def test_a_missing_section_is_told_to_the_synthesizer(model: str, server: ModelServer) -> None:
    """The model that writes knows what is missing, and is told not to fill it in."""
    graph = create_sectioning(
        planner=split.by_heading(), worker=shout, synthesizer=synthesize.by_model(model)
    )
    await graph.ainvoke({"content": TEXT})
    prompt = server.requests[0].prompt
    assert "Sections that are missing" in prompt
    assert "Iron" in prompt
    assert "too hot" not in prompt


async def test_a_synthesizer_that_fails_loses_nothing(model: str, server: ModelServer) -> None:
    """The sections are paid for: they come back, with the failure in the report."""
    server.always(Reply(status=401))
    graph = create_sectioning(
        planner=split.by_heading(), worker=lambda s: s.title, synthesizer=synthesize.by_model(model)
    )
    out = await graph.ainvoke({"content": TEXT})
    assert out["result"] is None
    assert [branch.value for branch in out["branches"].values()] == ["Water", "Iron", "Wood"]
    assert "401" in out["run_report"].failures["synthesize"]


async def test_a_synthesizer_may_interrupt() -> None:
    """Failures at the close are data, and LangGraph's own signals are not: a person can be asked there."""

    async def approve(gathered: synthesize.Gathered) -> str:
        return str(interrupt("shall we publish?"))

    graph = create_sectioning(
        planner=split.by_heading(),
        worker=lambda s: s.title,
        synthesizer=approve,
        checkpointer=InMemorySaver(),
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    asked = await graph.ainvoke({"content": TEXT}, config)
    assert asked["__interrupt__"][0].value == "shall we publish?"
    assert (await graph.ainvoke(Command(resume="yes"), config))["result"] == "yes"


async def test_a_planner_with_a_bug_raises() -> None:
    """Only what models and endpoints do is data."""

    def planner(content: str) -> list[Section]:
        raise RuntimeError("no plan")

    with pytest.raises(RuntimeError, match="no plan"):
        await create_sectioning(planner=planner, worker=shout).ainvoke({"content": "x"})


async def test_records_are_merged_field_by_field() -> None:
    """Lists are united, equal values stay, values that differ are listed, and functions fold a field."""

    def work(section: Section) -> dict[str, Any]:
        return {"tags": ["shared", section.title], "words": len(section.content.split()), "lang": "en"}

    graph = create_sectioning(
        planner=split.by_heading(), worker=work, synthesizer=synthesize.merge_fields({"words": sum})
    )
    out = await graph.ainvoke({"content": "# A\none two\n# B\nthree\n"})
    assert out["result"] == {"tags": ["shared", "A", "B"], "words": 7, "lang": "en"}


async def test_more_sections_than_are_sent_at_once_follow_in_chunks() -> None:
    """Nothing is left out: as many as are allowed run together, and the others when these have ended."""
    at_once: list[int] = []
    running = 0

    async def work(section: Section) -> str:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0)
        running -= 1
        return section.title

    graph = create_sectioning(planner=numbered(7), worker=work)
    out = await graph.ainvoke(GIVEN, context=Context(limits=Limits(max_sections=3)))
    assert (out["run_report"].branches, max(at_once), out["missing"]) == ({"ok": 7}, 3, [])


async def test_a_vote_is_a_worker_and_its_calls_add_up(model: str, server: ModelServer) -> None:
    """Sectioning whose worker votes: nothing special, and the report counts the voters."""
    server.always(Reply(json={"choice": "yes"}))
    vote = create_voting(model=model, voters=3, stop="all_votes")

    async def judge(section: Section) -> Any:
        out = await vote.ainvoke({"question": section.content})
        return out["verdict"].choice

    graph = create_sectioning(planner=split.by_heading(), worker=judge)
    out = await graph.ainvoke({"content": TEXT})
    assert [branch.value for branch in out["branches"].values()] == ["yes"] * 3
    assert len(out["run_report"].calls) == len(server.requests) == 9
    assert "voter" in graph.get_graph(xray=True).draw_mermaid()


async def test_a_vote_may_be_the_worker_and_a_voter() -> None:
    """Graphs of ours fit into one another as they are."""
    inner = create_voting(voters=[lambda q: "yes", lambda q: "yes", lambda q: "no"])
    out = await create_sectioning(planner=split.by_heading(), worker=inner).ainvoke({"content": TEXT})
    assert out["run_report"].branches == {"ok": 6}
    assert out["run_report"].calls_saved == 3
    assert [branch.value["verdict"]["choice"] for branch in out["branches"].values()] == ["yes"] * 3
    assert out["result"].startswith("## Water\n\nyes (2/2)\n\n## ")
    vote = create_voting(voters={"panel": inner, "single": lambda q: "no", "other": lambda q: "yes"})
    verdict = (await vote.ainvoke({"question": "?"}))["verdict"]
    assert (verdict.choice, str(verdict.support)) == ("yes", "2/3")


async def test_a_graph_as_worker_brings_its_report(model: str, server: ModelServer) -> None:
    """A graph of ours gives its leaves and calls to the report of the graph around it."""
    server.always(Reply(json={"choice": "yes"}))
    inner = create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model))

    def planner(content: str) -> list[Section]:
        return [Section(id=str(i), title=f"part {i}", content=content) for i in range(2)]

    out = await create_sectioning(planner=planner, worker=inner).ainvoke({"content": TEXT})
    assert out["run_report"].branches == {"ok": 6}
    assert len(out["run_report"].calls) == 6


async def test_workers_may_be_runnables_and_models() -> None:
    """A Runnable gets the record as a dict, a chat model the text; calls of both are recorded."""
    runnable = RunnableLambda(lambda section: section.title) | RunnableLambda(str.upper)
    out = await create_sectioning(planner=split.by_heading(), worker=runnable).ainvoke({"content": "# a\nx"})
    assert out["branches"]["1"].status == "failed"  # a chain is no function: it gets a dict
    chain = RunnableLambda(lambda section: section["title"]) | RunnableLambda(str.upper)
    out = await create_sectioning(planner=split.by_heading(), worker=chain).ainvoke({"content": "# a\nx"})
    assert out["branches"]["1"].value == "A"
    fake = GenericFakeChatModel(messages=iter([AIMessage("short")]))
    out = await create_sectioning(planner=split.by_heading(), worker=fake).ainvoke({"content": "# a\nx"})
    assert out["branches"]["1"].value == "short"


async def test_a_foreign_models_calls_are_seen(model: str, server: ModelServer) -> None:
    """A function that calls a chat model by itself still shows what it cost."""
    client = DefaultAioHttpClient()
    own = ChatOpenAI(model="own", http_async_client=client)
    server.always(Reply(text="hi", usage=(9, 3)))

    async def work(section: Section) -> str:
        return (await own.ainvoke(section.content)).text

    out = await create_sectioning(planner=split.by_heading(), worker=work).ainvoke({"content": TEXT})
    assert out["run_report"].failures == {}
    assert (out["run_report"].usage.input_tokens, out["run_report"].usage.output_tokens) == (27, 9)
    await client.aclose()


async def test_what_json_has_no_form_for_becomes_text() -> None:
    """A worker's odd result is kept as its text, the same before and after a checkpoint."""

    class Odd:
        def __str__(self) -> str:
            return "odd"

    graph = create_sectioning(planner=split.by_heading(), worker=lambda s: {"it": Odd(), "set": {1}})
    out = await graph.ainvoke({"content": "# a\nx"})
    assert out["branches"]["1"].value == {"it": "odd", "set": [1]}


async def test_a_second_run_on_the_same_thread_starts_from_nothing() -> None:
    """Sections of the first text are not in the second result."""
    graph = create_sectioning(
        planner=split.by_heading(), worker=lambda s: s.title, checkpointer=InMemorySaver()
    )
    config: Any = {"configurable": {"thread_id": "1"}}
    await graph.ainvoke({"content": TEXT}, config)
    out = await graph.ainvoke({"content": "# Only\nx"}, config)
    assert out["result"] == "## Only\n\nOnly"
    assert list(out["branches"]) == ["1"]


async def test_a_thousand_sections_run_at_once(model: str, server: ModelServer) -> None:
    """A fan-out as wide as a superstep should be finishes, all of it in flight together."""
    gate = Gate(opens_at=200)
    server.always(Reply(text="ok", gate=gate))
    ask = Ask("{content}", model=model, limits=Limits(concurrency=200))
    graph = create_sectioning(planner=split.in_batches(1), worker=ask)
    out = await graph.ainvoke({"content": [f"item {i}" for i in range(1000)]})
    assert out["run_report"].branches == {"ok": 1000}
    assert server.most_in_flight == 200


def test_wrong_arguments_fail_when_the_graph_is_made() -> None:
    """The error comes from the factory."""
    with pytest.raises(errors.UsageError, match="is not a planner"):
        create_sectioning(planner="by_heading", worker=shout)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError, match="is not a worker"):
        create_sectioning(planner=split.by_heading(), worker=3)  # type: ignore[arg-type]
    with pytest.raises(errors.PromptError, match=r"unknown variable \{colour\}"):
        create_sectioning(planner=split.by_heading(), worker=Ask("{content} {colour}"))


async def test_wrong_input_fails_before_any_work() -> None:
    """The planner says what it divides; a plan that names two sections alike is refused."""
    with pytest.raises(errors.InputError, match="content is dict; expected a text, which planner by_h"):
        await create_sectioning(planner=split.by_heading(), worker=shout).ainvoke({"content": {"a": "b"}})

    def twins(content: str) -> list[Section]:
        return [Section(id="1", title="a", content=""), Section(id="1", title="b", content="")]

    with pytest.raises(errors.UsageError, match="several sections have the id '1'"):
        await create_sectioning(planner=twins, worker=shout).ainvoke({"content": "x"})
    with pytest.raises(errors.NoModelError):
        await create_sectioning(planner=split.by_heading(), worker=Ask("{content}")).ainvoke({"content": ""})


@pytest.mark.parametrize("dependencies", ["waves", "error"])
async def test_a_planner_that_returns_no_list_is_an_error(dependencies: Any) -> None:
    """The error says what the planner returned."""
    graph = create_sectioning(planner=lambda c: None, worker=shout, dependencies=dependencies)  # type: ignore[arg-type,return-value]
    with pytest.raises(errors.PlanError, match=r"planner returned NoneType; expected list\[Section\]"):
        await graph.ainvoke({"content": "x"})


def test_the_sync_face_runs_all_branches_at_once(model: str, server: ModelServer) -> None:
    """`invoke` and `stream` need no event loop, and are as parallel as `ainvoke`."""
    server.always(Reply(text="ok", gate=Gate(opens_at=40)))
    ask = Ask("{content}", model=model)
    graph = create_sectioning(planner=split.in_batches(1), worker=ask)
    content = {"content": [f"item {i}" for i in range(40)]}
    assert graph.invoke(content)["run_report"].branches == {"ok": 40}
    assert server.most_in_flight == 40
    nodes = [name for update in graph.stream(content, stream_mode="updates") for name in update]
    assert (nodes[0], nodes[-1], nodes.count("worker")) == ("plan", "synthesize", 40)


async def test_the_sync_face_works_inside_a_running_loop() -> None:
    """A notebook has a loop already; `invoke` works there too."""
    graph = create_sectioning(planner=split.by_heading(), worker=lambda s: s.title)
    assert graph.invoke({"content": "# a\nx"})["result"] == "## a\n\na"


def test_leaving_a_sync_stream_early_stops_the_run(model: str, server: ModelServer) -> None:
    """Breaking out of `stream` cancels the branches, and the server sees their connections close."""
    server.always(Reply(hang=True))
    graph = create_sectioning(planner=split.by_heading(), worker=Ask("{content}", model=model))
    for update in graph.stream({"content": TEXT}, stream_mode="updates"):
        assert "plan" in update
        server.wait(lambda s: s.in_flight == 3)
        break
    server.wait(lambda s: s.in_flight == 0 and s.cut_off == 3)
