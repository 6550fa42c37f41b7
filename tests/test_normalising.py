"""Answers as they are counted: what means the same is one answer, and what cannot be read is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import create_voting
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.normalising import boxed, find_choice, normaliser_of, number, option, text


@pytest.mark.parametrize(
    ("said", "read"),
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
        ("", None),
        ("nan", None),
        ("1e9999", None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([1], None),
    ],
    ids=repr,
)
def test_a_number_is_read_however_it_is_written(said: Any, read: Any) -> None:
    """Or not at all: what could be two numbers, or is written in another country's way, is none."""
    assert number(said) == read
    assert type(number(said)) is type(read)


@pytest.mark.parametrize(
    ("said", "read"),
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
        ("", None),
        (2, None),
    ],
    ids=repr,
)
def test_an_option_is_its_letter(said: Any, read: Any) -> None:
    """A word that begins with a letter is no option."""
    assert option(said) == read


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (r"so \boxed{7}", "7"),
        (r"\boxed{1} no, \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\fbox{ x }", "x"),
        (r"\boxed{never closed", None),
        ("no box", None),
        (r"\boxed{}", None),
        (7, None),
    ],
    ids=repr,
)
def test_the_last_box_holds_the_answer(said: Any, read: Any) -> None:
    """Braces in it are matched."""
    assert boxed(said) == read


def test_text_is_compared_without_case_space_and_edges() -> None:
    """Inside of the text nothing is lost."""
    assert text("  \u201cThe  Moon.\u201d ") == "the moon"
    assert text("Stra\u00dfe") == text("STRASSE")
    assert text("a.b") == "a.b"
    assert text("...") is None
    assert text(3) == 3


@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(said: str) -> None:
    """Each is idempotent, and gives its kind of value or nothing."""
    for normalise in (text, number, option):
        once = normalise(said)
        assert once is None or normalise(once) == once


def test_normalisers_are_chained_and_may_be_functions() -> None:
    """None anywhere ends the chain; an unknown name is an error."""
    chain = normaliser_of(["boxed", "number", lambda value: value * 2])  # type: ignore[operator]
    assert chain is not None
    assert (chain(r"\boxed{21}"), chain("21"), chain(r"\boxed{x}")) == (42, None, None)
    assert normaliser_of(None) is None
    for wrong in ("words", ["number", "words"], []):
        with pytest.raises(UsageError, match=r"is no way to normalise|is empty"):
            normaliser_of(wrong)


def test_a_choice_is_found_by_its_text_if_it_is_one() -> None:
    """Exactly before loosely; where two choices look alike, a third spelling is neither."""
    assert find_choice("YES!", ["yes", "no"]) == "yes"
    assert find_choice("A", ["a", "A"]) == "A"
    assert find_choice("A.", ["a", "A"]) is None
    assert find_choice(1.0, [1, 2]) == 1
    assert find_choice("1", [1, 2]) is None


async def test_ballots_are_normalised_before_they_are_counted() -> None:
    """One answer in three spellings; what cannot be read abstains, and everybody's own words are kept."""
    voters: Any = {
        "a": lambda q: "The answer is 42.",
        "b": lambda q: "$42$",
        "c": lambda q: 42,
        "d": lambda q: "41 or 42",
    }
    out = await create_voting(voters=voters, normalise="number", stop="all_votes").ainvoke({"question": "?"})
    verdict = out["verdict"]
    assert (verdict.choice, str(verdict.support), verdict.abstained) == (42, "3/3", 1)
    said = {ballot.voter: (ballot.status, ballot.choice, ballot.said) for ballot in out["ballots"]}
    assert said["a"] == ("cast", 42, "The answer is 42.")
    assert said["c"] == ("cast", 42, None)
    assert said["d"] == ("abstained", None, "41 or 42")
    assert out["ballots"][3].error == "'41 or 42' could not be read as an answer"


async def test_a_normaliser_that_fails_is_an_abstention() -> None:
    """What the caller's function raises is the reason; items of lists are read one by one."""

    def strict(value: Any) -> Any:
        return {"ja": "yes", "nein": "no"}[value]

    voters: Any = {"a": lambda q: "ja", "b": lambda q: "vielleicht", "c": lambda q: "ja"}
    out = await create_voting(voters=voters, normalise=strict, choices=["yes", "no"]).ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].choice, out["verdict"].abstained) == ("yes", 1)
    assert "could not be normalised: KeyError: 'vielleicht'" in out["ballots"][1].error
    lists: Any = {"a": lambda q: ["Red", "blue."], "b": lambda q: ["RED"]}
    out = await create_voting(voters=lists, normalise="text", rule="union").ainvoke({"question": "?"})
    assert out["verdict"].choice == ["red", "blue"]
