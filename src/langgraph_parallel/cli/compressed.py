"""Checkpoints in a fraction of their size: source code and findings repeat themselves."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_parallel.records import Review

_MARK = "+zlib"
"""End of the type of a value that is compressed; values of earlier versions have none."""
_LIST, _REVIEW = "list", "review"
"""Types, before the mark, of values that are stored in pieces."""
_SHORTEST = 256
"""Bytes from which compressing pays."""
_FASTEST = 1
_PIECE = 500
"""Records that are serialised at once: all findings of a large tree take more memory than the rest of the
run."""
_LENGTH = 4
"""Bytes of the length that comes before each piece."""


class CompressedSerializer(JsonPlusSerializer):
    """LangGraph's serializer; what it writes is compressed, and what it reads may be.

    A long list, and a review, are written piece by piece.
    """

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the type of a value and its bytes."""
        if isinstance(obj, list) and len(obj) > _PIECE:
            return _LIST + _MARK, self._compressed(_pieces(obj))
        if isinstance(obj, Review) and len(obj.findings) > _PIECE:
            rest = obj.model_copy(update={"findings": []})
            return _REVIEW + _MARK, self._compressed([rest, *_pieces(obj.findings)])
        kind, data = super().dumps_typed(obj)
        if len(data) < _SHORTEST:
            return kind, data
        return kind + _MARK, zlib.compress(data, _FASTEST)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""
        kind, stored = data
        if kind == _LIST + _MARK:
            return [item for piece in self._pieces_in(stored) for item in piece]
        if kind == _REVIEW + _MARK:
            rest, *pieces = self._pieces_in(stored)
            return rest.model_copy(update={"findings": [item for piece in pieces for item in piece]})
        if kind.endswith(_MARK):
            return super().loads_typed((kind.removesuffix(_MARK), zlib.decompress(stored)))
        return super().loads_typed(data)

    def _compressed(self, pieces: Iterable[Any]) -> bytes:
        compressor = zlib.compressobj(_FASTEST)
        compressed = bytearray()
        for piece in pieces:
            _, data = super().dumps_typed(piece)
            compressed += compressor.compress(len(data).to_bytes(_LENGTH, "big"))
            compressed += compressor.compress(data)
        return bytes(compressed + compressor.flush())

    def _pieces_in(self, stored: bytes) -> Iterator[Any]:
        data = memoryview(zlib.decompress(stored))
        while data:
            end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
            yield super().loads_typed(("msgpack", bytes(data[_LENGTH:end])))
            data = data[end:]


def _pieces(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _PIECE] for start in range(0, len(items), _PIECE))
