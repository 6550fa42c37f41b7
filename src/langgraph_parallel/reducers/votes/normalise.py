"""Normalisers: map answers that mean the same to one value. An unreadable answer is None, never a guess.

A normaliser is a function from a value to a value; None makes the ballot abstain. Several are applied one
after another.
"""

import inspect
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from pydantic import JsonValue, TypeAdapter

from langgraph_parallel.errors import UsageError
from langgraph_parallel.records.numbers import exact, from_decimal, from_fraction
from langgraph_parallel.reducers.canonical import canonical

Normaliser = Callable[[JsonValue], JsonValue]
NormaliserLike = str | Normaliser | Sequence[str | Normaliser]

_JSON_VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_LEAD_IN = re.compile(
    r"^(?:(?:the\s+)?(?:final\s+|correct\s+)?(?:answers?|options?|choices?|results?)\b\s*(?:is|:|=)?\s*:?\s*)+",
    re.I,
)
_WRAPPING = " \t\r\n\"'`*_()[]{}<>\u201c\u201d\u2018\u2019\u00ab\u00bb$"
_ENDING = ".,;:!?"
_AROUND = _WRAPPING.replace("$", "")
_SYMBOLS = "%#&@*/\\"
"""Punctuation in Unicode that tells answers apart."""
_LETTER = re.compile(r"^[\s*_`\"'(\[{$]*([A-Za-z])(?:[)\]}.:*_`\"'$]+(?=\s|$)|\s*[-\u2013\u2014]\s|\s*$)")
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?", re.I)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_RATIO = re.compile(r"([+-]?\d+)\s*/\s*(\d+)")
_LATEX_RATIO = re.compile(r"([+-]?)\\[dt]?frac\s*\{\s*([+-]?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_MOST_DIGITS = 4300
"""Of a number in a text; Python reads no longer ones."""
_BRACE = re.compile(r"\\(?:boxed|fbox)\s*\{|[{}]")


def text(value: JsonValue) -> JsonValue:
    """Normalise a text: ignore case, white space, width of characters, and punctuation at the ends.

    >>> text("  The Moon. ") == text("the  moon")
    True
    """
    if not isinstance(value, str):
        return value
    folded = " ".join(_fold_width(value).casefold().split())
    bare = folded.strip(_WRAPPING).rstrip(_ENDING).strip(_WRAPPING)
    return bare or folded or None


def _fold_width(value: str) -> str:
    """Compose characters, and replace wide and narrow forms by the usual ones."""
    # NFKC on the whole text would also flatten superscripts: 10\u00b2 must not become 102.
    composed = unicodedata.normalize("NFC", value)
    return "".join(
        unicodedata.normalize("NFKC", char)
        if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>"))
        else char
        for char in composed
    )


def number(value: JsonValue) -> JsonValue:
    """Read a number in any notation: 1,234.50, $5, 12%, 3/4, 2e3, -7. More than one number is None.

    Percentages are divided by 100; commas group thousands. A number that neither an int nor a float holds
    exactly is the text of its digits; only a ratio whose decimals do not end is rounded to a float.

    >>> number("The answer is $1,234.50."), number("12%"), number("5 or 6"), number("1,5")
    (1234.5, 0.12, None, None)
    """
    if isinstance(value, Decimal):
        return from_decimal(value)
    if not isinstance(value, str):
        return None if exact(value) is None else value
    bare = _strip_to_number(value)
    parsed = _parse_exactly(bare.removesuffix("%").strip())
    if parsed is None:
        return None
    return from_fraction(parsed / 100 if bare.endswith("%") else parsed)


def _strip_to_number(value: str) -> str:
    """Remove what may surround a number: a lead-in, markup, currency, a full stop."""
    plain = _fold_width(value).replace("\u2212", "-").replace("\\$", "$").replace("\\%", "%")
    plain = _LEAD_IN.sub("", plain.strip().strip("*_`$ ")).strip("*_`$ \t\r\n").rstrip(".").strip()
    plain = plain.strip("*_`$\u20ac\u00a3 ").removeprefix("=").strip()
    signed_currency = re.match(r"^-\s*[$\u20ac\u00a3]\s*", plain)
    return "-" + plain[signed_currency.end() :] if signed_currency else plain


def _parse_exactly(plain: str) -> Fraction | None:
    if len(plain) > _MOST_DIGITS:
        return None
    if ratio := _LATEX_RATIO.fullmatch(plain):
        sign, top, bottom = ratio.groups()
        value = _ratio(top, bottom)
        return -value if value is not None and sign == "-" else value
    if ratio := _RATIO.fullmatch(plain):
        return _ratio(*ratio.groups())
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    return Fraction(Decimal(plain)) if _PLAIN.fullmatch(plain) else None


def _ratio(top: str, bottom: str) -> Fraction | None:
    return Fraction(int(top), int(bottom)) if int(bottom) else None


def option(value: JsonValue) -> JsonValue:
    """Read the letter of an option: "(b)", "B.", "Answer: B" and "b) because ..." are all B; a word is None.

    >>> option("(b) Paris"), option("Answer: C"), option("Because")
    ('B', 'C', None)
    """
    if not isinstance(value, str):
        return None
    letter = _LETTER.match(_LEAD_IN.sub("", _fold_width(value).strip().strip("*_` ")))
    return letter.group(1).upper() if letter else None


def boxed(value: JsonValue) -> JsonValue:
    r"""Read the content of the last \boxed{...} of a text; None without one, or with an unclosed one.

    >>> boxed(r"so we get $\boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    if not isinstance(value, str):
        return None
    # Start of the content of each open brace, innermost last; None for a brace that is not a box. A stack
    # instead of recursion: thousands of open braces must not end the vote.
    open_braces: list[int | None] = []
    content: str | None = None
    for brace in _BRACE.finditer(value):
        if brace[0] == "}":
            start = open_braces.pop() if open_braces else None
            content = value[start : brace.start()].strip() if start is not None else content
        else:
            open_braces.append(None if brace[0] == "{" else brace.end())
    unclosed = any(start is not None for start in open_braces)
    return None if unclosed else content or None


def without_articles(value: JsonValue) -> JsonValue:
    """Normalise a text as SQuAD's metric does: ignore case, white space, punctuation, and a, an and the.

    For short answers in English (Rajpurkar and others, SQuAD, 2016, arXiv 1606.05250). Unlike SQuAD's, a word
    with a digit in it loses punctuation only at its ends, signs and symbols such as %, $, + and # stay, and a
    text that is nothing but an article stays, such as option A: 3.5 is not 35, and C++ is not C.

    >>> [without_articles(said) for said in ("The  Eiffel Tower!", "an eiffel tower", "A 3.5%.")]
    ['eiffel tower', 'eiffel tower', '3.5%']
    """
    if not isinstance(value, str):
        return value
    words = [word for word in map(_bare_word, _fold_width(value).casefold().split()) if word]
    return " ".join(word for word in words if word not in ("a", "an", "the")) or " ".join(words) or None


def _bare_word(word: str) -> str:
    if any(char.isdecimal() for char in word):
        return word.strip(_AROUND).rstrip(_ENDING).strip(_AROUND)
    return "".join(char for char in word if char in _SYMBOLS or unicodedata.category(char)[0] != "P")


def without_units(*units: str) -> Normaliser:
    """Build a normaliser that reads a number with one of these units, or without one; any other is None.

    Name all spellings of one unit, as written: case matters, as it does for mW and MW. Nothing is converted.
    A unit is before or after the number, with or without a space; the notation of the number is that of
    `number`, but % and currencies are units, too.

    >>> kilometres = without_units("km", "kilometres")
    >>> [kilometres(said) for said in ("5 km", "5kilometres.", "1,200.0", "5 m", "5 km/h", "5%", 5)]
    [5, 5, 1200, None, None, None, 5]

    Raises:
        UsageError: there is no unit, or one is not a text, is empty, or has a digit in it.
    """
    if not units:
        raise UsageError("without_units has no units; name the spellings of one unit, such as 'km'")
    for unit in units:
        if not isinstance(unit, str) or not unit.strip() or any(char.isdecimal() for char in unit):
            raise UsageError(f"{unit!r} is not a unit; expected a text without digits, such as 'km'")
    longest_first = sorted((_fold_width(unit.strip()) for unit in units), key=len, reverse=True)

    def read(value: JsonValue) -> JsonValue:
        if not isinstance(value, str):
            return number(value)
        plain = _LEAD_IN.sub("", _fold_width(value).strip().strip("*_` ")).strip("*_` ")
        for said in (plain, plain.rstrip(".").rstrip("*_` ")):
            for unit in longest_first:
                for bare in (said.removesuffix(unit), said.removeprefix(unit)):
                    if bare != said and (found := _number_alone(bare)) is not None:
                        return found
        return _number_alone(plain)

    return read


def _number_alone(value: str) -> JsonValue:
    return None if any(sign in value for sign in "%$\u20ac\u00a3") else number(value)


NORMALISERS: Mapping[str, Normaliser] = {
    "text": text,
    "number": number,
    "option": option,
    "boxed": boxed,
    "without_articles": without_articles,
}
"""Normalisers by name."""


def as_normaliser(normalise: NormaliserLike | None) -> Normaliser | None:
    """Return one function for a normaliser, its name, or a sequence of them; None for None.

    Raises:
        UsageError: the sequence is empty, a name is unknown, or a function is async.
    """
    if normalise is None:
        return None
    chain = [normalise] if isinstance(normalise, str) or callable(normalise) else normalise
    if not isinstance(chain, Sequence):
        raise UsageError(f"normalise is {normalise!r}; expected a name, a function, or a list of these")
    steps = [_as_step(step) for step in chain]
    if not steps:
        raise UsageError("normalise is empty; omit it, or name a normaliser")

    def apply_steps(value: JsonValue) -> JsonValue:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return apply_steps


def _as_step(step: str | Normaliser) -> Normaliser:
    if inspect.iscoroutinefunction(step):
        raise UsageError(f"{step!r} is async; a normaliser must be a plain function")
    if callable(step):
        return step
    if step not in NORMALISERS:
        raise UsageError(f"{step!r} is not a normaliser; choose {', '.join(NORMALISERS)}, or pass a function")
    return NORMALISERS[step]


def read_by(normalise: Normaliser, value: JsonValue) -> JsonValue:
    """Apply a normaliser, which may be the caller's own; None if there is no answer.

    Raises:
        Exception: the normaliser raises, or returns a value that is not JSON.
    """
    normalised = _JSON_VALUE.validate_python(normalise(value))
    canonical(normalised)  # raises for an integer beyond the limit of digits that Python converts to text
    return normalised


def find_choice(answer: JsonValue, choices: Sequence[JsonValue]) -> JsonValue:
    """Return the choice that an answer names, ignoring case, white space and punctuation at the ends.

    None if there is no such choice, or more than one.

    >>> find_choice(" Yes.", ["yes", "no"]), find_choice("perhaps", ["yes", "no"])
    ('yes', None)
    """
    said = canonical(answer)
    matches = [choice for choice in choices if canonical(choice) == said]
    if not matches and isinstance(answer, str) and (key := text(answer)) is not None:
        matches = [choice for choice in choices if text(choice) == key]
    return matches[0] if len(matches) == 1 else None
