"""Identity of a request in a batch: what is asked of whom, and who asks.

It is the same when a run is resumed on its thread, or the same command is started again; it differs between
the branches of a run, and between accounts.
"""

import hashlib
import json

from langgraph_parallel.runtime.account import account_digest
from langgraph_parallel.runtime.batch.claims import claims_of
from langgraph_parallel.runtime.kept_answers import branch_path
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.transport import Connection

_ACCOUNT = ("authorization", "api-key", "openai-organization", "openai-project")
"""Headers that say whose calls these are."""


def scope_of(connection: Connection, model: str) -> str:
    """Return a digest of the endpoint, the account and the model."""
    account = account_digest({name: str(connection.headers.get(name) or "") for name in _ACCOUNT})
    return _digest([connection.base, model, account or ""])[:16]


def key_of(scope: str, run: Run, body: bytes) -> str:
    """Return a digest of a request and of who asks.

    Args:
        scope: of the request.
        run: in which it is asked.
        body: JSON.
    """
    return _digest([scope, *claims_of(run).asker, *branch_path()], body)


def _digest(parts: list[str], body: bytes = b"") -> str:
    hashed = hashlib.sha256(json.dumps(parts).encode())
    hashed.update(body)
    return hashed.hexdigest()[:32]
