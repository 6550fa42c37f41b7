"""What runs know of the answers that are kept: their cache, their place, and what they have asked before."""

import threading
import time
from collections import Counter, OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config

from langgraph_parallel.runtime.answer_setting import Chosen, as_cache, cache_of_environment, store_of
from langgraph_parallel.runtime.answer_store import AnswerStore
from langgraph_parallel.runtime.redact import redact

if TYPE_CHECKING:
    from langgraph_parallel.runtime.run import Run

_PUSH = "__pregel_push"
"""What the path of a task begins with that was sent to a node, in LangGraph."""
_MOST_ASKED = 200_000
"""Questions of tasks that are remembered; those of the steps that are oldest are forgotten first."""


class RunAnswers:
    """The cache of answers of a run.

    Args:
        outer: that of the run around it.
    """

    __slots__ = ("store", "tree")

    def __init__(self, outer: "RunAnswers | None") -> None:
        self.store: AnswerStore | None = outer.store if outer else None
        """None if none are kept."""
        self.tree: TreeAnswers = outer.tree if outer else TreeAnswers()

    def begin(self, built: Chosen, given: bool | None, config: RunnableConfig | None) -> None:
        """Choose the cache of an outermost run.

        Args:
            built: what its graph was built with.
            given: whether the runtime context wants one.
            config: of the run.

        Raises:
            UsageError: the environment names no cache.
        """
        self.tree.begin(config)
        self.tree.is_off = given is False
        if not self.tree.is_off:
            outer = as_cache(True) if given else cache_of_environment()
            self.store = store_of(built, cast("AnswerStore | None", outer))

    def apart(self) -> "RunAnswers":
        """Return the same cache for a run that has no questions in common with the run around it."""
        answers = RunAnswers(None)
        answers.store = self.store
        answers.tree.has_place, answers.tree.is_off = True, self.tree.is_off
        return answers

    def use(self, built: Chosen) -> None:
        """Choose the cache of a run inside of another one: that of its graph, else that of the other."""
        self.store = None if self.tree.is_off else store_of(built, self.store)


class TreeAnswers:
    """What a tree of runs knows of its questions."""

    def __init__(self) -> None:
        self.place: list[str] = []
        """Names of the nodes of other graphs around it; which of the tasks sent to it it is."""
        self.has_place = False
        self.is_off = False
        """Whether no answers are kept, whatever its graphs and workers were built with."""
        self._task: tuple[str, str] | None = None
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._broken: set[int] = set()
        self._stores: list[AnswerStore] = []
        self._began = time.time()
        self._stored: Counter[str] = Counter()
        """Answers that were put, by the name of their store."""
        self._remarks: dict[str, str] = {}
        """What was said of the room of a store, by its name."""

    def begin(self, config: RunnableConfig | None) -> None:
        """Note in which place of the graphs of others it runs.

        Args:
            config: it was called with; None for that of the code that calls.
        """
        configurable = (config or {}).get("configurable") or {}
        if not configurable.get("checkpoint_ns"):
            with suppress(RuntimeError):  # outside of any graph
                config = get_config()
                configurable = config.get("configurable") or {}
        path = ((config or {}).get("metadata") or {}).get("langgraph_path") or ()
        task = str(configurable.get("checkpoint_ns") or "")
        self.has_place = True
        self.place = [part.partition(":")[0] for part in task.split("|")]
        if path and path[0] == _PUSH:  # siblings that were sent to a node differ in this alone
            self.place.append(repr(path))
        step = (configurable.get("checkpoint_map") or {}).get("")
        self._task = (str(step), task) if step and task else None

    def copy_of(self, question: str) -> int:
        """Return how many tasks of graphs of others have asked the same before, in the same step."""
        return 0 if self._task is None else _askers.number(question, *self._task)

    def number(self, question: str) -> int:
        """Count a question; return how often it was asked."""
        with self._lock:
            self._asked[question] += 1
            return self._asked[question]

    def is_usable(self, store: AnswerStore) -> bool:
        """Return whether a store has not failed in these runs."""
        return id(store) not in self._broken

    def give_up(self, store: AnswerStore, error: Exception, run: "Run") -> None:
        """Go on without a store, and say so once."""
        with self._lock:
            self._broken.add(id(store))
            self._stores.append(store)  # so that its id stays its own
        run.note(f"answers are not kept in {_name(store)}: {redact(str(error)) or type(error).__name__}")

    def stored(self, store: AnswerStore, answers: int, run: "Run") -> None:
        """Count answers that a store has got, and say if it has no room for them all."""
        name = _name(store)
        with self._lock:
            self._stored[name] += answers
            stored = self._stored[name]
            if lost := store.dropped(self._began):
                before = self._remarks.get(name, "")
                self._remarks[name] = remark = (
                    f"of {stored} answers {max(0, stored - lost)} were kept in {name}: raise most_bytes"
                )
                run.note(remark, before)


class _Askers:
    """Tasks of graphs of others, by what they ask.

    Tasks below one that was sent to a graph cannot be told from those below its siblings, but for ids that
    are others in every run. So they are numbered, where they ask the same in the same step.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: OrderedDict[str, dict[str, dict[str, int]]] = OrderedDict()
        self._asked = 0

    def number(self, question: str, step: str, task: str) -> int:
        """Return the number of a task among those that ask the same, from 0; it keeps it."""
        with self._lock:
            tasks = self._steps.setdefault(step, {}).setdefault(question, {})
            if task not in tasks:
                tasks[task] = len(tasks)
                self._asked += 1
            while self._asked > _MOST_ASKED and len(self._steps) > 1:
                _, oldest = self._steps.popitem(last=False)
                self._asked -= sum(map(len, oldest.values()))
            return tasks[task]


_askers = _Askers()


def _name(store: AnswerStore) -> str:
    return str(getattr(store, "path", None) or "their store")
