"""Whether a model of an endpoint answers one request with several samples, as learned from what it did.

Not all servers know `n`: some refuse it, in many wordings; some answer with fewer samples; some with copies
of one, of which a vote would count one opinion several times.
"""

import json
import re
import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from langgraph_parallel.counted import count
from langgraph_parallel.runtime.failure import LASTING, LATER, Failure

MOST = 128
"""Samples of one request, at most: OpenAI's bound."""
_NAMES_N = re.compile(
    r"(?:^|[\s'\"`(\[{])n(?=['\"`:=)\]}]|\s*[<>=]|\s+(?:must|should|is|parameter|value|greater|larger))"
    r"|number of (?:choices|completions|samples)|candidate.?count"
    r"|(?:only|more than) (?:one|1|a single) (?:\w+ )?(?:choice|completion|candidate|sample)"
    r"|multiple (?:choices|completions|candidates|samples)",
    re.IGNORECASE,
)
"""How refusals name the number of samples."""
_TOO_LARGE = re.compile(
    r"(?:request|input|output|prompt|tokens?)\b.{0,30}\b(?:too (?:large|big|many tokens)|must be reduced)"
    r"|reduce (?:the|your) (?:\w+ ){0,3}(?:size|length|tokens|request|prompt|output)",
    re.IGNORECASE | re.DOTALL,
)
"""How rates say that a request will not fit whenever it comes."""
_LIMIT = re.compile(r"\blimit\b\D{0,15}(\d[\d,]*)", re.IGNORECASE)
_REQUESTED = re.compile(r"\brequested\b\D{0,15}(\d[\d,]*)", re.IGNORECASE)
_OF_THE_REQUEST = frozenset({402, 403, 405})
"""Statuses that mean the account or the address, and at some servers what was asked for."""
_LONG = 200
"""Bytes of an answer that is not equal to another one by chance."""
_SHORT = 32
"""Bytes of an answer that may be no more than a label."""
_WARM = 0.5
"""Temperature from which long answers that are equal are copies."""
_MOST_FAILURES = 2
"""Requests that failed with several samples and not with one, for a reason that may pass."""
_MOST_SHORT = 2
"""Answers in a row with fewer samples than the endpoint has given before."""


class SampleSupport:
    """Whether one model of one endpoint gives several samples for a request. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._most = MOST
        self._off = ""
        """Why no request asks for several samples any more, for the report; empty while they do."""
        self._off_for: set[Hashable] = set()
        """Forms of short answers of which it gave copies."""
        self._copied = 0
        """Samples of the first request that was answered with copies."""
        self._given = 1
        """Samples that it has answered with, at most."""
        self._differs = False
        """Whether it has answered with samples that differ."""
        self._short = list[int]()
        """Samples of the latest answers, as long as they are fewer than it has given before."""
        self._failures = 0

    def most(self, form: Hashable) -> int:
        """Return how many samples a request may ask for; 1 if it may not ask for several.

        Args:
            form: of the answers: their schema.
        """
        return 1 if self._off or form in self._off_for else self._most

    def may_mean(self, failure: Failure, *, names_other: bool) -> bool:
        """Return whether the number of samples may be why a request failed, so that it is asked without it.

        Args:
            failure: of a request for several samples.
            names_other: whether it names another part of the request.
        """
        if names_other or failure.kind == "filter":
            return False
        if failure.kind in LATER:
            return _names_samples(failure) or _is_too_large(failure)
        if failure.kind in LASTING and _names_samples(failure):
            return True
        # Until it has answered once: servers break in many ways on what they do not know.
        if self._given > 1:
            return failure.kind in {"option", "request"}
        return failure.kind not in LASTING or failure.status in _OF_THE_REQUEST

    def note_refused(self, failure: Failure) -> None:
        """Note a refusal that names the number of samples; others count once they have gone away."""
        if failure.kind not in LATER and _names_samples(failure):
            self._switch_off("it refuses several samples in one request")

    def went_away(self, failure: Failure) -> None:
        """Note that a request that failed was answered without several samples."""
        with self._lock:
            self._failures += 1
        if failure.kind in {"option", "request"} | LASTING or _names_samples(failure):
            self._switch_off("it refuses several samples in one request")
        elif self._failures >= _MOST_FAILURES:
            self._switch_off("it fails when it is asked for several samples in one request")

    def note_count(self, answered: int, asked: int, *, streamed: bool = False) -> None:
        """Note how many samples an answer had.

        One that gives fewer than the endpoint has given before may be chance; two in a row are not.

        Args:
            answered: samples that it had.
            asked: samples that were asked for.
            streamed: whether it was a stream, which may lack samples that a whole answer has.
        """
        with self._lock:
            is_odd = answered < min(asked, self._given)
            self._given = max(self._given, answered)
            if answered > 1:
                self._failures = 0
            if answered >= asked:
                self._short = []
            if answered >= asked or streamed:
                return
            self._short.append(answered)
            if is_odd and len(self._short) < _MOST_SHORT:
                return
            most, self._short = max(self._short), []
            self._most = min(self._most, most)
        if most == 1:
            self._switch_off("it answers with one sample where it is asked for several")

    def select(
        self, messages: Sequence[Mapping[str, Any]], form: Hashable, temperature: float | None
    ) -> list[int]:
        """Return the places of the samples that count; the others are copies of one of them.

        If all are equal, and the endpoint never gave different ones, they are copies: it is asked no more
        for several. Once it did, equal answers that are short may be chance, such as labels. Long ones are
        copies as well, unless the temperature is low.

        Args:
            messages: of the samples; those that say nothing always count.
            form: of the answers.
            temperature: at which they were asked; None for the provider's default.
        """
        first: dict[bytes, int] = {}
        places: list[int] = []
        repeated: list[tuple[int, bytes]] = []
        for place, message in enumerate(messages):
            text = _identity(message)
            if text and text in first:
                repeated.append((place, text))
                continue
            places.append(place)
            if text:
                first[text] = place
        with self._lock:
            self._differs = self._differs or len(first) > 1
        if not repeated:
            return places
        if not self._differs:  # nor did any request before
            self._note_copies(len(messages), form, short=len(repeated[0][1]) <= _SHORT)
            return places
        is_warm = temperature is None or temperature >= _WARM
        copies = {place for place, text in repeated if is_warm and len(text) >= _LONG}
        if copies:
            self._note_copies(len(messages), form, short=False)
        return [place for place in range(len(messages)) if place not in copies]

    def remarks(self) -> list[str]:
        """Return why it is not asked for several samples, for the report."""
        copies = (
            f"it answered {count(self._copied, 'sample')} of one request with copies of one, which do not "
            "count: voters are asked one by one"
        )
        return [*([copies] if self._copied else []), *([self._off] if self._off else [])]

    def _note_copies(self, count: int, form: Hashable, *, short: bool) -> None:
        with self._lock:
            self._copied = self._copied or count
            # A label may be equal by chance: other answers of this model are asked for together all the same.
            self._off_for.add(form)
            if not short:
                self._most = 1

    def _switch_off(self, why: str) -> None:
        with self._lock:
            self._off = self._off or f"{why}: voters are asked one by one"


def _names_samples(failure: Failure) -> bool:
    """Return whether a refusal names the number of samples."""
    return failure.parameter == "n" or bool(_NAMES_N.search(failure.message))


def _is_too_large(failure: Failure) -> bool:
    """Return whether a request is refused that is larger than its rate, so that waiting does not help.

    >>> _is_too_large(Failure("throttled", message="Limit 30,000, Requested 51,234"))
    True
    >>> _is_too_large(Failure("throttled", message="Limit 30,000, Used 29,000, Requested 2,000"))
    False
    """
    if _TOO_LARGE.search(failure.message):
        return True
    limit, requested = (pattern.search(failure.message) for pattern in (_LIMIT, _REQUESTED))
    return bool(limit and requested) and _number(requested) > _number(limit)


def _number(found: "re.Match[str] | None") -> int:
    return int(found[1].replace(",", "")) if found else 0


def _identity(message: Mapping[str, Any]) -> bytes:
    """Return what makes two samples equal; empty for one that says nothing, or declines in set words."""
    said = [message.get(key) for key in ("content", "reasoning_content", "reasoning", "tool_calls")]
    if message.get("refusal") or not any(said):
        return b""
    content, *rest = said
    text = content if isinstance(content, str) else json.dumps(content)
    return (text + (json.dumps(rest) if any(rest) else "")).encode(errors="surrogatepass")
