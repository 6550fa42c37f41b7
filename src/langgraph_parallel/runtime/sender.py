"""Senders: what makes one request to a model, in the way of its provider."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.dialect import CACHE_KEY, STREAM, STREAM_OPTIONS
from langgraph_parallel.runtime.prefix_cost import LEAST_KEPT

if TYPE_CHECKING:
    from langgraph_parallel.runtime.direct import Direct

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Sending:
    """How one request is sent, beside what it asks."""

    cache_key: str = ""
    """Which calls share a prefix, for endpoints that send these to the same machine; empty for none."""
    on_first: Callable[[], None] | None = None
    """Called once when the first token of the answer has come, for requests that can be streamed; None to
    send the request as usual."""
    marks: tuple[int, ...] = ()
    """Sizes of the prefixes, in bytes, that a provider is told to keep, where it has to be told."""

    def fields(self) -> dict[str, Any]:
        """Return what it adds to the body of a chat completion."""
        fields: dict[str, Any] = {CACHE_KEY: self.cache_key} if self.cache_key else {}
        if self.on_first is not None:
            fields |= {STREAM: True, STREAM_OPTIONS: {"include_usage": True}}
        return fields


class PrefixCaching(NamedTuple):
    """What a sender's requests have to do with the provider's cache of prefixes."""

    preface: str
    """What stands before the messages, such as a schema: prefixes of requests that differ in it differ."""
    keyed: bool = False
    """Whether the endpoint takes a `cache_key`."""
    marked: bool = False
    """Whether the provider keeps only what is marked."""
    minimum: int = LEAST_KEPT
    """Least tokens of a prefix that is kept."""


PLAIN = Sending()


class Sender(Protocol[AnswerT]):
    """Sends a prompt to a model, once."""

    @property
    def direct(self) -> "Direct | None":
        """Its direct path to the endpoint; None if it has none."""
        ...

    @property
    def reports(self) -> bool:
        """Whether a request that is sent in another way has to be reported to callbacks."""
        ...

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> AnswerT:
        """Make one request."""
        ...

    def body(self, messages: Sequence[BaseMessage]) -> Mapping[str, Any] | None:
        """Return the request as a chat completion's JSON; None where it is sent in another way."""
        ...

    def read(self, completion: Any) -> AnswerT:
        """Return the answer that a chat completion holds, as `ainvoke` returns it.

        Raises:
            Exception: as `ainvoke`, of an answer.
        """
        ...

    def learn_from(self, error: Exception, messages: Sequence[BaseMessage]) -> None:
        """Learn from the answer to a request that was sent in another way.

        Raises:
            Exception: as `ainvoke`, where that raises another error.
        """
        ...

    def prefix_caching(self) -> PrefixCaching | None:
        """Return what its requests have to do with the provider's cache; None if that is not known."""
        ...

    def question(self, messages: Sequence[BaseMessage]) -> Any:
        """Return all on which an answer depends, as plain data, for the cache of answers.

        None if it cannot be told from others, or if no kept answer would do.
        """
        ...

    def recalled(self, answer: AnswerT) -> None:
        """Show an answer that was kept to those who listen to answers as they arrive."""
        ...

    def usage(self, answer: AnswerT) -> Usage:
        """Return the tokens of an answer as counted by the provider; zero if it does not say."""
        ...

    def remarks(self) -> Sequence[str]:
        """Return what the endpoint does not take of a request, so that it is left out."""
        ...
