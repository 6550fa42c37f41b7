"""The record of a run equals the server's own log, whatever happens to the run."""

import os
from pathlib import Path

import pytest

from tests.support.recorded_runs import RandomRun, check_record
from tests.support.server import ModelServer

RUNS = int(os.environ.get("RECORDED_RUNS", "12"))


@pytest.mark.parametrize("seed", range(RUNS))
async def test_a_record_equals_the_log_of_the_server(
    seed: int, server: ModelServer, model: str, tmp_path: Path
) -> None:
    """Calls, tokens and dollars are the server's, and waits and work add up, for a random run."""
    check_record(await RandomRun(seed, server, tmp_path).run(model))
