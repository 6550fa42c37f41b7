"""Ending a fan-out early: each branch is told once, however many end after it."""

from contextlib import ExitStack

import pytest

from langgraph_parallel.completion import min_success
from langgraph_parallel.records import Branch, EndedBy
from langgraph_parallel.runtime.bound import Bound
from langgraph_parallel.runtime.early_end import Watch
from langgraph_parallel.runtime.fan_out import FanOut


class Told(Bound):
    """A bound that counts how often it is told to end."""

    times = 0

    def end(self, by: EndedBy, why: str, *, after: float = 0.0) -> None:
        """Count."""
        self.times += 1


@pytest.mark.parametrize("by_policy", [True, False], ids=["policy", "race"])
async def test_branches_are_told_once_that_they_are_not_needed(by_policy: bool) -> None:
    """Of 20 branches the first is enough; those that end after it tell the others nothing again."""
    fan_out = FanOut(min_success(1) if by_policy else None)
    fan_out.open_policy(20, 0)
    heard: list[str] = []

    def is_over(branch: Branch) -> str:
        heard.append(branch.id)
        return "enough"

    if not by_policy:
        fan_out.race(Watch(is_over))
    bounds = [Told() for _ in range(20)]
    fan_out.bounds.update(dict.fromkeys(bounds))
    for number in range(20):
        fan_out.ended(Branch(id=f"b{number}", name="b", order=number, status="ok"))
    assert [bound.times for bound in bounds] == [1] * 20
    assert len(heard) == (0 if by_policy else 20)
    late = Told()
    fan_out.admit(late, planned=True)
    assert late.times == 1


@pytest.mark.parametrize("by_policy", [True, False], ids=["policy", "race"])
async def test_branches_are_ended_in_the_order_in_which_they_began(by_policy: bool) -> None:
    """So do their records and events come, in each run."""
    told: list[int] = []

    class Numbered(Bound):
        """A bound that says which it is."""

        number = 0

        def end(self, by: EndedBy, why: str, *, after: float = 0.0) -> None:
            """Note the number."""
            told.append(self.number)

    fan_out = FanOut(min_success(1) if by_policy else None)
    fan_out.open_policy(20, 0)
    if not by_policy:
        fan_out.race(Watch(lambda branch: "enough"))
    with ExitStack() as stack:
        for number in range(20):
            bound = Numbered(among=fan_out.bounds)
            bound.number = number
            stack.enter_context(bound)
        fan_out.ended(Branch(id="b", name="b", order=0, status="ok"))
    assert told == [*range(20)]
    assert not fan_out.bounds
