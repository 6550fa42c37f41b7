"""Ports of servers that tests start."""

import socket
from contextlib import ExitStack


def free_ports(number: int) -> list[int]:
    """Return different ports of loopback that are free."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
