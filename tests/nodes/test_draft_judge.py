"""Judges of the caller's: what counts as a score, and how functions are called."""

import functools
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from langgraph_parallel import Ask, agents, create_voting, rules
from langgraph_parallel.errors import InvalidAnswer, PromptError, UsageError
from langgraph_parallel.nodes.catalogue.draft_judge import DraftJudge, Score, read_score
from langgraph_parallel.nodes.catalogue.drafting import feedback_on
from langgraph_parallel.records import Draft, Section
from tests.support.ids import readable

DRAFTED = Section(id="s", title="score a", data={"task": "Do it."}, earlier={"a": "<a>"})


class Marked(BaseModel):
    """A record with a score."""

    score: float
    reason: str = ""


class Scalar:
    """A number of another library, such as NumPy's; or an array, which is none."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Scalar({self._value!r})"

    def __float__(self) -> float:
        return float(self._value)


@pytest.mark.parametrize(
    ("returned", "score"),
    [
        (7, 7),
        (-0.5, -0.5),
        (True, 1),
        (False, 0),
        (Decimal("0.25"), 0.25),
        (Fraction(1, 4), 0.25),
        (Scalar(0.5), 0.5),
        ({"score": 3}, 3),
        ({"score": True, "other": "ignored"}, 1),
        (Marked(score=2), 2),
        ({"graph": "voting", "verdict": {"choice": 4, "status": "decided"}}, 4),
        ({"graph": "sectioning", "result": 0.5, "missing": []}, 0.5),
        ({"graph": "sectioning", "result": {"score": 0.5}}, 0.5),
    ],
    ids=repr,
)
def test_numbers_and_what_holds_one_are_scores(returned: Any, score: float) -> None:
    """True and False count as 1 and 0."""
    assert read_score(returned) == Score(score=score, reasons=[])


@pytest.mark.parametrize(
    "returned",
    [
        None,
        math.nan,
        math.inf,
        10**400,
        "0.5",
        "good",
        [1],
        1j,
        Scalar("of several numbers"),
        {},
        {"score": None},
        {"score": "0.5"},
        {"score": math.nan, "feedback": "x"},
        {"Score": 1},
        {"graph": "voting", "verdict": {"choice": None, "status": "tied"}},
        {"graph": "voting", "verdict": {"choice": "yes", "status": "decided"}},
        {"graph": "sectioning", "result": "text"},
        {"graph": "review", "findings": [], "score": 3},
    ],
    ids=readable,
)
def test_anything_else_is_no_score(returned: Any) -> None:
    """The error says what was expected."""
    with pytest.raises(InvalidAnswer, match="expected a finite number, or a mapping with such a number"):
        read_score(returned)


def test_the_error_shows_what_was_returned_and_not_all_of_it() -> None:
    """A judge may return the draft, which may be long."""
    with pytest.raises(InvalidAnswer, match=r"the judge returned {'score': 'high'}; expected") as caught:
        read_score({"score": "high"})
    with pytest.raises(InvalidAnswer) as caught:
        read_score("x" * 10_000)
    assert len(str(caught.value)) < 400


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_mapping_has_the_score_of_its_number(number: float, feedback: str) -> None:
    """Feedback does not change it."""
    expected = read_score(number).score
    assert expected == number
    assert read_score({"score": number, "feedback": feedback}).score == expected


@pytest.mark.parametrize(
    ("returned", "reasons"),
    [
        ({"score": 1, "feedback": "too long"}, ["too long"]),
        ({"score": 1, "reason": "too long"}, ["too long"]),
        ({"score": 1, "feedback": "a", "reason": "b"}, ["a", "b"]),
        ({"score": 1, "feedback": "", "reason": None}, []),
        ({"score": 1, "feedback": ["a", "b"]}, ['["a", "b"]']),
        (Marked(score=1, reason="why"), ["why"]),
        ({"graph": "voting", "verdict": {"choice": 1}, "ballots": [{"rationale": "r"}] * 2}, ["r"]),
        ({"graph": "voting", "verdict": {"choice": 1}, "ballots": [{"rationale": None}]}, []),
    ],
    ids=readable,
)
def test_feedback_and_reasons_are_kept(returned: Any, reasons: list[str]) -> None:
    """Those of voters once each; what is no text is shown as JSON."""
    assert read_score(returned).reasons == reasons


def test_feedback_shows_the_score_and_each_reason() -> None:
    """For a drafter that improves the draft."""
    draft = Draft(id="a", text="x", score=0.125, judged=1, reasons=["too long", "dull"])
    assert feedback_on(draft) == "Score: 0.125\n- too long\n- dull"
    assert feedback_on(draft.model_copy(update={"reasons": []})) == "Score: 0.125"


class Called:
    """A judge that is an object."""

    def __call__(self, draft: str) -> str:
        """Show what it got."""
        return draft

    def both(self, task: str, draft: str) -> str:
        """Show what it got."""
        return f"{task}{draft}"


def later(task: str, draft: str, *, strict: bool = False) -> str:
    """Show what it got."""
    return f"{task}{draft}"


async def asynchronous(draft: str) -> str:
    """Show what it got."""
    return draft


CALLED: dict[str, tuple[Any, Any]] = {
    "both": (lambda task, draft: f"{task}{draft}", "Do it.<a>"),
    "the draft": (lambda draft: draft, "<a>"),
    "an option": (lambda draft, weight=2: draft * weight, "<a><a>"),
    "the draft by default": (lambda draft="": draft, "<a>"),
    "both by default": (lambda task="", draft="": f"{task}{draft}", "Do it.<a>"),
    "anything": (lambda *both: "".join(both), "Do it.<a>"),
    "one and the rest": (lambda task, *rest: f"{task}{rest[0]}", "Do it.<a>"),
    "an option by name": (later, "Do it.<a>"),
    "partial": (functools.partial(later, "Another."), "Another.<a>"),
    "object": (Called(), "<a>"),
    "method": (Called().both, "Do it.<a>"),
    "async": (asynchronous, "<a>"),
    "built in": (len, 3),
}
"""Functions, and what each returns."""


@pytest.mark.parametrize("name", CALLED)
async def test_a_function_is_called_with_what_it_takes(name: str) -> None:
    """The task and the draft, or the draft alone."""
    judge, got = CALLED[name]
    held = DraftJudge(judge)
    worker: Any = held.worker
    assert await worker.ainvoke(held.input(DRAFTED)) == got


def three(task: str, draft: str, more: str) -> float:
    """Take too much."""
    return 0.0


def keyword(draft: str, *, scale: float) -> float:
    """Require what no judge is given."""
    return 0.0


ASKED = Ask("Rate {draft}.", schema=Marked)


@pytest.mark.parametrize(
    ("judge", "message"),
    [
        (three, r"pass a function judge\(task, draft\) or judge\(draft\)"),
        (keyword, r"cannot be called with a task and a draft"),
        (lambda: 0, "cannot be called with a task and a draft"),
        ("openai:gpt-5", "judge is 'openai:gpt-5'; expected a function .* judge_model= with method='rubric'"),
        (5, "judge is 5; expected a function"),
        (rules.majority, "majority is not called"),
        (Ask("Rate {draft}."), "an Ask that answers a text; pass a schema"),
    ],
    ids=readable,
)
def test_what_cannot_judge_is_refused(judge: Any, message: str) -> None:
    """When the graph is built."""
    with pytest.raises(UsageError, match=message):
        DraftJudge(judge)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [("Rate {answer}.", "unknown variable {answer}"), ("Rate for {task}.", "lacks the variable {draft}")],
)
def test_a_prompt_that_does_not_show_the_draft_is_refused(prompt: str, message: str) -> None:
    """It would score nothing."""
    with pytest.raises(PromptError, match=message):
        DraftJudge(Ask(prompt, schema=Marked))


def test_each_kind_of_judge_has_its_input() -> None:
    """Graphs of this package get one text, the others the task and the draft; nested drafts their answer."""
    text = "The task:\n\nDo it.\n\nThe result:\n\n<a>"
    vote = create_voting(voters=[len])
    assert DraftJudge(vote).input(DRAFTED) == {"question": text}
    both = {"task": "Do it.", "draft": "<a>"}
    assert DraftJudge(ASKED).input(DRAFTED) == both
    assert DraftJudge(agents.adapt(vote)).input(DRAFTED) == both
    nested = DRAFTED.model_copy(update={"earlier": {"a": {"graph": "sectioning", "result": [1]}}})
    assert DraftJudge(len).input(nested) == {"task": "Do it.", "draft": [1]}
    assert DraftJudge(ASKED).input(nested)["draft"] == '{"graph": "sectioning", "result": [1]}'  # type: ignore[index]
