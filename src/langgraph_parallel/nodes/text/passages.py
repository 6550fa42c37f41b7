"""Search in files: the passages that are most like a query."""

from collections.abc import Mapping
from typing import NamedTuple

from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.reducers.text.similarity import Corpus

_PASSAGE = 200
"""Tokens of a passage, at most."""


class Passage(NamedTuple):
    """Lines of a file."""

    document: str
    line: int
    """The first of them, from 1."""
    text: str

    @property
    def label(self) -> str:
        """As a reference names it."""
        return f"{self.document}, line {self.line}"


class Passages:
    """The passages of some files, ready to be searched.

    Args:
        files: text by name.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._held = [
            Passage(name, piece.first, piece.text.strip())
            for name, text in files.items()
            for piece in cut(text, _PASSAGE)
            if piece.text.strip()
        ]
        self._corpus = Corpus([f"{passage.document} {passage.text}" for passage in self._held])

    def search(self, query: str, most: int = 5) -> list[Passage]:
        """The passages that share most with a query (TF-IDF cosine), the best first."""
        scores = self._corpus.like(query)
        found = sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: (-scores[i], i))
        return [self._held[i] for i in found[:most]]
