"""What bounds the batch lane itself: times, sizes, and the place of its ledger."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from langgraph_parallel.runtime.limits import PREFIX, Limits

FOLDER = f"{PREFIX}BATCHES"
"""Variable of the environment: the folder of the ledger."""
COMPLETIONS = "/v1/chat/completions"
"""What is asked in batches."""
WINDOW = "24h"
"""Within which the endpoint has to answer."""
MARK = "langgraph_parallel"
"""Key in the metadata of a batch, whose value is its id in the ledger."""
KEPT = 7 * 86_400.0
"""Seconds for which the ledger keeps what nobody has asked for again."""


@dataclass
class Bounds:
    """Times in seconds, and sizes of files; OpenAI's by default."""

    quiet: float = 1.0
    """Without a new call, after which what was gathered is sent."""
    longest_gathering: float = 60.0
    """After which it is sent although calls still come."""
    most_requests: int = 50_000
    """In one file."""
    most_bytes: int = 190_000_000
    """In one file; OpenAI takes 200 MB."""
    first_poll: float = 2.0
    """After which a batch is looked at; the pauses then grow by a third."""
    longest_poll: float = 60.0
    settle: float = 10.0
    """Given to a batch that is cancelled for a deadline, to say what it has answered."""
    late_creation: float = 30.0
    """For which the creation of a batch may still be under way after its connection broke; the time limit of
    the request after that has passed, if it is longer."""
    first_pause: float = 1.0
    """Before a request to the Batch API is repeated; doubled each time."""
    longest_pause: float = 60.0
    file_attempts: int = 8
    """Requests for one step of the Batch API, where they fail for a reason that may pass."""


def sections_at_once(limits: Limits) -> int:
    """Return the most branches in one step of LangGraph: each step in the batch lane may take a day."""
    is_lifted = limits.lane == "batch" and "max_sections" not in limits.model_fields_set
    return sys.maxsize if is_lifted else limits.max_sections


bounds = Bounds()
"""Those of this process; tests shorten them."""


def ledger_folder() -> Path:
    """Return the folder of the ledger: what the environment names, else in the user's state directory."""
    if named := os.environ.get(FOLDER, "").strip():
        return Path(named)
    if home := os.environ.get("XDG_STATE_HOME", "").strip():
        return Path(home) / "langgraph-parallel" / "batches"
    state = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    return Path.home() / state / "langgraph-parallel" / "batches"
