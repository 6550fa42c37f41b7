"""Sections that wait for others, workers by name, and graphs inside of graphs."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Limits,
    Section,
    aestimate,
    aredrive,
    create_briefing,
    create_debate,
    create_map_reduce,
    create_market_study,
    create_moderation,
    create_research,
    create_sectioning,
    create_voting,
    errors,
    plan,
    split,
)
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.workers import Workers, as_worker
from langgraph_parallel.rules import majority
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}


def planner(*sections: Section) -> Any:
    """A plan that is always the same."""
    return lambda content: list(sections)


HOUSE = planner(
    Section(id="walls", title="Walls", needs=["ground"]),
    Section(id="ground", title="Ground"),
    Section(id="roof", title="Roof", needs=["walls", "ground"]),
    Section(id="garden", title="Garden"),
)


async def test_sections_wait_for_what_they_need_and_get_it() -> None:
    """The independent ones are worked on at the same time; each later one is handed the earlier results."""
    together = asyncio.Barrier(2)
    seen: dict[str, dict[str, Any]] = {}

    async def work(section: Section) -> str:
        if not section.needs:
            await asyncio.wait_for(together.wait(), 10)
        seen[section.title] = section.earlier
        return section.title.lower()

    out = await create_sectioning(planner=HOUSE, worker=work).ainvoke({"content": ""})
    assert list(seen)[2:] == ["Walls", "Roof"]
    assert seen["Roof"] == {"Walls": "walls", "Ground": "ground"}
    assert out["result"].startswith("## Walls\n\nwalls\n\n## Ground")
    assert out["run_report"].branches == {"ok": 4}


async def test_what_needs_a_failed_section_is_skipped_and_runs_in_a_redrive() -> None:
    """It says what it was waiting for; later only what failed and what needs it is worked on."""
    worked: list[str] = []
    broken = True

    def work(section: Section) -> str:
        worked.append(section.id)
        if section.id == "ground" and broken:
            raise ValueError("mud")
        return section.title

    graph = create_sectioning(planner=HOUSE, worker=work, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": ""}, CONFIG)
    assert out["branches"]["roof"].status == "skipped"
    assert out["branches"]["roof"].error == "unmet need 'Ground': ValueError: mud"
    assert out["result"] == "## Garden\n\nGarden\n\nMissing: Walls, Ground, Roof."
    broken = False
    worked.clear()
    out = await aredrive(graph, CONFIG)
    assert worked == ["ground", "walls", "roof"]
    assert out["run_report"].branches == {"ok": 4}


async def test_a_model_says_which_sections_need_others(model: str, server: ModelServer) -> None:
    """The later one is shown the earlier result, as data; the estimate knows that."""
    sections = [
        {"title": "Market", "brief": "Size it.", "needs": []},
        {"title": "Price", "brief": "Set it.", "needs": ["Market"]},
    ]
    server.on("Divide the work", Reply(json={"sections": sections}))
    server.on("Set it.", Reply(text="9 euros"))
    server.on("Size it.", Reply(text="two million people"))
    graph = create_sectioning(
        planner=plan.by_model(model), worker=Ask.shipped("sectioning/section", model=model)
    )
    out = await graph.ainvoke({"content": "Plan the launch."})
    assert out["result"] == "## Market\n\ntwo million people\n\n## Price\n\n9 euros"
    assert "two million people" in server.asked("Set it.")[0].prompt
    assert (await aestimate(graph, {"content": "Plan the launch."})).calls == 9


async def test_a_model_that_plans_in_a_circle_is_told(model: str, server: ModelServer) -> None:
    """It gets one chance to mend it; then there is no result, and the cause names the circle."""
    sections = [
        {"title": "Hen", "brief": "a", "needs": ["Egg"]},
        {"title": "Egg", "brief": "b", "needs": ["Hen"]},
    ]
    server.on("Divide the work", Reply(json={"sections": sections}))
    graph = create_sectioning(planner=plan.by_model(model), worker=lambda s: s.title)
    out = await graph.ainvoke({"content": "?"})
    assert (out["result"], out["run_report"].status) == (None, "failed")
    assert "in a circle: Hen -> Egg -> Hen" in out["run_report"].failures["plan"]
    assert "in a circle: Hen -> Egg -> Hen" in server.requests[1].prompt


async def test_a_task_that_is_not_parallel_can_be_refused() -> None:
    """Instead of being worked on in waves; a circle is refused in any case."""
    graph = create_sectioning(planner=HOUSE, worker=lambda s: s.title, dependencies="error")
    with pytest.raises(errors.PlanError, match="section 'Walls' needs 'ground', so the work is not parallel"):
        await graph.ainvoke({"content": ""})
    circle = planner(Section(id="a", title="A", needs=["b"]), Section(id="b", title="B", needs=["a"]))
    with pytest.raises(errors.PlanError, match="a -> b -> a"):
        await create_sectioning(planner=circle, worker=lambda s: s.title).ainvoke({"content": ""})
    with pytest.raises(errors.UsageError, match="expected 'waves' or 'error'"):
        create_sectioning(planner=HOUSE, worker=len, dependencies="maybe")  # type: ignore[arg-type]


async def test_a_prompt_that_could_not_show_earlier_results_is_refused(model: str) -> None:
    """Before anything is worked on."""
    graph = create_sectioning(planner=HOUSE, worker=Ask("Build {title}.", model=model))
    with pytest.raises(errors.PromptError, match=r"add the variable \{earlier\}"):
        await graph.ainvoke({"content": ""})


async def test_each_section_has_the_worker_that_it_names() -> None:
    """A name that is none is an error before any work."""
    sections = [Section(id="1", title="a", worker="up"), Section(id="2", title="B", worker="down")]
    workers: Any = {"up": lambda s: s.title.upper(), "down": lambda s: s.title.lower()}
    out = await create_sectioning(planner=planner(*sections), worker=workers).ainvoke({"content": ""})
    assert [branch.value for branch in out["branches"].values()] == ["A", "b"]
    lost = planner(Section(id="1", title="a"))
    with pytest.raises(errors.PlanError, match="has worker ''; expected one of down, up"):
        await create_sectioning(planner=lost, worker=workers).ainvoke({"content": ""})
    with pytest.raises(errors.UsageError, match="pass at least one worker"):
        create_sectioning(planner=lost, worker={})


async def test_completion_speaks_of_sections_that_were_never_started() -> None:
    """When enough are there, what still waits is skipped."""
    garden_is_done = asyncio.Event()

    async def work(section: Any) -> str:
        if section.id == "garden":
            garden_is_done.set()
        await garden_is_done.wait()
        return str(section.title)

    graph = create_sectioning(planner=HOUSE, worker=work, completion="min_success(2)")
    out = await graph.ainvoke({"content": ""})
    assert {key: branch.status for key, branch in out["branches"].items()} == {
        "ground": "ok",
        "garden": "ok",
        "walls": "skipped",
        "roof": "skipped",
    }
    assert out["branches"]["walls"].ended_by == "completion"


async def test_three_levels_of_sections_and_votes() -> None:
    """A section is voted on by sectioned graphs, whose sections are votes."""

    def say(text: str) -> Any:
        return lambda question: text

    inner = create_voting(voters={"x": say("warm"), "y": say("warm"), "z": say("cold")}, name="inner")

    def first(gathered: Any) -> str:
        return str(gathered.results[0][1]["verdict"]["choice"])

    voter = create_sectioning(planner=split.by_heading(), worker=inner, synthesizer=first)
    vote = create_voting(voters={"sections": voter, "plain": say("warm"), "other": say("cold")})
    graph = create_sectioning(planner=split.by_heading(), worker=vote)
    out = await graph.ainvoke({"content": "# Water\n\nx\n\n# Iron\n\ny\n"})
    assert [b.value["verdict"]["choice"] for b in out["branches"].values()] == ["warm", "warm"]
    assert out["result"] == "## Water\n\nwarm (2/2)\n\n## Iron\n\nwarm (2/2)"
    assert out["run_report"].branches == {"ok": 6}
    assert out["run_report"].calls_saved == 4


async def test_what_waits_for_an_undecided_vote_goes_on_once_a_person_has_answered() -> None:
    """One interrupt; nobody is asked twice, and the later section gets the decision."""
    asked: list[str] = []

    def voter(name: str, says: str) -> Any:
        def vote(question: str) -> str:
            asked.append(name)
            return says

        return vote

    vote = create_voting(
        voters={"a": voter("a", "red"), "b": voter("b", "blue")},
        rule=majority(ties="none"),
        on_undecided="escalate",
    )
    sections = [
        Section(id="colour", title="Colour", content="Which?", worker="vote"),
        Section(id="paint", title="Paint", worker="paint", needs=["colour"]),
    ]
    workers: Any = {"vote": vote, "paint": lambda s: s.earlier["Colour"]["verdict"]["choice"] + " paint"}
    graph = create_sectioning(planner=planner(*sections), worker=workers, checkpointer=InMemorySaver())
    out = await graph.ainvoke({"content": ""}, CONFIG)
    assert len(out["__interrupt__"]) == 1
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "blue"}}}
    out = await graph.ainvoke(Command(resume={"decisions": [edit]}), CONFIG)
    assert out["branches"]["paint"].value == "blue paint"
    assert asked == ["a", "b"]


async def test_a_vote_on_a_section_sees_its_instructions_and_what_it_needs() -> None:
    """The question is the whole text of the section."""
    questions: list[str] = []

    def voter(question: str) -> str:
        questions.append(question)
        return "yes"

    sections = [
        Section(id="1", title="One", content="first"),
        Section(id="2", title="Two", content="second", instructions="Is it so?", needs=["1"]),
    ]
    await create_sectioning(planner=planner(*sections), worker=create_voting(voters=[voter])).ainvoke(
        {"content": ""}
    )
    assert questions == ["first", "Is it so?\n\nsecond\n\n### One\n\nyes (1/1)"]


async def test_a_second_run_has_nothing_of_the_inputs_of_the_first() -> None:
    """What is left out is not what was given before."""
    graph = create_research(offline=True, checkpointer=InMemorySaver())
    files = {"private.md": "Sales fell in spring."}
    await graph.ainvoke({"question": "spring sales", "files": files}, CONFIG)
    with pytest.raises(errors.NoModelError):
        await graph.ainvoke({"question": "spring sales"}, CONFIG)


async def test_later_rounds_follow_a_fan_out_that_its_policy_has_ended() -> None:
    """A deadline of the first round is not one of the run."""

    async def work(item: int) -> int:
        if item == 3:
            await asyncio.Event().wait()
        return item

    graph = create_map_reduce(worker=work, synthesizer=sum, completion="deadline(1)")
    out = await graph.ainvoke({"items": [1, 2, 3, 4]})
    assert (out["result"], out["missing"]) == (7, ["item 3"])


class _Translation(TypedDict):
    text: str


async def test_the_policy_of_the_first_round_ends_no_section_of_a_later_one() -> None:
    """Sections of a later round that wait for others of it are worked on, although the policy has enough."""

    def section(id: str, *needs: str) -> Section:
        return Section(id=id, title=id, worker="translate", needs=list(needs))

    def next_round(gathered: Gathered) -> list[Section]:
        if gathered.last_round > 0:
            return []
        back = [section(f"back/{id}", id) for id in gathered.by_id]
        return [*back, *(section(f"judge/{translated.id}", translated.id) for translated in back)]

    flow = Flow(
        name="translation",
        kind="translation",
        input=_Translation,
        output=_Translation,
        plan=lambda given, context: [section("de"), section("fr")],
        workers=Workers({"translate": as_worker(lambda section: section.id, "sectioning/section")}),
        next_round=next_round,
        close=lambda gathered: {"text": ", ".join(gathered.by_id)},
    )
    out = await flow_graph(flow, completion="min_success(1)").ainvoke({"text": "yes"})
    assert {"judge/back/de"} <= set(out["text"].split(", "))
    assert {branch.status for id, branch in out["branches"].items() if "/" in id} == {"ok"}


async def test_a_nested_graph_whose_close_has_failed_is_redriven(model: str, server: ModelServer) -> None:
    """Only its close: what was read is not read again."""
    server.on("Read a part", Reply(json={"points": [{"point": "Sales rose.", "quote": "Sales rose by 4%"}]}))
    server.on("Write a briefing", Reply(status=418))
    graph = create_sectioning(
        planner=planner(Section(id="1", title="One", content="Sales rose by 4% in spring.")),
        worker=create_briefing(model=model),
        checkpointer=InMemorySaver(),
    )
    await graph.ainvoke({"content": ""}, CONFIG)
    written: Any = {"summary": "Up.", "themes": [], "contradictions": []}
    server.on("Write a briefing", Reply(json=written))
    out = await aredrive(graph, CONFIG)
    assert out["branches"]["1"].value["briefing"]["summary"] == "Up."
    assert (len(server.asked("Read a part")), out["run_report"].failures) == (1, {})


async def test_titles_that_are_ids_lose_no_result() -> None:
    """Each earlier result has a name of its own."""
    sections = [
        Section(id="1", title="Intro"),
        Section(id="2", title="Intro"),
        Section(id="3", title="1"),
        Section(id="4", title="End", needs=["1", "2", "3"]),
    ]
    graph = create_sectioning(planner=planner(*sections), worker=lambda s: sorted(s.earlier) or s.id)
    out = await graph.ainvoke({"content": ""})
    assert out["branches"]["4"].value == ["1", "2", "3"]


async def test_every_worker_of_a_market_study_knows_its_section(model: str, server: ModelServer) -> None:
    """A graph of this package gets the brief with its text."""
    inner = create_voting(voters=[lambda question: question])
    study = create_market_study(model=model, worker=inner, sections={"A": "who", "B": "where"}, quantity="")
    out = await study.ainvoke({"subject": "Bikes"})
    said = [branch.value["verdict"]["choice"] for branch in out["branches"].values()]
    assert ["who" in said[0], "where" in said[1]] == [True, True]


async def test_estimates_go_by_the_limits_of_the_graph(model: str) -> None:
    """Smaller prompts are more calls; points that have to be condensed are in it."""
    limits = Limits(section_tokens=200)
    moderation = create_moderation(model=model, checks={"own": "anything"}, limits=limits)
    assert (await aestimate(moderation, {"text": "some words here\n" * 100})).calls > 2
    briefing = create_briefing(model=model, limits=limits)
    documents = {f"d{i}": "Sales rose in spring." for i in range(10)}
    assert (await aestimate(briefing, {"documents": documents})).calls > 11
    debate = create_debate(model=model, debaters=8)
    alone = create_debate(model=model, debaters=8, max_rounds=1)
    question = {"question": "Is it?"}
    more, less = await aestimate(debate, question), await aestimate(alone, question)
    assert more.input_tokens > 10 * less.input_tokens
