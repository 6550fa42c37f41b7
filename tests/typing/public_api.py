"""What people write, as mypy sees it. Nothing here runs."""

from typing import Any, assert_type

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langgraph_parallel import (
    Ask,
    Aspect,
    Judge,
    Limits,
    Section,
    Support,
    Verdict,
    create_review,
    create_sectioning,
    create_voting,
    majority,
    plan,
    split,
    synthesize,
    threshold,
    weighted,
)


class Risk(BaseModel):
    """An answer of one's own."""

    level: int


class Agent(TypedDict):
    """A foreign state."""

    files: dict[str, str]


async def summarise(section: Section) -> str:
    """An async worker."""
    return section.content


def voting() -> list[CompiledStateGraph[Any, Any, Any, Any]]:
    """Every way to make a vote."""
    return [
        create_voting(),
        create_voting(model="openai:gpt-5-mini", choices=["yes", "no"], voters=9, rule=threshold(0.7)),
        create_voting(models=["openai:a", "openai:b"], rule="majority"),
        create_voting(voters=[lambda question: "yes", Ask("{question}")], rule=majority(ties="none")),
        create_voting(voters={"a": summarise}, rule=weighted({"a": 2.0})),
        create_voting(schema=Risk, ballot="level", rule="median", limits=Limits(attempts=2)),
        create_voting(rule=Judge("openai:gpt-5-mini")),
    ]


def sectioning() -> list[CompiledStateGraph[Any, Any, Any, Any]]:
    """Every way to make sections."""
    return [
        create_sectioning(planner=split.by_heading(max_tokens=3000), worker=summarise),
        create_sectioning(
            planner=split.by_file(), worker=Ask("{content}"), synthesizer=synthesize.by_model()
        ),
        create_sectioning(planner=plan.by_model(most=4), worker=create_voting()),
        create_sectioning(planner=lambda content: [Section(id="1", title="a", content=content)], worker=len),
    ]


def review(builder: StateGraph[Agent]) -> None:
    """A review in a foreign graph."""
    aspects: list[str | Aspect] = ["security", Aspect(name="tone", title="Tone", criteria="Be kind.")]
    builder.add_node("review", create_review(model="openai:gpt-5-mini", aspects=aspects, voters=3))


def verdict(given: Verdict) -> None:
    """What a verdict holds."""
    assert_type(given.support, Support)
    assert_type(str(given.support), str)
    assert_type(given.decided, bool)
