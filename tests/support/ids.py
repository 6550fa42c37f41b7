"""Names of parametrized tests that are the same in every process, as pytest-xdist needs them."""

import re


def readable(value: object) -> str:
    """Return a value as text, without addresses of objects."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))
