"""Checkpoints in a fraction of their size: source code and findings repeat themselves."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from langgraph_parallel.records import Review

_MARK = "+zlib"
"""End of the type of a value that is compressed; values of earlier versions have none."""
_PIECES = "pieces"
"""Type, before the mark, of values that are stored in pieces."""
_SHORTEST = 256
"""Bytes from which compressing pays."""
_FASTEST = 1
_PIECE = 500
"""Items of a list or mapping that are serialised at once: all files, or all findings, of a large tree take
more memory than the rest of the run."""
_PIECE_LENGTH = 1_000_000
"""Characters of texts from which a piece is full."""
_LENGTH = 4
"""Bytes of the length that comes before each piece."""
_CHUNK = 65_536
"""Bytes that are decompressed at once."""

_Path = list[str | int]
_Container = list[Any] | dict[Any, Any]


class CompressedSerializer(JsonPlusSerializer):
    """LangGraph's serializer; what it writes is compressed, and what it reads may be.

    Long lists and mappings, wherever they are in a value, are written and read piece by piece.
    """

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the type of a value and its bytes."""
        taken: list[tuple[_Path, _Container]] = []
        rest = _take_out(obj, [], taken)
        if taken:
            return _PIECES + _MARK, self._compressed(rest, taken)
        kind, data = super().dumps_typed(obj)
        if len(data) < _SHORTEST:
            return kind, data
        return kind + _MARK, zlib.compress(data, _FASTEST)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""
        kind, stored = data
        if kind == _PIECES + _MARK:
            return self._put_together(stored)
        if kind.endswith(_MARK):
            return super().loads_typed((kind.removesuffix(_MARK), zlib.decompress(stored)))
        return super().loads_typed(data)

    def _compressed(self, rest: Any, taken: Sequence[tuple[_Path, _Container]]) -> bytes:
        """Write where containers were, the value without them, and each of them in pieces, the last empty."""
        compressor = zlib.compressobj(_FASTEST)
        compressed = bytearray()

        def write(piece: Any) -> None:
            _, data = super(CompressedSerializer, self).dumps_typed(piece)
            compressed.extend(compressor.compress(len(data).to_bytes(_LENGTH, "big")))
            compressed.extend(compressor.compress(data))

        write([[path for path, _ in taken], rest])
        for _, container in taken:
            for piece in _pieces(container):
                write(piece)
            write([])
        compressed.extend(compressor.flush())
        return bytes(compressed)

    def _put_together(self, stored: bytes) -> Any:
        pieces = (super(CompressedSerializer, self).loads_typed(("msgpack", one)) for one in _stored(stored))
        paths, value = next(pieces)
        for path in paths:
            value = _put(value, path, iter(lambda: next(pieces), []))
        return value


def _take_out(value: Any, path: _Path, taken: list[tuple[_Path, _Container]]) -> Any:
    """Return a value with empty containers in place of long ones, and note these; itself if it has none."""
    kind = type(value)
    if kind is dict or kind is list:
        if _is_long(value):
            taken.append((path, value))
            return kind()
        items = value.items() if kind is dict else enumerate(value)
        changed = _changed(items, path, taken)
        return _with(value, changed) if changed else value
    if isinstance(value, Review):
        changed = _changed({"findings": value.findings}.items(), path, taken)
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # LangGraph wraps values of channels in them
        changed = _changed(enumerate(value), path, taken)
        return _with(value, changed) if changed else value
    return value


def _changed(
    items: Iterable[tuple[Any, Any]], path: _Path, taken: list[tuple[_Path, _Container]]
) -> dict[Any, Any]:
    """Return by key what differs from the items without long containers."""
    return {
        key: thin
        for key, one in items
        if type(key) in (str, int) and (thin := _take_out(one, [*path, key], taken)) is not one
    }


def _with(value: Any, changed: dict[Any, Any]) -> Any:
    """Return a copy of a dict, a list or a named tuple with other items."""
    if isinstance(value, dict):
        return value | changed
    items = [changed.get(place, one) for place, one in enumerate(value)]
    return items if isinstance(value, list) else type(value)(*items)


def _put(value: Any, path: Sequence[Any], pieces: Iterable[Any]) -> Any:
    """Return a value with the items of pieces in the empty container at a path."""
    if not path:
        for piece in pieces:
            value.update(piece) if isinstance(value, dict) else value.extend(piece)
        return value
    key, *rest = path
    if isinstance(value, Review):
        return value.model_copy(update={key: _put(getattr(value, key), rest, pieces)})
    if isinstance(value, tuple):
        return _with(value, {key: _put(value[key], rest, pieces)})
    value[key] = _put(value[key], rest, pieces)
    return value


def _is_long(container: _Container) -> bool:
    if len(container) > _PIECE:
        return True
    items = container.values() if isinstance(container, dict) else container
    return len(container) > 1 and sum(len(one) for one in items if isinstance(one, str)) > _PIECE_LENGTH


def _pieces(container: _Container) -> Iterator[_Container]:
    """Cut a list or a mapping into parts of at most `_PIECE` items and about `_PIECE_LENGTH` characters."""
    is_dict = isinstance(container, dict)
    items = iter(container.items() if isinstance(container, dict) else container)
    while piece := _piece(items, is_dict):
        yield dict(piece) if is_dict else piece


def _piece(items: Iterator[Any], is_dict: bool) -> list[Any]:
    piece, length = [], 0
    for item in islice(items, _PIECE):
        piece.append(item)
        text = item[1] if is_dict else item
        length += len(text) if isinstance(text, str) else 0
        if length >= _PIECE_LENGTH:
            break
    return piece


def _stored(stored: bytes) -> Iterator[bytes]:
    """Decompress pieces one after another."""
    decompressor = zlib.decompressobj()
    place, buffer = 0, bytearray()
    while True:
        while len(buffer) < _LENGTH or len(buffer) < _LENGTH + int.from_bytes(buffer[:_LENGTH], "big"):
            chunk = stored[place : place + _CHUNK]
            place += _CHUNK
            if not chunk:
                return
            buffer += decompressor.decompress(chunk)
        end = _LENGTH + int.from_bytes(buffer[:_LENGTH], "big")
        yield bytes(buffer[_LENGTH:end])
        del buffer[:end]
