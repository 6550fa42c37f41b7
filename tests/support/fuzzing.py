"""What fuzz targets share: how long they run, inputs that are nearly valid, and what an error has to be."""

import os
import re
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from langgraph_parallel.errors import ParallelError

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""Seconds for each target; 0 for a fixed number of inputs, which are the same in every run."""
_EXAMPLES = 150
_EXAMPLES_A_SECOND = 2000
"""More than any target tries, so that the time ends a long run."""
_CLASS_NAME = re.compile(r"\b[A-Z]\w*(?:Error|Exception|Warning)\b|<class |Traceback|\bat 0x[0-9a-f]{6}")
_MAX_MESSAGE = 2_000
"""Characters of a message, beyond those of the input that it quotes."""

P = ParamSpec("P")
T = TypeVar("T")


def fuzz(
    target: Callable[P, None], *, examples: int = _EXAMPLES, deadline: int | None = None
) -> Callable[P, None]:
    """Bound a fuzz target: a fixed number of inputs, or `FUZZ_SECONDS` of random ones.

    Applied below `@given`.

    Args:
        target: the test.
        examples: number of inputs without `FUZZ_SECONDS`.
        deadline: milliseconds for each input; None for no limit.
    """
    ends: list[float] = []

    @wraps(target)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> None:
        if SECONDS:
            ends[:] = ends or [time.monotonic() + SECONDS]
            if time.monotonic() > ends[0]:
                return
        target(*args, **kwargs)

    return settings(
        max_examples=int(SECONDS * _EXAMPLES_A_SECOND) if SECONDS else examples,
        derandomize=not SECONDS,
        deadline=deadline,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )(bounded)


def result_or_error(
    read: Callable[[], T], *errors: type[Exception], one_line: bool = True, quoted: int = 0
) -> T | None:
    """Return a result, or None after one clear error of this package; any other exception is a failure.

    Args:
        read: the reader, with its input.
        errors: those that it documents; by default any of this package.
        one_line: whether the message has to be a single line.
        quoted: characters of the input that the message may quote.
    """
    expected = errors or (ParallelError,)
    try:
        return read()
    except expected as error:
        check_message(str(error), one_line=one_line, quoted=quoted)
        return None


def check_message(message: str, *, one_line: bool = True, quoted: int = 0) -> None:
    """Check that a message is for people: there is one, of bounded length, without names of classes."""
    assert message.strip(), "the error says nothing"
    assert not one_line or "\n" not in message, message
    assert len(message) <= _MAX_MESSAGE + quoted, f"{len(message)} characters: {message[:200]}"
    assert _CLASS_NAME.search(message) is None, message


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str], tokens: Sequence[str]) -> str:
    """Draw a valid text, and change it in a few places: cut, repeat, insert a token or any characters."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        inserted: str = draw(
            st.one_of(
                st.sampled_from(tokens),
                st.text(max_size=4),
                st.just(""),
                st.just(text[start:end] * 2),
                st.builds(
                    lambda token, times: token * times, st.sampled_from(tokens), st.sampled_from([3, 200])
                ),
            )
        )
        text = text[:start] + inserted + text[end:]
    return text


JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(2**63), 2**63]),
    st.floats(),
    st.text(max_size=12),
)


def json_values(keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Return a strategy of JSON data whose objects have these keys."""
    return st.recursive(
        JSON_SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )
