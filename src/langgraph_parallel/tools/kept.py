"""Keeps the whole output of runs that agents started, so that their models can read it in pieces.

Each conversation has a folder of its own: its namespace has a digest of the thread's id in it. So an id that
gets from one conversation to another is of no use there; without a thread, the ids are all that separates
runs, and they cannot be guessed. `new_run_id` makes them.
"""

import hashlib
import json
import secrets
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.runnables import RunnableConfig
from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, MatchCondition, Op, PutOp

from langgraph_parallel.errors import InputError
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.tools.bounded_store import BoundedStore
from langgraph_parallel.tools.pieces import find_part, piece
from langgraph_parallel.tools.quoting import quote
from langgraph_parallel.tools.summaries import as_data

NAMESPACE = ("langgraph_parallel", "runs")
"""Where a store keeps them, unless the application says otherwise."""
IN_PROCESS = BoundedStore()
"""For agents without a store."""
_INDEX = "index"
_PART = "part "
"""Before the name of a part in its key, so that no part can be named like the index."""
_LISTED = 10
"""Runs that an error lists."""

Steps = Generator[Sequence[Op], Sequence[Any], Any]
"""Yields operations on a store, and gets their results: the same steps serve sync and async stores."""


def new_run_id() -> str:
    """Return an id that cannot be guessed: 128 random bits as 22 characters."""
    return secrets.token_urlsafe(16)


class Shelf(NamedTuple):
    """Where the runs of one conversation are kept."""

    store: BaseStore
    namespace: tuple[str, ...]
    is_one_conversation: bool
    """Whether the namespace is that of a thread; else nothing lists the runs in it."""

    @classmethod
    def of(
        cls, store: BaseStore | None, config: RunnableConfig | None, namespace: Sequence[str] = NAMESPACE
    ) -> "Shelf":
        """Return the shelf of the conversation that a config belongs to.

        Args:
            store: that of the agent; None for the bounded one of this process.
            config: of the call; its `thread_id` names the conversation.
            namespace: in the store.
        """
        thread = ((config or {}).get("configurable") or {}).get("thread_id")
        # Hashed, because a label of a namespace must not contain periods.
        owner = "no_thread" if thread is None else hashlib.sha256(str(thread).encode()).hexdigest()[:32]
        return cls(IN_PROCESS if store is None else store, (*namespace, owner), thread is not None)

    def keep(self, run: str, output: Mapping[str, Any]) -> None:
        """Keep an output under the id of its run."""
        self.store.batch(self._puts(run, output))

    async def akeep(self, run: str, output: Mapping[str, Any]) -> None:
        """Keep an output, as `keep`."""
        await self.store.abatch(self._puts(run, output))

    def read(self, run: str, part: str = "", page: int = 1, *, tokens: int = 1000) -> str:
        """Return a page of a part; without a part, the list of all parts with their sizes.

        Args:
            run: id of the run.
            part: a key of the output, or what is below it: `findings`, `findings/3`, `branches/app.py`.
            page: from 1.
            tokens: most tokens of the page, its head included.

        Raises:
            InputError: the run, the part or the page does not exist; it says what does.
        """
        steps, results = self._reading(run, part, page, tokens), None
        try:
            while True:
                results = self.store.batch(next(steps) if results is None else steps.send(results))
        except StopIteration as end:
            return str(end.value)

    async def aread(self, run: str, part: str = "", page: int = 1, *, tokens: int = 1000) -> str:
        """Return a page of a part, as `read`."""
        steps, results = self._reading(run, part, page, tokens), None
        while True:
            try:
                operations = next(steps) if results is None else steps.send(results)
            except StopIteration as end:
                return str(end.value)
            results = await self.store.abatch(operations)

    def _puts(self, run: str, output: Mapping[str, Any]) -> list[Op]:
        """Return what stores an output: each part as JSON text, and a list of them."""
        place, parts = (*self.namespace, run), dict[str, dict[str, int]]()
        puts: list[Op] = []
        for name, value in output.items():
            text = json.dumps(as_data(value), ensure_ascii=False, separators=(",", ":"))
            entries = len(value) if isinstance(value, Mapping | list | tuple) else 1
            parts[name] = {"tokens": estimate_tokens(text), "entries": entries}
            puts.append(PutOp(place, f"{_PART}{name}", {"json": text}, index=False))
        return [*puts, PutOp(place, _INDEX, {"parts": parts}, index=False)]

    def _reading(self, run: str, part: str, page: int, tokens: int) -> Steps:
        place = (*self.namespace, run)
        is_id = bool(run) and "." not in run  # a store refuses other labels
        index = (yield [GetOp(place, _INDEX)])[0] if is_id else None
        if index is None:
            known = yield from self._known(run)
            raise InputError(f"there is no run {quote(run, 40)} in this conversation; {known}")
        sizes = index.value["parts"]
        if not part:
            lines = [
                f"{json.dumps(name, ensure_ascii=False)}: "
                f"{count(size['tokens'], 'token')}, {count(size['entries'], 'entry')}"
                for name, size in sizes.items()
            ]
            return piece(f"run {run}: its parts", lines, page, tokens)
        name = _first_part(part, sizes)
        stored = (yield [GetOp(place, f"{_PART}{name}")])[0]
        if stored is None:
            raise InputError(
                f"part {quote(name, 40)} of run {run} is not stored any more; run the tool again"
            )
        below = part[len(name) :].removeprefix("/")
        title = f"run {run}, part {quote(part, 60)}"
        return piece(title, find_part(json.loads(stored.value["json"]), below, name), page, tokens)

    def _known(self, asked: str) -> Steps:
        """Say which runs there are, if all of them are of this conversation."""
        if not self.is_one_conversation:
            return "it has no thread_id, and so sees no run of a thread; the result of a tool says its run id"
        condition = MatchCondition("prefix", self.namespace)
        found = (yield [ListNamespacesOp((condition,), len(self.namespace) + 1, _LISTED)])[0]
        # Without the one that was asked for: some stores list a namespace once it was looked into.
        runs = [names[-1] for names in found if len(names) > len(self.namespace) and names[-1] != asked]
        return f"this conversation has {', '.join(runs)}" if runs else "this conversation has none"


def _first_part(part: str, known: Iterable[str]) -> str:
    """Return the key of the output that the name of a part begins with.

    Raises:
        InputError: there is none.
    """
    fitting = [name for name in known if part == name or part.startswith(f"{name}/")]
    if not fitting:
        listed = quote(", ".join(known), 200)[1:-1]
        raise InputError(f"there is no part {quote(part, 40)}; the parts are {listed}")
    return max(fitting, key=len)
