"""Claims: what an outermost run has in the ledger of batches, and what becomes of it at its end."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.runtime.around import find_around
from langgraph_parallel.runtime.run import Run

_CHECKPOINTER = "__pregel_checkpointer"


@dataclass(eq=False)
class Claims:
    """The claims of one outermost run."""

    asker: tuple[str, ...] = ()
    """What a resumed run has in common with this one, and no other has: the thread, and the task of a graph
    around it."""
    thread: str = ""
    """Digest of that; empty without a thread."""
    at_end: list[Callable[[bool], None]] = field(default_factory=list)
    """Called with whether what the run has collected may be forgotten."""
    is_kept: bool = False
    """Whether the run may be resumed inside of a branch, or of a graph around it, which then asks the same
    again."""

    def end(self, collected: bool) -> None:
        """Give back what the run has claimed; forget its answers if it has collected what anybody needs."""
        for end in self.at_end:
            end(collected)


@contextmanager
def claiming(run: Run, config: RunnableConfig | None) -> Iterator[None]:
    """Let a run have claims, and give them back at its end.

    Args:
        run: to which they belong if it is an outermost one.
        config: it was called with.
    """
    if run.outer is not None:
        yield
        return
    claims = run.kept[Claims] = _claims_of(config)
    whole = False
    try:
        yield
        whole = not (claims.is_kept or run.starts_no_more())
    finally:
        around = find_around(config)
        if whole and around.hold is not None and claims.at_end:
            around.hold(claims.end)
        else:
            claims.end(whole)


def open_claims(run: Run, thread: str) -> Claims:
    """Let a run that no graph makes have claims; whoever makes it ends them.

    Args:
        run: an outermost one.
        thread: what it has in common with a later run that asks the same again.
    """
    claims = run.kept[Claims] = _claims_of({"configurable": {"thread_id": thread}})
    return claims


def claims_of(run: Run) -> Claims:
    """Return the claims of the outermost run around a call; those of a single call are empty."""
    claims = run.root.kept.get(Claims)
    return claims if isinstance(claims, Claims) else Claims()


def keep_claims(run: Run) -> None:
    """Keep the answers of a run at its end: it waits for a person, and its branches begin again."""
    if (claims := run.root.kept.get(Claims)) is not None:
        claims.is_kept = True


def _claims_of(config: RunnableConfig | None) -> Claims:
    if config is None or not config.get("configurable"):
        try:
            config = get_config()
        except RuntimeError:  # outside of any graph
            config = {}
    configurable: Mapping[str, Any] = config.get("configurable") or {}
    thread = str(configurable.get("thread_id") or "")
    # A graph of others around this one, which is resumed from its own checkpoints. Without them, the name of
    # its task is another one each time.
    around = str(configurable.get("checkpoint_ns") or "") if configurable.get(_CHECKPOINTER) else ""
    asker = (thread, around)
    digest = hashlib.sha256(repr(asker).encode()).hexdigest()[:32] if thread else ""
    return Claims(asker, digest, is_kept=bool(around))
