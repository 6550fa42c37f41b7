"""What prompts with common prefixes cost, against a cache that is simulated block by block."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel.runtime.prefix_cost import (
    Begins,
    Billed,
    CacheRates,
    expected_bill,
    levels,
    tokens_of,
)

RATES = st.builds(
    CacheRates,
    read=st.sampled_from([0.1, 0.25, 0.5, 1.0]),
    write=st.sampled_from([1.0, 1.25]),
    minimum=st.sampled_from([16, 64]),
    block=st.sampled_from([4, 8]),
)


@st.composite
def families(draw: st.DrawFn) -> list[Begins]:
    """Prompts of a common text, of groups below it, and of their own: as a nested review has them."""
    outer = draw(st.integers(0, 200))
    inner = draw(st.lists(st.integers(0, 60), min_size=1, max_size=4))
    prompts = []
    for group, size in enumerate(inner):
        for _ in range(draw(st.integers(1, 4))):
            own = draw(st.integers(0, 30))
            prefixes = [("outer", outer), (("inner", group), outer + size)]
            prompts.append(Begins(outer + size + own, prefixes))
    return prompts


def brute_force(prompts: list[Begins], rates: CacheRates) -> Billed:
    """Bill prompt by prompt, block by block, by a cache that holds blocks of led prefixes."""
    cache: set[tuple[object, int]] = set()
    full = read = written = 0
    for prompt in prompts:
        chosen = [prompt.prefixes[i] for i in levels([n for _, n in prompt.prefixes], prompt.tokens, rates)]
        blocks: list[tuple[object, int]] = []
        for digest, size in chosen:
            whole = size // rates.block if size >= rates.minimum else 0
            blocks += [(digest, number) for number in range(len(blocks), whole)]
        hits = next((i for i, block in enumerate(blocks) if block not in cache), len(blocks))
        cache.update(blocks)
        read += hits * rates.block
        written += (len(blocks) - hits) * rates.block
        full += prompt.tokens - len(blocks) * rates.block
    return Billed(full, read, written)


@given(families(), RATES)
def test_the_bill_is_that_of_a_cache_of_blocks(prompts: list[Begins], rates: CacheRates) -> None:
    """Tokens that are read, written and billed in full, whatever the prompts have in common."""
    assert expected_bill(prompts, rates) == brute_force(prompts, rates)


@given(families(), RATES, st.randoms())
def test_the_bill_does_not_depend_on_the_order(
    prompts: list[Begins], rates: CacheRates, random: object
) -> None:
    """Who leads is left to chance, and costs the same where prompts are of one size."""
    alike = [prompt._replace(tokens=400) for prompt in prompts]
    shuffled = list(alike)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert expected_bill(alike, rates) == expected_bill(shuffled, rates)


@given(families(), RATES)
def test_no_token_is_lost_and_none_is_billed_twice(prompts: list[Begins], rates: CacheRates) -> None:
    """All rates together bill the tokens that there are, and with free writes never more than in full."""
    billed, tokens = expected_bill(prompts, rates), sum(prompt.tokens for prompt in prompts)
    assert billed.tokens == tokens
    assert min(billed) >= 0
    assert billed.at(rates._replace(write=1.0)) <= tokens


@given(st.lists(st.integers(0, 20_000), max_size=6), st.integers(0, 30_000), RATES)
def test_levels_are_long_enough_and_save_something(sizes: list[int], more: int, rates: CacheRates) -> None:
    """Each is a prefix that the provider keeps, and adds at least two blocks to the one before."""
    sizes.sort()
    chosen = levels(sizes, (sizes[-1] if sizes else 0) + more, rates)
    kept = [0, *(rates.blocks(sizes[index]) for index in chosen)]
    assert all(after - before >= 2 * rates.block for before, after in pairwise(kept))
    assert not chosen or rates.read < 1


@pytest.mark.parametrize(
    ("sizes", "tokens", "chosen"),
    [
        ([10_000, 10_150], 10_200, [0]),
        ([10_000, 10_700], 10_800, [0, 1]),
        ([1023], 1100, []),
        ([1024], 1100, [0]),
        ([1024], 40_000, []),
        ([200, 1100], 1200, [1]),
        ([], 5000, []),
    ],
    ids=[
        "short aspect",
        "long aspect",
        "too short",
        "just long enough",
        "not worth it",
        "second alone",
        "none",
    ],
)
def test_which_levels_are_led(sizes: list[int], tokens: int, chosen: list[int]) -> None:
    """The shortest that the provider keeps, and longer ones that save much of what is left."""
    assert levels(sizes, tokens, CacheRates()) == chosen


def test_bills_of_panels() -> None:
    """Nine voters over a long document pay for two, as do three with writes at 1.25 for a leader more."""
    free, paid = CacheRates(), CacheRates(write=1.25)
    nine = [Begins(10_100, [("document", 10_000)])] * 9
    assert expected_bill(nine, free).at(free) <= 1.9 * 10_100
    assert expected_bill(nine[:3], paid).at(paid) < expected_bill(nine[:3], free).at(free) + 0.25 * 10_000
    assert expected_bill([], free) == Billed()


def test_tokens_are_rather_too_few() -> None:
    """A prefix that is not kept is led in vain."""
    assert tokens_of(4096) == 1024
    assert tokens_of(4095) == 1023
