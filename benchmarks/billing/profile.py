"""Profiles: how a server bills, caches, answers and fails."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Profile:
    """What a server does. Prices are US dollars per million tokens, as text, times are seconds."""

    price_input: str = "2.5"
    price_output: str = "10"
    read_rate: str = "0.1"
    """Price of tokens read from the cache, in parts of the price of input."""
    write_rate: str = "1"
    """Price of tokens written to the cache, in the same parts."""
    batch_rate: str = "0.5"
    """Price of a batch, in parts of that of live requests."""
    caches: bool = True
    batch_caches: bool = False
    """Whether requests of batches use the cache."""
    seconds_to_live: float = 300.0
    overflow: int | None = None
    """Requests a minute for each cache key and beginning of a prompt; what is more goes to a machine that has
    not seen the prompt. None: there is one machine."""
    tells_writes: str = ""
    """The form in which usage has the tokens that were written: `openrouter`, `litellm`; empty for none."""
    takes_cache_key: bool = True
    """Whether `prompt_cache_key` is a parameter; else it is refused."""
    samples: str = "yes"
    """What becomes of `n` above 1: `yes`, `refused`, `fewer` (one answer), `copies` (all the same)."""
    first_seconds: float = 0.02
    """Until the first token, of a prompt that is in the cache."""
    prefill: float = 40_000.0
    """Tokens of a prompt that are read in a second if they are not in the cache."""
    answer_seconds: float = 0.1
    """From the first token to the last."""
    slow_share: float = 0.0
    """Share of answers that take ten times as long."""
    failing: float = 0.0
    """Share of requests that are answered 500; they are not billed."""
    down: str = ""
    """Beginning of the names of models that are never answered but with 500; empty for none."""
    throttling: float = 0.0
    """Share of requests that are answered 429; they are not billed."""
    rate: int | None = None
    """Requests admitted in any second; the others are answered 429. None for all."""
    refuses: str = ""
    """Text of prompts that are answered 400."""
    answer_words: int = 30
    reasoning: int = 0
    """Tokens of thinking in each answer; billed as output, and included in it."""
    disagreement: float = 0.0
    """Share of choices that are not the first one."""
    batch_seconds: float = 0.1
    """From a batch to its results."""
    batch_seconds_each: float = 0.0
    """The same for each request, one after another."""
    batch_expires: float | None = None
    """After which requests of a batch that have no answer expire; None for never."""
    batch_failing: float = 0.0
    """Share of lines of a batch that are errors; they are not billed."""
    batch_lost: float = 0.0
    """Share of requests to the files and batches endpoints whose connection is lost before the answer, but
    which were carried out."""
    batch_enqueued: int | None = None
    """Tokens of prompts that may be in unfinished batches; what is more fails. None for any number."""
    batch_most: int = 50_000
    """Requests of a batch."""
    seed: int = 0

    def usd(self, tokens: "dict[str, int]", *, batch: bool = False) -> Decimal:
        """Return the price of a request, exactly.

        Args:
            tokens: `prompt`, of which `cached` were read and `written` were written, and `output`.
            batch: whether it was in a batch.
        """
        each = Decimal(self.price_input)
        plain = tokens["prompt"] - tokens["cached"] - tokens["written"]
        read = tokens["cached"] * Decimal(self.read_rate)
        written = tokens["written"] * Decimal(self.write_rate)
        total = each * (plain + read + written) + tokens["output"] * Decimal(self.price_output)
        return total * (Decimal(self.batch_rate) if batch else 1) / 1_000_000

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Profile":
        """Make one of JSON.

        Raises:
            ValueError: there is no such field.
        """
        if unknown := given.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"profiles have no {', '.join(sorted(unknown))}")
        return cls(**given)


FREE = Profile()
SURCHARGE = Profile(write_rate="1.25", tells_writes="openrouter")
OVERFLOW = Profile(overflow=15)
PROFILES = {"free writes": FREE, "writes at 1.25": SURCHARGE, "overflow at 15 a minute": OVERFLOW}
