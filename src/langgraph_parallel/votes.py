"""Votes beyond one graph: ballots, normalisers, agreement, and what a history says about voters."""

from langgraph_parallel.nodes.vote.ballots import BallotFormat
from langgraph_parallel.reducers.votes.agreement import Agreement, agreement
from langgraph_parallel.reducers.votes.calibration import Calibration, calibrate
from langgraph_parallel.reducers.votes.normalise import without_articles, without_units
from langgraph_parallel.reducers.votes.panels.appraising import appraise
from langgraph_parallel.reducers.votes.replay import Replay, replay
from langgraph_parallel.reducers.votes.rules.dawid_skene import DawidSkene, fit_dawid_skene

__all__ = [
    "Agreement",
    "BallotFormat",
    "Calibration",
    "DawidSkene",
    "Replay",
    "agreement",
    "appraise",
    "calibrate",
    "fit_dawid_skene",
    "replay",
    "without_articles",
    "without_units",
]
