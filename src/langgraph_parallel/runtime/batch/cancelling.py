"""Cancelling of batches that are in the ledger, with the model of the environment for its endpoint."""

from langgraph_parallel.errors import EndpointError, UsageError
from langgraph_parallel.runtime.batch.client import Client
from langgraph_parallel.runtime.batch.entries import Listed
from langgraph_parallel.runtime.batch.identity import scope_of
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import get_model
from langgraph_parallel.runtime.redact import in_words


async def cancel_remote(batch: Listed) -> str:
    """Cancel a batch at its endpoint; return its status there.

    Raises:
        UsageError: the environment has another endpoint or account than the batch.
        EndpointError: the endpoint refuses.
    """
    direct = Direct.of(await get_model(f"openai:{batch.model}"), {})
    if direct is None or scope_of(direct.connection, batch.model) != batch.scope:
        raise UsageError(
            f"the batch is at {batch.endpoint}, by another key or endpoint than OPENAI_API_KEY and "
            "OPENAI_BASE_URL name; set those that it was created with"
        )
    try:
        remote = await Client(direct.connection).cancel(batch.remote)
    except Exception as error:  # each with words of its own
        raise EndpointError(f"cannot cancel: {in_words(error)}") from error
    return str(remote.get("status"))
