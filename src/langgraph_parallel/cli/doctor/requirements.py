"""What installed packages require of each other, and whether it is there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

PACKAGE = "langgraph-parallel"


class Requirements(NamedTuple):
    """What this package requires."""

    core: Sequence[Requirement]
    extras: Mapping[str, Sequence[Requirement]]
    """By extra: what it requires beside the core."""

    @classmethod
    def read(cls) -> "Requirements":
        """Read the requirements from the metadata of the installed package."""
        found = distribution(PACKAGE)
        core = list(_required_by(PACKAGE, ()))
        names = found.metadata.get_all("Provides-Extra") or ()
        own = {name: [one for one in _required_by(PACKAGE, (name,)) if one not in core] for name in names}
        return cls(core, own)


class Fault(NamedTuple):
    """A requirement that is not met."""

    requirement: Requirement
    found: str | None
    """The version that is installed; None if there is none."""
    by: str
    """The package that requires it; empty for this one."""

    def __str__(self) -> str:
        """Say what was found, and what was expected."""
        needed = f" by {self.by}" if self.by else ""
        if self.found is None:
            return f"{self.requirement.name} is not installed{f'; required{needed}' if needed else ''}"
        return f"{self.requirement.name} is {self.found}; expected {self.requirement.specifier}{needed}"

    @property
    def wanted(self) -> str:
        """The requirement, as pip takes it in a shell."""
        extras = f"[{','.join(sorted(self.requirement.extras))}]" if self.requirement.extras else ""
        return f"'{self.requirement.name}{extras}{self.requirement.specifier}'"


def find_version(name: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    found = _find(name)
    return None if found is None else found.version


def find_faults(requirements: Iterable[Requirement]) -> list[Fault]:
    """Return the requirements that are not met, also those of what is required."""
    faults: list[Fault] = []
    open_ones = [(requirement, "") for requirement in requirements]
    seen = set[tuple[str, frozenset[str]]]()
    while open_ones:
        requirement, by = open_ones.pop(0)
        found = _find(requirement.name)
        if found is None or not requirement.specifier.contains(found.version, prereleases=True):
            faults.append(Fault(requirement, found.version if found else None, by))
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if found is not None and key not in seen:
            seen.add(key)
            extras = sorted(requirement.extras)
            open_ones += [(one, requirement.name) for one in _required_by(requirement.name, extras)]
    return faults


class _Installed(NamedTuple):
    """What is read of a package once: each property of a distribution parses all of its metadata."""

    version: str
    requires: Sequence[Requirement]


@cache
def _find(name: str) -> _Installed | None:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    requires = []
    for text in found.requires or ():
        with suppress(InvalidRequirement):  # of an old package, with a form of its own
            requires.append(Requirement(text))
    return _Installed(found.version, requires)


def _required_by(name: str, extras: Sequence[str]) -> Iterator[Requirement]:
    """Yield what a package requires here, with some of its extras."""
    found = _find(name)
    for requirement in found.requires if found is not None else ():
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            yield requirement
