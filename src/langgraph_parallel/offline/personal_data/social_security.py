"""Social security numbers of the United States."""

import re
from collections.abc import Iterator

from langgraph_parallel.offline.personal_data.surroundings import FIRST_DIGIT, before, is_identifier

_NUMBER = re.compile(
    rf"{FIRST_DIGIT}(?<!\w[.-][0-9])(?<!9)[0-9]{{2}}(?<!000)(?<!666)(?P<separator>[- ]?)"
    r"(?!00)[0-9]{2}(?P=separator)(?!0000)[0-9]{4}(?!\w|-\w)"
)
_WORD = re.compile(r"(?<![^\W_])(?:ssn|social[ _-]?security|soc\.? sec)(?![^\W_])", re.I)
_WORDS_LENGTH = 40


def find_social_security(text: str) -> Iterator[tuple[int, int]]:
    """Iterate over the places of numbers like `078-05-1120`; without hyphens a word before has to say so."""
    for match in _NUMBER.finditer(text):
        is_called = _WORD.search(before(text, match.start(), _WORDS_LENGTH))
        if is_called or (match["separator"] == "-" and not is_identifier(text, match.start())):
            yield match.span()
