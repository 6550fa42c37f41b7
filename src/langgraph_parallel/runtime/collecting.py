"""How often a process looks for values in cycles that nobody needs any more."""

import gc

_AFTER = (50_000, 20, 50)
"""Objects, and collections of younger ones, after which those in cycles are looked for."""


def collect_seldom() -> None:
    """Look less often, in a process of this package's own.

    Python's 700, 10 and 10 are for processes of all kinds. A command or a worker holds hundreds of thousands
    of values: modules, schemas, a large input. To look through them again and again takes a quarter to a
    third of its time.
    """
    gc.set_threshold(*_AFTER)
