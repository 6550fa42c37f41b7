"""The documents below a folder."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.notes import NOT_INCLUDED
from langgraph_parallel.records import Skipped
from langgraph_parallel.scale.sources.json_lines import TEXT
from langgraph_parallel.scale.sources.keys import Record
from langgraph_parallel.scale.sources.records import RecordSource

PATH = "path"
"""The column of the documents' paths, and their key."""
_MOST_TOLD = 20


class Folder(RecordSource):
    """Documents of about 30 formats, each with the columns `path` and `text`, in the order of their paths.

    A document that cannot be read is a row that fails with the reason.

    Args:
        path: of the folder. `.gitignore` files in it are respected, and links are not followed.

    Raises:
        UsageError: what reads folders is not installed, or there is no document in it.
    """

    unit = "document"

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), PATH)
        self._folder = path
        self._told: list[str] = []
        self._untold = 0
        self._left_out: Counter[str] = Counter()
        self._total = sum(1 for _ in self._files())
        if not self._total:
            raise UsageError(f"there is no document in {path}; name a folder of texts, PDF, HTML or .docx")

    @property
    def columns(self) -> Sequence[str]:
        """The path and the text."""
        return (PATH, TEXT)

    @property
    def remarks(self) -> Sequence[str]:
        """What was left out, and what of documents was not read."""
        told = [*self._told]
        if self._untold:
            told.append(f"and {count(self._untold, 'more remark')} on documents")
        left = [f"not read: {number:,} {reason}" for reason, number in self._left_out.most_common(_MOST_TOLD)]
        return [*left, *told]

    def records(self) -> Iterator[Record]:
        """Iterate over the documents."""
        from langgraph_parallel.reading.documents import DocumentReader

        self._told, self._untold = [], 0
        with DocumentReader() as reader:
            for number, (path, name) in enumerate(self._files(), 1):
                text = reader.read(path)
                if isinstance(text, Skipped):
                    yield Record(number, {PATH: name}, f"cannot read {name}: {text.reason}")
                    continue
                room = _MOST_TOLD - len(self._told)
                self._told += [f"{name}: {remark.text}" for remark in reader.remarks[:room]]
                self._untold += len(reader.remarks[room:])
                reader.remarks.clear()
                yield Record(number, {PATH: name, TEXT: text})

    def _files(self) -> Iterator[tuple[Path, str]]:
        """Iterate over the paths of documents, and their names relative to the folder."""
        try:
            from langgraph_parallel.reading.documents import SUFFIXES
            from langgraph_parallel.reading.files import Globs, walk
        except ModuleNotFoundError:
            raise UsageError(
                "reading a folder needs the extra: pip install 'langgraph-parallel[documents]'"
            ) from None
        self._left_out.clear()
        for path, reason in walk(self._folder, Globs.parse([f"*{suffix}" for suffix in SUFFIXES], [])):
            if reason is None:
                yield path, path.relative_to(self._folder).as_posix()
            elif reason == NOT_INCLUDED:
                self._left_out[f"files of other kinds ({path.suffix or path.name})"] += 1
            else:
                self._left_out[f"{'folders' if path.is_dir() else 'files'} ({reason})"] += 1
