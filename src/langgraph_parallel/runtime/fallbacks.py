"""Fallbacks: other models that are asked the same where an endpoint or a model does not answer.

The next model is asked once the calls to the one before have failed for good with an error that speaks
against it (a broken connection, 5xx, overload, timeouts, a key, a quota, an unknown model, a pause that is
too long), and at once while its endpoint rests. It is asked, too, if the prompt is longer than the context of
the one before. What a model answers is an answer, also if it is refused, filtered or not of the right form;
and a budget, a deadline or a drain ends a question whoever is asked.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from langchain_core.messages import BaseMessage

from langgraph_parallel.counted import count
from langgraph_parallel.errors import (
    AnswerError,
    DeadlineExceeded,
    EndpointPaused,
    EndpointResting,
    EndpointUnusable,
    ModelError,
    ModelsFailed,
    NotStarted,
)
from langgraph_parallel.runtime.bound import BranchEnded
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.explain import kind_of, mark
from langgraph_parallel.runtime.failure import LASTING, TRANSIENT
from langgraph_parallel.runtime.models import ModelLike, model_name, nameable_model
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.retry import mark_used_up

AnswerT = TypeVar("AnswerT")
_DEEPEST_CAUSE = 4
_MOST = 260
"""Characters of all reasons in a record, which shows 300 of an error."""

Handled = tuple[type[BaseException], ...]
"""Errors after which the next model is asked; see LangChain's `with_fallbacks`."""


class Chain(Generic[AnswerT]):
    """The models that one question is put to, in their order, until one answers.

    Its further requests (a repair, a continuation) go to the model that answered.

    Args:
        models: the first, and its fallbacks.
        prepare: returns the calls to one of them.
        handled: errors after which the next one is asked; None for those that speak against a model.
    """

    def __init__(
        self,
        models: Sequence[ModelLike | None],
        prepare: Callable[[ModelLike | None], Awaitable[Calling[AnswerT]]],
        handled: Handled | None = None,
    ) -> None:
        self._models, self._prepare, self._handled = models, prepare, handled
        self._place = 0
        self._calling: Calling[AnswerT] | None = None

    async def send(self, prompt: Rendered | Sequence[BaseMessage], purpose: str = "") -> AnswerT:
        """Send to a model until there is an answer, and to the next one if it fails.

        Args:
            prompt: as in `Calling.send`.
            purpose: as in `Calling.send`.

        Raises:
            ModelsFailed, EndpointUnusable: all of them failed, or none was asked.
            Exception: as `Calling.send`, if no other model is to be asked.
        """
        failures: list[tuple[str, Exception]] = []
        while True:
            try:
                return await (await self._open()).send(prompt, purpose)
            except Exception as error:
                if not speaks_against_model(error, self._handled, is_fallback=self._place > 0):
                    raise
                failures.append((self._name(self._place), error))
                if self._place == len(self._models) - 1:
                    if len(failures) == 1:
                        raise
                    raise _all_failed(failures) from error
                self._pass_over(error)

    def note_remarks(self) -> None:
        """Note what the endpoint that answered does not take of a request."""
        if self._calling is not None:
            self._calling.note_remarks()

    async def answered(self) -> None:
        """Keep the answers, where a cache of answers is used: they answer the question."""
        if self._calling is not None:
            await self._calling.answered()

    async def _open(self) -> Calling[AnswerT]:
        """Return the calls to the model whose turn it is."""
        if self._calling is None:
            calling = await self._prepare(self._models[self._place])
            self._calling = calling.below(
                calling.run,
                calling.config,
                has_fallback=self._place < len(self._models) - 1,
                instead_of=self._name(0) if self._place else "",
            )
        return self._calling

    def _pass_over(self, error: Exception) -> None:
        """Take the next model, and note why."""
        if self._calling is not None:
            self._calling.run.root.passed_over.setdefault(self._name(self._place), describe(error))
        self._place, self._calling = self._place + 1, None

    def _name(self, place: int) -> str:
        return model_name(nameable_model(self._models[place]))


def speaks_against_model(
    error: Exception, handled: Handled | None = None, *, is_fallback: bool = False
) -> bool:
    """Return whether another model is to be asked after an error.

    Args:
        error: of a call to a model, after its last attempt.
        handled: errors after which the caller wants that; None for those that speak against the model.
        is_fallback: whether it is a fallback, which is passed over if it cannot be built.
    """
    if isinstance(error, EndpointUnusable | EndpointPaused):
        return True
    if isinstance(error, NotStarted | DeadlineExceeded | BranchEnded):
        return False
    if isinstance(error, ModelError):
        return is_fallback
    if handled is not None:
        return not _is_answer(error) and _is_one_of(error, handled)
    return kind_of(error) in TRANSIENT | LASTING | {"context"}


def _is_answer(error: Exception) -> bool:
    return isinstance(error, AnswerError) and kind_of(error) != "context"


def _is_one_of(error: BaseException | None, handled: Handled) -> bool:
    """Return whether an error is handled, or one that caused it: ours are caused by the provider's."""
    for _ in range(_DEEPEST_CAUSE):
        if error is None:
            return False
        if isinstance(error, handled):
            return True
        error = error.__cause__
    return False


def _all_failed(failures: Sequence[tuple[str, Exception]]) -> Exception:
    """Return the error that names each model, and why it did not answer, once."""
    errors, names = [error for _, error in failures], dict[str, list[str]]()
    for name, error in failures:
        names.setdefault(describe(error), []).append(name)
    reasons = [f"{', '.join(named)}: {reason}" for reason, named in names.items()]
    most = _MOST // len(reasons)
    cut = [reason if len(reason) <= most else f"{reason[: most - 1]}…" for reason in reasons]
    none = f"none of {count(len(failures), 'model')} answered"
    text, brief = f"{none}: {'; '.join(reasons)}", f"{none}: {'; '.join(cut)}"
    failed: Exception
    if all(isinstance(error, EndpointUnusable) for error in errors):
        rests = any(isinstance(error, EndpointResting) for error in errors)
        failed = (EndpointResting if rests else EndpointUnusable)(text)
    else:
        failed = ModelsFailed(text, errors)
    kinds = [kind_of(error) for error in errors]
    # A prompt that is too long for one of them can be cut.
    mark(failed, brief, "context" if "context" in kinds else kinds[-1])
    mark_used_up(failed)
    return failed
