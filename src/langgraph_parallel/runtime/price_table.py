"""The table of genai-prices: it ships with the package, and nothing is fetched.

It describes some thousand models, of which a process calls a few. So it is read when a price is asked for,
only the entry of that model is kept, and the table is dropped again.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, Provider

    TableEntry = tuple[ModelInfo, Provider]

_TABLE = "genai_prices.data"


def find_entry(provider: str | None, model: str) -> "TableEntry | None":
    """Return the entry of a model, as the table names it and its provider; None if there is none."""
    from genai_prices import data_snapshot

    # An application may have genai-prices keep a table that is updated from the network: it takes precedence.
    updated_table = getattr(data_snapshot, "_custom_snapshot", None)
    if updated_table is not None:
        return _look_up(updated_table, provider, model)
    return _bundled_entry(provider, model)


@lru_cache(maxsize=256)
def _bundled_entry(provider: str | None, model: str) -> "TableEntry | None":
    """Return the entry of a model in the table that ships with genai-prices."""
    entry = table.look_up(provider, model)
    if entry is None:
        return None
    model_info, provider_info = entry
    # The provider's other models are most of its size; prices are computed from the entry of the model alone.
    return model_info, replace(provider_info, models=[model_info], extractors=None)


class _Table:
    """The table that ships with genai-prices, in memory only while it is in use. Thread-safe."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._counting = threading.Lock()
        self._users = 0
        self._snapshot: DataSnapshot | None = None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the table, once it is read, for several look-ups."""
        # Reading takes 0.02 s, and 0.2 s where Python caches no bytecode.
        with self._counting:
            self._users += 1
        try:
            yield
        finally:
            with self._counting:
                self._users -= 1
                if not self._users:
                    self._snapshot = None

    def look_up(self, provider: str | None, model: str) -> "TableEntry | None":
        """Return the entry of a model; None if the table has none."""
        # A thread that waits for another to read the table is a user already: both use the same one.
        with self.in_use(), self._reading:
            if self._snapshot is None:
                self._snapshot = self._read()
            return _look_up(self._snapshot, provider, model)

    @staticmethod
    def _read() -> "DataSnapshot":
        """Import the table without leaving it in `sys.modules`, unless other code has imported it."""
        import genai_prices
        from genai_prices.data_snapshot import DataSnapshot

        is_imported = _TABLE in sys.modules
        from genai_prices.data import providers

        if not is_imported:
            sys.modules.pop(_TABLE, None)
            vars(genai_prices).pop("data", None)
        return DataSnapshot(providers, from_auto_update=False)


table = _Table()


def _look_up(table: "DataSnapshot", provider: str | None, model: str) -> "TableEntry | None":
    try:
        provider_info, model_info = table.find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return model_info, provider_info
