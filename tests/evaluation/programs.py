"""Variants that tests compare: they are right as often as they say, by the text of the question."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from langgraph_parallel import create_voting


def answers(share: float, name: str) -> Callable[[str], str]:
    """Return a function that says yes to a share of questions, others than those of another name."""

    def answer(question: str) -> str:
        return "yes" if random.Random(f"{name} {question}").random() < share else "no"

    return answer


def weak(question: str) -> str:
    """Say yes to half of the questions."""
    return answers(0.5, "weak")(question)


def strong(question: str) -> str:
    """Say yes to nine of ten questions."""
    return answers(0.9, "strong")(question)


def right(answer: Any, expected: Any) -> bool:
    """Compare, as a scorer of the caller's."""
    return bool(answer == expected)


def items(number: int) -> list[Mapping[str, str]]:
    """Return questions to all of which yes is expected."""
    return [{"id": f"q{n}", "question": f"Is {n} a number?", "expected": "yes"} for n in range(number)]


def votes(voters: int, share: float = 0.7) -> Any:
    """Return a vote of voters that are each right as often."""
    panel = [answers(share, f"voter {n}") for n in range(voters)]
    return create_voting(voters=panel, choices=["yes", "no"])
