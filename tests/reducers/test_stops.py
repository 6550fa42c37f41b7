"""Stops and waves. The exact stop is checked against every way in which a vote can go on."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.errors import UnknownStop, UsageError
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.votes.rules import (
    Rule,
    approval,
    as_counting,
    as_rule,
    at_least,
    ballot_form,
    borda,
    by_field,
    elementwise,
    first_valid,
    instant_runoff,
    majority,
    maximum,
    mean,
    median,
    minimum,
    mode,
    most_similar,
    pass_at,
    pass_power,
    schulze,
    threshold,
    trimmed_mean,
    unanimous,
    union,
    weighted,
)
from langgraph_parallel.reducers.votes.standing import PendingVoter, Standing
from langgraph_parallel.reducers.votes.stops import (
    Stop,
    adaptive,
    ahead_by,
    all_votes,
    as_stop,
    confident,
    decided,
    default_stops,
    no_new_findings,
    window,
)
from langgraph_parallel.reducers.votes.stops.probabilities import (
    chance_of_greatest_share,
    chance_to_keep_outcome,
    chance_to_win,
)
from langgraph_parallel.reducers.votes.waves import as_wave, next_wave
from tests.support.ids import readable

WEIGHTS = {"v0": 1.5, "v1": 0.5, "v2": 1.0, "v3": 0.25, "v4": 1.0, "v5": 0.0, "v6": 3.0}
NAMES = ["a", "b", "c"]
RULES: list[Rule] = [
    majority(),
    majority(ties="none"),
    majority(quorum=3),
    threshold(0.5),
    threshold(0.3),
    threshold(0.7, quorum=2),
    unanimous(),
    weighted(WEIGHTS),
    weighted(WEIGHTS, ties="none"),
    weighted({"v0": 2.0}),
    union(),
    union(2),
    union(3, quorum=2),
    approval(),
    approval(ties="none"),
    median(),
    median(quorum=3),
    mode(),
    maximum(),
    minimum(quorum=2),
    mean(),
    trimmed_mean(),
    at_least(1),
    at_least(2),
    at_least(4, 2, quorum=2),
    pass_at(1),
    pass_at(2),
    pass_at(3, quorum=4),
    pass_power(1),
    pass_power(3),
    elementwise("majority"),
    by_field("majority"),
    as_rule(max),
    borda(candidates=NAMES),
    borda(candidates=NAMES, ties="none"),
    borda(),
    instant_runoff(candidates=NAMES),
    schulze(candidates=NAMES),
    schulze(candidates=NAMES, quorum=3),
    first_valid(),
    first_valid(quorum=2),
    most_similar(),
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: repr(rule)[:60])
STOPS: list[Stop] = [
    all_votes(),
    decided(),
    confident(),
    confident(0.8),
    adaptive(0.8),
    adaptive(0.8, "dirichlet"),
    ahead_by(2),
    window(2),
    no_new_findings(2),
    decided() | ahead_by(3),
    confident(0.7) & ahead_by(2),
    (window(3) | ahead_by(2)) & confident(0.6),
]
every_stop = pytest.mark.parametrize("stop", STOPS, ids=readable)


def possible_answers(rule: Rule) -> Sequence[JsonValue]:
    """Return the answers that make a difference under a rule; None is no answer."""
    match ballot_form(rule):
        case "one":
            return ["a", "b", "c", None]
        case "number":
            return [1, 2, 7, None]
        case "score":
            return [True, False, 2, 0.5, None]
        case "items":
            return [["a", "b"], ["a", "a"], ["b"], [], None]
        case "fields":
            return [{"x": "a"}, {"x": "b", "y": "a"}, {}, None]
        case "list":
            return [[], ["a"], ["b"], ["a", "b"], ["c"], None]
        case "ranking":
            return [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"], ["b"], [], None]


def cast(order: int, choice: JsonValue) -> Ballot:
    """Build the ballot of voter v<order>; None has failed."""
    status: Any = "failed" if choice is None else "cast"
    return Ballot(voter=f"v{order}", order=order, status=status, choice=choice)


def tally(*choices: JsonValue) -> Tally:
    """Build ballots of v0, v1 and so on; None has failed."""
    return Tally.of(cast(i, choice) for i, choice in enumerate(choices))


def endings(heard: Tally, pending: Sequence[int], answers: Sequence[JsonValue]) -> Iterator[Tally]:
    """Yield every way in which a vote can go on."""
    for choices in product(answers, repeat=len(pending)):
        yield heard | Tally.of(cast(order, c) for order, c in zip(pending, choices, strict=True))


def pending_voters(orders: Sequence[int]) -> list[PendingVoter]:
    """Return the voters v<order> as still to be heard."""
    return [PendingVoter(f"v{order}", order) for order in orders]


@st.composite
def votes(draw: st.DrawFn, answers: Sequence[JsonValue]) -> tuple[Tally, list[int]]:
    """Draw a vote in progress: the ballots so far, of any voters, and at most three voters to come."""
    size = draw(st.integers(1, 7))
    order = draw(st.permutations(range(size)))
    to_come = draw(st.integers(0, min(3, size)))
    heard = Tally.of(cast(voter, draw(st.sampled_from(answers))) for voter in order[to_come:])
    return heard, sorted(order[:to_come])


@every_rule
@settings(max_examples=120)
@given(data=st.data())
def test_a_decided_vote_has_one_choice_whatever_comes(rule: Rule, data: st.DataObject) -> None:
    """Whenever the exact stop fires, every further ballot or failure leaves the choice unchanged."""
    answers = possible_answers(rule)
    heard, pending = data.draw(votes(answers))
    remaining = pending_voters(pending)
    if decided()(heard, remaining, rule):
        choice = rule(heard).choice
        assert all(rule(ending).choice == choice for ending in endings(heard, pending, answers))


@pytest.mark.parametrize(
    "rule",
    [
        majority(),
        majority(ties="none"),
        weighted(WEIGHTS),
        threshold(0.6),
        unanimous(),
        median(),
        at_least(2),
    ],
)
@settings(max_examples=120)
@given(data=st.data())
def test_the_exact_stop_misses_no_certain_vote(rule: Rule, data: st.DataObject) -> None:
    """Where it does not fire, two ways to go on end differently."""
    answers = [
        *possible_answers(rule),
        *([f"new {i}" for i in range(3)] if ballot_form(rule) == "one" else [0, 1.5, 9]),
    ]
    heard, pending = data.draw(votes(possible_answers(rule)))
    remaining = pending_voters(pending)
    if not decided()(heard, remaining, rule):
        reached = {repr(rule(ending).choice) for ending in endings(heard, pending, answers)}
        worthless = isinstance(rule, weighted) and not any(WEIGHTS[voter.voter] for voter in remaining)
        assert len(reached) > 1 or worthless or not rule(heard).cast


@settings(max_examples=150)
@given(data=st.data())
def test_where_ties_matter_a_decided_vote_cannot_end_in_one(data: st.DataObject) -> None:
    """The status is certain as well as the choice."""
    answers = possible_answers(majority())
    heard, pending = data.draw(votes(answers))
    remaining = pending_voters(pending)
    if remaining and decided().fires(Standing.of(heard, remaining, majority(), ties_matter=True)):
        assert {majority()(ending).status for ending in endings(heard, pending, answers)} == {"decided"}


def sequence(rule: Rule, seed: int, size: int = 7) -> list[Ballot]:
    """Return the ballots of seven voters, of which most agree."""
    chance = random.Random(seed)
    answers = list(possible_answers(rule))
    favourite = chance.choice(answers)
    return [cast(i, favourite if chance.random() < 0.5 else chance.choice(answers)) for i in range(size)]


def run(ballots: Sequence[Ballot], rule: Rule, stop: Stop, wave: Any) -> tuple[int, int]:
    """Return the calls and rounds of a vote in waves."""
    standing = Standing(as_counting(rule), tuple(PendingVoter(b.voter, b.order) for b in ballots))
    calls = rounds = 0
    while size := next_wave(wave, stop, standing):
        for ballot in ballots[calls : calls + size]:
            standing = standing.hear(ballot)
        calls, rounds = calls + size, rounds + 1
    return calls, rounds


@every_stop
@every_rule
def test_lossless_waves_make_the_calls_of_one_voter_at_a_time(rule: Rule, stop: Stop) -> None:
    """This holds under every rule and stop, over 150 votes, in at most as many rounds."""
    for seed in range(150):
        ballots = sequence(rule, seed)
        calls, rounds = run(ballots, rule, stop, "lossless")
        one_by_one, _ = run(ballots, rule, stop, 1)
        assert calls == one_by_one, seed
        assert rounds <= calls


@pytest.mark.parametrize(
    ("stop", "waves"),
    [(decided(), [5, 2]), (ahead_by(3), [3, 2, 2]), (all_votes(), [9]), (window(4), [4, 4])],
    ids=readable,
)
def test_a_wave_is_as_large_as_can_be(stop: Stop, waves: list[int]) -> None:
    """Of nine voters, the third and fourth disagree with the rest."""
    ballots = [cast(i, choice) for i, choice in enumerate("aabbaaaaa")]
    standing = Standing(majority(), tuple(PendingVoter(b.voter, b.order) for b in ballots))
    sizes: list[int] = []
    while size := next_wave("lossless", stop, standing):
        for ballot in ballots[sum(sizes) : sum(sizes) + size]:
            standing = standing.hear(ballot)
        sizes.append(size)
    assert sizes == waves


def test_waves_of_a_number_and_of_all() -> None:
    """A number is capped by the voters to come; `all` is all of these; without any, the wave is 0."""
    five = Standing(majority(), tuple(PendingVoter(f"v{i}", i) for i in range(5)))
    assert [next_wave(wave, decided(), five) for wave in (2, 9, "all", "lossless")] == [2, 5, 5, 3]
    assert next_wave("all", decided(), Standing(majority())) == 0
    assert [as_wave(wave) for wave in ("all", "lossless", 1)] == ["all", "lossless", 1]
    for invalid in (0, -1, "some", True, None, 1.5):
        with pytest.raises(UsageError, match="expected 'lossless', 'all', or an integer of at least 1"):
            as_wave(invalid)


@pytest.mark.parametrize(
    ("stop", "votes", "to_come", "fires"),
    [
        (decided(), "aa", 1, True),
        (decided(), "aa", 2, True),  # a new choice could only draw level, and would lose the tie
        (decided(), "ab", 1, False),
        (decided(), "aab", 1, True),
        (decided(), "baa", 1, False),  # b has the earlier voter, and would win the tie
        (decided(), "aaab", 2, True),
        (decided(), "", 3, False),
        (confident(0.98), "aaa", 6, False),
        (confident(0.95), "aaa", 6, True),
        (confident(0.98), "aaaaaaabb", 11, True),  # in a final draw the earlier a would win
        (confident(0.98), "baaaaaaab", 11, False),  # here it would lose
        (confident(), "aaa", 6, True),  # 0.95 by default, of nine
        (confident(), "aaaa", 36, False),  # 0.98 by default, of forty
        (adaptive(), "aaa", 30, False),
        (adaptive(), "aaaa", 30, True),
        (adaptive(), "aaaaab", 30, False),
        (adaptive(), "aaaaaab", 30, True),
        (adaptive(), "aaaaaaabb", 30, False),
        (adaptive(), "aaaaaaaabb", 30, True),
        (adaptive(), "aaaaaaaabbb", 30, False),
        (adaptive(), "aaaaaaaaabbb", 30, True),
        (ahead_by(2), "aab", 9, False),
        (ahead_by(2), "aaba", 9, True),
        (window(3), "abbb", 9, False),  # the second window is not complete
        (window(3), "abcbbb", 9, True),
        (window(2), "aab", 9, True),  # the first window stays equal, whenever the stop is asked
        (all_votes(), "aaaa", 1, False),
    ],
    ids=readable,
)
def test_each_stop_fires_where_its_source_says(stop: Stop, votes: str, to_come: int, fires: bool) -> None:
    """For `adaptive` at 0.95 the leader needs 4 votes against 0, 6 against 1, 8 against 2, 9 against 3."""
    assert stop(tally(*votes), to_come) is fires


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.sampled_from([0, Fraction(1, 2), 1]))
def test_the_chance_to_stay_ahead_is_that_of_polyas_urn(
    lead: int, behind: int, to_come: int, draw: Fraction
) -> None:
    """The beta-binomial equals drawing the ballots one after another."""

    def chance(a: int, b: int, m: int) -> Fraction:
        if not m:
            return Fraction(draw) if a == b else Fraction(a > b)
        return (Fraction(a + 1) * chance(a + 1, b, m - 1) + Fraction(b + 1) * chance(a, b + 1, m - 1)) / (
            a + b + 2
        )

    assert chance_to_win(lead, behind, to_come, Fraction(draw)) == chance(lead, behind, to_come)


def test_the_dirichlet_criterion_is_that_of_simulated_shares() -> None:
    """It matches samples of gamma variables, and the beta criterion for two choices."""
    chance = random.Random(7)
    for counts in [(3, 1), (4, 2, 2), (2, 2, 1, 1), (9, 5, 1)]:
        samples = [[chance.gammavariate(count + 1, 1) for count in counts] for _ in range(20_000)]
        share = sum(max(sample) == sample[0] for sample in samples) / len(samples)
        assert chance_of_greatest_share(counts) == pytest.approx(share, abs=0.015)
    assert adaptive(0.95, "dirichlet")(tally(*"aaaa"), 9)
    assert not adaptive(0.95, "dirichlet")(tally(*"aaa"), 9)
    assert not adaptive(0.95, "dirichlet")(tally(), 9)


def test_union_stops_when_nothing_new_is_named() -> None:
    """It looks at ballots in a row, in the voters' order; failed ones are skipped."""
    stop, rule = no_new_findings(2), union()
    assert not stop(tally(["a"], ["b"], ["a"]), 5, rule)
    assert stop(tally(["a"], ["b"], ["a"], []), 5, rule)
    assert stop(tally(["a"], ["a"], None, ["a"]), 5, rule)
    assert not stop(tally(["a"], ["a"], ["a"], ["new"]), 5, rule)


def test_weights_tell_a_confident_stop_what_is_still_to_come() -> None:
    """Two heavy voters that agree outweigh seven light ones to come; without weights they do not."""
    light = [PendingVoter(f"light{i}", i + 2) for i in range(7)]
    heavy = weighted({"v0": 5.0, "v1": 5.0} | {voter.voter: 0.5 for voter in light})
    assert confident(0.95)(tally("a", "a"), light, heavy)
    assert not confident(0.95)(tally("a", "a"), light)
    assert not confident(0.95)(tally("a", "b"), light, heavy)


def test_weights_measure_the_lead_even_where_all_to_come_weigh_one() -> None:
    """A ballot so far may weigh ten or a tenth, so that the number of ballots would mislead."""
    ones = [PendingVoter(f"w{i}", i + 3) for i in range(5)]
    rule = weighted({"v0": 10.0, "v1": 0.1, "v2": 0.1} | {voter.voter: 1.0 for voter in ones})
    assert confident(0.95)(tally("a", "b", "b"), ones, rule)
    assert not confident(0.95)(tally(None, "b", "b"), ones, rule)


@every_rule
@settings(max_examples=40)
@given(data=st.data())
def test_confident_fires_wherever_the_vote_is_decided(rule: Rule, data: st.DataObject) -> None:
    """It never waits for a choice that is certain."""
    heard, pending = data.draw(votes(possible_answers(rule)))
    remaining = pending_voters(pending)
    assert confident(0.99)(heard, remaining, rule) or not decided()(heard, remaining, rule)


def test_failures_are_never_evidence() -> None:
    """Any number of failures leaves a stop that looks at the leader unchanged."""
    for stop in (confident(0.8), adaptive(0.8), ahead_by(2), window(2)):
        assert stop(tally("a", "a", None, None), 9) == stop(tally("a", "a"), 9)
        assert not stop(tally(None, None, None), 9)


@every_stop
def test_no_stop_fires_short_of_the_quorum(stop: Stop) -> None:
    """A vote that ended there would have no choice. A lossless wave reaches the quorum at once."""
    rule = majority(quorum=6)
    assert not stop(tally(*"aaaaa"), 1, rule)
    assert stop.fewest(Standing.of(tally("a"), 9, rule)) >= 5


small = st.integers(0, 5)


@given(small, small, small, small, st.sampled_from(["1", "0.7", "0.5"]))
def test_confident_of_a_share_is_certain_of_the_outcome(
    lead: int, behind: int, others: int, to_come: int, share: str
) -> None:
    """It equals drawing ballots for the two leading choices, and applying the rule at the end."""
    least, lead, behind = Fraction(share), max(lead, behind), min(lead, behind)
    cast = lead + behind + min(others, behind)

    def outcome(a: int, b: int, n: int) -> int:
        return 1 if a >= least * n and a > b else 2 if b >= least * n and b > a else 0

    def chance(a: int, b: int, m: int) -> Fraction:
        if not m:
            return Fraction(outcome(a, b, cast + to_come) == (outcome(lead, behind, cast) == 1))
        first, second = chance(a + 1, b, m - 1), chance(a, b + 1, m - 1)
        return ((a + 1) * first + (b + 1) * second) / (a + b + 2)

    if cast:
        assert chance_to_keep_outcome(lead, behind, cast, to_come, least) == chance(lead, behind, to_come)


def test_confident_goes_by_the_share_under_a_threshold() -> None:
    """Four of four may not become seven tenths of nine; and a threshold does not go by a lead."""
    rule = threshold(0.7)
    assert confident(0.95)(tally(*"aaaa"), 5)
    assert not confident(0.95)(tally(*"aaaa"), 5, rule)
    assert confident(0.95)(tally(*"aaaaaa"), 3, rule)
    assert confident(0.95)(tally("a", "b"), 1, unanimous())
    for stop in (ahead_by(3), adaptive(), window(3)):
        with pytest.raises(UsageError, match="with weights or a threshold confident"):
            stop.check(rule)
    confident().check(rule)


@pytest.mark.parametrize("rule", [union(), median(), trimmed_mean(), borda()], ids=lambda rule: rule.name)
def test_stops_that_count_votes_do_not_fit_rules_that_do_not(rule: Rule) -> None:
    """The most frequent number is not the median, so that such a stop would change the answer."""
    for stop in (confident(), adaptive(), ahead_by(2), window(2), decided() | ahead_by(2)):
        with pytest.raises(UsageError, match=f"{rule.name} does not decide by that"):
            stop.check(rule)
    for stop in (decided(), all_votes()):
        stop.check(rule)
    with pytest.raises(UsageError, match="use it with union or approval"):
        no_new_findings(2).check(majority())
    for fitting in default_stops(rule):
        fitting.check(rule)


def test_weights_are_not_counted_as_votes() -> None:
    """Three light voters that agree are three ballots ahead, and may weigh less than the next one."""
    rule = weighted(WEIGHTS)
    for stop in (adaptive(), ahead_by(2), window(2)):
        with pytest.raises(UsageError, match=r"weighted does not decide by that; .* with weights"):
            stop.check(rule)
    assert [str(stop) for stop in default_stops(rule)] == ["decided()", "confident()"]


def test_every_stop_keeps_the_quorum_of_a_callers_rule() -> None:
    """A rule without `settled` may still have a quorum."""

    class Own:
        name = "own"
        quorum = 3

        def __call__(self, tally: Tally) -> Any:
            return majority()(tally)

    assert not decided()(tally("a", "a", "a"), 1, Own())
    assert not ahead_by(1)(tally("a", "a"), 5, Own())
    assert ahead_by(1)(tally("a", "a", "a"), 5, Own())


def test_stops_compose() -> None:
    """`|` fires with either, `&` with both; the text keeps brackets, and can be read back."""
    either, both = ahead_by(3) | window(2), ahead_by(3) & window(2)
    assert (either(tally("a", "a"), 9), both(tally("a", "a"), 9)) == (True, False)
    assert both(tally("a", "a", "a", "a"), 9)
    nested = (ahead_by(3) | window(2)) & confident(0.9)
    assert str(nested) == "(ahead_by(3) | window(2)) & confident(0.9)"
    for stop in [*STOPS, nested]:
        assert str(as_stop(str(stop))) == str(stop)


def test_a_stop_is_read_from_text() -> None:
    """Names and literals are read; nothing in the text is executed."""
    assert isinstance(as_stop("decided"), decided)
    assert str(as_stop("confident(p=0.9)|ahead_by(3)")) == "confident(0.9) | ahead_by(3)"
    for invalid in ("decidd", "__import__('os')", "ahead_by(", "ahead_by(k)", "ahead_by()", "", 3):
        with pytest.raises(UnknownStop, match=r"is not a stop; choose one of adaptive, ahead_by"):
            as_stop(invalid)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (ahead_by, (0,), "k is 0; expected an integer of at least 1"),
        (window, (1.5,), r"w is 1\.5; expected an integer of at least 1"),
        (no_new_findings, (-1,), "n is -1; expected an integer of at least 1"),
        (confident, (0.5,), "above 0.5 and below 1"),
        (confident, (1,), "above 0.5 and below 1"),
        (adaptive, (2,), "above 0.5 and below 1"),
        (adaptive, (0.9, "gamma"), "choose beta or dirichlet"),
    ],
    ids=readable,
)
def test_a_number_out_of_range_is_an_error(make: Any, arguments: tuple[Any, ...], message: str) -> None:
    """The error is raised at construction, and says what is expected."""
    with pytest.raises(UsageError, match=message):
        make(*arguments)


def test_all_voters_are_heard_under_a_callers_rule() -> None:
    """A rule without `settled` may change until the end; other stops count its ballots as `majority` does."""

    class Last:
        name = "last"

        def __call__(self, tally: Tally) -> Any:
            return majority()(tally)

    assert not decided()(tally("a", "a", "a"), 1, Last())
    assert decided()(tally("a", "a", "a"), 0, Last())
    assert ahead_by(2)(tally("a", "a"), 5, Last())
