"""Two processes of the service, with Redis: they share runs, events and limits."""

from pathlib import Path

import pytest

from tests.support.databases import NEEDS_REDIS, REDIS
from tests.support.served import Served, votes
from tests.support.server import ModelServer, Reply

pytestmark = NEEDS_REDIS


def test_two_processes_share_limits_and_events(
    monkeypatch: pytest.MonkeyPatch, server: ModelServer, prices: None, tmp_path: Path
) -> None:
    """Runs of one are watched and cancelled at the other; together they have as many requests as one may."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CONCURRENCY", "4")
    server.always(Reply(delay=0.02))
    votes(server, "release", "release", "release", delay=0.02)
    with Served(tmp_path, redis=REDIS) as one, Served(tmp_path, redis=REDIS) as other:
        runs = [(one.begin(), other), (other.begin(), one), (one.begin(), other), (other.begin(), one)]
        for id, watched in runs:
            kinds = [event["event"] for _, event in watched.events(id)]
            assert (kinds.count("begun"), kinds.count("called"), kinds[-1]) == (1, 9, "over")
        assert 2 <= server.most_in_flight <= 4
        server.always(Reply(hang=True))
        hanging = one.begin()
        server.wait(lambda s: s.hanging == 4)
        for process in (one, other):
            process.as_("acme-key").post(f"/runs/{hanging}/cancel")
        server.wait(lambda s: s.in_flight == 0)
        other.reach(hanging, "cancelled")
