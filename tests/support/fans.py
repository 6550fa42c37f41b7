"""Fan-outs to test with: flat ones, and sections whose worker is a vote."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from langgraph_parallel import Ask, Section, create_sectioning, create_voting
from tests.support.server import ModelServer

WORDS = "Number {}: is water wet?"


def numbered(n: int) -> Callable[[str], list[Section]]:
    """A planner that makes n sections, whatever the content."""

    def by_number(content: str) -> list[Section]:
        return [Section(id=str(i), title=str(i), content=WORDS.format(i)) for i in range(n)]

    return by_number


def flat(n: int, model: str, **options: Any) -> Any:
    """One call for each of n sections."""
    return create_sectioning(planner=numbered(n), worker=Ask("{content}", model=model), **options)


def nested(sections: int, voters: int, model: str, **options: Any) -> Any:
    """A vote for each section, in which everybody is heard."""
    vote = create_voting(
        model=model, prompt="{question}", choices=["yes", "no"], voters=voters, stop="all_votes", name="v"
    )
    return create_sectioning(planner=numbered(sections), worker=vote, **options)


GIVEN = {"content": "go"}
YES = {"rationale": "", "choice": "yes", "confidence": None}


def prompts(server: ModelServer) -> Counter[str]:
    """How often each prompt came."""
    return Counter(request.prompt for request in server.requests)
