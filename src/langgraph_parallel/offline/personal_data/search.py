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
    found: list[Span] = []
    for kind, find in _FINDERS.items():
        found.extend(_span(text, start, end, kind) for start, end in find(text))
    found = _without_overlaps(found)
    taken = [(span.start, span.end) for span in found]
    telephones = [
        _span(text, start, end, PERSONAL[-1]) for start, end in find_telephones(text, region, taken)
    ]
    return _without_overlaps([*found, *telephones])


def _span(text: str, start: int, end: int, kind: str) -> Span:
    return Span(start=start, end=end, text=text[start:end], kind=kind)


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """Return spans in text order, without those that overlap one of an earlier kind."""
    by_place = sorted(spans, key=lambda span: (span.start, PERSONAL.index(span.kind)))
    kept: list[Span] = []
    for span in by_place:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
        elif PERSONAL.index(span.kind) < PERSONAL.index(kept[-1].kind):
            kept[-1] = span
    return kept
