"""Search in files for the passages most similar to a query."""

from collections.abc import Mapping
from typing import NamedTuple

from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.reducers.text.similarity import Corpus

_MAX_TOKENS = 200
"""Maximum tokens of a passage."""


class Passage(NamedTuple):
    """Consecutive lines of a file."""

    document: str
    """Name of the file."""
    line: int
    """Number of the first line, from 1."""
    text: str

    @property
    def label(self) -> str:
        """The source that a reference names: `sales.md, line 3`."""
        return f"{self.document}, line {self.line}"


class Passages:
    """The passages of some files, indexed for search.

    Args:
        files: text by name.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self._passages = [
            Passage(name, piece.first, piece.text.strip())
            for name, text in files.items()
            for piece in cut(text, _MAX_TOKENS)
            if piece.text.strip()
        ]
        self._corpus = Corpus([f"{passage.document} {passage.text}" for passage in self._passages])

    def search(self, query: str, most: int = 5) -> list[Passage]:
        """Return the passages that share terms with a query, by TF-IDF cosine, the most similar first.

        Args:
            query: any text.
            most: maximum number of passages.
        """
        scores = self._corpus.like(query)
        similar = sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: (-scores[i], i))
        return [self._passages[i] for i in similar[:most]]
