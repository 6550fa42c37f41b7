"""Card numbers, by issuer, length, check digit and grouping."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from langgraph_parallel.offline.personal_data.program_lines import is_by_program
from langgraph_parallel.offline.personal_data.surroundings import (
    FIRST_DIGIT,
    SPACE,
    after,
    any_word,
    before,
    is_identifier,
)

_16_TO_19 = range(16, 20)
_ISSUERS: tuple[tuple[str, Sequence[int]], ...] = (
    ("4", (13, 16, 19)),  # Visa
    ("51-55 2221-2720", (16,)),  # Mastercard
    ("34 37", (15,)),  # American Express
    ("6011 644-649 65", _16_TO_19),  # Discover
    ("300-305 3095 36 38-39", (14, 16, 19)),  # Diners Club
    ("3528-3589", _16_TO_19),  # JCB
    ("35", (16,)),  # JCB and RuPay
    ("1800 2131", (15,)),  # JCB, with 15 digits
    ("62 81", _16_TO_19),  # UnionPay
    ("50 56-58 6304 6390 6759 6761-6763 0604", range(12, 20)),  # Maestro, Elo, Verve
    ("2200-2204", _16_TO_19),  # Mir
    ("60 82", (16,)),  # RuPay, Hipercard
    ("9792", (16,)),  # Troy
)
"""Prefixes (numbers and ranges) and lengths of ISO/IEC 7812 numbers by issuer. The 1 of airlines' own cards
(UATP) is left out: times in milliseconds start with it."""
_ROW = re.compile(
    rf"{FIRST_DIGIT}(?<![\w/][-.][0-9])(?<!/[0-9])[0-9]*+(?:[{SPACE}.-][0-9]++)*+(?!\w|-\w|\.[a-z])"
)
_GROUP = re.compile("[0-9]+")
_BARE = re.compile(rf"{FIRST_DIGIT}(?<![.-][0-9])[0-9]{{11,18}}(?![\w-]|\.\w)")
_DOUBLED = {str(value): sum(divmod(2 * value, 10)) for value in range(10)}
_GROUPINGS = frozenset({(16,), (15,), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3)})
"""Groupings that need no word beside them: many identifiers have other ones, or other lengths."""
_CARD_WORD = re.compile(
    any_word(
        r"""
        credit debit charged? cards? cc ccn pan visa master\s?card maestro amex american\sexpress discover
        diners jcb union\s?pay \w*karte\w* cartes? tarjetas? cart[ãa]o carta kaart \w*kort kart[aąęy]?
        карт[аыу]?
        """
    )
    + r"(?![^\W_])|カード|卡",
    re.I,
)
_RECORD = re.compile(
    any_word(
        """
        message msg event record row entry item object node page post user account acct customer member
        group channel file document device instance thread task process worker conn connection socket frame
        packet query product article partition shard cursor position
        """
    )
    + r"s?[\s\"'`:=#(]*$",
    re.I,
)
"""Words directly before digits in one piece that number the records of a program."""
_PAYMENT_WORD = re.compile(
    any_word(
        r"""
        pay payments? paying paid billing billed purchas\w* refund\w* declined cvv2? cvc2? checkout
        zahlung\w* zahl\w{1,4} bezahl\w* pago pagar pagamento paiement pay[ée]\w? betaling betaal\w*
        p[łl]atno\w* оплат\w*
        """
    )
    + r"(?![^\W_])",
    re.I,
)
"""Words beside cards that are beside other numbers too."""
_WORDS_LENGTH, _WORDS_LENGTH_AFTER = 60, 24
_MIN_LENGTH, _MAX_LENGTH = 12, 19
_MIN_FIRST_GROUP = 4
_MIN_SHARE = 0.5
"""Share of the numbers of one length in a text, in one piece, that must have an issuer and a check digit for
those without a word beside them to be cards. By chance one in forty has."""
_FIRST_GROUP = re.compile(rf"[0-9]{{{_MIN_FIRST_GROUP}}}")
"""Tables of short numbers have none: their groups, an object each, would take memory for nothing."""


class _Group(NamedTuple):
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def find_cards(text: str) -> Iterator[tuple[int, int]]:
    """Iterate over the places of card numbers, in groups or not, but never inside a longer identifier.

    In one piece and without a word beside it, a number is a card if it stands in a line that a person wrote,
    and most such numbers of the text could be cards.
    """
    bare = _BareNumbers(text)
    for match in _ROW.finditer(text):
        if match.end() - match.start() < _MIN_LENGTH or not _FIRST_GROUP.search(text, *match.span()):
            continue
        groups = [_Group(*group.span()) for group in _GROUP.finditer(text, *match.span())]
        first = taken = 0
        while first < len(groups):
            size = _card_at(text, groups, first, taken)
            place = groups[first].start, groups[first + max(size, 1) - 1].end
            if size > 1 or (size and bare.is_card(*place)):
                yield place
                taken = first + size
            first += size or 1


class _BareNumbers:
    """Tells cards in one piece from other numbers of the text that has them."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._shares: dict[int, float] = {}

    def is_card(self, start: int, end: int) -> bool:
        """Return whether a number in one piece, of an issuer and with a valid check digit, is a card."""
        text = self._text
        if _has_card_word(text, start, end) or _has_word(_PAYMENT_WORD, text, start, end):
            return True
        return not is_by_program(text, start, end) and self._share(end - start) >= _MIN_SHARE

    def _share(self, size: int) -> float:
        """Return which share of the text's numbers of a length could be cards."""
        if size not in self._shares:
            numbers = [match[0] for match in _BARE.finditer(self._text) if len(match[0]) == size]
            self._shares[size] = sum(map(is_card, numbers)) / len(numbers) if numbers else 1.0
        return self._shares[size]


def is_card(number: str) -> bool:
    """Return whether an issuer has numbers of this prefix and length, and the check digit (Luhn) is valid.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112"), is_card("1748503543017")
    (True, False, False)
    """
    digits = "".join(_GROUP.findall(number))
    prefixes = _prefixes().get(len(digits), frozenset())
    if not any(digits[:size] in prefixes for size in range(1, 5)):
        return False
    return (sum(map(int, digits[-1::-2])) + sum(_DOUBLED[digit] for digit in digits[-2::-2])) % 10 == 0


@cache
def _prefixes() -> dict[int, frozenset[str]]:
    """Return the prefixes of issuers by length of the number."""
    by_length: dict[int, set[str]] = {}
    for written, lengths in _ISSUERS:
        for prefix in written.split():
            low, _, high = prefix.partition("-")
            for number in range(int(low), int(high or low) + 1):
                for length in lengths:
                    by_length.setdefault(length, set()).add(str(number).zfill(len(low)))
    return {length: frozenset(prefixes) for length, prefixes in by_length.items()}


def _card_at(text: str, groups: Sequence[_Group], first: int, taken: int) -> int:
    """Return the number of groups of the card that starts at a group; 0 if there is none.

    Args:
        text: the whole text.
        groups: of a row of digits with one character between them.
        first: index of the group.
        taken: index after the last group of the card before.
    """
    if first > taken and not _is_apart(text, groups[first - 1], groups[first]):
        return 0
    longest_first = reversed(list(_sizes(text, groups, first)))
    return next((size for size in longest_first if _ends_at(text, groups, first, size)), 0)


def _sizes(text: str, groups: Sequence[_Group], first: int) -> Iterator[int]:
    """Iterate over the numbers of groups, from one group on, that are written as a card."""
    digits = 0
    if groups[first].size < _MIN_FIRST_GROUP:
        return
    for last in range(first, len(groups)):
        digits += groups[last].size
        if digits > _MAX_LENGTH:
            break
        if digits >= _MIN_LENGTH and _is_written_as_card(text, groups[first : last + 1]):
            yield last - first + 1


def _is_apart(text: str, one: _Group, other: _Group) -> bool:
    """Return whether two groups of digits with one character between them belong to different numbers."""
    return text[one.end] in SPACE and one.size != 4


def _ends_at(text: str, groups: Sequence[_Group], first: int, size: int) -> bool:
    """Return whether a number ends after some groups: a date, a short code or the next card follows."""
    last = first + size - 1
    if last + 1 == len(groups):
        return True
    if text[groups[last].end] not in SPACE:
        return False
    following = groups[last + 1]
    starts_date = last + 2 < len(groups) and text[following.end] not in SPACE
    return (
        following.size < 4
        or starts_date
        or any(_sizes(text, groups, last + 1))
        or _has_card_word(text, groups[first].start, groups[last].end)
    )


def _is_written_as_card(text: str, groups: Sequence[_Group]) -> bool:
    start, end = groups[0].start, groups[-1].end
    separators = {text[group.end] for group in groups[:-1]}
    if len(separators) > 1 or not is_card(text[start:end]):
        return False
    if _has_card_word(text, start, end):
        return True
    sizes = tuple(group.size for group in groups)
    if sizes not in _GROUPINGS or is_identifier(text, start):
        return False
    return len(sizes) > 1 or not _RECORD.search(before(text, start, _WORDS_LENGTH))


def _has_card_word(text: str, start: int, end: int) -> bool:
    return _has_word(_CARD_WORD, text, start, end)


def _has_word(words: "re.Pattern[str]", text: str, start: int, end: int) -> bool:
    line = f"{before(text, start, _WORDS_LENGTH)} {after(text, end, _WORDS_LENGTH_AFTER)}"
    return words.search(line) is not None
