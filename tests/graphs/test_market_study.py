"""Market study: sections and forecasts at once, and a table with the dissenting forecasters."""

from typing import Any

import pytest

from langgraph_parallel import aestimate, create_market_study, create_research, errors
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply

GIVEN = {"subject": "Cargo bicycles", "regions": ["Norway", "Spain"]}


def forecaster(**growth: Any) -> Any:
    """Return a forecaster that gives these numbers for these regions."""

    def forecast(question: str) -> Any:
        number = next(value for region, value in growth.items() if f"in {region}," in question)
        if isinstance(number, Exception):
            raise number
        return number

    return forecast


FORECASTERS: Any = {
    "ann": forecaster(Norway=4, Spain=2),
    "ben": forecaster(Norway=6, Spain=ValueError("down")),
    "cas": forecaster(Norway=5, Spain="a lot"),
    "dee": forecaster(Norway=40, Spain=3),
    "eve": forecaster(Norway=5, Spain=2.5),
    "fay": forecaster(Norway=5.5, Spain=None),
}


async def test_each_region_has_the_median_of_independent_forecasts(model: str, server: ModelServer) -> None:
    """It has an interval and all numbers; a failed forecast is counted, and is not a number."""
    server.on("Write one section", Reply(text="They sell bikes."))
    server.on("coherent market study", Reply(text="It grows."))
    graph = create_market_study(model=model, forecasters=FORECASTERS)
    out = await graph.ainvoke(GIVEN)
    norway, spain = out["market_study"].forecasts
    assert (norway.value, norway.asked, len(norway.forecasts)) == (5.25, 6, 6)
    assert norway.interval is not None
    assert (norway.dissent, spain.interval) == (["dee"], None)
    assert (spain.value, spain.forecasts) == (2.5, {"ann": 2.0, "dee": 3.0, "eve": 2.5})
    assert "| Spain | 2.5 |" in out["markdown"]
    assert "3 of 6" in out["markdown"]
    assert out["market_study"].text == "It grows."
    assert out["market_study"].uncited == ["Competitors", "Customers", "Regions"]
    report = server.asked("coherent market study")[0].prompt
    assert "### Competitors" in report
    assert "Norway" in report
    assert out["run_report"].branches == {"failed": 1, "ok": 14}


async def test_models_forecast_as_numbers(model: str, server: ModelServer) -> None:
    """Seven models are asked for each region, and the estimate counts all of them."""
    server.on("Make a forecast", Reply(json={"rationale": "", "choice": 3.5, "confidence": 1}))
    graph = create_market_study(model=model, sections={"Prices": "what it costs"})
    out = await graph.ainvoke(GIVEN | {"material": {"notes": "Bikes cost 4,000 euros."}})
    assert [forecast.value for forecast in out["market_study"].forecasts] == [3.5, 3.5]
    assert all("Bikes cost 4,000 euros." in request.prompt for request in server.asked("Make a forecast"))
    assert (len(server.requests), (await aestimate(graph, GIVEN)).calls) == (16, 16)


async def test_a_forecast_without_any_number_is_missing(model: str, server: ModelServer) -> None:
    """If the writer fails too, the sections stand in place of the report."""
    server.on("coherent market study", Reply(status=418))
    server.on("Write one section", Reply(text="Nine shops."))

    def down(question: str) -> float:
        raise ValueError("down")

    graph = create_market_study(model=model, forecasters={"a": down}, sections={"Shops": "who"})
    out = await graph.ainvoke({"subject": "Bikes", "regions": ["Mars"]})
    assert out["market_study"].missing == ["forecast Mars"]
    assert (out["market_study"].forecasts[0].value, "down" in out["market_study"].forecasts[0].note) == (
        None,
        True,
    )
    assert "Nine shops." in out["market_study"].text
    assert "418" in out["run_report"].failures["write"]


async def test_a_research_graph_can_write_the_sections(model: str, server: ModelServer) -> None:
    """Any langgraph_parallel graph can be the worker of the sections."""
    server.on("coherent market study", Reply(text="Done."))

    def look(what: str) -> str:
        """Look something up."""
        return what

    research = create_research(model=model, tools=[look], max_rounds=1, max_topics=1)
    graph = create_market_study(model=model, worker=research, sections={"Shops": "who"}, quantity="")
    out = await graph.ainvoke({"subject": "Bikes"})
    assert (out["market_study"].text, out["market_study"].forecasts) == ("Done.", [])
    assert server.asked("Divide a question")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sections": {}, "quantity": ""}, "there are neither sections nor forecasts"),
        ({"sections": ["a"]}, r"sections is \['a'\]; expected a mapping"),
        (
            {"quantity": "price", "rule": "majority"},
            "rule majority decides among answers",
        ),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_market_study(**arguments)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"regions": ["a", "a"]}, "regions has 'a' twice"),
        ({"regions": "a"}, "expected a list of non-empty texts"),
        ({"regions": 5}, "expected a list of non-empty texts"),
        ({"material": "a"}, "material is str; expected a list of texts, or a mapping of name to text"),
    ],
    ids=readable,
)
async def test_invalid_input_is_rejected(model: str, given: dict[str, Any], message: str) -> None:
    """The error is raised before any call."""
    with pytest.raises(errors.InputError, match=message):
        await create_market_study(model=model).ainvoke({"subject": "x", **given})


async def test_without_a_model_it_does_not_start() -> None:
    """There is no offline mode."""
    with pytest.raises(errors.NoModelError, match="no model"):
        await create_market_study().ainvoke(GIVEN)
