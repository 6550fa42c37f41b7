"""Normalisers: answers that mean the same become one value, and unreadable answers abstain."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.votes.normalise import (
    as_normaliser,
    boxed,
    find_choice,
    number,
    option,
    text,
    without_articles,
    without_units,
)
from tests.support.ids import readable


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("42", 42),
        ("42.0", 42),
        (" 1,234,567.5 ", 1234567.5),
        ("$1,200", 1200),
        ("-$5", -5),
        ("€3.50", 3.5),
        ("12%", 0.12),
        ("12.5 %", 0.125),
        ("3/4", 0.75),
        ("-3 / 4", -0.75),
        (r"\frac{1}{4}", 0.25),
        (r"-\dfrac{1}{4}", -0.25),
        ("\u22127", -7),
        ("\uff14\uff12", 42),
        ("2e3", 2000),
        (".5", 0.5),
        ("The answer is 18.", 18),
        ("answers: 18", 18),
        ("answering 18", None),
        ("Final answer: **18**", 18),
        ("$18$", 18),
        (7, 7),
        (7.5, 7.5),
        ("5 or 6", None),
        ("about 5", None),
        ("1,5", None),
        ("1.234,5", None),
        ("12,34,567", None),
        ("five", None),
        ("1/0", None),
        ("10\u00b2", None),
        ("0,125", None),
        ("1e30", 10**30),
        ("12345678901234567891", 12345678901234567891),
        ("0.12345678901234567890", "0.1234567890123456789"),
        ("12.345678901234567890%", "0.1234567890123456789"),
        ("1/3", 1 / 3),
        ("12345678901234567891/10", "1234567890123456789.1"),
        ("1e-400", "1E-400"),
        pytest.param("1" * 5000, None, id="long"),
        pytest.param("0." + "1" * 5000, None, id="long decimal"),
        (10**30, 10**30),
        (Decimal("0.10"), 0.1),
        (Decimal("NaN"), None),
        ("", None),
        ("nan", None),
        ("1e9999", None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([1], None),
    ],
    ids=readable,
)
def test_a_number_is_read_in_any_notation(answer: Any, value: Any) -> None:
    """Ambiguous texts, and other countries' separators, are not read as a number."""
    assert number(answer) == value
    assert type(number(answer)) is type(value)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("b) because it is", "B"),
        ("B. Paris", "B"),
        ("**C**", "C"),
        ("Answer: D", "D"),
        ("The correct option is (A).", "A"),
        ("E - none of them", "E"),
        (r"$\text{B}$", None),
        ("Paris", None),
        ("A cat", None),
        ("I'm not sure", None),
        ("I'd say B", None),
        ("A, B or C", None),
        ("e.g. this", None),
        ("", None),
        (2, None),
    ],
    ids=readable,
)
def test_an_option_is_its_letter(answer: Any, value: Any) -> None:
    """A word is not an option, whatever its first letter."""
    assert option(answer) == value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (r"so \boxed{7}", "7"),
        (r"\boxed{1} no, \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\fbox{ x }", "x"),
        (r"\boxed{never closed", None),
        (r"\boxed{1} then \boxed{" * 3000, None),
        ("} {x} \\boxed{a{b}c}", "a{b}c"),
        ("no box", None),
        (r"\boxed{}", None),
        (7, None),
    ],
    ids=readable,
)
def test_the_last_box_holds_the_answer(answer: Any, value: Any) -> None:
    """Braces inside the box are matched."""
    assert boxed(answer) == value


def test_text_is_compared_without_case_space_and_edges() -> None:
    """Only case, white space and punctuation at the ends are ignored; a text never becomes empty."""
    assert text("  \u201cThe  Moon.\u201d ") == "the moon"
    assert text("Stra\u00dfe") == text("STRASSE")
    assert text("a.b") == "a.b"
    assert (text("..."), text("  "), text("<")) == ("...", None, "<")
    assert text(".5") != text("5") != text("5\u00b2")
    assert text("\uff34\uff21\uff38") == "tax"
    assert text(3) == 3


@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(answer: str) -> None:
    """Every normaliser is idempotent, or returns None."""
    for normalise in (text, number, option):
        once = normalise(answer)
        assert once is None or normalise(once) == once


def test_normalisers_are_chained_and_may_be_functions() -> None:
    """None at any step ends the chain; an unknown name is an error."""
    chain = as_normaliser(["boxed", "number", lambda value: value * 2])  # type: ignore[operator]
    assert chain is not None
    assert (chain(r"\boxed{21}"), chain("21"), chain(r"\boxed{x}")) == (42, None, None)
    assert as_normaliser(None) is None
    for invalid in ("words", ["number", "words"], []):
        with pytest.raises(UsageError, match=r"'words' is not a normaliser; choose text, number|is empty"):
            as_normaliser(invalid)


def test_a_choice_is_found_by_its_text() -> None:
    """An exact match wins; a third spelling of two choices that look alike names neither."""
    assert find_choice("YES!", ["yes", "no"]) == "yes"
    assert find_choice("A", ["a", "A"]) == "A"
    assert find_choice("A.", ["a", "A"]) is None
    assert find_choice(1.0, [1, 2]) == 1
    assert find_choice("1", [1, 2]) is None
    for answer, choices in ((">", ["<", "="]), ("", ["?", "yes"]), (".5", ["5", "50"]), (None, ["a"])):
        assert find_choice(answer, choices) is None


async def test_ballots_are_normalised_before_they_are_counted() -> None:
    """Three spellings are one answer; an unreadable one abstains; `said` keeps the original answers."""
    voters: Any = {
        "a": lambda q: "The answer is 42.",
        "b": lambda q: "$42$",
        "c": lambda q: 42,
        "d": lambda q: "41 or 42",
    }
    out = await create_voting(voters=voters, stop="all_votes", ballot={"normalise": "number"}).ainvoke(
        {"question": "?"}
    )
    verdict = out["verdict"]
    assert (verdict.choice, str(verdict.support), verdict.abstained) == (42, "3/3", 1)
    ballots = {ballot.voter: (ballot.status, ballot.choice, ballot.said) for ballot in out["ballots"]}
    assert ballots["a"] == ("cast", 42, "The answer is 42.")
    assert ballots["c"] == ("cast", 42, None)
    assert ballots["d"] == ("abstained", None, "41 or 42")
    assert out["ballots"][3].error == "'41 or 42' cannot be read as an answer"


async def test_choices_are_normalised_as_the_answers_are() -> None:
    """Otherwise no normalised answer would ever be a valid choice."""
    voters: Any = {"a": lambda q: "$5", "b": lambda q: "five", "c": lambda q: 5.0}
    graph = create_voting(voters=voters, choices=["5", "6"], stop="all_votes", ballot={"normalise": "number"})
    verdict = (await graph.ainvoke({"question": "?"}))["verdict"]
    assert (verdict.choice, str(verdict.support), verdict.abstained) == ("5", "2/2", 1)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("median", "'a' is not a number, which the rule needs"),
        ("borda", "'a' is not a list"),
        ("union", "'a' is not a list"),
    ],
)
async def test_a_ballot_of_another_kind_than_the_rule_needs_abstains(rule: str, message: str) -> None:
    """The ballot says why, and the verdict counts an abstention."""
    out = await create_voting(voters=[lambda q: "a"], rule=rule).ainvoke({"question": "?"})
    assert (out["verdict"].abstained, out["ballots"][0].status) == (1, "abstained")
    assert message in out["ballots"][0].error


async def test_a_normaliser_that_fails_is_an_abstention() -> None:
    """The reason is what the caller's function raises; items of lists are normalised one by one."""

    def strict(value: Any) -> Any:
        return {"ja": "yes", "nein": "no"}[value]

    voters: Any = {"a": lambda q: "ja", "b": lambda q: "vielleicht", "c": lambda q: "ja"}
    out = await create_voting(voters=voters, choices=["yes", "no"], ballot={"normalise": strict}).ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].choice, out["verdict"].abstained) == ("yes", 1)
    assert "cannot be normalised: KeyError: 'vielleicht'" in out["ballots"][1].error
    lists: Any = {"a": lambda q: ["Red", "blue."], "b": lambda q: ["RED"]}
    out = await create_voting(voters=lists, rule="union", ballot={"normalise": "text"}).ainvoke(
        {"question": "?"}
    )
    assert out["verdict"].choice == ["red", "blue"]


@pytest.mark.parametrize(
    "normalise",
    [lambda value: {value}, lambda value: (value,), lambda value: object(), lambda value: 10**5000],
    ids=["set", "tuple", "object", "huge"],
)
async def test_a_normaliser_that_returns_no_json_is_an_abstention(normalise: Any) -> None:
    """The calls are paid for: the answers are returned, with the problem."""
    out = await create_voting(voters=[lambda q: 1], ballot={"normalise": normalise}).ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].status, out["verdict"].abstained) == ("no_quorum", 1)
    assert "cannot be normalised" in out["ballots"][0].error


def test_an_async_normaliser_is_refused() -> None:
    """The error is raised when the graph is built, not at the first ballot."""

    async def normalise(value: Any) -> Any:
        return value

    with pytest.raises(UsageError, match="is async"):
        create_voting(voters=[len], ballot={"normalise": normalise})


async def test_integers_beyond_64_bits_survive_a_checkpoint() -> None:
    """They are what the voter said; those that Python cannot write in base 10 are texts in base 16."""
    voters: Any = {"a": lambda q: 10**30, "b": lambda q: [10**5000], "c": lambda q: "1e30"}
    graph = create_voting(
        voters=voters,
        stop="all_votes",
        checkpointer=InMemorySaver(),
        ballot={"normalise": lambda value: value},
    )
    out = await graph.ainvoke({"question": "?"}, {"configurable": {"thread_id": "big"}})
    assert [ballot.choice for ballot in out["ballots"]] == [10**30, [hex(10**5000)], "1e30"]


@pytest.mark.parametrize("weight", [-1, "0.1", 10**400, True], ids=lambda w: str(w)[:9])
async def test_a_ballot_with_an_invalid_weight_abstains(weight: Any) -> None:
    """It does not count with weight 1, which would be a guess."""
    voters: Any = {
        "a": lambda q: {"choice": "y", "weight": weight},
        "b": lambda q: {"choice": "n", "weight": 0.5},
    }
    out = await create_voting(voters=voters, rule="weighted").ainvoke({"question": "?"})
    assert (out["verdict"].choice, out["verdict"].abstained) == ("n", 1)


async def test_a_weight_beside_other_fields_is_part_of_the_choice() -> None:
    """An object that is itself the choice may have a field named `weight`."""
    parcel = {"weight": "2 kg", "to": "Rome"}
    verdict = (await create_voting(voters=[lambda q: parcel]).ainvoke({"question": "?"}))["verdict"]
    assert verdict.choice == parcel


async def test_an_object_with_a_verdict_of_another_kind_is_the_choice() -> None:
    """Only an object with a choice in its verdict is the output of a voting graph."""
    answer = {"verdict": {"text": "guilty"}}
    verdict = (await create_voting(voters=[lambda q: answer]).ainvoke({"question": "?"}))["verdict"]
    assert verdict.choice == answer


async def test_the_ballot_field_takes_precedence_over_a_verdict() -> None:
    """Only the output of a voting graph is read by its verdict, whatever the ballot field is called."""
    voters: Any = {"a": lambda q: {"choice": "yes", "verdict": {"a": 1}}}
    assert (await create_voting(voters=voters).ainvoke({"question": "?"}))["verdict"].choice == "yes"
    inner = create_voting(voters=[lambda q: "yes"])
    outer = create_voting(voters={"inner": inner}, ballot={"field": "label"})
    assert (await outer.ainvoke({"question": "?"}))["verdict"].choice == "yes"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Eiffel Tower", "eiffel  tower."),
        ("an apple", "Apple"),
        ("J. R. R. Tolkien", "j r r tolkien"),
        ("the \u201cLouvre\u201d", "'Louvre'"),
        ("(the) 42.", "42"),
    ],
)
def test_articles_case_and_punctuation_do_not_matter(one: str, other: str) -> None:
    """As in SQuAD's metric."""
    assert without_articles(one) == without_articles(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3.5", "35"),
        ("-5", "5"),
        ("5%", "5"),
        ("$5", "5"),
        ("C++", "C"),
        ("C#", "C"),
        ("A", "B"),
        ("the", "a"),
        ("theory", "ory"),
        ("10\u00b2", "102"),
    ],
)
def test_answers_that_mean_different_things_stay_different(one: str, other: str) -> None:
    """Where SQuAD's metric would make them equal, or empty."""
    assert without_articles(one) != without_articles(other)
    assert None not in (without_articles(one), without_articles(other))


@pytest.mark.parametrize(
    ("value", "read"), [("", None), (" ... ", None), (5, 5), (True, True), (["a"], ["a"])]
)
def test_what_has_no_words_is_no_answer(value: Any, read: Any) -> None:
    """What is not a text is left alone."""
    assert without_articles(value) == read
    assert as_normaliser("without_articles")(value) == read  # type: ignore[misc]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("5 km", 5),
        ("5km", 5),
        ("5 kilometres.", 5),
        ("**-1,200.50 km**", -1200.5),
        ("The answer is 3/4 km.", 0.75),
        ("km 5", 5),
        ("5", 5),
        (5.5, 5.5),
        ("0.12345678901234567891 km", "0.12345678901234567891"),
        ("5 m", None),
        ("5 KM", None),
        ("5 km/h", None),
        ("5 km\u00b2", None),
        ("5 km 300", None),
        ("5 km or 6 km", None),
        ("5 k", None),
        ("$5", None),
        ("5%", None),
        ("km", None),
        ("", None),
        (True, None),
        (None, None),
        ([5], None),
        (float("nan"), None),
    ],
    ids=readable,
)
def test_a_number_is_read_with_its_unit_or_without(said: Any, read: Any) -> None:
    """With any other unit it is not: five metres are not five kilometres."""
    assert without_units("km", "kilometres")(said) == read


def test_percent_and_currencies_are_units_if_they_are_named() -> None:
    """Before the number or after it; nothing is converted."""
    read = without_units("$", "USD", "US$")
    assert [read(said) for said in ("$5", "5 USD", "US$ 1,200", "\u20ac5", "5%")] == [5, 5, 1200, None, None]
    assert without_units("%")("12 %") == 12
    assert without_units("in", "in.")("5 in.") == 5


@given(st.integers(-(10**30), 10**30), st.sampled_from(["km", "m", "kilometres", "cm", "mm"]))
def test_only_the_named_units_are_read(size: int, unit: str) -> None:
    """Whatever the number; one unit may end like another."""
    for named in (["m"], ["km", "kilometres"], ["mm"]):
        assert without_units(*named)(f"{size} {unit}") == (size if unit in named else None)


@pytest.mark.parametrize("units", [(), ("",), (" ",), ("km", 5), ("m2",)])
def test_a_unit_that_is_none_is_refused(units: Any) -> None:
    """A digit in it could be taken for one of the number's."""
    with pytest.raises(UsageError, match="unit"):
        without_units(*units)
