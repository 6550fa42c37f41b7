"""What a flight needs of its lane."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from langgraph_parallel.runtime.batch.client import Client
from langgraph_parallel.runtime.batch.item import Item
from langgraph_parallel.runtime.batch.ledger import Ledger

if TYPE_CHECKING:
    from langgraph_parallel.runtime.batch.flight import Flight


class Station(Protocol):
    """A lane, as a flight sees it."""

    ledger: Ledger
    token: str

    async def dispatch(self, items: Iterable[Item], client: Client) -> None:
        """Plan requests anew: they are known to the ledger, or go into a new batch."""
        ...

    async def until_room(self, seconds: float) -> None:
        """Wait until another batch has ended, at most for some seconds."""
        ...

    def renamed(self, before: str, flight: "Flight") -> None:
        """Note that a flight has another id."""
        ...
