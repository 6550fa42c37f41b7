"""Telephone numbers: international ones, those of a region, and those with a word beside them."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.offline.personal_data import digit_rows
from langgraph_parallel.offline.personal_data.program_lines import is_by_program
from langgraph_parallel.offline.personal_data.surroundings import any_word, before, is_identifier
from langgraph_parallel.offline.personal_data.telephone_words import Clue, WordPlaces, clue

_MIN_DIGITS, _MAX_DIGITS = 6, 15
_MAX_LENGTH = 40
_MIN_DIGITS_OF_FEWER_SIGNS = 7
"""Minimum digits where no name such as "fax" is beside the number: `call 123456` may mean anything."""
_MIN_DIGITS_OF_MOBILES = 10
_IN_PAIRS = re.compile(r"\d\d([ .-])\d\d\1\d\d")
_BETWEEN = re.compile(r"\s?(?:[,;/|&]|or|and|oder|und|ou|et|o|y|e)\s?", re.I)
"""What is between the numbers of a list."""
_DOOR = re.compile(
    any_word("apt apartment suite ste unit room flat floor box building nr no") + r"\.?\s?#?$", re.I
)
"""Words of a street address before a number."""
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]?\d{4}")
"""How numbers are written in countries with the code 1; with a region of these, the form alone tells them."""


def find_telephones(
    text: str, region: str | None, taken: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Iterate over the places of telephone numbers; there are none without `phonenumbers`.

    Args:
        text: any text.
        region: country whose national numbers are found without a word beside them.
        taken: places that are something else, in text order.
    """
    library = load_library()
    if library is None:
        return
    judge = _Judge(library, text, region)
    ends = [end for _, end in taken]
    behind = size = 0
    for row in digit_rows.find_rows(text):
        place = bisect_left(ends, row.start + 1)
        if place < len(taken) and taken[place][0] < row.end:
            continue
        in_list = behind > 0 and _BETWEEN.fullmatch(text, behind, row.start)
        listed = bool(in_list) and _count_digits(text[row.start : row.end]) == size
        end = judge.end_of_telephone(row, listed=listed)
        if end:
            behind, size = end, _count_digits(text[row.start : end])
            yield row.start, end


def check_region(region: str) -> None:
    """Check that telephone numbers of a country can be found, if `phonenumbers` is installed.

    Raises:
        UsageError: the region is not a country code.
    """
    library = load_library()
    if library is not None and region not in library.SUPPORTED_REGIONS:
        raise UsageError(
            f"region is {region!r}; expected an ISO 3166 country code in capitals, such as GB or US"
        )


@cache
def load_library() -> Any:
    """Return `phonenumbers`; None if it is not installed."""
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return None
    return phonenumbers


def finds_telephones() -> bool:
    """Return whether `phonenumbers` is installed, so that telephone numbers are found."""
    return load_library() is not None


class _Judge:
    """Tells telephone numbers from other rows of digits of a text.

    Args:
        library: `phonenumbers`.
        text: the whole text.
        region: country whose national numbers need no word beside them.
    """

    def __init__(self, library: Any, text: str, region: str | None) -> None:
        self._library, self._text, self._region = library, text, region
        self._words = WordPlaces(text)

    def end_of_telephone(self, row: digit_rows.Row, *, listed: bool) -> int:
        """Return where the longest telephone number ends that starts a row of digits; 0 if there is none.

        Args:
            row: digits with separators.
            listed: whether the row follows a telephone number of the same length in a list.
        """
        named = self._words.near(*row)
        if not (named or listed) and not self._tells_by_form(self._text[row.start : row.end]):
            return 0
        for end in digit_rows.possible_ends(self._text, row):
            number = self._text[row.start : end]
            digits = _count_digits(number)
            if len(number) > _MAX_LENGTH or digits > _MAX_DIGITS:
                continue
            if digits < _MIN_DIGITS:
                return 0
            if digit_rows.is_other_number(self._text, row.start, end):
                continue
            extended = digit_rows.end_of_extension(self._text, end)
            word = clue(self._text, row.start, extended, self._words) if named else ""
            if self._is_telephone(row.start, number, word or ("line" if listed else "")):
                return extended
        return 0

    def _tells_by_form(self, written: str) -> bool:
        """Return whether digits may be a telephone number without a word beside them.

        Digits in one piece are any identifier, unless they start with the 0 of national numbers.
        """
        if "+" in written[:3] or written.startswith("00"):
            return True
        bare = written.lstrip("(")
        return self._region is not None and (bare[0] == "0" or not bare.isdigit())

    def _is_telephone(self, start: int, number: str, word: Clue) -> bool:
        international = _as_international(number, self._region)
        if international is not None and self._has_calling_code(international, valid=not word):
            return True
        if is_identifier(self._text, start):
            return False
        if word == "noun":
            return True
        is_long = _count_digits(number) >= _MIN_DIGITS_OF_FEWER_SIGNS
        if word == "verb":
            return is_long or _IN_PAIRS.fullmatch(number) is not None
        if word == "line" and is_long and (number[0] in "0(" or not number.isdigit()):
            return True
        return international is None and is_long and self._is_national(start, number)

    def _has_calling_code(self, number: str, *, valid: bool) -> bool:
        """Return whether an international number is valid, or only as long as those of its country are."""
        parsed = self._parse(number)
        check = self._library.is_valid_number if valid else self._library.is_possible_number
        return parsed is not None and bool(check(parsed))

    def _is_national(self, start: int, number: str) -> bool:
        """Return whether a number without a word beside it has the form of the region's numbers."""
        library, region = self._library, self._region
        if not self._tells_by_form(number) or _DOOR.search(before(self._text, start, 12)):
            return False
        is_fraction = "/" in number and number.lstrip("(")[0] != "0"
        if is_fraction or is_by_program(self._text, start, start + len(number)):
            return False
        is_north_american = library.country_code_for_region(region) == 1
        if is_north_american and not _NORTH_AMERICAN.fullmatch(number):
            return False
        if is_north_american and re.search("[().-]", number):
            return True
        parsed = self._parse(number)
        if parsed is None or not library.is_valid_number_for_region(parsed, region):
            return False
        written = library.format_number(parsed, library.PhoneNumberFormat.NATIONAL)
        if number[0] in "(0" or written.lstrip("(")[0] != "0":
            return True
        # Without its 0, only the number of a mobile is long enough to be told from other numbers.
        is_mobile = library.number_type(parsed) == library.PhoneNumberType.MOBILE
        return is_mobile and _count_digits(number) >= _MIN_DIGITS_OF_MOBILES

    def _parse(self, number: str) -> Any:
        try:
            return self._library.parse(number, self._region)
        except self._library.NumberParseException:
            return None


def _as_international(number: str, region: str | None) -> str | None:
    """Return a number with `+` if it is written with it or with the prefix for calls abroad."""
    bare = number.lstrip("(")
    if bare.startswith("+"):
        return number
    if bare.startswith("00") and not number.isdigit():
        return "+" + bare[2:]
    if bare.startswith("011") and region == "US" and not number.isdigit():
        return "+" + bare[3:]
    return None


def _count_digits(number: str) -> int:
    return len(number) if number.isdigit() else sum(map(str.isdigit, number))
