"""Trials of parameters: whether an endpoint takes, ignores or refuses a part of a request."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.counted import as_usage, completion_metadata
from langgraph_parallel.runtime.dialect import REFUSALS, Dialect
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.sender import PLAIN, Sending

Complete = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
Taken = Literal["yes", "ignored", "refused", "unknown"]
"""Whether an endpoint takes a part of a request: it does, it answers as if it were not there, it says that it
does not, or something else has failed."""


@dataclass(frozen=True)
class Finding:
    """What a probe has found about a part of a request."""

    taken: Taken
    said: BaseException | None = None
    """The error that says why not."""
    is_seen: bool = False
    """Whether the answer shows that it was obeyed, and not just let pass."""


class Completion:
    """A sender of chat completions with further parameters, which gives the bodies of the answers.

    Args:
        direct: path to the endpoint.
        more: the parameters.
    """

    direct = None
    """It is sent in no other way."""
    reports = False

    def __init__(self, direct: Direct, more: Mapping[str, Any]) -> None:
        self._direct, self._more = direct, more

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> Any:
        """Make one request."""
        return await self._direct.complete(messages, self._more)

    def body(self, messages: Sequence[BaseMessage]) -> None:
        """Return nothing: a finding is about a request that is made alone."""

    def read(self, completion: Any) -> Any:
        """Return the body itself."""
        return completion

    def learn_from(self, error: Exception, messages: Sequence[BaseMessage]) -> None:
        """Learn nothing: what is refused is the finding."""

    def prefix_caching(self) -> None:
        """Return None: no two trials are meant to share anything."""
        return

    def question(self, messages: Sequence[BaseMessage]) -> None:
        """Return nothing: what an endpoint takes now, no kept answer tells."""

    def recalled(self, answer: Any) -> None:
        """Do nothing: no answer is kept."""

    def usage(self, answer: Any) -> Usage:
        """Return the tokens of an answer."""
        return as_usage(completion_metadata(field_of(answer, "usage")))

    def remarks(self) -> Sequence[str]:
        """Return nothing: what is refused is the finding."""
        return ()


async def try_parameters(
    complete: Complete, prompt: str, more: Mapping[str, Any], bounds: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Finding]]:
    """Try parameters in one request, and again without those that are refused by name.

    If a refusal names none, each is tried alone.

    Args:
        complete: sends a prompt with parameters, and returns the body of the answer.
        prompt: the question.
        more: the parameters.
        bounds: a parameter beside them that the endpoint is known to take.

    Returns:
        The bodies of the answers and the findings, by parameter.
    """
    left, findings = dict(more), dict[str, Finding]()
    scratch = Dialect()  # not that of the runs: a run may never send these
    while left:
        try:
            body = await complete(prompt, {**left, **bounds})
        except Exception as error:
            if not scratch.learn(classify(error), list(left), scratch.version):
                if len(left) == 1 or not is_refusal(error):
                    return {}, findings | dict.fromkeys(left, failed_finding(error))
                return await _each_alone(complete, prompt, left, findings, bounds)
            for name in [name for name in left if name in scratch.dropped]:
                findings[name] = Finding("refused", error)
                del left[name]
        else:
            return dict.fromkeys(left, body), findings | dict.fromkeys(left, Finding("yes"))
    return {}, findings


async def _each_alone(
    complete: Complete,
    prompt: str,
    left: Mapping[str, Any],
    known: Mapping[str, Finding],
    bounds: Mapping[str, int],
) -> tuple[dict[str, Any], dict[str, Finding]]:
    bodies, findings = dict[str, Any](), dict(known)
    for name, value in left.items():
        its_bodies, its_findings = await try_parameters(complete, prompt, {name: value}, bounds)
        bodies, findings = bodies | its_bodies, findings | its_findings
    return bodies, findings


def failed_finding(error: Exception) -> Finding:
    """Return the finding that an error means."""
    return Finding("refused" if is_refusal(error) else "unknown", error)


def is_refusal(error: Exception) -> bool:
    """Return whether an endpoint has refused the request itself, and not the key, the rate or the hour."""
    failure = classify(error)
    return failure.kind in {"option", "request", "server", "address"} and failure.status in REFUSALS


def field_of(body: Any, *path: str | int) -> Any:
    """Return a field of a body that may have any form; None if it is not there."""
    for key in path:
        if isinstance(key, int):
            body = body[key] if isinstance(body, list) and len(body) > key else None
        else:
            body = body.get(key) if isinstance(body, Mapping) else None
    return body


def count_of(body: Any, *path: str | int) -> int:
    """Return a count of such a body; 0 if it is not there."""
    number = field_of(body, *path)
    return number if isinstance(number, int) and number > 0 else 0
