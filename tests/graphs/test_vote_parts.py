"""Votes on truth values, on the parts of lists and records, and by a function of the caller's."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from langgraph_parallel import create_debate, create_labeling, create_voting, rules, votes
from langgraph_parallel.errors import InputError, JoinError
from tests.support.server import ModelServer, Reply

QUESTION = {"question": "Is it so?"}
CONFIG: Any = {"configurable": {"thread_id": "1"}}


def voters(*answers: Any) -> Any:
    """Voters v0, v1 and so on."""

    def voter(answer: Any) -> Any:
        return lambda question: answer

    return {f"v{i}": voter(answer) for i, answer in enumerate(answers)}


def edit(choice: Any) -> Command[Any]:
    """Decide for something, as an agent UI sends it back."""
    action = {"name": "decide_vote", "args": {"choice": choice}}
    return Command(resume={"decisions": [{"type": "edit", "edited_action": action}]})


async def decide(answers: tuple[Any, ...], rule: Any, **options: Any) -> Any:
    """Return the verdict of all voters."""
    graph = create_voting(voters=voters(*answers), rule=rule, stop="all_votes", **options)
    return (await graph.ainvoke(QUESTION))["verdict"]


# scores


async def test_truth_values_are_scores() -> None:
    """A text abstains, and says why."""
    graph = create_voting(
        voters=voters(True, False, {"choice": 1}, "true"), rule="pass_at(2)", stop="all_votes"
    )
    out = await graph.ainvoke(QUESTION)
    assert (out["verdict"].choice, str(out["verdict"].support), out["verdict"].abstained) == (1, "2/3", 1)
    assert out["ballots"][3].error == "'true' is not a number, True or False, which the rule needs"


async def test_no_voter_is_asked_once_enough_pass_or_too_few_can() -> None:
    """Of five voters, by default."""
    passing = await create_voting(voters=voters(1, 1, 0, 0, 0), rule=rules.at_least(2)).ainvoke(QUESTION)
    assert (passing["verdict"].choice, passing["verdict"].asked) == (1, 2)
    failing = await create_voting(voters=voters(0, 0, 1, 1, 1), rule=rules.at_least(4)).ainvoke(QUESTION)
    assert (failing["verdict"].choice, failing["verdict"].asked) == (0, 2)


async def test_models_may_answer_with_a_truth_value_or_a_number(model: str, server: ModelServer) -> None:
    """They are told so by the schema."""
    for number, said in enumerate((True, 0.5, False), 1):
        server.on(f"You are voter {number} ", Reply(json={"rationale": "", "choice": said}))
    graph = create_voting(model=model, voters=3, rule="at_least(2, 0.5)", stop="all_votes")
    out = await graph.ainvoke(QUESTION)
    assert '"boolean"' in json.dumps(server.requests[0].body)
    assert [repr(ballot.choice) for ballot in out["ballots"]] == ["True", "0.5", "False"]
    assert (out["verdict"].choice, str(out["verdict"].support)) == (1, "2/3")


# parts


async def test_an_item_that_cannot_be_read_costs_only_its_place() -> None:
    """The others stay where they were; a list of which nothing can be read abstains."""
    graph = create_voting(
        voters=voters(["5 km", "many"], ["7 km", "2"], ["6", 4], ["few", "many"], "5 km"),
        rule=rules.elementwise(rules.median()),
        ballot={"normalise": votes.without_units("km")},
        stop="all_votes",
    )
    out = await graph.ainvoke(QUESTION)
    assert [ballot.choice for ballot in out["ballots"]] == [[5, None], [7, 2], [6, 4], None, None]
    assert out["ballots"][0].notes["left_out"] == ["1: 'many' cannot be read as an answer"]
    assert out["ballots"][4].error == "'5 km' is not a list, which the rule needs"
    assert (out["verdict"].choice, out["verdict"].cast) == ([6, 3], 3)


async def test_the_fields_of_a_record_are_normalised_and_matched_one_by_one() -> None:
    """A record of another shape abstains."""
    answers = ({"x": " Red.", "y": "blue"}, {"x": "RED", "y": "Blue", "z": "?"}, ["red"])
    verdict = await decide(answers, "by_field('majority')", choices=["red", "blue"])
    assert (verdict.choice, verdict.abstained) == ({"x": "red", "y": "blue"}, 1)


async def test_models_vote_on_records_of_a_schema(model: str, server: ModelServer) -> None:
    """The schema says what the fields are."""

    class Offer(BaseModel):
        """An offer."""

        price: float
        colour: str

    class Reading(BaseModel):
        """What was read."""

        choice: Offer

    prices = {"red": 10, "blue": 20, "green": 60}
    for number, (colour, price) in enumerate(prices.items(), 1):
        offer = {"price": price, "colour": colour}
        server.on(f"You are voter {number} ", Reply(json={"choice": offer}))
    rule = rules.by_field({"price": "mean", "colour": "unanimous"})
    graph = create_voting(
        model=model,
        rule=rule,
        ballot={"schema": Reading},
        stop="all_votes",
        checkpointer=InMemorySaver(),
    )
    verdict = (await graph.ainvoke(QUESTION, CONFIG))["verdict"]
    assert (verdict.status, verdict.note) == ("below_threshold", "undecided: colour (below threshold)")
    assert verdict.parts["price"].choice == 30
    assert verdict.parts["price"].standard_error == pytest.approx(15.275252)
    assert (await graph.aget_state(CONFIG)).values["verdict"] == verdict


@pytest.mark.parametrize(
    ("rule", "answers", "wrong", "right"),
    [
        ("elementwise('unanimous')", (["a", "x"], ["a", "y"]), {"0": "a"}, ["a", "z"]),
        ("by_field('unanimous')", ({"n": "x"}, {"n": "y"}), ["x"], {"n": "z"}),
    ],
)
async def test_a_person_decides_the_whole(rule: str, answers: Any, wrong: Any, right: Any) -> None:
    """In the form of a ballot."""
    graph = create_voting(
        voters=voters(*answers), rule=rule, on_undecided="escalate", checkpointer=InMemorySaver()
    )
    first = (await graph.ainvoke(QUESTION, CONFIG))["__interrupt__"][0].value
    kind = first["review_configs"][0]["args_schema"]["properties"]["choice"]["type"]
    assert kind == ("object" if isinstance(right, Mapping) else "array")
    with pytest.raises(InputError, match=r"is not a (list|mapping)"):
        await graph.ainvoke(edit(wrong), CONFIG)
    verdict = (await graph.ainvoke(edit(right), CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided_by, verdict.parts) == (right, "person", {})


async def test_what_a_fallback_decides_has_no_error_of_a_mean() -> None:
    """The number is not the mean any more."""
    verdict = await decide((1, 2), rules.mean(quorum=3), on_undecided="maximum")
    assert (verdict.status, verdict.choice, verdict.standard_error) == ("decided", 2, None)
    assert verdict.decided_by == "fallback"


# functions


def longest(choices: list[str]) -> str:
    """Choose the longest text."""
    return max(choices, key=len)


async def test_a_function_decides() -> None:
    """It gets what was normalised, and hears all voters by default."""
    graph = create_voting(voters=voters("b", "CCC.", "b"), rule=longest, ballot={"normalise": "text"})
    verdict = (await graph.ainvoke(QUESTION))["verdict"]
    assert (verdict.choice, verdict.rule, str(verdict.support), verdict.asked) == ("ccc", "longest", "1/3", 3)


async def test_a_bug_in_a_function_is_an_error_that_has_the_ballots() -> None:
    """A redrive would not ask again; a fallback decides in spite of it."""

    def wrong(choices: list[Any]) -> Any:
        return choices[5]

    with pytest.raises(JoinError, match=r"wrong failed.*IndexError") as failed:
        await decide(("a", "b", "a"), wrong)
    assert [branch.value for branch in failed.value.branches.values()] == ["a", "b", "a"]
    with pytest.raises(JoinError, match=r"rule function returned \{1\}; expected a choice"):
        await decide(("a",), lambda choices: {1})
    verdict = await decide(("a", "b", "a"), wrong, on_undecided="majority")
    assert (verdict.choice, verdict.decided_by) == ("a", "fallback")


async def test_a_function_that_chooses_none_leaves_the_vote_undecided() -> None:
    """What is to be done then is up to `on_undecided`, where a function is a worker."""
    verdict = await decide(("a", "b"), lambda choices: None, on_undecided=lambda question: "c")
    assert (verdict.choice, verdict.decided_by, verdict.rule) == ("c", "fallback", "function")
    alone = await decide(("a", "b"), lambda choices: None)
    assert (alone.status, alone.choice) == ("below_threshold", None)


async def test_labelings_and_debates_take_functions_too() -> None:
    """As votes do."""
    labeling = create_labeling(labels=["a", "b"], voters=voters("b", "a", "b"), rule=min)
    assert (await labeling.ainvoke({"items": ["x"]}))["labels"][0].label == "a"
    debate = create_debate(debaters=voters("b", "a", "b"), rule=min, max_rounds=1)
    assert (await debate.ainvoke(QUESTION))["verdict"].choice == "a"
