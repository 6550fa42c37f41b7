"""The search for all kinds of personal data."""

from collections.abc import Callable, Iterator

from langgraph_parallel.offline.personal_data.cards import find_cards
from langgraph_parallel.offline.personal_data.emails import find_emails
from langgraph_parallel.offline.personal_data.ibans import find_ibans
from langgraph_parallel.offline.personal_data.internet import find_addresses
from langgraph_parallel.offline.personal_data.social_security import find_social_security
from langgraph_parallel.offline.personal_data.telephones import find_telephones
from langgraph_parallel.records import Span

_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "e-mail address": find_emails,
    "IBAN": find_ibans,
    "card number": find_cards,
    "social security number": find_social_security,
    "IP address": find_addresses,
}
Place = tuple[int, int, str]
"""Start, end and kind."""
_Ranked = tuple[int, int, int]
"""Start, index of the kind, and end."""
PERSONAL = (*_FINDERS, "telephone number")
"""The kinds of spans that `personal_data` returns. Where two overlap, the first kind wins: those with check
digits are told apart most reliably, telephone numbers least."""


def personal_data(text: str, region: str | None = None) -> list[Span]:
    """Return addresses and numbers by which a person can be reached or charged, in text order.

    Found are e-mail addresses with a real top-level domain, IBANs and card numbers with valid check digits
    (ISO 13616, ISO/IEC 7812), social security numbers of the US, IP addresses other than those of
    documentation and of the machine itself, and telephone numbers. The latter are found by `phonenumbers`, if
    installed (extra `offline`): international ones, national ones of a region, and any where a word beside
    the number says so. Names and postal addresses are not found. The time is linear in the length of the
    text.

    Args:
        text: any text.
        region: two-letter code, such as `US`, of the country whose telephone numbers are found without a `+`
            and without a word beside them; None for no country.
    """
    places = find_places(text, region)
    return [Span(start=start, end=end, text=text[start:end], kind=kind) for start, end, kind in places]


def find_places(text: str, region: str | None = None) -> list[Place]:
    """Return start, end and kind of all that `personal_data` finds, in text order; for very many of them."""
    found: list[_Ranked] = []
    for rank, find in enumerate(_FINDERS.values()):
        found += [(start, rank, end) for start, end in find(text)]
    found = _without_overlaps(found)
    taken = [(start, end) for start, _, end in found]
    telephones = find_telephones(text, region, taken)
    found += [(start, len(_FINDERS), end) for start, end in telephones]
    return [(start, end, PERSONAL[rank]) for start, rank, end in _without_overlaps(found)]


def _without_overlaps(places: list[_Ranked]) -> list[_Ranked]:
    """Return places in text order, without those that overlap one of an earlier kind."""
    places.sort()
    kept: list[_Ranked] = []
    behind = -1
    for place in places:
        start, rank, end = place
        if start >= behind:
            kept.append(place)
            behind = end
        elif rank < kept[-1][1]:
            kept[-1] = place
            behind = end
    return kept
