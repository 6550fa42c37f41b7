"""Hypothesis strategies for records.

Names come from small sets, so that records share keys; otherwise the merge laws would test nothing. Numbers
are finite, so that equal records compare equal.
"""

from typing import get_args

from hypothesis import strategies as st
from pydantic import JsonValue

from langgraph_parallel.records import (
    SEVERITIES,
    STATUSES,
    Ballot,
    BallotStatus,
    Branch,
    Call,
    Claim,
    Lines,
    Tally,
    Usage,
)

NOT_CAST: tuple[BallotStatus, ...] = tuple(status for status in get_args(BallotStatus) if status != "cast")

statuses: st.SearchStrategy[BallotStatus] = st.sampled_from(get_args(BallotStatus))
voters = st.sampled_from(["ann", "ben", "cas", "dee", "eve"])
seconds = st.floats(min_value=0, max_value=100)

choices: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(),
    st.sampled_from(["yes", "no", "1", True, 1, 1.0, 2, 2.5]),
    st.lists(st.sampled_from(["x", "y", "z"]), max_size=3),
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, 2, "a", None])),
)

_words = st.sampled_from(["query", "user", "input", "unescaped", "leak", "handle", "timeout", "retry"])
wordings = st.lists(_words, min_size=1, max_size=5).map(" ".join)


@st.composite
def ballots(
    draw: st.DrawFn,
    voter: st.SearchStrategy[str] = voters,
    status: st.SearchStrategy[BallotStatus] = statuses,
) -> Ballot:
    """Draw a ballot of any status; one that is not cast may still hold a choice."""
    name = draw(voter)
    return Ballot(
        voter=name,
        order=sum(map(ord, name)) % 7,
        status=draw(status),
        choice=draw(choices),
        weight=draw(st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0, 3.0])),
        confidence=draw(st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0])),
        attempt=draw(st.integers(1, 3)),
    )


def ballot_lists(status: BallotStatus | None = None) -> st.SearchStrategy[list[Ballot]]:
    """Return a strategy for lists of ballots, at most one for each voter."""
    any_ballot = ballots(status=st.just(status)) if status else ballots()
    return st.lists(any_ballot, max_size=5, unique_by=lambda ballot: ballot.voter)


tallies: st.SearchStrategy[Tally] = st.lists(ballots(), max_size=6).map(Tally.of)

usages: st.SearchStrategy[Usage] = st.builds(
    Usage, input_tokens=st.integers(0, 10**9), output_tokens=st.integers(0, 10**9)
)


@st.composite
def calls(draw: st.DrawFn, call_id: str | None = None) -> Call:
    """Draw a call with one of few ids."""
    started = draw(seconds)
    return Call(
        id=call_id or draw(st.sampled_from(["c1", "c2", "c3"])),
        kind=draw(st.sampled_from(["model", "engine", "worker"])),
        target="model",
        started=started,
        ended=started + draw(seconds),
        attempt=draw(st.integers(1, 3)),
        ok=draw(st.booleans()),
        throttled=draw(st.booleans()),
        usage=draw(usages),
    )


@st.composite
def branches(draw: st.DrawFn, branch_id: str | None = None) -> Branch:
    """Draw a branch with one of few ids."""
    name = branch_id or draw(st.sampled_from(["b1", "b2", "b3"]))
    return Branch(
        id=name,
        name=f"work {name}",
        order=0,
        status=draw(st.sampled_from(STATUSES)),
        value=draw(choices),
        error=draw(st.none() | st.sampled_from(["Error: a", "Error: b"])),
        attempt=draw(st.integers(1, 3)),
        started=draw(seconds),
        ended=draw(seconds),
        calls=draw(st.lists(calls(), max_size=2)),
    )


@st.composite
def call_maps(draw: st.DrawFn) -> dict[str, Call]:
    """Draw calls by id, as stored in a channel."""
    ids = draw(st.sets(st.sampled_from(["c1", "c2", "c3"])))
    return {name: draw(calls(name)) for name in sorted(ids)}


@st.composite
def branch_maps(draw: st.DrawFn) -> dict[str, Branch]:
    """Draw branches by id, as stored in a channel."""
    ids = draw(st.sets(st.sampled_from(["b1", "b2", "b3"])))
    return {name: draw(branches(name)) for name in sorted(ids)}


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """Draw a claim from few voters, files, lines and words, so that some claims mean the same."""
    voter, source = draw(
        st.sampled_from(
            [
                ("model#1", "model#1 (gpt)"),
                ("model#2", "model#2 (gpt)"),
                ("model#3", "model#3 (gpt)"),
                ("engines", "ruff"),
                ("engines", "bandit"),
            ]
        )
    )
    first = draw(st.integers(1, 12))
    return Claim(
        voter=voter,
        source=source,
        aspect=draw(st.sampled_from(["security", "style"])),
        path=draw(st.sampled_from(["a.py", "b.py"])),
        lines=Lines(first=first, last=first + draw(st.integers(0, 2))),
        severity=draw(st.sampled_from(SEVERITIES)),
        message=draw(wordings),
        suggestion=draw(st.just("") | wordings),
        rule=draw(st.none() | st.sampled_from(["S608", "F401"])),
        quote=draw(st.sampled_from(["", "run(query)"])),
        doubt=draw(st.none() | st.just("the quote is not in the file")),
    )


claim_lists: st.SearchStrategy[list[Claim]] = st.lists(claims(), max_size=8)
