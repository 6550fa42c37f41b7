"""A store in this process that forgets what was used least recently, once it holds too much."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import BaseStore, GetOp, Item, ListNamespacesOp, Op, PutOp, Result


class BoundedStore(BaseStore):
    """Keeps items until there are too many namespaces, or too many bytes; then it drops whole namespaces.

    Safe to use from any thread. It does not search.

    Args:
        namespaces: most namespaces.
        size: most bytes of all values, as text.
    """

    def __init__(self, namespaces: int = 256, size: int = 64_000_000) -> None:
        self._most, self._size = namespaces, size
        self._held: OrderedDict[tuple[str, ...], dict[str, Item]] = OrderedDict()
        self._bytes: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations, in their order."""
        with self._lock:
            results = [self._carry_out(op) for op in ops]
            while len(self._held) > self._most or (
                sum(self._bytes.values()) > self._size and len(self._held) > 1
            ):
                self._drop(next(iter(self._held)))
            return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations, as `batch`."""
        return self.batch(ops)

    def _carry_out(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            if op.namespace in self._held:
                self._held.move_to_end(op.namespace)
            return self._held.get(op.namespace, {}).get(op.key)
        if isinstance(op, PutOp):
            self._put(op.namespace, op.key, op.value)
            return None
        if isinstance(op, ListNamespacesOp):
            prefix = tuple(map(str, op.match_conditions[0].path)) if op.match_conditions else ()
            return [place for place in reversed(self._held) if place[: len(prefix)] == prefix][: op.limit]
        raise NotImplementedError("this store does not search")

    def _put(self, namespace: tuple[str, ...], key: str, value: Mapping[str, Any] | None) -> None:
        items = self._held.setdefault(namespace, {})
        self._held.move_to_end(namespace)
        earlier = items.pop(key, None)
        change = _size_of(value) - _size_of(earlier.value if earlier else None)
        self._bytes[namespace] = self._bytes.get(namespace, 0) + change
        if value is not None:
            now = datetime.now(UTC)
            items[key] = Item(value=dict(value), key=key, namespace=namespace, created_at=now, updated_at=now)
        elif not items:
            self._drop(namespace)

    def _drop(self, namespace: tuple[str, ...]) -> None:
        self._held.pop(namespace, None)
        self._bytes.pop(namespace, None)


def _size_of(value: Mapping[str, Any] | None) -> int:
    """Return the bytes of the texts in a value; what else is in it, is short."""
    texts = (text for text in (value or {}).values() if isinstance(text, str))
    return sum(len(text.encode(errors="surrogatepass")) for text in texts)
