"""How many CPUs there are."""

import os


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use, as far as the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
