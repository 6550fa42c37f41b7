"""Tracers that see only the runs which a trace holds: copies of those in the config of the outermost graph.

A copy is of the tracer's own kind, so that LangChain finds a tracer and adds no other one, and shares its
state. Handlers that are no tracers see everything. A tracer that the environment asks for is added here,
since LangChain would add it unseen.

The run of a call of ours is sent to LangSmith once, when it has ended: with its start sent apart it takes
nearly twice the time.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.outputs import LLMResult
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.langchain import LangChainTracer

from langgraph_parallel.runtime import trace_payload as payload
from langgraph_parallel.runtime.reported import ends_for_sure
from langgraph_parallel.runtime.thin_branch import add_failure, branch_input, end_branch, name_of
from langgraph_parallel.runtime.thinning import Place, Thinned, Tracing

_UNSENT, _ANSWER = "__unsent", "__answer"
_STARTS = ("on_chain_start", "on_chat_model_start", "on_llm_start", "on_tool_start", "on_retriever_start")
_ENDS = (
    "on_chain_end",
    "on_chain_error",
    "on_llm_end",
    "on_llm_error",
    "on_tool_end",
    "on_tool_error",
    "on_retriever_end",
    "on_retriever_error",
)


def is_thinnable(handler: Any) -> bool:
    """Return whether a handler is a tracer, and not one that feeds a stream of the caller's."""
    if not isinstance(handler, BaseTracer) or hasattr(handler, "tap_output_aiter"):
        return False
    return not any(inspect.iscoroutinefunction(getattr(handler, name)) for name in (*_STARTS, *_ENDS))


def is_thin(handler: Any) -> bool:
    """Return whether a handler is a thin copy of a tracer."""
    return hasattr(handler, "thin_of")


def thin(handler: Any, tracing: Tracing) -> Any:
    """Return a handler as it takes part in an invocation: a tracer as a thin copy, others as they are."""
    if not is_thinnable(handler) or (is_thin(handler) and handler.thinned.tracing is tracing):
        return handler
    kind = type(handler)
    thinned = Thinned(tracing, counts=isinstance(handler, LangChainTracer))
    # A class for each copy: LangChain copies tracers by their class, and the copies belong together.
    copied = type(kind.__name__, (cast("Any", _thin_kind)(kind),), {"thinned": thinned, "thin_of": handler})
    copy: Any = object.__new__(copied)
    copy.__dict__ = handler.__dict__
    return copy


def thin_callbacks(callbacks: Any, tracing: Tracing) -> Any:
    """Return callbacks of a config with thin copies of its tracers.

    Args:
        callbacks: a list or a manager.
        tracing: of the invocation.
    """
    if not isinstance(callbacks, BaseCallbackManager):
        return [thin(handler, tracing) for handler in callbacks]
    manager = callbacks.copy()
    every = [*callbacks.handlers, *callbacks.inheritable_handlers]
    copies = {id(handler): thin(handler, tracing) for handler in {id(one): one for one in every}.values()}
    manager.handlers = [copies[id(handler)] for handler in callbacks.handlers]
    manager.inheritable_handlers = [copies[id(handler)] for handler in callbacks.inheritable_handlers]
    return manager


@lru_cache(maxsize=64)
def _thin_kind(kind: Any) -> Any:
    """Return the class of thin copies of a kind of tracer."""
    methods: dict[str, Any] = {name: _start(name, getattr(kind, name)) for name in _STARTS}
    methods |= {name: _end(name, getattr(kind, name), kind) for name in _ENDS}
    methods |= {"on_llm_new_token": _token(kind.on_llm_new_token), "on_retry": _retry(kind.on_retry)}
    methods |= {"__eq__": _is_same, "__hash__": _hash}
    if issubclass(kind, LangChainTracer):
        methods |= {"_persist_run_single": _post(kind), "_update_run_single": _patch(kind)}
    return type(kind.__name__, (kind,), methods)


def _post(kind: Any) -> Callable[..., Any]:
    def post(self: Any, run: Any) -> None:
        # LangSmith's exporter to OpenTelemetry forgets a span only if its end comes apart.
        exports = getattr(self.client, "otel_exporter", None) is not None
        if ends_for_sure.get() and run.end_time is None and not exports:
            run.extra[_UNSENT] = True
        else:
            kind._persist_run_single(self, run)

    return post


def _patch(kind: Any) -> Callable[..., Any]:
    def patch(self: Any, run: Any) -> None:
        if run.extra.pop(_UNSENT, False):
            if (answer := run.extra.pop(_ANSWER, None)) is not None:
                run.outputs["generations"] = answer.generations
                run.extra.setdefault("metadata", {})["usage_metadata"] = answer.usage
            kind._persist_run_single(self, run)
        else:
            kind._update_run_single(run)

    return patch


def _is_same(self: Any, other: Any) -> bool:
    """Take a tracer and its copy for one, so that LangChain does not add the other one as well."""
    return self is other or other is self.thin_of


def _hash(self: Any) -> int:
    return hash(self.thin_of)


def _start(event: str, method: Callable[..., Any]) -> Callable[..., Any]:
    can_dump = method is LangChainTracer.on_chat_model_start

    def started(
        self: Any,
        serialized: Any,
        given: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> Any:
        thinned: Thinned = self.thinned
        metadata = kwargs.get("metadata")
        place = thinned.begin(run_id, parent_run_id, kwargs.get("name") or "", kwargs.get("tags"), metadata)
        parent = thinned.parent(place, parent_run_id)
        if not place.is_kept:
            if place.role == "branch":
                place.given = given
            # Who looks for the run in progress, such as LangSmith's decorators, finds the one above. Not in
            # a full trace: what runs in a branch is there itself, and setting the context takes time.
            is_needless = place.role == "branch" and thinned.tracing.level == "full"
            if not is_needless and (run := self.run_map.get(str(parent))) is not None:
                self.run_map[str(run_id)] = run
            return None
        if not place.contents:
            _leave_out(self, kwargs)
            serialized = payload.named_only(serialized)
        if place.role == "branch":
            kwargs["name"] = name_of(given) or kwargs.get("name")
        shown = _given(event, place, given)
        try:
            if can_dump and ends_for_sure.get() and (dumped := payload.dump_plain(shown)) is not None:
                run = method(self, serialized, [[]], run_id=run_id, parent_run_id=parent, **kwargs)
                run.inputs = {"messages": dumped}  # it has not been sent yet
                return run
            return method(self, serialized, shown, run_id=run_id, parent_run_id=parent, **kwargs)
        except NotImplementedError:  # LangChain asks again, with the prompt as text
            thinned.end(run_id)
            raise

    return started


def _end(event: str, method: Callable[..., Any], kind: Any) -> Callable[..., Any]:
    can_dump = event == "on_llm_end" and method is LangChainTracer.on_llm_end

    def ended(self: Any, result: Any, *, run_id: UUID, **kwargs: Any) -> Any:
        thinned: Thinned = self.thinned
        place = thinned.end(run_id)
        if place is None:
            return method(self, result, run_id=run_id, **kwargs) if str(run_id) in self.run_map else None
        if not place.is_kept:
            self.run_map.pop(str(run_id), None)
            if place.role == "branch" and event == "on_chain_end":
                add_failure(self, kind, place, run_id, result)
            return None
        if place.role == "branch" and event == "on_chain_end":
            return end_branch(self, kind, place, run_id, result)
        if not place.contents:
            kwargs = {key: one for key, one in kwargs.items() if key in ("tags", "parent_run_id")}
        shown = _result(event, place, result)
        if can_dump and (run := self.run_map.get(str(run_id))) is not None and _UNSENT in run.extra:
            answer = payload.dump_answer(shown)
            if answer is not None:
                run.extra[_ANSWER] = answer
                shown = LLMResult(generations=[[]], llm_output=shown.llm_output)
        return method(self, shown, run_id=run_id, **kwargs)

    return ended


def _token(method: Callable[..., Any]) -> Callable[..., Any]:
    def told(self: Any, token: Any, *, run_id: UUID, **kwargs: Any) -> Any:
        place = self.thinned.get(run_id)
        if place is not None and not place.is_kept:
            return None
        if place is not None and not place.contents:
            token, kwargs = "", {**kwargs, "chunk": None}
        return method(self, token, run_id=run_id, **kwargs)

    return told


def _retry(method: Callable[..., Any]) -> Callable[..., Any]:
    def told(self: Any, state: Any, *, run_id: UUID, **kwargs: Any) -> Any:
        place = self.thinned.get(run_id)
        if place is not None and not (place.is_kept and place.contents):  # it quotes the error
            return None
        return method(self, state, run_id=run_id, **kwargs)

    return told


def _given(event: str, place: Place, given: Any) -> Any:
    """Return what a run carries as its input."""
    if event == "on_chain_start":
        if place.role == "branch":
            return branch_input(given)
        is_inner = place.role == "step" or (place.role == "graph" and place.above is not None)
        return _outline(place, given) if is_inner or not place.contents else given
    if place.contents:
        return given
    if event == "on_chat_model_start":
        return payload.blank_messages(given)
    if event == "on_llm_start":
        return [payload.outline({"prompt": prompt})["prompt"] for prompt in given]
    return str(payload.outline({"input": given})["input"])


def _result(event: str, place: Place, result: Any) -> Any:
    """Return what a run carries as its output."""
    if event.endswith("_error"):
        return result if place.contents else payload.without_words(result)
    if event == "on_chain_end":
        if place.role == "step":
            return payload.outline(result)
        if place.contents:
            return payload.own_output(result) if place.role == "graph" and place.above is not None else result
        return payload.root_outline(result) if place.role == "graph" else _outline(place, result)
    if place.contents:
        return result
    if event == "on_llm_end":
        return payload.blank_result(result)
    return [] if event == "on_retriever_end" else payload.outline({"output": result})["output"]


def _outline(place: Place, value: Any) -> dict[str, Any]:
    """Return sizes by key where keys are those of a state; elsewhere they may be contents themselves."""
    return payload.outline(value) if place.role in ("graph", "step") else payload.size_only(value)


def _leave_out(tracer: Any, kwargs: dict[str, Any]) -> None:
    """Take contents out of what is said of a run besides its input."""
    allowed = tracer.thinned.tracing.allowed
    for key in ("metadata", "invocation_params", "options"):
        if key in kwargs:
            kwargs[key] = payload.facts_only(kwargs[key], allowed)
    kwargs.pop("inputs", None)
    if isinstance(tracer, LangChainTracer):
        tracer.tracing_metadata = payload.facts_only(tracer.tracing_metadata, allowed)
