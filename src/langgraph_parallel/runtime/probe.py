"""Probes: tiny requests that find out what one model of one endpoint takes.

They go the way of every call (`runtime.calling`), with its limits, clients, corrections and words for errors,
and learn in the dialect that runs speak. So what a probe finds is what a run will meet.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, Field

from langgraph_parallel.answers.message import read_message
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.errors import AnswerError, CutAnswer, EmptyAnswer
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.dialect import Dialect, Format, get_dialect
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import get_endpoint, is_self_hosted, model_name
from langgraph_parallel.runtime.sender import Sender
from langgraph_parallel.runtime.structured import BoundModel, stream_listener
from langgraph_parallel.runtime.trial import (
    Completion,
    Finding,
    count_of,
    failed_finding,
    field_of,
    try_parameters,
)

_GREETING = "Answer with the word OK and nothing else."
_COUNTING = "Write the numbers from 1 to 40, separated by spaces, and nothing else."
_CEILING = 16
"""Tokens; the numbers to 40 have several times as many."""
_ROOM = 200
"""Tokens for any other answer: small models may go on without end."""
_TOOL = "note_word"


class ProbeRecord(BaseModel):
    """A word."""

    noted_word: str = Field(description="Any word.")


_FORM_UNKNOWN = "Note any word. Answer with a JSON object."
"""Does not name the field: who answers with it has read the schema."""


@dataclass(frozen=True)
class Structured:
    """How records can be asked for."""

    format: Format
    """The form in which the endpoint takes the request."""
    is_strict: bool
    """Whether it takes the demand to hold strictly to the schema."""
    misfit: str
    """Why the answer does not fit a schema of which only the request's format told; empty if it fits."""

    @property
    def is_obeyed(self) -> bool:
        """Whether the schema was obeyed."""
        return self.format == "json_schema" and not self.misfit


@dataclass(frozen=True)
class Streamed:
    """How an answer was streamed."""

    parts: int
    first: float
    """Seconds until its first part that can be shown."""
    counted: bool
    """Whether the stream said how many tokens it took."""


@dataclass
class Probe:
    """The probes of one model.

    Attributes:
        model: to be asked, of the running event loop.
        limits: of the requests.
        cached: prompt tokens that answers counted as read from a cache; None if none has said.
    """

    model: BaseChatModel
    limits: Limits
    cached: int | None = None
    _direct: Direct | None = field(init=False)
    _ceiling: str = field(init=False, default="")
    """Name of a parameter that bounds an answer; empty while none is known."""

    def __post_init__(self) -> None:
        self._direct = Direct.of(self.model, {})

    @property
    def takes_parameters(self) -> bool:
        """Whether requests can have parameters of OpenAI's chat completions."""
        return self._direct is not None

    async def answer(self) -> AIMessage:
        """Ask for a word as `Ask` asks for a text, and return the answer.

        Raises:
            Exception: as `Calling.send`.
        """
        answer: AIMessage = await self._send(BoundModel(self.model), _GREETING)
        return answer

    async def structured(self) -> Structured:
        """Ask for a record of which the prompt does not tell.

        Raises:
            Exception: as `Calling.send`.
        """
        bound = BoundModel(self.model, ProbeRecord, ceiling=self._room)
        answer = await self._send(bound, _FORM_UNKNOWN)
        try:
            read_record(read_message(answer), ProbeRecord)
            misfit = ""
        except AnswerError as error:
            misfit = str(error)
        return Structured(bound.dialect.format, "strict" not in bound.dialect.dropped, misfit)

    async def streamed(self) -> Streamed:
        """Ask for an answer in parts.

        Raises:
            Exception: as `Calling.send`.
        """
        times: list[float] = []
        started = time.monotonic()

        def listen(part: str | None) -> None:
            if part:
                times.append(time.monotonic())

        bound = BoundModel(self.model, ceiling=self._room)
        bound.dialect = Dialect()  # what the endpoint does now, whatever it did before
        with _listening(listen):
            answer = await self._send(bound, _GREETING)
        if bound.dialect.streams.is_unreadable:
            raise EmptyAnswer("the answer came as a whole, not as a stream")
        first = (times or [time.monotonic()])[0] - started
        return Streamed(len(times), first, bool(answer.usage_metadata))

    async def tools(self) -> Finding:
        """Ask for the call of a tool."""
        parameters = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
        function = {"name": _TOOL, "description": "Note a word.", "parameters": parameters}
        more = {
            "tools": [{"type": "function", "function": function}],
            "tool_choice": {"type": "function", "function": {"name": _TOOL}},
        }
        try:
            body = await self._complete("Note the word OK.", {**more, **self._bounds})
        except Exception as error:
            return failed_finding(error)
        calls = field_of(body, "choices", 0, "message", "tool_calls")
        if not calls and field_of(body, "choices", 0, "finish_reason") == "length":
            return Finding("unknown", CutAnswer("the answer was cut off before a call", partial=""))
        return Finding("yes" if calls else "ignored", is_seen=bool(calls))

    async def several(self) -> Mapping[str, Finding]:
        """Ask for two answers at once, at a temperature of 0: `n` and `temperature`."""
        bodies, findings = await self._try(_GREETING, {"n": 2, "temperature": 0}, self._bounds)
        if findings["n"].taken == "yes":
            choices = field_of(bodies["n"], "choices")
            is_two = isinstance(choices, list) and len(choices) == 2
            findings["n"] = Finding("yes" if is_two else "ignored", is_seen=is_two)
        return findings

    async def ceiling(self, name: str, more: Mapping[str, Any]) -> Mapping[str, Finding]:
        """Ask for a longer answer than a ceiling of tokens permits.

        Args:
            name: of the parameter that sets the ceiling.
            more: parameters that are tried in the same request.
        """
        bodies, findings = await self._try(_COUNTING, {name: _CEILING, **more}, {})
        if findings[name].taken == "yes":
            body = bodies[name]
            is_cut = field_of(body, "choices", 0, "finish_reason") == "length"
            is_long = count_of(body, "usage", "completion_tokens") > _CEILING
            findings[name] = Finding("ignored" if is_long and not is_cut else "yes", is_seen=is_cut)
        if findings[name].taken == "yes":
            self._ceiling = self._ceiling or name
        return findings

    @property
    def _room(self) -> int | None:
        """The ceiling of an answer, as `Ask` sends it: none to OpenAI's own servers."""
        return _ROOM if is_self_hosted(self.model) else None

    @property
    def _bounds(self) -> Mapping[str, int]:
        """The parameter that bounds an answer; none for a model that thinks, which it would cut off."""
        thinks = get_dialect(get_endpoint(self.model), model_name(self.model)).thinks
        return {} if thinks or not self._ceiling else {self._ceiling: _ROOM}

    async def _try(
        self, prompt: str, more: Mapping[str, Any], bounds: Mapping[str, int]
    ) -> tuple[dict[str, Any], dict[str, Finding]]:
        return await try_parameters(self._complete, prompt, more, bounds)

    async def _complete(self, prompt: str, more: Mapping[str, Any]) -> Any:
        assert self._direct is not None
        body = await self._send(Completion(self._direct, more), prompt)
        details = field_of(body, "usage", "prompt_tokens_details", "cached_tokens")
        if isinstance(details, int):
            self.cached = (self.cached or 0) + details
        return body

    async def _send(self, sender: Sender[Any], prompt: str) -> Any:
        calling = await Calling.to(self.model, sender, self.limits, None)
        return await calling.send([HumanMessage(prompt)])


@contextmanager
def _listening(listen: Callable[[str | None], None]) -> Iterator[None]:
    token = stream_listener.set(listen)
    try:
        yield
    finally:
        stream_listener.reset(token)
