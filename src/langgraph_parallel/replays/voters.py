"""The voters of a recorded vote, in the order in which they may be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import cast

from langgraph_parallel.records import Ballot
from langgraph_parallel.records.recorded_vote import RecordedBallot
from langgraph_parallel.records.run_record import RecordedBranch, RecordedGraph
from langgraph_parallel.replays.changes import Changes
from langgraph_parallel.replays.outline import Block, Poll, Request, Voter
from langgraph_parallel.replays.rules import VoteReader, ballots_of, is_heard

_USUAL_GAP = 0.003
"""Seconds of a superstep of LangGraph, where the record shows none."""
_USUAL_SPACING, _USUAL_CALL_LAG = 0.0002, 0.0005


def make_poll(
    row: RecordedGraph,
    path: tuple[str, ...],
    blocks: Mapping[str, Block],
    prepare: Mapping[str, float],
    changes: Changes,
    reader: VoteReader,
) -> Poll:
    """Return the voters of a vote.

    Args:
        row: of the vote.
        path: of the branch around it.
        blocks: of the voters that began, by name.
        prepare: seconds in which the client prepared their first request, by name.
        changes: that the vote is replayed under.
        reader: of how it counts.
    """
    vote = row.vote
    assert vote is not None
    ballots = {ballot.voter: ballot for ballot in ballots_of(vote)}
    counted = {ballot.voter: ballot for ballot in vote.ballots}
    kept = [ballots[ballot.voter] for ballot in vote.ballots if ballot.voter not in blocks]
    names = reader.voters(vote)
    orders = {name: order for order, name in enumerate(vote.voters)}
    for place, name in enumerate(names):
        orders.setdefault(name, place)
    usual = next((block for block in blocks.values() if _is_heard(block)), None)
    heard = {ballot.voter for ballot in kept}
    voters = [
        _voter(name, orders[name], blocks.get(name), usual, ballots.get(name), counted.get(name), prepare)
        for name in names
        if name not in heard
    ]
    gap, spacing, call_lag = _rhythm(row, [cast("RecordedBranch", block.row) for block in blocks.values()])
    chosen = [ballot for ballot in kept if ballot.voter in names]
    return Poll(row, vote, path, voters, chosen, gap, spacing, call_lag)


def _is_heard(block: Block) -> bool:
    row = block.row
    return isinstance(row, RecordedBranch) and row.ended_by is None and row.status is not None


def _voter(
    name: str,
    order: int,
    block: Block | None,
    usual: Block | None,
    ballot: Ballot | None,
    counted: RecordedBallot | None,
    prepare: Mapping[str, float],
) -> Voter:
    seconds = prepare.get(name, median(prepare.values()) if prepare else 0.0)
    if block is not None and _is_heard(block) and ballot is not None and counted and is_heard(ballot):
        lag = max(0.0, counted.at - block.row.ended)
        return Voter(name, order, block, ballot, seconds, lag)
    if block is not None and block.steps and not _is_heard(block):
        return Voter(name, order, block, None, seconds)
    return Voter(name, order, _made_up(usual, name), None, seconds)


def _made_up(usual: Block | None, name: str) -> Block | None:
    """Return the branch of a voter that was never asked, of which only its first request is known."""
    first = usual.steps[0] if usual is not None and usual.steps else None
    if usual is None or first is None or not isinstance(first.work, Request):
        return None
    request = Request(first.work.call, holds_slot=first.work.holds_slot, is_known=False, is_made_up=True)
    step = replace(first, work=request, after=(), cut_by=None)
    return replace(usual, steps=(step,), path=(*usual.path[:-1], name))


def _rhythm(row: RecordedGraph, branches: Sequence[RecordedBranch]) -> tuple[float, float, float]:
    """Return the seconds between waves, between voters of a wave, and from a ballot to a voter in turn."""
    vote = row.vote
    assert vote is not None
    gaps, spacings, lags = [], [], []
    ended, before = row.started, row.started
    told = sorted(ballot.at for ballot in vote.ballots if not ballot.kept)
    for place, branch in enumerate(sorted(branches, key=lambda branch: branch.started)):
        earlier = [at for at in told if at <= branch.started]
        if place and branch.started >= ended:
            gaps.append(branch.started - ended)
        elif place and earlier and earlier[-1] > before:
            lags.append(branch.started - earlier[-1])
        elif place:
            spacings.append(branch.started - before)
        ended, before = max(ended, branch.ended), branch.started
    first = min((branch.started for branch in branches), default=row.started) - row.started
    usual_gap = min(first, _USUAL_GAP) if first > 0 else _USUAL_GAP
    return (
        median(gaps or [usual_gap]),
        median(spacings or [_USUAL_SPACING]),
        median(lags or [_USUAL_CALL_LAG]),
    )
