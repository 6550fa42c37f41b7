"""Runs the server in a process of its own, and asks for its bill."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from benchmarks.billing.bill import Line
from benchmarks.billing.profile import Profile


@dataclass(frozen=True)
class Billed:
    """A bill, as the server tells it."""

    lines: Sequence[Line]
    usd: Decimal
    refused: dict[str, int]
    most_in_flight: int
    in_flight: int
    posted: Sequence[str]
    """`custom_id` of each request of each batch that was accepted."""


@dataclass(frozen=True)
class Remote:
    """A server in another process."""

    port: int

    @property
    def url(self) -> str:
        """The value for `OPENAI_BASE_URL`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def reset(self, profile: Profile) -> None:
        """Begin a new bill, with an empty cache."""
        self._ask("reset", json.dumps(asdict(profile)).encode())

    def bill(self) -> Billed:
        """Return the bill."""
        told = self._ask("bill")
        lines = [Line(**line | {"usd": Decimal(line["usd"])}) for line in told.pop("lines")]
        return Billed(lines=lines, usd=Decimal(told.pop("usd")), **told)

    def modules(self) -> list[str]:
        """Return the names of the modules that the server has imported."""
        return list(self._ask("modules"))

    def _ask(self, name: str, data: bytes | None = None) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", data) as response:
            return json.load(response)


@contextmanager
def billing() -> Iterator[Remote]:
    """Run the server."""
    command = [sys.executable, "-m", "benchmarks.billing"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Remote(int(process.stdout.readline()))
        finally:
            process.kill()
