"""Fallbacks in panels: who voted, what is left of the diversity, and whose weight counts."""

from collections import Counter
from typing import Any

import pytest

from langgraph_parallel import (
    Ask,
    Limits,
    Roster,
    create_brainstorm,
    create_debate,
    create_labeling,
    create_review,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.records import Ballot, Branch, Call
from langgraph_parallel.reducers.votes.calibration import calibrate
from langgraph_parallel.reducers.votes.diversity import Seat, fallback_remarks, lost_diversity
from langgraph_parallel.reducers.votes.rules import weighted
from langgraph_parallel.report.run import run_markdown
from langgraph_parallel.report.voting import verdict_markdown
from langgraph_parallel.tools.answer import compact
from tests.runtime.test_fallbacks import DOWN, ONCE, asked, of
from tests.support.ballots import ballot
from tests.support.fans import YES, numbered
from tests.support.server import ModelServer, Reply
from tests.support.traces import traces

PANEL = ["openai:a", "openai:b", "openai:c"]
LOST = "voter #1 was to be a and was answered by b, as voter #2: the panel has 2 different models, not 3"


def panel(*fallbacks: str, **options: Any) -> Any:
    """A vote of A, B and C, in which everybody is heard."""
    roster = Roster(models=PANEL, fallbacks=list(fallbacks) or None)
    return create_voting(voters=roster, stop="all_votes", choices=["yes", "no"], limits=ONCE, **options)


async def test_each_ballot_says_who_answered(model: str, server: ModelServer) -> None:
    """Only a ballot of a fallback names models; branches name those that answered in any case."""
    server.always(Reply(json=YES))
    server.on(of("a"), DOWN)
    out = await panel("openai:b").ainvoke({"question": "x"})
    assert [(one.model, one.instead_of) for one in out["ballots"]] == [("b", "a"), ("", ""), ("", "")]
    assert [branch.answered_by for branch in out["branches"].values()] == [["b"], ["b"], ["c"]]
    assert out["ballots"][0].model_dump()["model"] == "b"


async def test_lost_diversity_is_in_verdict_report_and_answers(model: str, server: ModelServer) -> None:
    """Two ballots of one model on a panel of three are said wherever the verdict is read."""
    server.always(Reply(json=YES))
    server.on(of("a"), DOWN)
    out = await panel("openai:b").ainvoke({"question": "x"})
    assert out["verdict"].warnings == [LOST]
    assert LOST in out["run_report"].remarks
    assert "Warning: voter" in verdict_markdown(out["verdict"])
    assert "1 answer is of b in place of a" in run_markdown(out["run_report"])
    answer = compact("voting", out, run="r")
    assert LOST in answer
    assert "Fallbacks: 1 answer is of b in place of a." in answer


async def test_a_model_that_nobody_else_asks_comes_first(model: str, server: ModelServer) -> None:
    """Of the fallbacks, those of other members are asked last, those of the graph as well."""
    server.always(Reply(json=YES))
    server.on(of("a"), DOWN)
    for graph in (panel("openai:b", "openai:d"), panel(fallbacks=["openai:c", "openai:b", "openai:d"])):
        out = await graph.ainvoke({"question": "x"})
        assert (out["ballots"][0].model, out["verdict"].warnings) == ("d", [])
    server.on(of("d"), DOWN)
    out = await panel(fallbacks=["openai:c", "openai:d", "openai:b"]).ainvoke({"question": "x"})
    assert out["ballots"][0].model == "c"


async def test_a_panel_of_one_model_loses_nothing(model: str, server: ModelServer) -> None:
    """Several voters of one model that all fall back are as different as before."""
    server.on(of("a"), DOWN)
    graph = create_voting(model="openai:a", voters=3, stop="all_votes", fallbacks=["openai:b"], limits=ONCE)
    out = await graph.ainvoke({"question": "x"})
    assert out["verdict"].warnings == []
    (remark,) = out["run_report"].remarks
    assert remark.startswith("3 answers are of b in place of a: 500 from ")


async def test_votes_inside_of_graphs_tell_it_once(model: str, server: ModelServer) -> None:
    """The same loss in many inner votes is one remark of the run, and a warning of each vote."""
    server.always(Reply(json=YES))
    server.on(of("a"), DOWN)
    graph = create_sectioning(
        planner=numbered(5), worker=panel("openai:b"), limits=Limits(attempts=1, rest_after=0)
    )
    out = await graph.ainvoke({"content": "x"})
    assert [branch.value["verdict"]["warnings"] for branch in out["branches"].values()] == [[LOST]] * 5
    assert out["run_report"].remarks[0] == LOST
    assert out["run_report"].remarks[1].startswith("5 answers are of b in place of a")
    assert len(out["run_report"].remarks) == 2


async def test_labels_and_reviews_tell_it(model: str, server: ModelServer) -> None:
    """The panels of other graphs say it in the report of the run; a review names who has judged."""
    server.on(of("a"), DOWN)
    roster = Roster(models=PANEL, fallbacks=["openai:b"])
    labeling = create_labeling(labels=["x", "y"], voters=roster, stop="all_votes", limits=ONCE)
    out = await labeling.ainvoke({"items": {"one": "text"}})
    assert LOST in out["run_report"].remarks
    review = create_review(voters=roster, aspects=["security"], engines=False, limits=ONCE)
    out = await review.ainvoke({"files": {"app.py": "print(1)\n"}})
    assert any("the panel has 2 different models, not 3" in one for one in out["run_report"].remarks)
    assert out["review"].judged_by == ["b", "c"]


async def test_members_that_do_not_vote_tell_it(model: str, server: ModelServer) -> None:
    """Debaters and proposers are a panel in each round."""
    server.on(of("a"), DOWN)
    roster = Roster(models=PANEL, fallbacks=["openai:b"])
    for graph, given in (
        (create_debate(debaters=roster, limits=ONCE), {"question": "x"}),
        (create_brainstorm(proposers=roster, limits=ONCE), {"topic": "x"}),
    ):
        out = await graph.ainvoke(given)
        lost = [one for one in out["run_report"].remarks if "different models, not 3" in one]
        assert lost, out["run_report"]


async def test_workers_of_the_caller_as_voters(model: str, server: ModelServer) -> None:
    """Voters that are `Ask`s, and models of LangChain's with fallbacks, are members like others."""
    server.on(of("a"), DOWN)
    ask = Ask("{question}", model="openai:a", fallbacks=["openai:b"], limits=ONCE)
    graph = create_voting(voters={"ann": ask, "ben": Ask("{question}", model="openai:b")}, stop="all_votes")
    out = await graph.ainvoke({"question": "x"})
    assert [(one.model, one.instead_of) for one in out["ballots"]] == [("b", "a"), ("", "")]
    assert out["verdict"].warnings[0].startswith("voter ann was to be a and was answered by b, as voter ben")


async def test_workers_prefer_models_that_no_other_worker_asks(model: str, server: ModelServer) -> None:
    """Voters that are models know each other's models, as those of a roster do."""
    server.on(of("a"), DOWN)
    voters = {name: Ask("{question}", model=f"openai:{name}") for name in "ab"}
    graph = create_voting(voters=voters, stop="all_votes", fallbacks=["openai:b", "openai:d"], limits=ONCE)
    out = await graph.ainvoke({"question": "x"})
    assert [one.model for one in out["ballots"]] == ["d", ""]
    assert voters["a"].spare.others == frozenset()


async def test_a_weight_does_not_go_to_another_model(model: str, server: ModelServer) -> None:
    """The ballot of a fallback has the least weight, whatever its voter's is."""
    server.always(Reply(json={**YES, "choice": "no"}))
    server.on(of("a"), DOWN)
    server.on(of("d"), Reply(json=YES))
    rule = weighted({"#1": 5.0, "#2": 2.0, "#3": 1.0})
    out = await panel("openai:d", rule=rule).ainvoke({"question": "x"})
    assert {count.choice: count.weight for count in out["verdict"].counts} == {"no": 3.0, "yes": 1.0}


def test_weights_of_fallbacks_are_never_greater() -> None:
    """A stop may rely on the weight of a voter as the most; ballots that state a weight keep it."""
    other: dict[str, Any] = {"model": "b", "instead_of": "a"}
    rule = weighted({"v": 3.0, "w": 0.0, "x": 0.5}, others=2.0)
    assert [rule.weight(ballot(v, "yes", **other)) for v in "vwxy"] == [0.5, 0, 0.5, 0.5]
    assert [rule.weight(ballot(v, "yes")) for v in "vwxy"] == [3, 0, 0.5, 2]
    assert weighted().weight(ballot("v", "yes", weight=4.0, **other)) == 4


def test_fallbacks_teach_nothing_about_a_voter() -> None:
    """A calibration leaves out the ballots that another model gave."""
    right = [Ballot(voter="a", order=0, status="cast", choice="yes")]
    wrong = [Ballot(voter="a", order=0, status="cast", choice="no", model="b", instead_of="a")]
    history: list[Any] = [(right, "yes")] * 3
    assert calibrate([*history, (wrong, "yes")]).accuracy == calibrate(history).accuracy


def test_the_last_answer_counts() -> None:
    """A voter whose repair a fallback answered is that model's; a graph as a voter has its own verdict."""

    def call(id: str, target: str, *, ok: bool = True, instead_of: str = "") -> Call:
        return Call(id=id, kind="model", target=target, started=0, ended=0, ok=ok, instead_of=instead_of)

    calls = [call("1", "a"), call("2", "a", ok=False), call("3", "b", instead_of="a")]
    branch = Branch(id="v", name="v", order=0, status="ok", calls=calls)
    assert branch.answered_by == ["a", "b"]
    assert branch.last_answer == calls[2]
    assert branch.model_copy(update={"leaves": {"ok": 2}}).last_answer is None


@pytest.mark.parametrize(
    ("seats", "words"),
    [
        ([], ""),
        ([Seat("v1", "a", "b"), Seat("v2", "a", "a")], ""),
        (
            [Seat("v1", "a", "c"), Seat("v2", "b", "c")],
            "v2 was to be b and was answered by c, as v1: the panel has 1 different model, not 2",
        ),
        ([Seat("v1", "a", "b"), Seat("v2", "b", "a")], ""),
    ],
)
def test_what_is_lost(seats: list[Seat], words: str) -> None:
    """A loss is fewer different models than there were to be; who has moved is named with whom it repeats."""
    assert lost_diversity(seats) == words


def test_many_that_moved_are_counted() -> None:
    """A remark names three of them."""
    seats = [*(Seat(f"v{i}", "a", "b") for i in range(9)), Seat("v9", "b", "b")]
    assert lost_diversity(seats).count(" was to be ") == 3
    assert "; 6 more likewise: the panel has 1 different model, not 2" in lost_diversity(seats)
    assert fallback_remarks([], {}) == []


async def test_traces_name_the_model_that_answered(model: str, server: ModelServer) -> None:
    """The run of the fallback carries its own name, beside that of the request that failed."""
    server.on(of("a"), DOWN)
    with traces() as sink:
        graph = create_voting(model="openai:a", voters=1, fallbacks=["openai:b"], limits=ONCE)
        await graph.ainvoke({"question": "x"}, {"callbacks": [sink.tracer]})
        runs = [run for run in sink.arrived().runs.values() if run["run_type"] == "llm"]
    named = Counter((run["extra"]["metadata"]["ls_model_name"], bool(run.get("error"))) for run in runs)
    assert named == {("a", True): 1, ("b", False): 1}
    assert asked(server) == {"a": 1, "b": 1}
