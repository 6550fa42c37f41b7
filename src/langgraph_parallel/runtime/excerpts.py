"""What a plan, or the input of a nested graph, repeats is stored once: a checkpoint says where it stands.

The update of the state that a plan makes has sections without the long texts that are in the graph's input,
and their excerpts: path in the section, digest of the text of the input, first and last place in it. The
input of a nested graph comes without the texts of the section that it works on. The channels put them back,
so that everybody else sees whole records: nodes, streams (`whole_streams`), `aget_state`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Section

_SHORTEST = 64
"""Characters from which a text is looked for in the input."""
_MOST_SOURCES = 8
"""Texts of an input up to which each is searched; of more, the one that had the last excerpt and the next."""
_FIELDS = ("content", "instructions", "data")
"""Fields of a section that may repeat the input."""
_THIN = "__langgraph_parallel_without_texts"
"""Key of a value without its texts."""
Path = list[str | int]
Excerpt = tuple[Path, str, int, int]
"""Path of a text in a record, and where it stands: the digest of a text, the first place, and the last."""
Find = Callable[[str], tuple[str, int, int] | None]
"""From a text to where it stands; None if it is nowhere else."""


class Source:
    """A text of the input.

    Args:
        text: whole.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


_sources: WeakValueDictionary[str, Source] = WeakValueDictionary()
"""The texts of the inputs of all runs that are loaded, by digest; the channels of the inputs hold them."""
_by_text: WeakValueDictionary[str, Source] = WeakValueDictionary()
"""The same by text: each step of a run asks for the digests of all of them."""


def hold_sources(value: object) -> list[Source]:
    """Return the long texts in an input, found by their digests as long as they are held."""
    held = []
    for text in dict.fromkeys(_texts(value)):
        source = _by_text.get(text) or Source(text)
        source = _by_text[text] = _sources.setdefault(source.digest, source)
        held.append(source)
    return held


def stored_plan(sections: Sequence[Section], given: Mapping[str, Any], *, more: bool = False) -> Any:
    """Return the update of the state that stores sections.

    Args:
        sections: of a plan, or of a round.
        given: the graph's input.
        more: whether they are added to those that are planned.
    """
    find = _Finder(_texts(given)).find
    thin, excerpts = [], {}
    for section in sections:
        found: list[Excerpt] = []
        thin.append(_cut(section, [], find, found))
        if found:
            excerpts[section.id] = found
    return {"more": more, "sections": thin, "excerpts": excerpts}


def is_stored_plan(value: object) -> bool:
    """Return whether a value is an update of the state as `stored_plan` returns it."""
    return isinstance(value, dict) and value.keys() == {"more", "sections", "excerpts"}


def planned(before: Sequence[Section] | None, updates: Sequence[Any]) -> list[Section]:
    """Return the sections after updates: lists of sections, or as `stored_plan` returns them.

    Raises:
        UsageError: the input that a plan was made from is not there any more.
    """
    sections = list(before or ())
    replacing = [i for i, update in enumerate(updates) if not (is_stored_plan(update) and update["more"])]
    # The input of a plan that was replaced may be gone.
    for update in updates[replacing[-1] if replacing else 0 :]:
        if not is_stored_plan(update):
            sections = list(update)
            continue
        whole = [
            _restored(section, update["excerpts"].get(_id(section), ())) for section in update["sections"]
        ]
        sections = [*sections, *whole] if update["more"] else whole
    return sections


def texts_of(sections: Iterable[Section]) -> dict[str, str]:
    """Return the long texts in sections, each with its digest: nested graphs need not store them again."""
    return {source.text: source.digest for source in hold_sources(list(sections))}


def without_texts(value: Any, digests: Mapping[str, str]) -> Any:
    """Return the input of a nested graph without the texts that an enclosing graph holds.

    Args:
        value: of one key of the input.
        digests: of the texts.
    """

    def find(text: str) -> tuple[str, int, int] | None:
        digest = digests.get(text)
        return None if digest is None else (digest, 0, len(text))

    found: list[Excerpt] = []
    thin = _cut({"": value}, [], find, found)[""]
    return {_THIN: thin, "excerpts": found} if found else value


def with_texts(value: Any) -> Any:
    """Return what `without_texts` was given.

    Raises:
        UsageError: no enclosing run is loaded that holds the texts.
    """
    if isinstance(value, dict) and value.keys() == {_THIN, "excerpts"}:
        excerpts = value["excerpts"]
        texts = [(path, _text(digest, start, end)) for path, digest, start, end in excerpts]
        return _put({"": value[_THIN]}, texts)[""]
    return value


def _texts(value: object) -> Iterator[str]:
    """Yield the long texts in a value of JSON, or in sections."""
    if isinstance(value, str):
        if len(value) >= _SHORTEST:
            yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, Section):
        for name in _FIELDS:
            yield from _texts(getattr(value, name))


class _Finder:
    """Finds texts in those of the input.

    Args:
        texts: of the input.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = list(dict.fromkeys(texts))
        self._known = {text: place for place, text in enumerate(self._texts)}
        self._digests: dict[int, str] = {}
        self._place, self._start = 0, 0

    def find(self, text: str) -> tuple[str, int, int] | None:
        """Return the digest of the text that holds another one, and the places in it; None if none does."""
        place = self._known.get(text)
        start = 0 if place is not None else -1
        if place is None:
            for place in self._candidates():
                whole = self._texts[place]
                start = whole.find(text, self._start if place == self._place else 0)
                start = whole.find(text) if start < 0 else start
                if start >= 0:
                    break
        if place is None or start < 0:
            return None
        self._place, self._start = place, start
        if place not in self._digests:
            whole = self._texts[place]
            self._digests[place] = (_by_text.get(whole) or Source(whole)).digest
        return self._digests[place], start, start + len(text)

    def _candidates(self) -> Iterable[int]:
        """Return the places of the texts to search, the likeliest first."""
        count = len(self._texts)
        near = [place for place in (self._place, self._place + 1) if place < count]
        return [*near, *(p for p in range(count) if p not in near)] if count <= _MOST_SOURCES else near


def _cut(value: Any, path: Path, find: Find, found: list[Excerpt]) -> Any:
    """Return a value without the texts that the input holds, and note where they stand; itself if none is."""
    if isinstance(value, str):
        if len(value) < _SHORTEST or (excerpt := find(value)) is None:
            return value
        found.append((path, *excerpt))
        return ""
    if isinstance(value, dict):
        kept = {key: _cut(one, [*path, key], find, found) for key, one in value.items()}
        return kept if any(kept[key] is not value[key] for key in value) else value
    if isinstance(value, list):
        items = [_cut(one, [*path, place], find, found) for place, one in enumerate(value)]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, BaseModel):
        names = _FIELDS if isinstance(value, Section) else type(value).model_fields
        fields = {name: getattr(value, name) for name in names}
        thin = _cut(fields, path, find, found)
        changed = {name: one for name, one in thin.items() if one is not fields[name]}
        return value.model_copy(update=changed) if changed else value
    return value


def _id(section: Section | Mapping[str, Any]) -> str:
    """Return the id of a section; a LangGraph server reads states as JSON, with mappings for records."""
    return str(section["id"]) if isinstance(section, Mapping) else section.id


def _restored(section: Section, excerpts: Iterable[Sequence[Any]]) -> Section:
    """Return a section with its texts put back."""
    texts = [(path, _text(digest, start, end)) for path, digest, start, end in excerpts]
    restored: Section = _put(section, texts) if texts else section
    return restored


def _text(digest: str, start: int, end: int) -> str:
    source = _sources.get(digest)
    if source is None:
        raise UsageError(
            "a text of this run is a part of an input that is not there: if the run is inside of another "
            "one, read its state with aget_state(config, subgraphs=True) of the outermost graph; if the "
            "input has been replaced, run the graph on it again"
        )
    return source.text[start:end]


def _put(value: Any, texts: Iterable[tuple[Path, str]]) -> Any:
    """Return a copy of a value with texts at paths in it; a list of very many texts is copied once."""
    within: dict[str | int, list[tuple[Path, str]]] = {}
    changed: dict[Any, Any] = {}
    for (key, *rest), text in texts:
        if rest:
            within.setdefault(key, []).append((rest, text))
        else:
            changed[key] = text
    is_record = isinstance(value, BaseModel)
    for key, deeper in within.items():
        changed[key] = _put(getattr(value, str(key)) if is_record else value[key], deeper)
    if is_record:
        return value.model_copy(update=changed)
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    for key, one in changed.items():
        copied[key] = one
    return copied
