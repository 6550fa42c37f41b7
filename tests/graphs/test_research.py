"""Research: workers ask tools, state only what these say, and the report cites what there is."""

from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from langgraph_parallel import Limits, aestimate, create_research, errors
from langgraph_parallel.nodes.text.passages import Passages
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

FILES = {
    "sales.md": "# Sales\n\nSales fell by 4% in spring, because two shops were closed.\n",
    "staff.md": "# Staff\n\nNine people left the company in March.\n",
}
GIVEN = {"question": "Why did sales fall?", "files": FILES}


def plans(server: ModelServer, *titles: str) -> None:
    """The topics."""
    topics = [{"title": title, "brief": f"about {title}"} for title in titles]
    server.on("Divide a question", Reply(json={"topics": topics}))


def looks(server: ModelServer, title: str, calls: Any, findings: Any) -> None:
    """What a worker does on a topic: it asks, and then it says what it has found."""

    def first(request: Request) -> bool:
        return f"about {title}" in request.prompt and "Nothing yet." in request.prompt

    def later(request: Request) -> bool:
        return f"about {title}" in request.prompt and "Nothing yet." not in request.prompt

    server.on(first, Reply(json={"calls": calls, "findings": []}))
    server.on(later, Reply(json={"calls": [], "findings": findings}))


def search(text: str) -> list[dict[str, str]]:
    """A search in the files."""
    return [{"tool": "search_files", "input": text}]


def finding(claim: str, source: int, quote: str) -> dict[str, Any]:
    """What a worker states."""
    return {"claim": claim, "source": source, "quote": quote}


async def test_topics_are_looked_into_at_once_and_the_report_cites_them(
    model: str, server: ModelServer
) -> None:
    """References have a place and a quote; numbers that stand for nothing are taken out."""
    plans(server, "Shops", "Staff")
    looks(server, "Shops", search("shops closed"), [finding("Two shops closed.", 1, "two shops were closed")])
    looks(server, "Staff", search("people left"), [finding("Nine left.", 1, "Nine  people left")])
    server.on("Name what is still missing", Reply(json={"topics": []}))
    server.on("with a coherent report", Reply(text="Shops were closed [1]. Cats [7]."))
    graph = create_research(model=model)
    out = await graph.ainvoke(GIVEN)
    made = out["research"]
    assert made.text == "Shops were closed [1]. Cats ."
    (reference,) = made.references
    assert (reference.source, reference.quote) == ("sales.md, line 1", "two shops were closed")
    assert (made.topics, made.missing, made.uncited) == (["Shops", "Staff"], [], ["Staff"])
    assert "\\[1\\] sales.md" in out["markdown"]
    assert len(server.requests) == 7
    assert (await aestimate(graph, GIVEN)).calls == 2 + 5 * 2 * 4 + 1


async def test_what_no_source_says_is_left_out(model: str, server: ModelServer) -> None:
    """A quote that is made up, and a source that was never given."""
    plans(server, "Shops")
    claims = [
        finding("Aliens.", 1, "aliens landed on the roof"),
        finding("None.", 9, "two shops were closed"),
    ]
    looks(server, "Shops", search("shops"), claims)
    server.on("Name what is still missing", Reply(json={"topics": []}))
    out = await create_research(model=model).ainvoke(GIVEN)
    assert out["branches"]["1"].value == {"findings": [], "unsupported": 2}
    assert (out["research"].text, out["research"].missing) == (
        "Nothing was found.",
        ["Shops (nothing found)"],
    )


async def test_what_is_missing_is_looked_into_in_a_second_round(model: str, server: ModelServer) -> None:
    """The workers of the second round come after those of the first, and there is no third."""
    plans(server, "Shops")
    looks(server, "Shops", search("shops"), [finding("Closed.", 1, "two shops were closed")])
    looks(server, "Staff", search("people left"), [finding("Left.", 1, "Nine people left")])
    gaps = [{"title": "Staff", "brief": "about Staff"}]
    server.on("Name what is still missing", Reply(json={"topics": gaps}))
    server.on("with a coherent report", Reply(text="Closed [1], left [2]."))
    out = await create_research(model=model).ainvoke(GIVEN)
    assert [section.round for section in out["sections"]] == [0, 1]
    assert [one.claim for one in out["research"].references] == ["Closed.", "Left."]


async def test_a_spent_budget_ends_the_rounds_and_says_so(model: str, server: ModelServer) -> None:
    """What was found until then is in the result's branches."""
    plans(server, "Shops")
    looks(server, "Shops", search("shops"), [finding("Closed.", 1, "two shops were closed")])
    out = await create_research(model=model, limits=Limits(budget_calls=3)).ainvoke(GIVEN)
    assert len(server.requests) == 3
    assert out["branches"]["1"].value["findings"][0]["claim"] == "Closed."
    assert "budget" in str(out["run_report"].failures).lower()


async def test_tools_are_langchain_tools_and_functions(model: str, server: ModelServer) -> None:
    """With one argument or several; one that fails, or does not exist, is no end."""
    asked: list[Any] = []

    @tool
    def price(item: str, year: int) -> str:
        """The price of an item in a year."""
        asked.append((item, year))
        return f"{item} cost 9 euros in {year}"

    def weather(place: str) -> str:
        """The weather of a place."""
        raise ConnectionError("down")

    calls = [
        {"tool": "price", "input": '{"item": "bread", "year": 2020}'},
        {"tool": "weather", "input": "Oslo"},
        {"tool": "nothing", "input": "x"},
    ]
    plans(server, "Bread")
    looks(server, "Bread", calls, [finding("Nine euros.", 1, "bread cost 9 euros")])
    server.on("with a coherent report", Reply(text="Nine euros [1]."))
    graph = create_research(model=model, tools=[price, weather], max_rounds=1)
    out = await graph.ainvoke({"question": "What does bread cost?"})
    assert asked == [("bread", 2020)]
    assert out["research"].references[0].source.startswith("price: ")
    prompt = next(r.prompt for r in server.requests if "the tool failed" in r.prompt)
    assert "weather: Oslo" in prompt
    assert "- price: The price of an item in a year." in prompt
    assert "search_files" not in prompt


async def test_what_was_found_before_a_failure_is_kept(model: str, server: ModelServer) -> None:
    """Two steps have brought something, the third one fails."""
    plans(server, "Shops")
    server.on("about Shops", Reply(json={"calls": search("shops"), "findings": []}))
    claims = [finding("Closed.", 1, "two shops were closed")]
    more = Reply(json={"calls": search("more"), "findings": claims})
    server.on(lambda r: "about Shops" in r.prompt and "Nothing yet." not in r.prompt, more)
    server.on(lambda r: "about Shops" in r.prompt and "your last step" in r.prompt, Reply(status=401))
    server.on("with a coherent report", Reply(text="Closed [1, 99]. [2-3]"))
    out = await create_research(model=model, max_steps=3, max_rounds=1).ainvoke(GIVEN)
    assert "401" in out["branches"]["1"].value["ended"]
    assert (out["research"].text, len(out["research"].references)) == ("Closed [1]. ", 1)


async def test_no_quote_is_bent_until_it_fits(model: str, server: ModelServer) -> None:
    """Another number, a denial, a single letter: none is what the source says."""
    plans(server, "Shops")
    claims = [
        finding("Forty.", 1, "Sales fell by 40% in spring"),
        finding("Not.", 1, "two shops were not closed"),
        finding("E.", 1, "e"),
        finding("Fine.", 1, "in spring, two shops closed"),
    ]
    looks(server, "Shops", search("shops"), claims)
    out = await create_research(model=model, max_rounds=1).ainvoke(GIVEN)
    assert [one["claim"] for one in out["branches"]["1"].value["findings"]] == ["Fine."]


async def test_a_tool_may_ask_a_person(model: str, server: ModelServer) -> None:
    """LangGraph's own signals are not failures of a tool."""

    def approve(what: str) -> str:
        """Ask whether it may be looked up."""
        return str(interrupt(what))

    plans(server, "Shops")
    looks(server, "Shops", [{"tool": "approve", "input": "ledger"}], [])
    graph = create_research(model=model, tools=[approve], max_rounds=1, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, {"configurable": {"thread_id": "1"}})
    assert out["__interrupt__"][0].value == "ledger"


async def test_a_worker_stops_asking_after_its_steps(model: str, server: ModelServer) -> None:
    """Even if it would go on; the same call is not made twice."""
    plans(server, "Shops")
    server.on("about Shops", Reply(json={"calls": search("shops"), "findings": []}))
    await create_research(model=model, max_steps=3, max_rounds=1).ainvoke(GIVEN)
    assert len(server.asked("about Shops")) == 2


async def test_without_a_model_it_is_search_in_the_files() -> None:
    """Passages, labelled; without files there is nothing honest to do."""
    graph = create_research()
    made = (await graph.ainvoke({"question": "Why did sales fall in spring?", "files": FILES}))["research"]
    assert "Sales fell by 4%" in made.references[0].quote
    assert "no language model" in made.notice
    with pytest.raises(errors.NoModelError, match="search in files, no more"):
        await graph.ainvoke({"question": "Why?"})
    nothing = (await graph.ainvoke({"question": "zebra", "files": FILES}))["research"]
    assert (nothing.text, nothing.references) == ("Nothing was found.", [])


async def test_without_files_and_tools_there_is_nothing_to_look_into(model: str, server: ModelServer) -> None:
    """It is said before anybody is asked."""
    with pytest.raises(errors.InputError, match="pass files with the question"):
        await create_research(model=model).ainvoke({"question": "Why?"})
    assert server.requests == []


def test_passages_know_their_lines() -> None:
    """The best first; none that shares no term."""
    held = Passages({"a": "one\n" * 300 + "the zebra sleeps\n", "b": "a zebra"})
    assert [passage.document for passage in held.search("zebra")] == ["b", "a"]
    assert held.search("zebra")[1].text.endswith("the zebra sleeps")
    assert held.search("nothing") == []
    assert Passages({}).search("x") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topics": 0}, "topics is 0"),
        ({"rounds": 0}, "rounds is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"tools": [3]}, "3 is no tool"),
        ({"tools": [lambda x: x]}, "a function with a docstring"),
        ({"offline": True, "model": "openai:m"}, "offline=True uses no model"),
        ({"prompts": {"plann": "x"}}, "it has gaps, plan, report, step"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        create_research(**arguments)
