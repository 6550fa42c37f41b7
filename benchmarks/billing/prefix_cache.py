"""The cache of prompt prefixes, on machines.

A machine keeps the blocks of the prompts that it has read. Others can use them once the first token of the
answer has been sent, until they have not been used for some minutes. Requests with the same beginning and the
same key go to the same machine, up to a rate: what is more goes to the next one.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.billing.profile import Profile
from benchmarks.billing.tokens import BLOCK, SHORTEST


@dataclass
class _Machine:
    expires: dict[str, float] = field(default_factory=dict)
    """By digest of a block."""
    arrivals: deque[float] = field(default_factory=deque)


@dataclass
class Reading:
    """A prompt that is read on a machine."""

    machine: int
    cached: int
    """Tokens that the machine has."""
    written: int
    """Tokens that it writes."""
    blocks: Sequence[str]
    store: dict[str, float]


class PrefixCache:
    """All machines of an endpoint.

    Args:
        profile: says whether and for how long it caches, and how many requests a machine takes.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._machines: defaultdict[str, list[_Machine]] = defaultdict(list)

    def read(self, blocks: Sequence[str], route: str, now: float) -> Reading:
        """Look up what is there of a prompt when it arrives.

        Args:
            blocks: digests of the prompt's blocks.
            route: its beginning and its key.
            now: in seconds.
        """
        number, machine = self._machine(route, now)
        known = 0
        for digest in blocks:
            if machine.expires.get(digest, -1.0) < now:
                break
            known += 1
        if known * BLOCK < SHORTEST:
            known = 0
        for digest in blocks[:known]:
            machine.expires[digest] = now + self._profile.seconds_to_live
        return Reading(number, known * BLOCK, (len(blocks) - known) * BLOCK, blocks, machine.expires)

    def keep(self, reading: Reading, now: float) -> None:
        """Keep a prompt, since the first token of its answer has been sent."""
        for digest in reading.blocks:
            reading.store[digest] = now + self._profile.seconds_to_live

    def _machine(self, route: str, now: float) -> tuple[int, _Machine]:
        most = self._profile.overflow
        machines = self._machines[route if most is not None else ""]
        for number, machine in enumerate(machines):
            while machine.arrivals and machine.arrivals[0] <= now - 60:
                machine.arrivals.popleft()
            if most is None or len(machine.arrivals) < most:
                machine.arrivals.append(now)
                return number, machine
        machines.append(_Machine(arrivals=deque([now])))
        return len(machines) - 1, machines[-1]
