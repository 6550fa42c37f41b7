"""The voters that may be asked later: the end of a list, as a list would be, without a copy."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.reducers.votes.waves import Later

PLACES = st.none() | st.integers(-9, 9)
STEPS = st.none() | st.sampled_from([-2, -1, 1, 2])


class _Counted(list[str]):
    """A list that counts the voters that are read from it."""

    read = 0

    def __getitem__(self, place: Any) -> Any:
        self.read += 1
        return super().__getitem__(place)

    def __iter__(self) -> Iterator[str]:
        for voter in super().__iter__():
            self.read += 1
            yield voter


@given(st.lists(st.text(max_size=2), max_size=7), st.lists(st.integers(0, 4), max_size=3))
def test_it_is_the_end_of_the_list(voters: list[str], starts: list[int]) -> None:
    """However often the first voters are taken away, what is left has the voters of a list's end."""
    later, expected = Later(voters), voters
    for start in starts:
        later, expected = Later(later, start), expected[start:]
    assert [*later] == expected
    assert len(later) == len(expected)
    assert bool(later) is bool(expected)
    assert [voter in later for voter in voters] == [voter in expected for voter in voters]


@given(st.lists(st.text(max_size=2), max_size=7), st.integers(0, 4), PLACES, PLACES, STEPS)
def test_slices_are_those_of_a_list(
    voters: list[str], start: int, first: int | None, last: int | None, step: int | None
) -> None:
    """Every slice has the voters that the same slice of a list has."""
    assert [*Later(voters, start)[first:last:step]] == voters[start:][first:last:step]


@given(st.lists(st.text(max_size=2), min_size=1, max_size=7), st.data())
def test_places_are_those_of_a_list(voters: list[str], data: st.DataObject) -> None:
    """Every place, from either end, has the voter that it has in a list."""
    start = data.draw(st.integers(0, len(voters) - 1))
    place = data.draw(st.integers(start - len(voters), len(voters) - start - 1))
    assert Later(voters, start)[place] == voters[start:][place]


def test_a_wave_reads_only_its_own_voters() -> None:
    """Asking all voters one after another reads each of them once, however many are left."""
    voters = _Counted(f"v{number}" for number in range(50))
    later: Any = Later(voters)
    asked = []
    while later:
        asked += later[:1]
        later = later[1:]
    assert asked == list.copy(voters)
    assert voters.read == 50
