"""The desk: what is the same for requests of both lanes, from their tokens to a line of the bill."""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.billing.answers import Answers
from benchmarks.billing.bill import Bill, Line
from benchmarks.billing.prefix_cache import PrefixCache, Reading
from benchmarks.billing.profile import Profile
from benchmarks.billing.tokens import beginning, blocks, sequence, text_of, tokenize


@dataclass
class Refused(Exception):
    """A request that is not worked on."""

    status: int
    message: str
    code: str | None = None
    parameter: str | None = None
    retry_after: str | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The error, as an endpoint says it."""
        kind = {429: "rate_limit_error", 500: "server_error"}.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.parameter, "code": self.code}}


@dataclass
class Asked:
    """A request that is worked on."""

    body: dict[str, Any]
    line: Line
    reading: Reading | None
    """Where its prompt is read; None where nothing is cached."""
    draw: random.Random
    texts: list[str] = field(default_factory=list)
    """The answers, from the first token on."""


class Desk:
    """Everything that a server keeps.

    Args:
        profile: how it bills, caches, answers and fails.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile, self.bill = profile, Bill()
        self._cache = PrefixCache(profile)
        self._asked: Counter[str] = Counter()
        self._admitted: list[float] = []

    def take(self, body: dict[str, Any], lane: str = "live", custom_id: str = "") -> Asked:
        """Read a request, and open its line.

        Raises:
            Refused: it is not worked on, and not billed.
        """
        tokens, profile, now = sequence(body), self.profile, time.monotonic()
        draw = self._chance(tokens)
        try:
            self._check(body, draw, now, lane)
        except Refused as refused:
            self.bill.refuse(refused.status)
            raise
        key, reading = str(body.get("prompt_cache_key") or ""), None
        digests = blocks(tokens, str(body.get("model")))
        if profile.caches and (lane == "live" or profile.batch_caches):
            reading = self._cache.read(digests, f"{key} {beginning(tokens)}", now)
        line = Line(
            id=f"chatcmpl-{len(self.bill.lines) + 1}",
            model=str(body.get("model")),
            lane=lane,
            prompt=len(tokens),
            cached=reading.cached if reading else 0,
            written=reading.written if reading else 0,
            samples=self._samples(body),
            key=key,
            machine=reading.machine if reading else 0,
            streamed=bool(body.get("stream")),
            arrived=now,
            custom_id=custom_id,
            blocks=digests,
        )
        self.bill.lines.append(line)
        return Asked(body, line, reading, draw)

    def first_token(self, asked: Asked) -> None:
        """Begin an answer: from now on, others can use the prompt."""
        asked.line.first = time.monotonic()
        answers = Answers(asked.body, asked.draw, self.profile.answer_words, self.profile.disagreement)
        asked.texts = [answers.text() for _ in range(asked.line.samples)]
        if self.profile.samples == "copies":
            asked.texts = asked.texts[:1] * len(asked.texts)
        if asked.reading is not None:
            self._cache.keep(asked.reading, asked.line.first)

    def answer(self, asked: Asked) -> dict[str, Any]:
        """Make the completion, and close its line."""
        texts = asked.texts
        asked.line.reasoning = self.profile.reasoning * len(texts)
        asked.line.output = sum(len(tokenize(text)) for text in texts) + asked.line.reasoning
        self._close(asked.line)
        return {
            "id": asked.line.id,
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked.line.model,
            "choices": [
                {
                    "index": index,
                    "message": {"role": "assistant", "content": text, "refusal": None},
                    "finish_reason": "stop",
                }
                for index, text in enumerate(texts)
            ],
            "usage": self._usage(asked.line),
        }

    def cut_off(self, asked: Asked, answer_seconds: float) -> None:
        """Close the line of a request whose client has gone away: it is billed for what was worked on."""
        line, elapsed = asked.line, time.monotonic() - asked.line.arrived
        line.cut_off = True
        if line.first:
            share = min(1.0, (time.monotonic() - line.first) / max(answer_seconds, 1e-9))
            line.output = int(share * sum(len(tokenize(text)) for text in asked.texts))
        else:
            line.written = 0
            line.prompt = min(line.prompt, line.cached + int(elapsed * self.profile.prefill))
        self._close(line)

    def first_seconds(self, asked: Asked) -> float:
        """Return the time until the first token."""
        uncached = asked.line.prompt - asked.line.cached
        return self.profile.first_seconds + uncached / self.profile.prefill

    def answer_seconds(self, asked: Asked) -> float:
        """Return the time from the first token to the last."""
        slow = asked.draw.random() < self.profile.slow_share
        return self.profile.answer_seconds * (10 if slow else 1)

    def _close(self, line: Line) -> None:
        line.ended = time.monotonic()
        line.usd = self.profile.usd(line.tokens, batch=line.lane == "batch")

    def _chance(self, tokens: Sequence[str]) -> random.Random:
        # By the prompt, and by how often it was asked: the order among other prompts does not matter.
        digest = hashlib.sha256("\0".join(tokens).encode(errors="surrogatepass")).hexdigest()
        self._asked[digest] += 1
        return random.Random(f"{self.profile.seed} {digest} {self._asked[digest]}")

    def _samples(self, body: dict[str, Any]) -> int:
        wanted = int(body.get("n") or 1)
        return 1 if self.profile.samples == "fewer" else wanted

    def _check(self, body: dict[str, Any], draw: random.Random, now: float, lane: str) -> None:
        profile = self.profile
        failing = profile.batch_failing if lane == "batch" else profile.failing
        if profile.down and str(body.get("model")).startswith(profile.down):
            failing = 1.0
        if profile.refuses and any(profile.refuses in text_of(message) for message in body["messages"]):
            raise Refused(400, "this prompt is refused", "invalid_prompt")
        if (body.get("n") or 1) > 1 and profile.samples == "refused":
            raise Refused(400, "Only n = 1 is supported.", "unsupported_value", "n")
        if "prompt_cache_key" in body and not profile.takes_cache_key:
            message = "Unrecognized request argument supplied: prompt_cache_key"
            raise Refused(400, message, "unknown_parameter", "prompt_cache_key")
        if draw.random() < failing:
            raise Refused(500, "The server had an error while processing your request.")
        if lane == "live":
            self._admit(draw, now)

    def _admit(self, draw: random.Random, now: float) -> None:
        rate = self.profile.rate
        if draw.random() < self.profile.throttling:
            raise Refused(429, "Rate limit reached.", "rate_limit_exceeded", retry_after="0.05")
        if rate and len(self._admitted) >= rate and now - self._admitted[-rate] < 1:
            raise Refused(429, "Rate limit reached.", "rate_limit_exceeded", retry_after="1")
        self._admitted.append(now)

    def _usage(self, line: Line) -> dict[str, Any]:
        details: dict[str, int] = {"cached_tokens": line.cached, "audio_tokens": 0}
        more = {}
        if self.profile.tells_writes == "openrouter":
            details["cache_write_tokens"] = line.written
        elif self.profile.tells_writes == "litellm":
            details["cache_creation_tokens"] = line.written
            more = {"cache_creation_input_tokens": line.written, "cache_read_input_tokens": line.cached}
        return {
            "prompt_tokens": line.prompt,
            "completion_tokens": line.output,
            "total_tokens": line.prompt + line.output,
            "prompt_tokens_details": details,
            "completion_tokens_details": {"reasoning_tokens": line.reasoning},
            **more,
        }
