"""Patterns in text, without a model: personal data and signs of spam, as spans."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Span

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}(?![\w@])")
_DIGITS = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,}")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])")
_ADDRESS = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\.?\d)")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.I)
_BAIT = re.compile(
    r"\b(?:click (?:here|below|now)|act now|limited time|100% (?:free|guaranteed)|free money|risk[- ]free|"
    r"you(?:'ve| have) (?:won|been selected)|claim your (?:prize|reward|bonus)|earn \$?\d[\d,]* (?:a|per) "
    r"(?:day|week|hour)|make money (?:fast|online)|work from home|no credit check|double your|cheap (?:meds|"
    r"viagra|pills)|buy (?:followers|now)|subscribe (?:now|here)|whatsapp me|dm me|lose weight fast)\b",
    re.I,
)
_SHOUT = re.compile(r"\b(?:[A-Z]{3,30}[ !]{1,5}){3,9}[A-Z]{3,30}\b|[!$]{3,}")
_MIN_SIGNS = 2
"""Minimum signs of spam in a suspicious text: a single phrase is not suspicious."""
_FREE_LINKS = 2
"""Number of links that are not a sign of spam."""
PERSONAL = (
    "e-mail address",
    "telephone number",
    "card number",
    "social security number",
    "IBAN",
    "IP address",
)
"""The kinds of spans that `personal_data` returns; for spans at one position, the first kind wins."""


def personal_data(text: str, region: str | None = None) -> list[Span]:
    """Return addresses and numbers by which a person can be reached or charged, in text order.

    Card numbers and IBANs must have valid check digits (ISO/IEC 7812, ISO 13616). Telephone numbers are found
    by `phonenumbers`, if installed (extra `offline`). Names and postal addresses are not found.

    Args:
        text: any text.
        region: two-letter code, such as `US`, of the country whose telephone numbers are found without a `+`;
            None to find only international numbers.
    """
    candidates = [
        *_spans(_EMAIL, text, "e-mail address"),
        *_cards(text),
        *_spans(_SSN, text, "social security number"),
        *_ibans(text),
        *_spans(_ADDRESS, text, "IP address"),
        *_telephones(text, region),
    ]
    spans: list[Span] = []
    for span in sorted(candidates, key=lambda span: (span.start, -span.end, PERSONAL.index(span.kind))):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
    return spans


def spam_signs(text: str) -> list[Span]:
    """Return bait phrases, shouting, and links beyond the first two; nothing if there is only one sign."""
    signs = [
        *_spans(_BAIT, text, "bait"),
        *_spans(_SHOUT, text, "shouting"),
        *list(_spans(_LINK, text, "link"))[_FREE_LINKS:],
    ]
    return sorted(signs, key=lambda span: span.start) if len(signs) >= _MIN_SIGNS else []


def is_card(number: str) -> bool:
    """Return whether a number has a valid check digit (Luhn), and does not only repeat one digit.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Return whether a text has the length and the check digits of an IBAN.

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    iban = number.replace(" ", "")
    return 15 <= len(iban) <= 34 and int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _spans(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        yield Span(start=match.start(), end=match.end(), text=match[0], kind=kind)


def _cards(text: str) -> Iterator[Span]:
    """Iterate over rows of 13 to 19 digits with the check digit of a card; digits may be in groups."""
    for match in _DIGITS.finditer(text):
        places = [match.start() + i for i, char in enumerate(match[0]) if char.isdigit()]
        start = 0
        while start + 13 <= len(places):
            size = _card_size(text, places, start)
            if size:
                first, last = places[start], places[start + size - 1] + 1
                yield Span(start=first, end=last, text=text[first:last], kind="card number")
            start += size or 1


def _card_size(text: str, places: Sequence[int], start: int) -> int:
    """Return the number of digits of the longest card number from `places[start]`; 0 if there is none.

    A card number begins and ends with a group of digits. So it can be told from digits beside it, such as a
    date, but is never found inside a longer number.
    """
    if not _begins_group(text, places[start]):
        return 0
    for size in range(min(19, len(places) - start), 12, -1):
        last = places[start + size - 1]
        if _ends_group(text, last) and is_card(text[places[start] : last + 1]):
            return size
    return 0


def _begins_group(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isdigit()


def _ends_group(text: str, place: int) -> bool:
    return place + 1 == len(text) or not text[place + 1].isdigit()


def _ibans(text: str) -> Iterator[Span]:
    """Iterate over IBANs. A match may include words after the IBAN: groups are dropped until it is valid."""
    for match in _IBAN.finditer(text):
        iban = match[0]
        while iban and not is_iban(iban):
            iban = iban.rpartition(" ")[0]
        if iban:
            yield Span(start=match.start(), end=match.start() + len(iban), text=iban, kind="IBAN")


def _telephones(text: str, region: str | None) -> Iterator[Span]:
    library = _phonenumbers()
    if library is None:
        return
    for match in library.PhoneNumberMatcher(text, region):
        yield Span(start=match.start, end=match.end, text=match.raw_string, kind="telephone number")


def check_region(region: str) -> None:
    """Check that telephone numbers of a country can be found, if `phonenumbers` is installed.

    Raises:
        UsageError: the region is not a country code.
    """
    library = _phonenumbers()
    if library is not None and region not in library.SUPPORTED_REGIONS:
        raise UsageError(
            f"region is {region!r}; expected an ISO 3166 country code in capitals, such as GB or US"
        )


@cache
def _phonenumbers() -> Any:
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return None
    return phonenumbers


def finds_telephones() -> bool:
    """Return whether `phonenumbers` is installed, so that telephone numbers are found."""
    return _phonenumbers() is not None
