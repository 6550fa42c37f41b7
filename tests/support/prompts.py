"""What a prompt shows as data."""

import re


def data_in(prompt: str, name: str) -> str:
    """Return the data of a name in a prompt, without its tags; empty if there is none."""
    found = re.search(rf'<(data-[0-9a-f]+) name="{re.escape(name)}">\n(.*?)\n</\1>', prompt, re.DOTALL)
    return found[2] if found else ""
