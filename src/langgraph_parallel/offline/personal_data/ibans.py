"""IBANs, by the structure of each country and their check digits."""

import re
from collections.abc import Iterator
from functools import cache

from langgraph_parallel.offline.personal_data.surroundings import SPACE, starts_word

_STRUCTURES = """
AD 8n12c  AE 19n  AL 8n16c  AT 16n  AZ 4a20c  BA 16n  BE 12n  BG 4a6n8c  BH 4a14c  BI 23n  BR 23n1a1c
BY 4c4n16c  CH 5n12c  CR 18n  CY 8n16c  CZ 20n  DE 18n  DJ 23n  DK 14n  DO 4c20n  EE 16n  EG 25n  ES 20n
FI 14n  FK 2a12n  FO 14n  FR 10n11c2n  GB 4a14n  GE 2a16n  GI 4a15c  GL 14n  GR 7n16c  GT 24c  HN 4a20n
HR 17n  HU 24n  IE 4a14n  IL 19n  IQ 4a15n  IS 22n  IT 1a10n12c  JO 4a4n18c  KW 4a22c  KZ 3n13c  LB 4n20c
LC 4a24c  LI 5n12c  LT 16n  LU 3n13c  LV 4a13c  LY 21n  MC 10n11c2n  MD 20c  ME 18n  MK 3n10c2n  MN 16n
MR 23n  MT 4a5n18c  MU 4a19n3a  NI 4a20n  NL 4a10n  NO 11n  OM 3n16c  PK 4a16c  PL 24n  PS 4a21c  PT 21n
QA 4a21c  RO 4a16c  RS 18n  RU 14n15c  SA 2n18c  SC 4a20n3a  SD 14n  SE 20n  SI 15n  SK 20n  SM 1a10n12c
SO 19n  ST 21n  SV 4a20n  TL 19n  TN 20n  TR 6n16c  UA 6n19c  VA 18n  VG 4a16n  XK 16n  YE 4a4n18c
"""
"""What follows country and check digits: n digits, a letters, c either (ISO 13616, registry of SWIFT)."""
_CHARACTERS = {"n": "[0-9]", "a": "[A-Za-z]", "c": "[A-Za-z0-9]"}
_BETWEEN = rf"[{SPACE}\t.-]?"
_CHECK_DIGITS = re.compile(
    rf"[0-9](?:(?<=[A-Za-z]{{2}}[0-9])|(?<=[A-Za-z]{{2}}[{SPACE}\t.-][0-9])){_BETWEEN}[0-9](?={_BETWEEN}[A-Za-z0-9])"
)
"""The digits after the country. `re` skips to digits faster than to letters."""


def find_ibans(text: str) -> Iterator[tuple[int, int]]:
    """Iterate over the places of IBANs in any case, with or without spaces, hyphens or dots."""
    for digits in _CHECK_DIGITS.finditer(text):
        start = digits.start() - (2 if text[digits.start() - 1].isalpha() else 3)
        pattern = _patterns().get(text[start : start + 2].upper())
        if pattern is None or not starts_word(text, start) or text[start - 1 : start] == "-":
            continue
        match = pattern.match(text, start)
        if match and is_iban(match[0]):
            yield match.span()


def is_iban(number: str) -> bool:
    """Return whether a text has the structure of its country's IBANs, and valid check digits.

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    iban = re.sub(r"[\W_]", "", number).upper()
    pattern = _patterns().get(iban[:2])
    if pattern is None or not pattern.fullmatch(iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    words = _STRUCTURES.split()
    return {
        country: re.compile(f"[A-Za-z]{{2}}{_repeat('n', 2)}{_as_pattern(structure)}(?![^\\W_])", re.A)
        for country, structure in zip(words[::2], words[1::2], strict=True)
    }


def _as_pattern(structure: str) -> str:
    return "".join(_repeat(kind, int(count)) for count, kind in re.findall(r"(\d+)([nac])", structure))


def _repeat(kind: str, count: int) -> str:
    return f"(?:{_BETWEEN}{_CHARACTERS[kind]}){{{count}}}"
