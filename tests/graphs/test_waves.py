"""Votes in waves: who is asked, when it stops, who is cancelled, and what the report says of it."""

import asyncio
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import (
    Judge,
    Limits,
    VotingContext,
    aredrive,
    create_sectioning,
    create_voting,
    drain,
    errors,
)
from langgraph_parallel.completion import min_success
from langgraph_parallel.rules import weighted
from tests.support.fans import GIVEN, numbered
from tests.support.ids import readable
from tests.support.server import Gate, ModelServer, Reply

QUESTION = {"question": "Is it safe?"}
CONFIG: Any = {"configurable": {"thread_id": "vote"}}
YES, NO = Reply(json={"choice": "yes"}), Reply(json={"choice": "no"})
QUICK = Limits(attempts=1)


def asked(server: ModelServer) -> list[int]:
    """The numbers of the voters that were asked, in the order in which they came in."""
    return [int(request.prompt.split("You are voter ")[1].split(" ")[0]) for request in server.requests]


def says(server: ModelServer, **answers: Reply) -> None:
    """Have voters answer so: `says(server, v2=NO)`."""
    for voter, reply in answers.items():
        server.on(f"You are voter {voter[1:]} ", reply)


async def test_nobody_is_asked_who_cannot_change_the_choice(model: str, server: ModelServer) -> None:
    """Two of three agree: the third stays unasked, and the verdict and the report say so."""
    server.always(YES)
    out = await create_voting(model=model, choices=["yes", "no"]).ainvoke(QUESTION)
    verdict, report = out["verdict"], out["run_report"]
    assert sorted(asked(server)) == [1, 2]
    assert (verdict.choice, str(verdict.support), verdict.status) == ("yes", "2/2", "decided")
    assert (verdict.asked, verdict.not_asked, verdict.stopped) == (2, 1, "decided()")
    assert (report.calls_saved, report.branches, report.failures) == (1, {"ok": 2}, {})
    assert report.completion_reason == "the vote was over: decided()"
    assert [ballot.voter for ballot in out["ballots"]] == ["#1", "#2"]


async def test_where_they_disagree_the_next_wave_is_asked(model: str, server: ModelServer) -> None:
    """The first wave of five is of three at once; each further one is as large as is needed."""
    gate = Gate(opens_at=3)
    server.always(Reply(json={"choice": "yes"}, gate=gate))
    says(server, v2=Reply(json={"choice": "no"}, gate=gate))
    out = await create_voting(model=model, voters=5).ainvoke(QUESTION)
    assert (server.most_in_flight, sorted(asked(server))) == (3, [1, 2, 3, 4])
    assert (str(out["verdict"].support), out["run_report"].calls_saved) == ("3/4", 1)


async def test_everybody_heard_is_no_stop(model: str, server: ModelServer) -> None:
    """A vote that needed all of its voters was not stopped, and saved nothing."""
    server.always(YES)
    says(server, v1=NO)
    out = await create_voting(model=model).ainvoke(QUESTION)
    assert (out["verdict"].stopped, out["verdict"].not_asked, out["run_report"].calls_saved) == ("", 0, 0)
    assert out["run_report"].completion_reason == "all 3 branches finished"


async def test_a_failure_is_made_up_for_by_the_next_voter(model: str, server: ModelServer) -> None:
    """A voter that fails supports nothing, so another one is asked, and its failure is reported."""
    server.always(YES)
    says(server, v1=Reply(status=500))
    out = await create_voting(model=model, voters=5, limits=QUICK).ainvoke(QUESTION)
    assert (str(out["verdict"].support), out["verdict"].failed, out["verdict"].not_asked) == ("2/2", 1, 2)
    assert list(out["run_report"].failures) == ["vote[voting#1]"]


@pytest.mark.parametrize(("wave", "most"), [(2, 2), (1, 1), ("all", 5), (9, 5)], ids=readable)
async def test_a_wave_may_be_a_number_or_all(model: str, server: ModelServer, wave: Any, most: int) -> None:
    """So many are in flight at once; nobody is let through before they are."""
    gates = {first: Gate(opens_at=min(most, 5 - first + 1)) for first in range(1, 6, most)}
    for number in range(1, 6):
        gate = gates[number - (number - 1) % most]
        says(server, **{f"v{number}": Reply(json={"choice": str(number)}, gate=gate)})
    out = await create_voting(model=model, voters=5, wave=wave).ainvoke(QUESTION)
    assert (server.most_in_flight, len(server.requests)) == (most, 5)
    assert out["verdict"].status == "tied"


async def test_the_rest_of_a_wave_is_cancelled_once_it_is_decided(model: str, server: ModelServer) -> None:
    """Three of five agree: the two that hang see their connections closed, and are no failures."""
    everybody_is_there = Gate(opens_at=5)
    server.always(Reply(json={"choice": "yes"}, gate=everybody_is_there))
    says(server, v2=Reply(hang=True), v4=Reply(gate=everybody_is_there, hang=True))
    server.on("You are voter 2 ", Reply(gate=everybody_is_there, hang=True))
    out = await create_voting(model=model, voters=5, wave="all").ainvoke(QUESTION)
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0 and s.cut_off == 2)
    verdict, report = out["verdict"], out["run_report"]
    assert (verdict.choice, str(verdict.support), verdict.cancelled) == ("yes", "3/3", 2)
    assert (verdict.stopped, verdict.not_asked, report.calls_saved) == ("decided()", 0, 0)
    assert (report.branches, report.failures) == ({"cancelled": 2, "ok": 3}, {})
    ended = {branch.id: (branch.status, branch.ended_by) for branch in out["branches"].values()}
    assert ended["#2"] == ended["#4"] == ("cancelled", "stop")
    assert out["branches"]["#2"].error == "not needed any more: decided()"
    assert report.wasted.input_tokens > 0
    assert sum(not call.ok for call in report.calls) == 2


async def test_voters_in_line_when_it_is_decided_are_never_asked(model: str, server: ModelServer) -> None:
    """With one in flight at a time the first answer decides: those behind the next are skipped, and saved."""
    server.always(Reply(hang=True))
    says(server, v1=YES)
    graph = create_voting(model=model, voters=5, wave="all", stop="ahead_by(1)", limits=Limits(concurrency=1))
    out = await graph.ainvoke(QUESTION)
    skipped = {key for key, branch in out["branches"].items() if branch.status == "skipped"}
    assert skipped >= {"#3", "#4", "#5"}
    assert len(server.requests) <= 2
    assert out["run_report"].calls_saved == len(skipped)


async def test_without_a_race_everybody_of_a_wave_is_heard(model: str, server: ModelServer) -> None:
    """`race=False` waits for those who were asked."""
    gate = Gate(opens_at=5)
    server.always(Reply(json={"choice": "yes"}, gate=gate))
    out = await create_voting(model=model, voters=5, wave="all", race=False).ainvoke(QUESTION)
    assert (str(out["verdict"].support), out["verdict"].cancelled) == ("5/5", 0)


async def test_a_nested_vote_that_raced_is_whole(model: str, server: ModelServer) -> None:
    """What a vote did not need is no gap of the graph around it, and saved calls add up."""
    server.always(YES)
    vote = create_voting(model=model, voters=5, prompt="{question}", choices=["yes", "no"])
    graph = create_sectioning(planner=numbered(3), worker=vote, checkpointer=InMemorySaver())
    out = await graph.ainvoke(GIVEN, CONFIG)
    assert (len(server.requests), out["run_report"].calls_saved) == (9, 6)
    assert all(branch.whole and branch.saved == 2 for branch in out["branches"].values())
    await aredrive(graph, CONFIG)
    assert len(server.requests) == 9


async def test_voters_with_weights_are_asked_best_first(model: str, server: ModelServer) -> None:
    """The two that weigh most decide; earliest still means by the voters' own order."""
    server.always(YES)
    rule = weighted({"#1": 0.5, "#2": 1.0, "#3": 3.0, "#4": 0.5, "#5": 2.0})
    out = await create_voting(model=model, voters=5, rule=rule).ainvoke(QUESTION)
    assert sorted(asked(server)) == [3, 5]
    assert [ballot.voter for ballot in out["ballots"]] == ["#3", "#5"]
    with pytest.raises(errors.UsageError, match="weights are for ann, but the voters are #1"):
        await create_voting(model=model, rule=weighted({"ann": 1.0})).ainvoke(QUESTION)


async def test_the_runtime_context_sets_stop_and_wave(model: str, server: ModelServer) -> None:
    """For one run, as Studio's form does; what is none is refused before any call."""
    server.always(YES)
    graph = create_voting(model=model)
    with pytest.raises(errors.UnknownStop, match="'decidd' is not a stop"):
        await graph.ainvoke(QUESTION, context=VotingContext(stop="decidd"))
    assert server.requests == []
    await graph.ainvoke(QUESTION, context=VotingContext(stop="all_votes"))
    assert len(server.requests) == 3
    out = await graph.ainvoke(QUESTION, context={"stop": "ahead_by(1)", "wave": 1})
    assert (len(server.requests), out["verdict"].stopped) == (4, "ahead_by(1)")


async def test_a_completion_policy_may_want_more_than_the_stop() -> None:
    """The vote is decided by three of five, but four are to succeed."""
    voters: Any = {f"v{i}": lambda question: "yes" for i in range(5)}
    out = await create_voting(voters=voters, completion=min_success(4)).ainvoke(QUESTION)
    assert (str(out["verdict"].support), out["verdict"].not_asked) == ("4/4", 1)


async def test_a_completion_policy_may_end_it_before_the_stop() -> None:
    """Two successes are enough, so no further wave is asked."""
    voters: Any = {f"v{i}": lambda question: "yes" for i in range(5)}
    graph = create_voting(voters=voters, completion=min_success(2), wave=1)
    out = await graph.ainvoke(QUESTION)
    assert (str(out["verdict"].support), out["verdict"].not_asked, out["verdict"].stopped) == ("2/2", 3, "")
    with pytest.raises(errors.CompletionError, match=r"min_success\(2\) is not met"):
        await create_voting(voters={f"v{i}": _fails for i in range(3)}, completion=min_success(2)).ainvoke(
            QUESTION
        )


def _fails(question: str) -> str:
    raise ValueError("no")


async def test_a_budget_that_is_spent_ends_the_waves(model: str, server: ModelServer) -> None:
    """What is not asked any more is in the record by its cause, and the vote closes on what is there."""
    for number in range(1, 6):
        says(server, **{f"v{number}": Reply(json={"choice": str(number)})})
    limits = Limits(budget_calls=3)
    out = await create_voting(model=model, voters=5, limits=limits).ainvoke(QUESTION)
    assert (len(server.requests), out["run_report"].branches) == (3, {"ok": 3, "skipped": 2})
    assert out["branches"]["#5"].ended_by == "budget"


async def test_a_run_that_is_stopped_asks_no_further_wave(model: str, server: ModelServer) -> None:
    """Drained in the first wave: the others are skipped with that cause, all at once."""
    gate = Gate()
    server.always(Reply(json={"choice": "yes"}, gate=gate))
    says(server, v1=Reply(json={"choice": "no"}, gate=gate))
    run = asyncio.ensure_future(create_voting(model=model, voters=3).ainvoke(QUESTION))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 2)
    drain("closing time")
    gate.open()
    out = await run
    assert (len(server.requests), out["branches"]["#3"].status) == (2, "skipped")
    assert out["run_report"].completion_reason.endswith("closing time")


async def test_cancelled_between_waves_it_resumes_without_asking_twice(
    model: str, server: ModelServer
) -> None:
    """The first wave is paid for; only the one that was cut off is asked again."""
    server.always(YES)
    says(server, v1=NO)
    server.on("You are voter 3 ", Reply(hang=True), times=1)
    graph = create_voting(model=model, checkpointer=InMemorySaver())
    run = asyncio.ensure_future(graph.ainvoke(QUESTION, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: len(s.asked("You are voter 3 ")) == 1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    out = await graph.ainvoke(None, CONFIG)
    assert sorted(asked(server)) == [1, 2, 3, 3]
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("yes", "2/3")


async def test_a_second_run_on_the_same_thread_begins_with_the_first_wave(
    model: str, server: ModelServer
) -> None:
    """Nothing of the first run's waves is left."""
    server.always(YES)
    graph = create_voting(model=model, checkpointer=InMemorySaver())
    await graph.ainvoke(QUESTION, CONFIG)
    says(server, v1=NO)
    out = await graph.ainvoke(QUESTION, CONFIG)
    assert (len(server.requests), str(out["verdict"].support)) == (5, "2/3")


async def test_redriven_a_vote_asks_again_only_while_it_is_open(model: str, server: ModelServer) -> None:
    """A decided vote lets its failed voter be; an open one asks it again, and stops as soon as it can."""
    server.always(YES)
    says(server, v1=Reply(status=500))
    graph = create_voting(
        model=model, voters=3, stop="ahead_by(1)", limits=QUICK, checkpointer=InMemorySaver()
    )
    first = await graph.ainvoke(QUESTION, CONFIG)
    before = len(server.requests)
    out = await aredrive(graph, CONFIG)
    assert (len(server.requests), out["verdict"]) == (before, first["verdict"])
    says(server, v2=Reply(status=500), v3=Reply(status=500))
    first = await graph.ainvoke(QUESTION, CONFIG)
    assert first["verdict"].status == "no_quorum"
    says(server, v1=Reply(status=500), v2=YES)
    before = len(server.requests)
    out = await aredrive(graph, CONFIG)
    assert (out["verdict"].choice, len(server.requests) - before) == ("yes", 2)
    assert out["run_report"].branches == {"failed": 2, "ok": 1}


async def test_shadow_mode_hears_everybody_and_tries_the_stops(model: str, server: ModelServer) -> None:
    """What each would have saved, and whether it would have answered the same; sections add up."""
    for number in range(1, 8):
        says(server, **{f"v{number}": NO if number in (1, 2) else YES})
    vote = create_voting(model=model, voters=7, prompt="{question}", shadow=["decided", "ahead_by(2)"])
    out = await vote.ainvoke(QUESTION)
    assert (len(server.requests), out["verdict"].choice, out["verdict"].not_asked) == (7, "yes", 0)
    tried = {trial.stop: (trial.calls, trial.rounds, trial.same) for trial in out["run_report"].trials}
    assert tried == {"decided()": (6, 2, 1), "ahead_by(2)": (2, 1, 0)}
    graph = create_sectioning(planner=numbered(3), worker=vote)
    tried = {t.stop: (t.votes, t.voters, t.same) for t in (await graph.ainvoke(GIVEN))["run_report"].trials}
    assert tried == {"decided()": (3, 21, 3), "ahead_by(2)": (3, 21, 0)}
    usual = await create_voting(model=model, shadow=True).ainvoke(QUESTION)
    assert {"decided()", "confident()", "adaptive(0.95)"} <= {t.stop for t in usual["run_report"].trials}


async def test_where_ties_matter_a_trial_that_hides_one_is_not_the_same() -> None:
    """With a fallback a tie is another outcome than the choice of the earliest."""
    voters: Any = {name: lambda q, said=said: said for name, said in zip("abcd", "xxyy", strict=True)}
    stops = ["ahead_by(2)", "decided"]
    for given, same in (("return", 1), (lambda q: "x", 0)):
        vote = create_voting(voters=voters, shadow=stops, stop="all_votes", on_undecided=given)
        tried = {t.stop: (t.calls, t.same) for t in (await vote.ainvoke(QUESTION))["run_report"].trials}
        assert tried["ahead_by(2)"] == (2, same)
        assert tried["decided()"] == ((2 if same else 4), 1)


def test_the_loop_is_in_the_drawing() -> None:
    """Each wave is a fan-out: open to voter, voter to tally, and back, or on to the end or a fallback."""
    edges = {(edge.source, edge.target) for edge in create_voting(voters=[len]).get_graph().edges}
    loop = {("open", "voter"), ("open", "tally"), ("voter", "tally"), ("tally", "voter")}
    assert edges == {("__start__", "open"), *loop, ("tally", "__end__")}
    drawn = create_voting(voters=[len], on_undecided=len).get_graph().edges
    assert {("tally", "fallback"), ("fallback", "__end__")} <= {(edge.source, edge.target) for edge in drawn}


async def test_first_to_answer_wins_a_race(model: str, server: ModelServer) -> None:
    """`ahead_by(1)` with everybody asked at once: whoever is first, the others are cut off."""
    server.always(Reply(hang=True))
    says(server, v3=YES)
    graph = create_voting(model=model, voters=4, rule="first_valid", stop="ahead_by(1)", wave="all")
    out = await graph.ainvoke(QUESTION)
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    assert (out["verdict"].choice, out["verdict"].support.n) == ("yes", 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stop": "never"}, "'never' is not a stop; choose one of"),
        ({"wave": 0}, "expected 'lossless', 'all', or an integer of at least 1"),
        (
            {"ballot": {"normalise": "words"}},
            "choose text, number, option, boxed, without_articles, or pass",
        ),
        ({"on_undecided": "ask"}, "'ask' is not a rule; choose one of"),
        ({"on_undecided": 3}, "is not a worker"),
        ({"shadow": ["x"]}, "'x' is not a stop"),
        ({"shadow": True, "rule": Judge("openai:m")}, "a judge costs a call each time; use a rule"),
        ({"rule": "borda(3)"}, "is not a rule"),
        ({"rule": "median", "stop": "ahead_by(2)"}, "median does not decide by that"),
        ({"stop": "no_new_findings(2)"}, "use it with union or approval"),
        ({"rule": "weighted", "stop": "ahead_by(2)"}, "weighted does not decide by that"),
        (
            {"rule": "median", "choices": ["a", "b"]},
            "median decides among numbers, but choices are texts",
        ),
        (
            {"rule": "union", "on_undecided": Judge("openai:m")},
            "a judge chooses one answer and union a list",
        ),
        (
            {"rule": "majority", "on_undecided": "median"},
            "on_undecided=median reads other ballots than majority",
        ),
        ({"on_undecided": "escalte"}, "not 'return' or 'escalate', and 'escalte' is not a rule"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused_when_the_graph_is_made(arguments: dict[str, Any], message: str) -> None:
    """Each with the way out."""
    with pytest.raises(errors.UsageError, match=message):
        create_voting(**arguments)
