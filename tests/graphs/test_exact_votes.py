"""What a voter said is what is counted: integers of any length, long decimals, and numbers that are none."""

import math
from decimal import Decimal
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langgraph_parallel import Section, aredrive, create_sectioning, create_voting
from langgraph_parallel.records import Ballot
from tests.support.server import ModelServer, Reply

QUESTION = {"question": "How many?"}
CONFIG: Any = {"configurable": {"thread_id": "1"}}
LONG = 2**100


def voters(*answers: Any) -> Any:
    """Voters v0, v1 and so on."""

    def voter(answer: Any) -> Any:
        return lambda question: answer

    return {f"v{i}": voter(answer) for i, answer in enumerate(answers)}


async def ballots_of(*answers: Any, **options: Any) -> list[Ballot]:
    """Return the ballots of voters that give these answers, after a checkpoint."""
    graph = create_voting(voters=voters(*answers), stop="all_votes", checkpointer=InMemorySaver(), **options)
    await graph.ainvoke(QUESTION, CONFIG)
    ballots: list[Ballot] = (await graph.aget_state(CONFIG)).values["ballots"]
    return ballots


@pytest.mark.parametrize(
    ("answers", "status", "support"),
    [
        ([LONG, LONG + 1, 7], "tied", "1/3"),
        ([LONG, LONG, LONG + 1], "decided", "2/3"),
        ([LONG, 2.0**100, LONG + 1], "decided", "2/3"),
        ([[LONG], [LONG + 1], [7]], "tied", "1/3"),
        ([Decimal("0.12345678901234567890"), 0.12345678901234568, 7], "tied", "1/3"),
        ([Decimal("0.12345678901234567890"), Decimal("0.1234567890123456789"), 7], "decided", "2/3"),
        ([Decimal("0.10"), 0.1, 7], "decided", "2/3"),
        ([Decimal("1.00"), 1.0, 1], "decided", "3/3"),
        ([10**5000, 10**5000 + 1, 7], "tied", "1/3"),
        ([10**5000, Decimal("1e5000"), 7], "decided", "2/3"),
    ],
    ids=[
        "other integers",
        "equal integers",
        "an integer and its float",
        "in lists",
        "a long decimal",
        "equal long decimals",
        "a short decimal",
        "one",
        "beyond the limit of digits",
        "equal beyond the limit of digits",
    ],
)
async def test_only_equal_numbers_are_counted_as_equal(answers: Any, status: str, support: str) -> None:
    """Integers of 64 bits and more are not rounded to a float, nor are decimals."""
    graph = create_voting(voters=voters(*answers), stop="all_votes")
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.status, str(verdict.support)) == (status, support)


async def test_a_ballot_is_the_same_after_a_checkpoint() -> None:
    """Values, and what the voter said before it was normalised."""
    ballots = await ballots_of(LONG, [-LONG], {"a": LONG}, ballot={"normalise": lambda value: [value]})
    assert [ballot.choice for ballot in ballots] == [[LONG], [[-LONG]], [{"a": LONG}]]
    assert [ballot.said for ballot in ballots] == [LONG, [-LONG], {"a": LONG}]


@pytest.mark.parametrize("rule", ["median", "mode", "trimmed_mean"])
async def test_rules_over_numbers_compute_with_the_digits(rule: str) -> None:
    """Of an integer beyond 64 bits, of a decimal, and of the same digits in a text."""
    digits = "0.12345678901234567890"
    options: Any = {"rule": rule, "ballot": {"normalise": "number"}, "stop": "all_votes"}
    for said in ([digits, Decimal(digits), f"The answer is {digits}"], [LONG + 1, str(LONG + 1), LONG + 1.0]):
        out = await create_voting(voters=voters(*said), **options).ainvoke(QUESTION)
        first = out["ballots"][0].choice
        same = sum(ballot.choice == first for ballot in out["ballots"])
        assert (out["verdict"].cast, same) == (3, 3 if said[0] is digits else 2)
        if same == 3:
            assert (out["verdict"].choice, str(out["verdict"].support)) == (digits.rstrip("0"), "3/3")


async def test_the_median_lies_between_its_neighbours_digits() -> None:
    """Three numbers that one float stands for are still in order."""
    said = [f"0.1234567890123456789{i}" for i in (3, 1, 2)]
    graph = create_voting(voters=voters(*said), rule="median", ballot={"normalise": "number"})
    out = await graph.ainvoke(QUESTION)
    assert out["verdict"].choice == said[2]


async def test_a_model_may_answer_an_integer_of_any_length(model: str, server: ModelServer) -> None:
    """Its JSON has all digits, and no float rounds them."""
    server.always(Reply(text=f'{{"rationale": "", "choice": {LONG + 1}, "confidence": null}}'))
    out = await create_voting(model=model, voters=3, rule="median").ainvoke(QUESTION)
    assert (out["verdict"].choice, out["verdict"].support.k) == (LONG + 1, out["verdict"].cast)


async def test_a_vote_over_long_integers_waits_for_a_person_and_goes_on() -> None:
    """The interrupt shows the digits; approved or typed in, they mean the integer."""
    for rule in ("majority", "mode"):
        for resume in (
            {"type": "approve"},
            {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": str(LONG)}}},
        ):
            graph = create_voting(
                voters=voters(LONG, LONG + 1),
                rule=rule,
                on_undecided="escalate",
                stop="all_votes",
                checkpointer=InMemorySaver(),
            )
            asked = (await graph.ainvoke(QUESTION, CONFIG))["__interrupt__"][0].value
            assert asked["action_requests"][0]["args"]["choice"] == str(LONG)
            out = await graph.ainvoke(Command(resume={"decisions": [resume]}), CONFIG)
            assert (out["verdict"].choice, out["verdict"].decided_by) == (LONG, "person")
            assert (await graph.aget_state(CONFIG)).values["verdict"] == out["verdict"]


async def test_long_integers_may_be_the_choices() -> None:
    """They are in the stamp of the run, too, which a checkpoint holds."""
    options: Any = {"choices": [LONG, LONG + 1], "on_undecided": "escalate", "stop": "all_votes"}
    graph = create_voting(voters=voters(LONG, LONG + 1), checkpointer=InMemorySaver(), **options)
    asked = (await graph.ainvoke(QUESTION, CONFIG))["__interrupt__"][0].value
    assert str(LONG + 1) in str(asked["review_configs"][0]["args_schema"])
    decided = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": str(LONG + 1)}}}
    out = await graph.ainvoke(Command(resume={"decisions": [decided]}), CONFIG)
    assert out["verdict"].choice == LONG + 1


async def test_a_redrive_counts_what_was_said_before_it() -> None:
    """The ballots of voters that are not asked again come from the checkpoint."""
    broken = [True]

    def late(question: str) -> int:
        if broken:
            raise ValueError("not yet")
        return LONG

    graph = create_voting(
        voters={**voters(LONG, LONG + 1), "late": late}, stop="all_votes", checkpointer=InMemorySaver()
    )
    assert (await graph.ainvoke(QUESTION, CONFIG))["verdict"].status == "tied"
    broken.clear()
    verdict = (await aredrive(graph, CONFIG))["verdict"]
    assert (verdict.status, verdict.choice, str(verdict.support)) == ("decided", LONG, "2/3")


async def test_a_result_beyond_64_bits_is_the_text_of_its_digits() -> None:
    """The output of a flow is in no record, so that a checkpoint holds no such integer in it."""
    graph = create_sectioning(
        planner=lambda given: [Section(id="a", title="a"), Section(id="b", title="b", data={"n": LONG})],
        worker=lambda section: LONG + 1,
        synthesizer=lambda gathered: {"all": gathered.values, "huge": 10**5000, "small": 1},
        checkpointer=InMemorySaver(),
    )
    out = await graph.ainvoke({"task": "?", "content": "?"}, CONFIG)
    assert out["result"] == {"all": [str(LONG + 1)] * 2, "huge": hex(10**5000), "small": 1}
    state = (await graph.aget_state(CONFIG)).values
    assert [branch.value for branch in state["branches"].values()] == [LONG + 1] * 2
    assert state["sections"][1].data == {"n": LONG}


@pytest.mark.parametrize(
    "weight", [math.nan, math.inf, Decimal("NaN"), Decimal("Infinity"), -math.inf], ids=repr
)
async def test_a_weight_that_is_not_finite_abstains(weight: Any) -> None:
    """It is no full vote, under any rule; the ballot says why."""
    said = [{"choice": "y", "weight": weight}, {"choice": "n", "weight": 0.5}]
    out = await create_voting(voters=voters(*said), rule="weighted", stop="all_votes").ainvoke(QUESTION)
    assert (out["verdict"].choice, out["verdict"].abstained) == ("n", 1)
    assert out["ballots"][0].error == (
        "its weight is read as null: not a finite number; expected a number >= 0"
    )


async def test_a_weight_of_null_is_no_weight() -> None:
    """Models leave fields open that they do not use."""
    ballots = await ballots_of({"choice": "y", "weight": None}, {"choice": "y", "weight": Decimal("0.5")})
    assert [(ballot.status, ballot.weight) for ballot in ballots] == [("cast", 1.0), ("cast", 0.5)]


@pytest.mark.parametrize(
    "confidence", [math.nan, math.inf, Decimal("NaN"), 1.5, -1, 10**400], ids=lambda c: str(c)[:9]
)
async def test_a_confidence_that_is_none_is_not_stated(confidence: Any) -> None:
    """The choice counts: a confidence gives it no more and no less weight."""
    ballots = await ballots_of({"choice": "y", "confidence": confidence})
    assert [(ballot.choice, ballot.confidence) for ballot in ballots] == [("y", None)]


@pytest.mark.parametrize("nan", [math.nan, math.inf, Decimal("NaN")], ids=repr)
async def test_a_choice_that_is_not_a_finite_number_abstains(nan: Any) -> None:
    """Alone or in its field; the ballot says why."""
    ballots = await ballots_of(nan, {"choice": nan})
    assert [(ballot.status, ballot.choice) for ballot in ballots] == [("abstained", None)] * 2
    assert [ballot.error for ballot in ballots] == [
        "the answer is read as null: not a finite number",
        "choice is read as null: not a finite number",
    ]


async def test_many_numbers_that_are_none_are_counted_and_not_listed() -> None:
    """The notes of a branch stay short; a field of the answer itself is named first."""
    ballots = await ballots_of({"choice": {"table": [math.nan] * 1000}, "weight": math.nan})
    left_out = ballots[0].notes["left_out"]
    assert isinstance(left_out, list)
    assert (len(left_out), left_out[0]) == (11, "weight is read as null: not a finite number")
    assert left_out[-1] == "991 more numbers are read as null: not finite"
