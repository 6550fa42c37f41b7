"""Research: workers state only what their tools return, and the report cites only existing findings."""

import asyncio
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
    """Let the planner return these topics."""
    topics = [{"title": title, "brief": f"about {title}"} for title in titles]
    server.on("Divide a question", Reply(json={"topics": topics}))


def looks(server: ModelServer, title: str, calls: Any, findings: Any) -> None:
    """Let the worker of a topic make these calls in its first step, and these findings in later ones."""

    def is_first(request: Request) -> bool:
        return f"about {title}" in request.prompt and "The tool results so far" not in request.prompt

    def is_later(request: Request) -> bool:
        return f"about {title}" in request.prompt and "The tool results so far" in request.prompt

    server.on(is_first, Reply(json={"calls": calls, "findings": []}))
    server.on(is_later, Reply(json={"calls": [], "findings": findings}))


def search(text: str) -> list[dict[str, str]]:
    """Return a search in the files as tool calls."""
    return [{"tool": "search_files", "input": text}]


def finding(claim: str, source: int, quote: str) -> dict[str, Any]:
    """Return a finding as a worker states it."""
    return {"claim": claim, "source": source, "quote": quote}


async def test_the_report_cites_the_findings_on_all_topics(model: str, server: ModelServer) -> None:
    """References have a source and a quote; unknown numbers are removed from the text."""
    plans(server, "Shops", "Staff")
    looks(server, "Shops", search("shops closed"), [finding("Two shops closed.", 1, "two shops were closed")])
    looks(server, "Staff", search("people left"), [finding("Nine left.", 1, "Nine  people left")])
    server.on("Name what is still missing", Reply(json={"topics": []}))
    server.on("with a coherent report", Reply(text="Shops were closed [1]. Cats [7]."))
    graph = create_research(model=model)
    out = await graph.ainvoke(GIVEN)
    research = out["research"]
    assert research.text == "Shops were closed [1]. Cats ."
    (reference,) = research.references
    assert (reference.source, reference.quote) == ("sales.md, line 1", "two shops were closed")
    assert (research.topics, research.missing, research.uncited) == (["Shops", "Staff"], [], ["Staff"])
    assert "\\[1\\] sales.md" in out["markdown"]
    assert len(server.requests) == 7
    assert (await aestimate(graph, GIVEN)).calls == 2 + 5 * 2 * 4 + 1


async def test_claims_that_no_source_states_are_dropped(model: str, server: ModelServer) -> None:
    """The quote is invented, or the source does not exist."""
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


async def test_gaps_are_researched_in_a_second_round(model: str, server: ModelServer) -> None:
    """References of the second round come after those of the first; there is no third round."""
    plans(server, "Shops")
    looks(server, "Shops", search("shops"), [finding("Closed.", 1, "two shops were closed")])
    looks(server, "Staff", search("people left"), [finding("Left.", 1, "Nine people left")])
    gaps = [{"title": "Staff", "brief": "about Staff"}]
    server.on("Name what is still missing", Reply(json={"topics": gaps}))
    server.on("with a coherent report", Reply(text="Closed [1], left [2]."))
    out = await create_research(model=model).ainvoke(GIVEN)
    assert [section.round for section in out["sections"]] == [0, 1]
    assert [reference.claim for reference in out["research"].references] == ["Closed.", "Left."]


async def test_a_spent_budget_ends_the_rounds(model: str, server: ModelServer) -> None:
    """Earlier findings are in the branches, and the run report has the cause."""
    plans(server, "Shops")
    looks(server, "Shops", search("shops"), [finding("Closed.", 1, "two shops were closed")])
    out = await create_research(model=model, limits=Limits(budget_calls=3)).ainvoke(GIVEN)
    assert len(server.requests) == 3
    assert out["branches"]["1"].value["findings"][0]["claim"] == "Closed."
    assert "budget" in str(out["run_report"].failures).lower()


async def test_tools_can_be_langchain_tools_and_functions(model: str, server: ModelServer) -> None:
    """They take one argument or several; a tool that fails or does not exist does not end the work."""
    price_calls: list[Any] = []

    @tool
    def price(item: str, year: int) -> str:
        """The price of an item in a year."""
        price_calls.append((item, year))
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
    assert price_calls == [("bread", 2020)]
    assert out["research"].references[0].source.startswith("price: ")
    prompt = next(r.prompt for r in server.requests if "the tool failed" in r.prompt)
    assert "weather: Oslo" in prompt
    assert "- price: The price of an item in a year." in prompt
    assert "search_files" not in prompt


async def test_findings_before_a_failed_step_are_kept(model: str, server: ModelServer) -> None:
    """The third of three steps fails."""
    plans(server, "Shops")
    server.on("about Shops", Reply(json={"calls": search("shops"), "findings": []}))
    claims = [finding("Closed.", 1, "two shops were closed")]
    more = Reply(json={"calls": search("more"), "findings": claims})
    server.on(lambda r: "about Shops" in r.prompt and "The tool results so far" in r.prompt, more)
    server.on(lambda r: "about Shops" in r.prompt and "your last step" in r.prompt, Reply(status=418))
    server.on("with a coherent report", Reply(text="Closed [1, 99]. [2-3]"))
    out = await create_research(model=model, max_steps=3, max_rounds=1).ainvoke(GIVEN)
    assert "418" in out["branches"]["1"].value["ended"]
    assert (out["research"].text, len(out["research"].references)) == ("Closed [1]. ", 1)


async def test_a_quote_with_another_meaning_is_not_accepted(model: str, server: ModelServer) -> None:
    """A different number, a negation or a single letter does not support a claim."""
    plans(server, "Shops")
    claims = [
        finding("Forty.", 1, "Sales fell by 40% in spring"),
        finding("Not.", 1, "two shops were not closed"),
        finding("E.", 1, "e"),
        finding("Fine.", 1, "in spring, two shops closed"),
    ]
    looks(server, "Shops", search("shops"), claims)
    out = await create_research(model=model, max_rounds=1).ainvoke(GIVEN)
    assert [finding["claim"] for finding in out["branches"]["1"].value["findings"]] == ["Fine."]


async def test_a_tool_can_ask_a_person(model: str, server: ModelServer) -> None:
    """An interrupt of LangGraph is not a failure of the tool."""

    def approve(what: str) -> str:
        """Ask whether it may be looked up."""
        return str(interrupt(what))

    plans(server, "Shops")
    looks(server, "Shops", [{"tool": "approve", "input": "ledger"}], [])
    graph = create_research(model=model, tools=[approve], max_rounds=1, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, {"configurable": {"thread_id": "1"}})
    assert out["__interrupt__"][0].value == "ledger"


class ProcessDied(BaseException):
    """Stands for the death of a process."""


async def test_what_a_worker_had_asked_is_not_asked_again_after_a_crash(
    model: str, server: ModelServer
) -> None:
    """The process dies in the second step of a topic: its first step and its tools are remembered."""
    alive: list[str] = []
    used: list[str] = []

    def look_up(topic: str) -> str:
        """Look up a topic."""
        used.append(topic)
        if topic == "again" and not alive:
            raise ProcessDied
        return f"{topic}: two shops were closed"

    plans(server, "Shops")
    looks(server, "Shops", [{"tool": "look_up", "input": "shops"}, *search("shops")], [])
    second = {"calls": [{"tool": "look_up", "input": "again"}], "findings": []}
    server.on(lambda r: "shops: two shops" in r.prompt, Reply(json=second))
    third = {"calls": [], "findings": [finding("Closed.", 1, "two shops were closed")]}
    server.on(lambda r: "again: two shops" in r.prompt, Reply(json=third))
    server.on("Name what is still missing", Reply(json={"topics": []}))
    server.on("with a coherent report", Reply(text="Shops were closed [1]."))
    undisturbed = create_research(model=model, tools=[look_up], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    with pytest.raises(ProcessDied):
        await undisturbed.ainvoke(GIVEN, config)
    assert (len(server.requests), used) == (3, ["shops", "again"])
    alive.append("again")
    out = await undisturbed.ainvoke(None, config)
    assert out["research"].text == "Shops were closed [1]."
    assert (len(server.requests), used) == (6, ["shops", "again", "again"])
    assert len({request.prompt for request in server.requests}) == 6
    report = out["run_report"]
    assert len(report.calls) == 6
    assert report.usage.input_tokens == 60


async def test_under_max_concurrency_it_does_not_wait_for_itself(model: str, server: ModelServer) -> None:
    """LangGraph gives a topic one of few places, and would give none to what it remembers."""
    plans(server, "Shops", "Staff")
    server.on("Name what is still missing", Reply(json={"topics": []}))
    graph = create_research(model=model, checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}, "max_concurrency": 1}
    out = await asyncio.wait_for(graph.ainvoke(GIVEN, config), 30)
    assert out["run_report"].branches == {"ok": 2}


async def test_the_same_tool_call_ends_the_steps(model: str, server: ModelServer) -> None:
    """No tool is called twice with the same input, although there are steps left."""
    plans(server, "Shops")
    server.on("about Shops", Reply(json={"calls": search("shops"), "findings": []}))
    await create_research(model=model, max_steps=3, max_rounds=1).ainvoke(GIVEN)
    assert len(server.asked("about Shops")) == 2


async def test_without_a_model_it_searches_the_files() -> None:
    """It returns passages, and needs files."""
    graph = create_research()
    out = await graph.ainvoke({"question": "Why did sales fall in spring?", "files": FILES})
    assert "Sales fell by 4%" in out["research"].references[0].quote
    assert "no language model" in out["research"].notice
    with pytest.raises(errors.NoModelError, match="which is searched without a model"):
        await graph.ainvoke({"question": "Why?"})
    empty = (await graph.ainvoke({"question": "zebra", "files": FILES}))["research"]
    assert (empty.text, empty.references) == ("Nothing was found.", [])


async def test_without_a_model_passages_are_shown_once_and_without_markup() -> None:
    """Each comes after its source; code and lists keep their lines, and the reference has the words."""
    text = (
        "[![mill](a.svg)](https://a.org)\n\n# Mill\n\nThe mill [grinds](https://b.org).\n\n"
        "## Start\n\nStart it so:\n\n```sh\n$ mill <start>\n$ mill stop\n```\n\n- by *hand*\n- by water\n"
    )
    graph = create_research(offline=True)
    out = await graph.ainvoke({"question": "How do I start it?", "files": {"a.md": text}})
    (reference,) = out["research"].references
    assert (reference.source, reference.quote) == ("a.md, line 7", text[text.index("## Start") :].strip())
    assert out["markdown"].endswith(
        "\\[1\\] a.md, line 7\n\nStart\n\nStart it so:\n\n"
        "```\n$ mill <start>\n$ mill stop\n```\n\n- by hand\n- by water\n"
    )
    assert (await graph.ainvoke({"question": "svg", "files": {"a.md": text}}))["research"].references == []


async def test_without_files_and_tools_there_is_nothing_to_search(model: str, server: ModelServer) -> None:
    """The error is raised before any call."""
    with pytest.raises(errors.InputError, match="pass files with the question"):
        await create_research(model=model).ainvoke({"question": "Why?"})
    assert server.requests == []


async def test_files_of_another_kind_are_rejected() -> None:
    """They are texts, or a mapping of name to text; a list of texts is searched like named ones."""
    graph = create_research(offline=True)
    with pytest.raises(errors.InputError, match="files is str; expected a list of texts, or a mapping"):
        await graph.ainvoke({"question": "q", "files": "a"})
    out = await graph.ainvoke({"question": "Why did sales fall?", "files": ["Sales fell: shops closed."]})
    assert "Sales fell: shops closed." in out["markdown"]


async def test_absurd_answers_of_a_model_are_limited(model: str, server: ModelServer) -> None:
    """A huge number is not a citation, and of many tool calls in one step only eight are made."""
    plans(server, "T")
    calls = [{"tool": "search_files", "input": f"sales {i}"} for i in range(5000)]
    claims = [finding("c", 1, "northern sales fell")]
    server.on("about T", Reply(json={"calls": calls, "findings": claims}))
    server.on("with a coherent report", Reply(text="It fell [1] [" + "9" * 5000 + "]."))
    graph = create_research(model=model, max_rounds=1)
    out = await graph.ainvoke({"question": "sales?", "files": {"a": "northern sales fell"}})
    assert [reference.number for reference in out["research"].references] == [1]


def test_passages_are_ranked_by_similarity() -> None:
    """Passages without a common term are left out."""
    passages = Passages({"a": "one\n" * 300 + "the zebra sleeps\n", "b": "a zebra"})
    assert [passage.document for passage in passages.search("zebra")] == ["b", "a"]
    assert passages.search("zebra")[1].text.endswith("the zebra sleeps")
    assert passages.search("nothing") == []
    assert Passages({}).search("x") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_topics": 0}, "max_topics is 0"),
        ({"max_rounds": 0}, "max_rounds is 0"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"tools": [3]}, "3 is not a tool"),
        ({"tools": [lambda x: x]}, "a function with a docstring"),
        ({"offline": True, "model": "openai:m"}, "offline=True and model= exclude each other"),
        ({"prompts": {"plann": "x"}}, "choose from gaps, plan, report, step"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_research(**arguments)
