"""How late answers come, by two clocks that have not begun together."""

from langgraph_parallel.runtime.lateness import Lateness


def test_an_answer_is_as_late_as_the_quickest_of_late_was_not() -> None:
    """Only differences of the two clocks matter; a quicker answer than all before is the new measure."""
    lateness = Lateness()
    came = [(900.0, 10.0), (901.0, 11.5), (902.0, 11.75), (903.0, 13.0)]
    assert [lateness.of(answered, here) for answered, here in came] == [0.0, 0.5, 0.0, 0.25]


def test_two_clocks_that_drift_apart_are_compared_anew() -> None:
    """An answer is never taken for late because another clock goes slower."""
    lateness = Lateness()
    assert lateness.of(0.0, 0.0) == 0.0
    assert lateness.of(29.0, 29.5) == 0.5
    assert lateness.of(31.0, 31.5) == 0.0
    assert lateness.of(32.0, 32.5) == 0.0
