"""Rules compared with the implementations of crowd-kit and pref_voting, if these are installed."""

import importlib.util
import random
from collections.abc import Callable, Sequence

import pytest

from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.rules import Rule, borda, instant_runoff, schulze
from langgraph_parallel.reducers.votes.rules.dawid_skene import fit_dawid_skene

_MISSING = [name for name in ("crowdkit", "pref_voting") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.needs_oracles,
    pytest.mark.skipif(bool(_MISSING), reason=f"{', '.join(_MISSING)} not installed; CI has the group"),
    pytest.mark.filterwarnings("ignore"),  # of these libraries
]
NAMES = [0, 1, 2, 3]


def rankings(chance: random.Random, size: int) -> list[list[int]]:
    """Draw ballots that rank all candidates; some candidates are more often at the top."""
    return [sorted(NAMES, key=lambda name: name * 0.4 + chance.random()) for _ in range(size)]


def tally(ballots: Sequence[Sequence[int]]) -> Tally:
    """Build a tally of voters in the order of their ballots."""
    return Tally.of(
        Ballot(voter=f"v{i}", order=i, status="cast", choice=list(ranking))
        for i, ranking in enumerate(ballots)
    )


@pytest.mark.parametrize("rule", ["borda", "instant_runoff", "schulze"])
def test_ranked_rules_choose_among_the_winners_of_pref_voting(rule: str) -> None:
    """The winners are the same over 400 random elections of 2 to 9 voters, including ties."""
    from pref_voting.iterative_methods import instant_runoff as reference_instant_runoff
    from pref_voting.margin_based_methods import beat_path
    from pref_voting.profiles import Profile
    from pref_voting.scoring_methods import borda as reference_borda

    rules: dict[str, tuple[Callable[..., Rule], Callable[..., list[int]]]] = {
        "borda": (borda, reference_borda),
        "instant_runoff": (instant_runoff, reference_instant_runoff),
        "schulze": (schulze, beat_path),
    }
    make_rule, reference = rules[rule]
    ours = make_rule(candidates=NAMES)
    chance = random.Random(4)
    for _ in range(400):
        ballots = rankings(chance, chance.randint(2, 9))
        winners = set(reference(Profile(ballots)))
        verdict = ours(tally(ballots))
        best = verdict.counts[0].weight
        assert {count.choice for count in verdict.counts if count.weight == best} == winners
        assert verdict.choice in winners
        assert verdict.status == ("decided" if len(winners) == 1 else "tied")


def test_dawid_skene_agrees_with_crowd_kit() -> None:
    """The posteriors are the same, for voters of different skill that miss some questions."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    chance = random.Random(11)
    skill = {f"v{i}": 0.45 + 0.1 * i for i in range(5)}
    votes: list[dict[str, str]] = []
    for _ in range(120):
        truth = chance.choice("abc")
        votes.append(
            {
                voter: truth if chance.random() < accuracy else chance.choice("abc")
                for voter, accuracy in skill.items()
                if chance.random() < 0.85
            }
        )
    table = pd.DataFrame(
        [(i, voter, choice) for i, vote in enumerate(votes) for voter, choice in vote.items()],
        columns=["task", "worker", "label"],
    )
    reference = DawidSkene(n_iter=100, tol=0).fit_predict_proba(table)
    ours = fit_dawid_skene(votes)
    for i, posterior in enumerate(ours.posteriors):
        for choice in "abc":
            if posterior:
                assert posterior[canonical(choice)] == pytest.approx(reference.loc[i, choice], abs=0.01)
