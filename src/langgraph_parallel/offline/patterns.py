"""Patterns in text: personal data, and signs of spam. No model; every hit is a span and a name."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

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
_ENOUGH = 2
"""Signs of spam that make a text suspicious: one link, or one phrase, does not."""
PERSONAL = (
    "e-mail address",
    "telephone number",
    "card number",
    "social security number",
    "IBAN",
    "IP address",
)
"""What `personal_data` finds."""


def personal_data(text: str, region: str | None = None) -> list[Span]:
    """Addresses and numbers by which a person can be reached or charged, in the order of the text.

    Card numbers and IBANs are checked by their check digits (ISO/IEC 7812, ISO 13616), telephone numbers by
    `phonenumbers`, where it is installed (the extra `offline`). Names and postal addresses are not found.

    Args:
        text: any.
        region: two letters of the country whose telephone numbers are also found without +, such as `US`.
    """
    found = [
        *_spans(_EMAIL, text, "e-mail address"),
        *_cards(text),
        *_spans(_SSN, text, "social security number"),
        *_ibans(text),
        *_spans(_ADDRESS, text, "IP address"),
        *_telephones(text, region),
    ]
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.end, PERSONAL.index(span.kind))):
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept


def spam_signs(text: str) -> list[Span]:
    """Phrases that bait, shouting, and links beyond the first two; none of fewer than two signs."""
    found = [
        *_spans(_BAIT, text, "bait"),
        *_spans(_SHOUT, text, "shouting"),
        *list(_spans(_LINK, text, "link"))[2:],
    ]
    return sorted(found, key=lambda span: span.start) if len(found) >= _ENOUGH else []


def is_card(number: str) -> bool:
    """Whether a number has the check digit of a card (Luhn), and is no row of one digit.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Whether a text has the check digits of an IBAN.

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    held = number.replace(" ", "")
    return 15 <= len(held) <= 34 and int("".join(str(int(c, 36)) for c in held[4:] + held[:4])) % 97 == 1


def _spans(
    pattern: re.Pattern[str], text: str, kind: str, check: Callable[[str], bool] = lambda found: True
) -> Iterator[Span]:
    for match in pattern.finditer(text):
        if check(match[0]):
            yield Span(start=match.start(), end=match.end(), text=match[0], kind=kind)


def _cards(text: str) -> Iterator[Span]:
    """Rows of 13 to 19 digits with the check digit of a card; what follows it (a date, say) is not of it."""
    for match in _DIGITS.finditer(text):
        places = [match.start() + i for i, char in enumerate(match[0]) if char.isdigit()]
        start = 0
        while start + 13 <= len(places):
            ends = range(min(19, len(places) - start), 12, -1) if _begins_group(text, places[start]) else ()
            fits = [n for n in ends if _is_group_end(text, places[start + n - 1])]
            size = next((n for n in fits if is_card(text[places[start] : places[start + n - 1] + 1])), 0)
            if size:
                first, last = places[start], places[start + size - 1] + 1
                yield Span(start=first, end=last, text=text[first:last], kind="card number")
            start += size or 1


def _begins_group(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isdigit()


def _is_group_end(text: str, place: int) -> bool:
    return place + 1 == len(text) or not text[place + 1].isdigit()


def _ibans(text: str) -> Iterator[Span]:
    """The longest row of groups with the check digits of an IBAN; words behind it are not of it."""
    for match in _IBAN.finditer(text):
        held = match[0]
        while held and not is_iban(held):
            held = held.rpartition(" ")[0]
        if held:
            yield Span(start=match.start(), end=match.start() + len(held), text=held, kind="IBAN")


def _telephones(text: str, region: str | None) -> Iterator[Span]:
    library = _phonenumbers()
    if library is None:
        return
    for match in library.PhoneNumberMatcher(text, region):
        yield Span(start=match.start, end=match.end, text=match.raw_string, kind="telephone number")


@cache
def _phonenumbers() -> Any:
    try:
        import phonenumbers
    except ModuleNotFoundError:
        return None
    return phonenumbers


def finds_telephones() -> bool:
    """Whether `phonenumbers` is installed."""
    return _phonenumbers() is not None
