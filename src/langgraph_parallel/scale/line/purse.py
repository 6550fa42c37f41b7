"""What is left of a budget that several workers spend from. Pure, and in whole numbers, whose sums are exact.

A worker takes grants, and settles in bulk: it tells what it has spent of them, and what it holds of them
still. What all have spent and hold is never more than the budget. All that a worker holds that is gone counts
as spent: calls that it had reserved may have been made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph_parallel.runtime.granted_budget import NOTHING, Units, each

_PART = 4
"""A grant beyond need is at most an even part of the room for each worker, divided by this."""
_PART_AHEAD = 8
"""The sink is told of grants to come of at most the room divided by this, which is lost with the driver."""


@dataclass(slots=True)
class _Account:
    """Of one worker."""

    spent: Units = (0, 0, 0)
    """Of its grants."""
    held: Units = (0, 0, 0)
    """What it holds of its grants, reserved or not."""


@dataclass(slots=True)
class Purse:
    """A budget of calls, tokens and billionths of a US dollar; None for what is not limited."""

    most: tuple[int | None, int | None, int | None]
    spent: Units = (0, 0, 0)
    """By earlier commands, and by workers that are gone."""
    is_used: bool = False
    """Whether any worker has asked."""
    earlier: "Purse | None" = None
    """That of an earlier command, which may know more of it than `spent` says."""
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _told: Units = field(init=False)
    """What earlier commands had spent by `spent`."""

    def __post_init__(self) -> None:
        self._told = self.spent

    def untold(self) -> Units:
        """Return what the earlier purse has as spent and held, beyond what was told of earlier commands."""
        if self.earlier is None:
            return NOTHING
        return each(lambda taken, told: max(0, taken - told), self.earlier.taken(), self._told)

    def total_spent(self) -> Units:
        """Return what was spent, and settled; what workers of an earlier command still hold counts, too."""
        return _sum([self.spent, self.untold(), *(account.spent for account in self._accounts.values())])

    def total_held(self) -> Units:
        """Return what workers hold of their grants."""
        return _sum([account.held for account in self._accounts.values()])

    def taken(self) -> Units:
        """Return all that is spent and held."""
        return _sum([self.total_spent(), self.total_held()])

    def told(self) -> dict[str, Any]:
        """Return what a copy of it elsewhere has to know: what is spent and held, and whether it is used."""
        return {"spent": self.total_spent(), "held": self.total_held(), "is_used": self.is_used}

    def hear(self, told: dict[str, Any]) -> None:
        """Take over, in a copy, what the purse has told: one account stands for those of all workers."""
        spent = each(int.__sub__, _units(told["spent"]), self.spent)
        self._accounts[""] = _Account(spent, _units(told["held"]))
        self.is_used = bool(told["is_used"])

    def at_most(self, ahead: Units) -> Units:
        """Return what may be spent before anyone has to tell again: all that is spent and held, and more.

        Args:
            ahead: the more; it is as much again as is held at most, and a part of what is left of the budget.
        """
        taken, held = self.taken(), self.total_held()
        parts = [
            ahead[i] if most is None else min(ahead[i], max(0, most - taken[i]) // _PART_AHEAD)
            for i, most in enumerate(self.most)
        ]
        return each(int.__add__, taken, each(min, parts, held))

    def is_within(self, amount: Units) -> bool:
        """Return whether all that is spent and held is within an amount, of what is limited."""
        taken = self.taken()
        return all(most is None or taken[i] <= amount[i] for i, most in enumerate(self.most))

    def sync(self, worker: str, told: dict[str, Any]) -> dict[str, Any]:
        """Take in what a worker tells, and grant what it needs, if there is room.

        Args:
            worker: its name.
            told: what it has `spent` of its grants so far, and what it `held` when it told; what it `needs`
                at least, for one call, and what it would `like`.

        Returns:
            `granted`, which it holds from now on; `spent` by all; whether it is `tight`: then a worker holds
            nothing but what its calls have reserved.
        """
        self.is_used = True
        account = self._accounts.setdefault(worker, _Account())
        account.spent, account.held = _units(told["spent"]), _units(told["held"])
        spent, held = self.total_spent(), self.total_held()
        needs, like = _units(told["needs"]), _units(told["like"])
        granted = [0, 0, 0]
        rooms = [None if most is None else most - spent[i] - held[i] for i, most in enumerate(self.most)]
        if all(room is None or room >= need for room, need in zip(rooms, needs, strict=True)):
            for i, room in enumerate(rooms):
                wished = max(needs[i], like[i])
                part = wished if room is None else room // (_PART * len(self._accounts))
                granted[i] = max(needs[i], min(wished, part))
        account.held = _sum([account.held, granted])
        # Whoever holds more than all others could get has to share it.
        tight = any(room is not None and room - granted[i] < account.held[i] for i, room in enumerate(rooms))
        return {"granted": granted, "spent": list(spent), "tight": tight}

    def gone(self, worker: str) -> None:
        """Count all that a worker has spent and holds as spent."""
        if (account := self._accounts.pop(worker, None)) is not None:
            self.spent = _sum([self.spent, account.spent, account.held])


def _units(given: Sequence[int]) -> Units:
    calls, tokens, usd = given
    return int(calls), int(tokens), int(usd)


def _sum(all_units: Sequence[Sequence[int]]) -> Units:
    calls = tokens = usd = 0
    for one in all_units:
        calls, tokens, usd = calls + one[0], tokens + one[1], usd + one[2]
    return calls, tokens, usd
