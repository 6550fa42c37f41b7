"""What stands around a number: numbers alone do not say what they count."""

import re

FIRST_DIGIT = r"[0-9](?:(?<!\w[0-9])|(?<=\\[nrt][0-9]))"
"""The first digit of a number: after no letter, digit or `_`, except those of an escaped line end of JSON.

Patterns start with the digit and look back from there: `re` skips to a digit fast, but not to a lookbehind.
"""
SPACE = " \u00a0\u2009\u202f"
"""Spaces that group digits."""
_DIRECT_LENGTH = 32
_REST_OF_WORD = re.compile(r"^[^\W_]+")


def any_word(words: str) -> str:
    """Return a pattern for any of several words, separated by white space, from its beginning on."""
    return rf"(?<![^\W_])(?:{'|'.join(words.split())})"


_KEYS = r"""
    ids? uid pid tid uuid guid ref reference orders? bestellung bestellnummer commande pedido ordine
    invoice rechnung facture factura ticket tracking trace span session request req transaction txn
    serial sku isbn issn ean imei imsi iccid gtin upc vin lot batch ts time timestamp epoch hash offset
    seq sequence block ptr pointer size bytes length len nonce key token build commit inode parcel
    shipment case job run sector port count total sum amount ssn social\ssecurity version licen[cs]e
    passport doi arxiv pmid rfc cve bug issue pr
"""
_CAPITALIZED = "Id ID Ref Key Hash Time Seq Token"
_NUMBER, _IS = "no nr num number nummer code", "is was ist are"
_MARKS = "\"'`:=#.>[("
_WHITE_SPACE = "".join(filter(str.isspace, map(chr, range(128))))
_IDENTIFIER = re.compile(
    rf"(?:{any_word(_KEYS)}|(?-i:(?<=[a-z])(?:{_CAPITALIZED.replace(' ', '|')})))"
    rf"(?:[\s_]*(?:{_NUMBER.replace(' ', '|')}))?(?:\s+(?:{_IS.replace(' ', '|')}))?"
    rf"[\s{re.escape(_MARKS)}]*$",
    re.I,
)
_ENDS = frozenset(
    word[-3:]
    for word in re.findall(
        "[a-z]+", f"{_KEYS} id order {_CAPITALIZED} {_NUMBER} {_IS} licence license".lower()
    )
)
"""The last letters of what `_IDENTIFIER` finds, at most three: most words are told apart without a search."""


def before(text: str, start: int, length: int) -> str:
    """Return the characters of the same line before a place, from the beginning of a word on."""
    part = show_line_ends(text[max(0, start - length) : start])
    if start > length and part[0].isalnum():
        part = _REST_OF_WORD.sub("", part, count=1)
    return part[part.rfind("\n") + 1 :]


def after(text: str, end: int, length: int) -> str:
    """Return the characters of the same line after a place."""
    return show_line_ends(text[end : end + length]).partition("\n")[0]


def show_line_ends(text: str) -> str:
    """Return a text of the same length in which escaped line ends are line ends."""
    return text.replace("\\n", " \n").replace("\\r", " \n") if "\\" in text else text


def starts_word(text: str, start: int) -> bool:
    """Return whether no letter, digit or `_` is before a place, except those of an escaped line end."""
    if start == 0 or not (text[start - 1].isalnum() or text[start - 1] == "_"):
        return True
    return start > 1 and text[start - 2] == "\\" and text[start - 1] in "nrt"


def is_identifier(text: str, start: int) -> bool:
    """Return whether the word before a number says that it is the key of something, a size or a time."""
    line = before(text, start, _DIRECT_LENGTH)
    # Beyond ASCII, other letters than these match if case is ignored.
    if line.isascii():
        end = line.rstrip(_MARKS + _WHITE_SPACE)[-3:].lower()
        if end not in _ENDS and end[-2:] not in _ENDS:
            return False
    return _IDENTIFIER.search(line) is not None
