"""Answers as they are counted: one form for what means the same. What cannot be read is None, never a guess.

A normaliser is a function from a value to a value; None says that there is no answer to be read, and the
ballot abstains. Several are applied one after another.
"""

import inspect
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from pydantic import JsonValue, TypeAdapter

from langgraph_parallel.errors import UsageError
from langgraph_parallel.reducers.canonical import canonical

Normaliser = Callable[[JsonValue], JsonValue]
_VALUE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
NormaliserLike = str | Normaliser | Sequence[str | Normaliser]

_SAID = re.compile(
    r"^(?:(?:the\s+)?(?:final\s+|correct\s+)?(?:answers?|options?|choices?|results?)\b\s*(?:is|:|=)?\s*:?\s*)+",
    re.I,
)
_WRAPPING = " \t\r\n\"'`*_()[]{}<>\u201c\u201d\u2018\u2019\u00ab\u00bb$"
_ENDING = ".,;:!?"
_LETTER = re.compile(r"^[\s*_`\"'(\[{$]*([A-Za-z])(?:[)\]}.:*_`\"'$]+(?=\s|$)|\s*[-\u2013\u2014]\s|\s*$)")
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?", re.I)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_RATIO = re.compile(r"([+-]?\d+)\s*/\s*(\d+)")
_LATEX_RATIO = re.compile(r"([+-]?)\\[dt]?frac\s*\{\s*([+-]?\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_BRACE = re.compile(r"\\(?:boxed|fbox)\s*\{|[{}]")


def text(value: JsonValue) -> JsonValue:
    """Case, white space, width of characters, and punctuation at the ends do not count.

    >>> text("  The Moon. ") == text("the  moon")
    True
    """
    if not isinstance(value, str):
        return value
    folded = " ".join(_narrow(value).casefold().split())
    bare = folded.strip(_WRAPPING).rstrip(_ENDING).strip(_WRAPPING)
    return bare or folded or None


def _narrow(value: str) -> str:
    """Composed, and without wide and narrow forms of characters; what is raised or lowered stays so."""
    composed = unicodedata.normalize("NFC", value)
    return "".join(
        unicodedata.normalize("NFKC", char)
        if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>"))
        else char
        for char in composed
    )


def number(value: JsonValue) -> JsonValue:
    """A number, however it is written: 1,234.50, $5, 12%, 3/4, 2e3, -7. Anything more than one is None.

    Percent are hundredths; thousands are grouped by commas.

    >>> number("The answer is $1,234.50."), number("12%"), number("5 or 6"), number("1,5")
    (1234.5, 0.12, None, None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if value == value and abs(value) != float("inf") else None
    if not isinstance(value, str):
        return None
    plain = _narrow(value).replace("\u2212", "-").replace("\\$", "$").replace("\\%", "%")
    plain = _SAID.sub("", plain.strip().strip("*_`$ ")).strip("*_`$ \t\r\n").rstrip(".").strip()
    plain = plain.strip("*_`$\u20ac\u00a3 ").removeprefix("=").strip()
    negative = re.match(r"^-\s*[$\u20ac\u00a3]\s*", plain)
    plain = "-" + plain[negative.end() :] if negative else plain
    percent = plain.endswith("%")
    exact = _exact(plain.removesuffix("%").strip())
    if exact is None:
        return None
    exact = exact / 100 if percent else exact
    try:
        return int(exact) if exact.denominator == 1 and abs(exact) < 2**63 else float(exact)
    except OverflowError:
        return None


def option(value: JsonValue) -> JsonValue:
    """The letter of an option: "(b)", "B.", "Answer: B", "b) because ..." are all B. A word is none.

    >>> option("(b) Paris"), option("Answer: C"), option("Because")
    ('B', 'C', None)
    """
    if not isinstance(value, str):
        return None
    said = _SAID.sub("", _narrow(value).strip().strip("*_` "))
    found = _LETTER.match(said)
    return found.group(1).upper() if found else None


def boxed(value: JsonValue) -> JsonValue:
    r"""What stands in the last \boxed{...} of a text; without one there is no answer.

    >>> boxed(r"so we get $\boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    if not isinstance(value, str):
        return None
    opened: list[int | None] = []
    inside: str | None = None
    for brace in _BRACE.finditer(value):
        if brace[0] == "}":
            start = opened.pop() if opened else None
            inside = value[start : brace.start()].strip() if start is not None else inside
        else:
            opened.append(None if brace[0] == "{" else brace.end())
    unclosed = any(start is not None for start in opened)
    return None if unclosed else inside or None


NORMALISERS: Mapping[str, Normaliser] = {"text": text, "number": number, "option": option, "boxed": boxed}
"""Normalisers by name."""


def as_normaliser(given: NormaliserLike | None) -> Normaliser | None:
    """Take a normaliser, its name, or several to be applied one after another.

    Raises:
        UsageError: one of them is none.
    """
    if given is None:
        return None
    steps = [_one(step) for step in ([given] if isinstance(given, str) or callable(given) else given)]
    if not steps:
        raise UsageError("normalise is empty; leave it out, or name one")

    def normalise(value: JsonValue) -> JsonValue:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return normalise


def read_by(normalise: Normaliser, value: JsonValue) -> JsonValue:
    """Apply a normaliser, which may be somebody's own; None where there is no answer to be read.

    Raises:
        Exception: what it raises, or that it gives something that is no JSON.
    """
    read = _VALUE.validate_python(normalise(value))
    canonical(read)
    return read


def _one(step: str | Normaliser) -> Normaliser:
    if inspect.iscoroutinefunction(step):
        raise UsageError(f"{step!r} is async; what normalises answers has to be a plain function")
    if callable(step):
        return step
    if step not in NORMALISERS:
        raise UsageError(
            f"{step!r} is no way to normalise; choose {', '.join(NORMALISERS)}, or pass a function"
        )
    return NORMALISERS[step]


def _exact(plain: str) -> Fraction | None:
    if found := _LATEX_RATIO.fullmatch(plain):
        sign, top, bottom = found.groups()
        ratio = Fraction(int(top), int(bottom)) if int(bottom) else None
        return -ratio if ratio is not None and sign == "-" else ratio
    if found := _RATIO.fullmatch(plain):
        return Fraction(int(found[1]), int(found[2])) if int(found[2]) else None
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    return Fraction(plain.rstrip(".")) if _PLAIN.fullmatch(plain) else None


def find_choice(said: JsonValue, choices: Sequence[JsonValue]) -> JsonValue:
    """The one of several choices that an answer is, up to case, white space and punctuation at its ends.

    >>> find_choice(" Yes.", ["yes", "no"]), find_choice("perhaps", ["yes", "no"])
    ('yes', None)
    """
    exact = [choice for choice in choices if canonical(choice) == canonical(said)]
    key = text(said) if isinstance(said, str) else None
    alike = exact or [choice for choice in choices if key is not None and text(choice) == key]
    return alike[0] if len(alike) == 1 else None
