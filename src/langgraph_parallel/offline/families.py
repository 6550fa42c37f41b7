"""Families of engines: which engines judge an aspect, and with how many votes.

Engines of one family agree by construction: ruff re-implements bandit's rules, and reports the same code on
the same line. Separate votes would count one opinion twice, so a family has one vote.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from langgraph_parallel.offline.engines import BANDIT, DLINT, RUFF, VULTURE, Engine


class Seat(NamedTuple):
    """An engine in a family, with the rules that it applies."""

    engine: Engine
    select: tuple[str, ...] = ()
    """Prefixes of the engine's own codes; empty for all."""
    ignore: tuple[str, ...] = ()
    """Prefixes of selected codes to leave out."""

    def applies(self, code: str) -> bool:
        """Return whether the engine applies the rule with this code in this seat.

        >>> Seat(RUFF, ("F",), ("F401",)).applies("F841"), Seat(RUFF, ("F",)).applies("FURB101")
        (True, False)
        """
        return _selects(self.select, code) and not (self.ignore and _selects(self.ignore, code))


@lru_cache(maxsize=4096)  # asked for each hit of an engine, by each aspect
def _selects(prefixes: tuple[str, ...], code: str) -> bool:
    """Return whether a code has one of these prefixes, and their letters; no prefix stands for all codes."""
    letters = code.rstrip("0123456789")
    return not prefixes or any(code.startswith(p) and p.rstrip("0123456789") == letters for p in prefixes)


class Family(NamedTuple):
    """Engines that share one vote on one aspect."""

    name: str
    seats: tuple[Seat, ...]
    scope: tuple[str, ...]
    """Prefixes of the canonical rules about which its silence means no. Of others it clears constructs one by
    one (`cleared`), and its silence means nothing: see there."""
    tests_only: bool = False
    """Whether it judges only test files."""


_STYLE = (
    "C901", "E711", "E712", "E713", "E714", "E721", "E722", "E731", "E741", "F401", "F841",
    "N801", "N802", "N803", "N806", "PLR0911", "PLR0912", "PLR0913", "PLR0915",
)  # fmt: skip
_CORRECTNESS = ("F", "B", "PLE", "ASYNC")
_PERFORMANCE = ("PERF", "C4", "FURB")
_TESTS = ("B011", "B015", "B017", "F631", "PLR0124", "PT011", "PT012", "PT015", "PT017")
_DOCUMENTATION = ("D100", "D101", "D102", "D103", "D417", "D419")

FAMILIES: dict[str, tuple[Family, ...]] = {
    "security": (
        Family("bandit", (Seat(BANDIT), Seat(RUFF, ("S",))), ()),
        Family("dlint", (Seat(DLINT),), ()),
    ),
    "correctness": (Family("ruff", (Seat(RUFF, _CORRECTNESS, ("F401", "F841")),), _CORRECTNESS),),
    "performance": (Family("ruff", (Seat(RUFF, _PERFORMANCE),), _PERFORMANCE),),
    "style": (
        Family("ruff", (Seat(RUFF, _STYLE),), _STYLE),
        Family("vulture", (Seat(VULTURE),), ("ARG001", "unreachable-code", "unused-code")),
    ),
    "tests": (Family("ruff", (Seat(RUFF, _TESTS),), _TESTS, tests_only=True),),
    "documentation": (Family("ruff", (Seat(RUFF, _DOCUMENTATION),), _DOCUMENTATION),),
}
"""Families by aspect. No engine judges an aspect of the user's own."""

ENGINES: tuple[Engine, ...] = (RUFF, BANDIT, DLINT, VULTURE)

ACCEPTED = "the code marks this line as accepted"
UNREAD_MARK = "the code marks this line as accepted by noqa, which bandit does not read"
IN_TESTS = "tests use assert; bandit reports it there too"
"""Why a claim of an engine is in doubt. A gate passes only what the first one says (see `UPHELD`)."""
UPHELD = ("bandit",)
"""Engines whose claims a single silent voter cannot outvote: people run them as a gate of their own, and ours
must not pass what theirs would stop."""

BLIND_SPOTS = (
    "They match known patterns: they find about one in fifty logic errors, and do not see missing checks, "
    "wrong conditions, untested behaviour or incorrect documentation."
)


def families_for(aspect: str) -> list[Family]:
    """Return the families that judge an aspect, with their installed engines only."""
    families = []
    for family in FAMILIES.get(aspect, ()):
        seats = tuple(seat for seat in family.seats if seat.engine.installed)
        if seats:
            families.append(family._replace(seats=seats))
    return families


def installed_engines() -> Sequence[str]:
    """Return the names of the installed engines."""
    return [engine.name for engine in ENGINES if engine.installed]
