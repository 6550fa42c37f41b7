"""Words that say that the number beside them is a telephone number, in several languages."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Literal

from langgraph_parallel.offline.personal_data.surroundings import after, any_word, before, show_line_ends

_NOUNS = any_word(
    r"""
    tels? t[eé]l[eé](?:ph?|f)on[a-zéóß]* t[eé]l telf tlfn?o? tfno phones? telefoon\w* mobiles? mobil\w{0,8}
    m[oó]vil cell cellphone cel celular cellulare gsm handy\w* portable fax\w* telefax t[eé]l[eé]copie
    telefaks whats\s?app sms hotline helpline landline pager festnetz\w* rufnummer durchwahl puhelin\w* puh
    matkapuhelin kom[oó]rk\w* desk телефон\w* тел моб\w* факс τηλ\w* κινητ\w טלפון נייד هاتف جوال फ़ोन
    मोबाइल điện\sthoại
    """
)
_PLACES = (
    "office|home|work|direct|privat|gesch[aä]ftlich|b[uü]ro|bureau|domicile|casa|trabajo|ufficio|oficina"
)
_UNSPACED = "電話|电话|手機|手机|携帯|ファックス|전화|휴대폰|팩스"
_VERBS = any_word(
    r"""
    call calls called calling dial dialled dialed phone ring rang rufen rufe ruf anrufen erreichen
    erreichbar appelez appeler joindre joignable llame llamar ll[aá]m[ae]\w* chiam\w{1,5} ligue ligar bel
    bellen ringen zadzwo\w* позвон\w* звон\w* soita soittaa
    """
)
_CONTACTS = any_word(
    r"""
    messages? text texts texted sms answer\w* reach\w* contact\w* available hold reply respond\w* kontakt\w*
    contacte\w* contatt\w* (?:my|our|his|her|their|your)\snumbers?
    """
)
_BY = "(?:at|to|on|via|under|is|unter|auf|an|ist|au|est|al|en|es|a|ao|op|på|numer)"
_OBJECTS = """
    me us him her them back now today please or and our my the this his office home support help free mich
    uns sie bitte moi nous le a al nos el il o nas mnie
"""
_NOUN_BEFORE = re.compile(
    rf"(?:{_NOUNS}(?:(?![^\W\d_])|(?-i:(?=[A-Z][a-z])))|(?-i:(?<=[a-z])(?:Phone|Tel|Mobile|Fax)(?![a-z]))|(?:{_UNSPACED}))"
    r"(?:[^\d\n]{0,24}|\s?\d?\s?[:.=]\s{0,4})$",
    re.I,
)
_NOUN_LINE_BEFORE = re.compile(rf"{_NOUNS}[\s:.#*-]{{0,6}}\n[\s>*-]{{0,8}}$", re.I)
_NOUN_AFTER = re.compile(
    rf"[\s\u2013(,/\[-]{{1,3}}(?:{_NOUNS}|{_PLACES})\s?\)?\s*(?:$|[,.;:)\]\\|/])|"
    r" (?:is|ist) (?:my|our|his|her|their|the|mein|unser)\w{0,2} (?:[^\W\d_]+ )?"
    rf"(?:numbers?|line|nummer|{_NOUNS})",
    re.I,
)
_VERB_BEFORE = re.compile(
    rf"{_VERBS}(?:(?:[ ,:;\u00a0]+(?:{'|'.join(_OBJECTS.split())}))*|"
    rf"(?: [^\W\d_']+\.?){{0,5}} {_BY}(?: [^\W\d_]+)?)[ ,:\u00a0]*$",
    re.I,
)
_VERB_FURTHER_BEFORE = re.compile(
    rf"{_VERBS}(?:[ ,:;\u00a0]+[^\W\d_']+\.?){{1,5}}[ :\u00a0]*$|{any_word('contacto? kontakt')} ?: ?$",
    re.I,
)
_CONTACT_BEFORE = re.compile(rf"{_CONTACTS}(?: [^\W\d_']+){{0,4}} {_BY}(?: [^\W\d_]+){{0,2}} ?:? ?$", re.I)
_NO_CALL = re.compile(
    any_word(r"system function method procedure rpc api callback stack roll return\w* error exit")
    + r"\s+\w+[^\d\n]*$",
    re.I,
)
_STEMS = """
    tel tél tlf tfn phon mob mov móv cel gsm handy portab fax whats sms hotl helpl landl
    pager festn ruf durchw puh matkap kom desk тел моб факс τηλ κιν טלפון נייד هاتف جوال
    फ़ोन मोबाइल điện 電 电 手 携 ファ 전화 휴대 팩스 call dial ring rang erreich appel joi llam llám
    chia lig bel zadz звон soit mess text line answ hold reach contac avail repl respon number
    kontak contat offic home work direct privat gesch büro buro burea domic casa trab
    uffic ofic
""".split()  # noqa: SIM905 - easier to read than a list of strings
"""The beginnings of all words above: numbers without one nearby need no closer look."""
_LENGTH = 64
_LENGTH_AFTER = 32

Clue = Literal["noun", "verb", "line", ""]


class WordPlaces:
    """Places in a text where a word may start that `clue` knows."""

    def __init__(self, text: str) -> None:
        lowered = text.lower()
        if len(lowered) != len(text):  # a capital with a dot becomes two characters
            lowered = "".join(min(character.lower(), character, key=len) for character in text)
        self._places = sorted(place for stem in _STEMS for place in _places_of(stem, lowered))

    def between(self, start: int, end: int) -> list[int]:
        """Return those from one place on to another."""
        return self._places[bisect_left(self._places, start) : bisect_left(self._places, end)]

    def near(self, start: int, end: int) -> bool:
        """Return whether there is one near a number."""
        first = bisect_left(self._places, start - _LENGTH)
        return first < len(self._places) and self._places[first] < end + _LENGTH_AFTER


def _places_of(part: str, text: str) -> Iterator[int]:
    place = text.find(part)
    while place >= 0:
        yield place
        place = text.find(part, place + 1)


def clue(text: str, start: int, end: int, words: WordPlaces) -> Clue:
    """Return how the words beside a number call it a telephone number.

    Args:
        text: the whole text.
        start: of the number.
        end: of the number.
        words: of the text.

    Returns:
        `noun` for a name such as "fax:" before or after it, `verb` for "call us on", `line` for a verb
        further away, else empty.
    """
    line = before(text, start, _LENGTH)
    if _has_noun(line, start, words) or is_named_after(text, end):
        return "noun"
    if _NOUN_LINE_BEFORE.search(show_line_ends(text[max(0, start - _LENGTH) : start])):
        return "noun"
    if _NO_CALL.search(line):
        return ""
    if _VERB_BEFORE.search(line) or _CONTACT_BEFORE.search(line):
        return "verb"
    return "line" if _VERB_FURTHER_BEFORE.search(line) else ""


def _has_noun(line: str, end: int, words: WordPlaces) -> bool:
    """Return whether a line has a name for a telephone before a number, which starts at a place."""
    if not line.isascii():  # where case is ignored, further letters match those of ASCII
        return _NOUN_BEFORE.search(line) is not None
    start = end - len(line)
    return any(_NOUN_BEFORE.match(line, place - start) for place in reversed(words.between(start, end)))


def is_named_after(text: str, end: int) -> bool:
    """Return whether a name for a telephone follows a number, as in `555-0134 (office)`."""
    return _NOUN_AFTER.match(after(text, end, _LENGTH_AFTER)) is not None
