"""The further waves of a vote, asked in the task of LangGraph's that the first one has (`fan_out.bundle`)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.nodes.fan_out.bundle import Further, bundle_of
from langgraph_parallel.nodes.fan_out.scatter import Router
from langgraph_parallel.nodes.fan_out.taken_up import read_state
from langgraph_parallel.nodes.fan_out.task import SentTask
from langgraph_parallel.nodes.vote.nodes import ask_next, in_state
from langgraph_parallel.nodes.vote.poll import Poll, VoteSettings
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.context import VotingContext, as_context, current_context

_CHANNELS = ("question", "voters", "branches", "asking")


class _FurtherWaves:
    """Asks the voters after a wave as the tally does.

    Args:
        settings: of the vote.
        scatter: the edge from the tally to the voters.
        config: of the voters' node.
    """

    def __init__(self, settings: VoteSettings, scatter: Router, config: RunnableConfig) -> None:
        self._scatter, self._config = scatter, config
        self._state = {**read_state(config, _CHANNELS)}
        self._state["branches"] = dict(self._state.get("branches") or {})
        context = as_context(current_context(), VotingContext)
        self._poll = Poll.of(settings, self._state["voters"], context)

    def after(self, ended: Mapping[str, Branch]) -> Sequence[SentTask]:
        """Return what is sent to the voters of the next wave; nothing once the vote is over.

        Args:
            ended: the voters of the wave before.
        """
        self._state["branches"] |= ended
        asking = ask_next(self._poll, self._state)
        if not asking["wave"]:
            return []
        self._state["asking"] = asking
        return bundle_of(self._scatter(self._state, self._config))

    @property
    def update(self) -> Mapping[str, Any]:
        """What the tally finds in the state besides the branches: who was asked last."""
        return {"asking": in_state(self._state["asking"])}


def further_waves(settings: VoteSettings, scatter: Router) -> Callable[[RunnableConfig], Further]:
    """Build what asks the waves after a bundle.

    Args:
        settings: of the vote.
        scatter: the edge from the tally to the voters.
    """
    return partial(_FurtherWaves, settings, scatter)
