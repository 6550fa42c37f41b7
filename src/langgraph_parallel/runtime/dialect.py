"""Dialects: what one model of one endpoint takes of a request, as learned from what it refused.

Servers that speak OpenAI's protocol do not all take all of it: some know no JSON schema, some models no
temperature. Such a refusal is an answer of 400, in many wordings. The request is made again without what was
refused, and that is remembered for the endpoint and the model.
"""

import re
import threading
from collections.abc import Collection, Mapping
from typing import Literal

from langgraph_parallel.runtime.failure import Failure
from langgraph_parallel.runtime.sample_support import SampleSupport
from langgraph_parallel.runtime.stream_support import StreamSupport

Format = Literal["json_schema", "json_object", "text"]
"""How an answer in JSON is asked for: by a schema, as any object, or in the prompt alone."""
_FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")
_ASKED: Mapping[Format, str] = {
    "json_schema": "",
    "json_object": "answers are asked for as any JSON object, without a schema",
    "text": "answers are asked for in JSON by the prompt alone",
}
"""What the report says of these ways."""
CEILINGS = ("max_completion_tokens", "max_tokens")
"""The names of the parameter that bounds an answer."""
FORMAT, STRICT = "response_format", "strict"
CACHE_KEY, STREAM, STREAM_OPTIONS = "prompt_cache_key", "stream", "stream_options"
EXTRAS = (CACHE_KEY, STREAM_OPTIONS, STREAM)
"""What a request has for the sake of the provider's cache alone."""
_NAMES: Mapping[str, "re.Pattern[str]"] = {
    STRICT: re.compile(r"\bstrict\b", re.IGNORECASE),
    FORMAT: re.compile(
        r"response.?format|json.?(schema|object|mode)|structured.?output|text\.format|output_(config|format)"
        r"|guided|grammar|response.?(mime|schema)|\bschema\b",
        re.IGNORECASE,
    ),
}
"""How errors name the parameters that have several names."""
REFUSALS = frozenset({400, 404, 415, 422, 500, 501})
"""Statuses under which a parameter is refused."""


class Dialect:
    """What one model of one endpoint takes. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.version = 0
        """Raised with everything that is learned."""
        self.format: Format = "json_schema"
        self.dropped: dict[str, str] = {}
        """Parameters that are not sent any more, each with what the endpoint said."""
        self.ceiling = "max_tokens"
        """Name under which the endpoint takes a ceiling of tokens; empty if it takes none."""
        self.thinks = False
        """Whether the model has been seen to think before it answers."""
        self.answers_plainly = False
        """Whether the model has answered without thinking in its text."""
        self.context: int | None = None
        """Estimated tokens of a prompt that were too many for the model; None if none were."""
        self.samples = SampleSupport()
        """Whether it answers a request with several samples."""
        self.streams = StreamSupport()
        """Whether it streams answers that can be read."""
        self.without: set[str] = set()
        """Those of `EXTRAS` that are not sent any more."""
        self._left_out: tuple[int, list[str]] | None = None
        """A question and what was left out of it by a guess, the first time."""
        self._may_guess = True
        """Whether a refusal that names no parameter may mean the format of the answer."""
        self._refused_questions: set[int] = set()
        """Questions whose refusal has lowered the format by such a guess, until one of them is answered."""

    def learn(self, failure: Failure, sent: Collection[str], version: int, question: int = 0) -> bool:
        """Learn from a refused request; return whether it is worth asking again.

        Args:
            failure: what the endpoint said.
            sent: parameters of the request that it may have refused.
            version: of the dialect that the request was made in.
            question: a hash of what was asked, by which `confirm` knows it again.
        """
        if failure.kind not in {"option", "request", "address", "server"} or failure.status not in REFUSALS:
            return False
        named = self._named(failure, sent)
        if not named and failure.status not in {400, 422}:
            return False
        with self._lock:
            if version < self.version:
                if self._refused_questions and not named:
                    self._refused_questions.add(question)
                return True  # a request at the same time has learned it
            if self._leaves_out([name for name in EXTRAS if name in sent], named, question):
                self.version += 1
                return True
            if named or (self._may_guess and FORMAT in sent):
                if not named:
                    self._refused_questions.add(question)
                self._drop(named or FORMAT, failure)
                self.version += 1
                return True
            if question in self._refused_questions:  # it was not the format: take that back, guess no more
                self.format, self._may_guess = "json_schema", False
                self._refused_questions.clear()
                self.version += 1
            return False

    @property
    def may_stream(self) -> bool:
        """Whether a leader's answer is streamed."""
        return not (self.streams.is_off or self.without & {STREAM, STREAM_OPTIONS})

    @property
    def is_guessing(self) -> bool:
        """Whether the format was lowered by a guess that no answer has confirmed yet."""
        return bool(self._refused_questions)

    def confirm(self, question: int) -> None:
        """Confirm the guess if a question that was refused has an answer now.

        An answer to another question says nothing: it might have been given to a schema as well.
        """
        with self._lock:
            if question in self._refused_questions:
                self._refused_questions.clear()

    def note_thinking(self) -> None:
        """Note that the model thinks: a ceiling of tokens would cut it off."""
        if not self.thinks:
            with self._lock:
                self.thinks = True
                self.version += 1

    def note_overflow(self, tokens: int) -> None:
        """Note that a prompt of so many estimated tokens was too long."""
        with self._lock:
            self.context = tokens if self.context is None else min(self.context, tokens)

    def remarks(self) -> list[str]:
        """Return what the endpoint does not take, for the report; guesses only once they are confirmed."""
        not_sent = (*self.dropped, CACHE_KEY) if CACHE_KEY in self.without else self.dropped
        lines = [f"{name} is not sent" for name in not_sent if name not in CEILINGS]
        formats = [] if self.is_guessing else [_ASKED[self.format]]
        return [*filter(None, formats), *lines, *self.samples.remarks()]

    def forget(self) -> None:
        """Forget all that was learned; those who hold the dialect notice by its version."""
        fresh = vars(Dialect())
        with self._lock:
            vars(self).update(fresh, _lock=self._lock, version=self.version + 1)

    def names_one(self, failure: Failure, sent: Collection[str]) -> bool:
        """Return whether a refusal names one of the parameters that were sent."""
        return bool(self._named(failure, sent))

    def _leaves_out(self, extras: list[str], named: str, question: int) -> bool:
        """Leave out what a request has for the cache alone, if it may have been refused for that."""
        if named in extras:
            self.without.add(named)
            return True
        if self._left_out is None and extras and not named:  # a guess: nobody misses them
            self._left_out = question, extras
            self.without.update(extras)
            return True
        if self._left_out is not None and self._left_out[0] == question:  # it was not for them
            self.without.difference_update(self._left_out[1])
            self._left_out = question, []
            self.version += 1
        return False

    def _named(self, failure: Failure, sent: Collection[str]) -> str:
        """Return the parameter that a refusal names; empty if it names none that was sent."""
        for name in sent:
            if failure.parameter.partition(".")[0] == name:
                # OpenAI names what is inside of a parameter by its path.
                return STRICT if failure.parameter.endswith(".strict") and STRICT in sent else name
        words = f"{failure.message} {failure.parameter}"
        patterns = {name: _NAMES.get(name) or re.compile(rf"\b{re.escape(name)}\b") for name in sent}
        return next((name for name in sent if patterns[name].search(words)), "")

    def _drop(self, name: str, failure: Failure) -> None:
        if name == FORMAT:
            self.format = _FORMATS[min(_FORMATS.index(self.format) + 1, len(_FORMATS) - 1)]
            return
        self.dropped[name] = failure.message
        if name in CEILINGS:
            self.ceiling = next((other for other in CEILINGS if other not in self.dropped), "")


_dialects: dict[tuple[str, str], Dialect] = {}
_lock = threading.Lock()


def get_dialect(endpoint: str, model: str) -> Dialect:
    """Return the dialect of one model of one endpoint: always the same one in this process."""
    with _lock:
        return _dialects.setdefault((endpoint, model), Dialect())


def known_context(model: str) -> int | None:
    """Return the estimated tokens of the shortest prompt that was too long for a model; None if none was."""
    with _lock:
        known = [d.context for (_, name), d in _dialects.items() if name == model and d.context is not None]
    return min(known, default=None)


def forget_dialects() -> None:
    """Forget all that was learned, for a process that goes on after a server has changed."""
    with _lock:
        known = list(_dialects.values())
    for dialect in known:  # not the dialects themselves: models hold them as long as their event loop lives
        dialect.forget()
