"""Kept answers: before a question is put to a model, the cache of answers is asked.

An answer is kept for one question in one place: the model, its parameters and its account, the messages, the
schema, the path of branches that asks, and how often it has asked the same before in its run. So no two
voters share an answer, and the same graph on the same input finds all of its own.

Only good answers are kept: those of a question once it has been answered, which an answer that does not fit,
was cut off or declined does not do; and those of a branch once it has ended ok, so that a redrive never gets
what a branch failed on.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Call, Usage
from langgraph_parallel.runtime.answer_setting import store_of
from langgraph_parallel.runtime.answer_store import AnswerStore
from langgraph_parallel.runtime.bound import current_bound
from langgraph_parallel.runtime.question_identity import digest_of
from langgraph_parallel.runtime.recording import Noted, record
from langgraph_parallel.runtime.savings import saved_by_keeping
from langgraph_parallel.runtime.stored_answer import dump_answer, load_answer

if TYPE_CHECKING:
    from langgraph_parallel.runtime.calling import Calling
    from langgraph_parallel.runtime.run import Run

AnswerT = TypeVar("AnswerT")

_VERSION = 1
"""Of the keys: raised when questions are told apart in another way."""
_TURNS = 24
"""Turns of the event loop that a call waits for the kept answers of its siblings: these may end the vote, and
what was cut off in one run would be asked for in the next."""


class Found(NamedTuple):
    """What a cache has for a question."""

    store: AnswerStore
    key: str
    answer: Any
    """None if it is not kept."""


class in_branch(Noted):  # noqa: N801 - entered like a function of contextlib
    """Be a branch to the questions that are asked inside: collect its calls, its notes, and its answers.

    Args:
        id: of the branch.
        config: of its node.
    """

    __slots__ = ("_around", "_id", "_waiting", "path")

    def __init__(self, id: str, config: RunnableConfig | None = None) -> None:
        super().__init__(config)
        self._id = id
        self._around: in_branch | None = None
        self.path: tuple[str, ...] = ()
        """The ids of the branches around, and its own."""
        self._waiting: tuple[tuple[Found, str, Run], ...] = ()

    def __enter__(self) -> "in_branch":
        self.start()
        self._around = _branch.get()
        self.path = (*branch_path(), self._id)
        _branch.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        _branch.set(self._around)
        self._around = None

    def add(self, kept: "Sequence[tuple[Found, str, Run]]") -> None:
        """Add answers of a question, which are kept once the branch has ended ok."""
        self._waiting += tuple(kept)

    @property
    def waits(self) -> bool:
        """Whether there are answers to keep."""
        return bool(self._waiting)

    async def keep(self) -> None:
        """Keep the answers: the branch has ended ok, or waits for a person."""
        if self._waiting:
            waiting, self._waiting = self._waiting, ()
            await _store(waiting)


_branch: ContextVar[in_branch | None] = ContextVar("branch", default=None)


def branch_path() -> tuple[str, ...]:
    """Return the ids of the branches around this code, the outermost first; empty outside of any.

    Whatever config a caller passes on: one with metadata of its own loses what the metadata says of branches.
    """
    branch = _branch.get()
    return branch.path if branch else ()


class Question:
    """The answers to one question so far: its own, that of a repair, those that go on with one cut off."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: tuple[tuple[Found, str, Run], ...] = ()

    def note(self, calling: "Calling[Any]", found: Found | None, answer: Any) -> None:
        """Note an answer that a model gave.

        Args:
            calling: how it was asked.
            found: what the cache had; None if there is no cache.
            answer: None if it is not to be kept.
        """
        if found is not None and answer is not None and (text := dump_answer(answer)) is not None:
            self._kept += ((found, text, calling.run),)

    async def answered(self) -> None:
        """Keep the answers: with those of the branch, if this is part of one."""
        kept, self._kept = self._kept, ()
        if kept and not _with_branch(kept):
            await _store(kept)

    def answered_blocking(self) -> None:
        """Keep the answers, in sync code."""
        kept, self._kept = self._kept, ()
        if kept and not _with_branch(kept):
            for store, run, answers in _by_store(kept):
                try:
                    store.put(answers)
                    run.answers.tree.stored(store, len(answers), run)
                except Exception as error:
                    run.answers.tree.give_up(store, error, run)


def find_store(calling: "Calling[Any]") -> AnswerStore | None:
    """Return the cache of a call; None if no answers are kept."""
    if calling.run.answers.tree.is_off:
        return None
    return store_of(calling.answer_store, calling.run.answers.store)


async def kept_or_asked(
    calling: "Calling[AnswerT]", messages: Sequence[BaseMessage], ask: Callable[[], Awaitable[AnswerT]]
) -> AnswerT:
    """Return the answer to a question that is kept, else ask.

    Args:
        calling: how it is asked; notes the answer, to be kept once the question is answered.
        messages: the question.
        ask: asks a model.
    """
    found = await find(calling, messages)
    if found is not None and found.answer is not None:
        kept: AnswerT = found.answer
        calling.sender.recalled(kept)
        return kept
    answer = await ask()
    calling.answers.note(calling, found, answer)
    return answer


async def find(calling: "Calling[Any]", messages: Sequence[BaseMessage]) -> Found | None:
    """Ask the cache of a call; None if there is none, or the question cannot be told from others."""
    if (question := _identify(calling, messages)) is None:
        return None
    store, key = question
    try:
        text = await store.aget(key)
    except Exception as error:
        calling.run.answers.tree.give_up(store, error, calling.run)
        return None
    found = _read(calling, store, key, text)
    if found.answer is None and (bound := current_bound()) is not None:
        with bound.waiting():
            for _ in range(_TURNS):
                await asyncio.sleep(0)
    return found


def find_blocking(calling: "Calling[Any]", messages: Sequence[BaseMessage]) -> Found | None:
    """Ask the cache of a call, in sync code."""
    if (question := _identify(calling, messages)) is None:
        return None
    store, key = question
    try:
        text = store.get(key)
    except Exception as error:
        calling.run.answers.tree.give_up(store, error, calling.run)
        return None
    return _read(calling, store, key, text)


def _identify(calling: "Calling[Any]", messages: Sequence[BaseMessage]) -> tuple[AnswerStore, str] | None:
    """Return the store of a call, and the key of its question."""
    store, answers = find_store(calling), calling.run.answers.tree
    if store is None or not answers.is_usable(store):
        return None
    if not answers.has_place:
        answers.begin(None)
    asked = calling.sender.question(messages)
    where, question = [*answers.place, *branch_path()], None
    if asked is not None:
        question = digest_of([_VERSION, calling.endpoint, calling.target, where, asked])
    if question is None:
        calling.run.note(f"answers of {calling.target} are not kept: its settings are no plain data")
        return None
    key = digest_of([question, answers.number(question), answers.copy_of(question)])
    return None if key is None else (store, key)


def _read(calling: "Calling[Any]", store: AnswerStore, key: str, text: str | None) -> Found:
    answer = None if text is None else load_answer(text)
    if answer is not None:
        _record(calling, calling.sender.usage(answer))
    return Found(store, key, answer)


def _record(calling: "Calling[Any]", usage: Usage) -> None:
    now, alone = time.time(), calling.priced.usd_of(usage.input_tokens, usage.output_tokens)
    record(
        Call(
            id=str(calling.run_id or uuid.uuid4()),
            kind="model",
            target=calling.target,
            step=calling.step,
            started=now,
            ended=now,
            usage=usage,
            usd=0.0,
            saved=saved_by_keeping(alone),
            kept=True,
        )
    )


def _with_branch(kept: "Sequence[tuple[Found, str, Run]]") -> bool:
    """Leave answers to the branch around, if there is one."""
    branch = _branch.get()
    if branch is not None:
        branch.add(kept)
    return branch is not None


async def _store(kept: "Sequence[tuple[Found, str, Run]]") -> None:
    for store, run, answers in _by_store(kept):
        try:
            await store.aput(answers)
            run.answers.tree.stored(store, len(answers), run)
        except Exception as error:
            run.answers.tree.give_up(store, error, run)


def _by_store(
    kept: "Sequence[tuple[Found, str, Run]]",
) -> "list[tuple[AnswerStore, Run, Mapping[str, str]]]":
    stores: dict[int, tuple[AnswerStore, Run, dict[str, str]]] = {}
    for found, text, run in kept:
        if run.answers.tree.is_usable(found.store):
            stores.setdefault(id(found.store), (found.store, run, {}))[2][found.key] = text
    return list(stores.values())
