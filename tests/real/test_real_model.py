"""A real small model behind llama.cpp's server answers the graphs: they end, and failures are honest.

Nothing is asserted of its wisdom. It has one slot and one thread, so everything waits in its line.
"""

from collections.abc import Iterator

import pytest

from langgraph_parallel import (
    Ask,
    Limits,
    Roster,
    create_labeling,
    create_moderation,
    create_review,
    create_sectioning,
    create_voting,
    split,
)
from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor.record import Diagnosis
from langgraph_parallel.runtime.limiter_registry import reset_limits
from tests.support.real_model import KEY, MODEL, real_model

pytestmark = pytest.mark.needs_real_model
CONTEXT = 1024
NAME = f"openai:{MODEL}"
LIMITS = Limits(call_timeout=60, attempts=2)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the model for the tests of this file."""
    with real_model(CONTEXT) as running:
        yield running


@pytest.fixture(autouse=True)
def environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the environment to the server."""
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY.get_secret_value())
    reset_limits()


async def test_votes_are_answered() -> None:
    """At least nine of ten ballots name a choice, and no request is lost in the line."""
    graph = create_voting(
        model=NAME,
        choices=["yes", "no"],
        voters=Roster(10, temperatures=[0.0]),
        wave="all",
        stop="all_votes",
        limits=LIMITS,
    )
    out = await graph.ainvoke({"question": "Is the sky blue on a clear day? Answer yes or no."})
    assert out["verdict"].asked == 10
    assert out["verdict"].cast >= 9, out["run_report"].failures
    assert out["run_report"].status != "failed"


async def test_labels_are_given() -> None:
    """At least nine of ten ballots on items name a label."""
    items = ["I love it.", "It broke.", "Great!", "I want my money back.", "Works well."]
    graph = create_labeling(
        labels=["praise", "complaint"],
        model=NAME,
        voters=Roster(2, temperatures=[0.0]),
        stop="all_votes",
        limits=LIMITS,
    )
    out = await graph.ainvoke({"items": items})
    cast = [choice for label in out["labels"] for choice in label.votes.values()]
    assert len(cast) == 10
    assert sum(choice is not None for choice in cast) >= 0.9 * len(cast), out["run_report"].failures


async def test_sections_are_worked_on() -> None:
    """A text of its own length: each section has a text, or a cause that names why not."""
    worker = Ask("Say in one short sentence what this is about:\n\n{content}", model=NAME, limits=LIMITS)
    graph = create_sectioning(planner=split.by_heading(), worker=worker)
    out = await graph.ainvoke({"content": "# Cats\nCats purr and sleep.\n\n# Dogs\nDogs bark and run."})
    assert len(out["branches"]) == 2
    for branch in out["branches"].values():
        assert branch.value if branch.ok else branch.cause in ("cut", "empty")


async def test_a_review_ends() -> None:
    """With findings that have lines, or with a cause."""
    graph = create_review(model=NAME, voters=1, aspects=["style"], engines=False, limits=LIMITS)
    out = await graph.ainvoke({"files": {"a.py": "import os\nos.system(input())\n"}})
    (branch,) = out["branches"].values()
    if branch.ok:
        assert out["review"] is not None
        assert all(finding.lines.first >= 1 for finding in out["findings"])
    else:
        assert out["run_report"].status == "failed"
        assert out["run_report"].failures


async def test_a_moderation_ends() -> None:
    """With a judgement, or with the admission that there is none."""
    graph = create_moderation(model=NAME, checks={"rude": "The text insults somebody."}, limits=LIMITS)
    out = await graph.ainvoke({"text": "Thank you, that was kind."})
    (outcome,) = out["moderation"].outcomes
    assert outcome.status in ("clean", "flagged", "undecided", "not_run")
    assert outcome.status != "not_run" or outcome.error


async def test_a_context_that_overflows_is_a_cause_of_its_own() -> None:
    """At once, with the size of the prompt, and the setting."""
    out = await create_voting(model=NAME, voters=1, limits=LIMITS).ainvoke({"question": "very long " * 1500})
    (branch,) = out["branches"].values()
    assert branch.cause == "context"
    assert "lower section_tokens" in branch.error
    assert f"({CONTEXT} tokens)" in branch.error


def test_the_doctor_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """llama.cpp answers, obeys a ceiling, gives records and one answer at a time."""
    assert run(["doctor", "--model", NAME, "--format", "json"]) == 0
    checks = {check.name: check for check in Diagnosis.model_validate_json(capsys.readouterr().out).checks}
    assert checks["answers"].status == "ok"
    assert checks["models"].value == {"listed": 1, "context_window": CONTEXT}
    assert checks["structured_output"].value["format"] == "json_schema"  # type: ignore[index, call-overload]
    assert checks["answer_ceiling"].value == {"max_completion_tokens": "yes", "max_tokens": "yes"}
    assert checks["n"].value in ("refused", "ignored")
    assert checks["streaming"].status == "ok"
