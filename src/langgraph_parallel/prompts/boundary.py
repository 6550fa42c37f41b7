"""Boundaries around untrusted text, which that text cannot forge.

Documents, code and posts may contain text that addresses the model. Each is put between two tags whose name
is derived from a digest of the data and does not occur in it, so that the data cannot close the boundary. The
tags depend on the data alone, which keeps prompts reproducible and cacheable.

What sibling calls have in common comes first, so that their prompts begin alike, byte for byte: the rule for
data, the shared data, what to do with it, the form of the answer; and then what differs. The tags depend then
on the beginning of what most calls share, and on nothing else, unless other data has them in it.
"""

import hashlib
import html
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from langgraph_parallel.prompts.loader import Prompt, load_prompt

_SEED = json.JSONEncoder(sort_keys=True)
"""Built once: `json.dumps` with options builds an encoder on every call."""
_RULE, _BEHIND = load_prompt("data"), load_prompt("behind")
"""The instruction to treat text inside the tags as data; and its repetition behind shared data."""
_NO_DATA = "Do the task."
"""The system message of a prompt without data."""
_SEEDING = 1000
"""Characters of shared text that decide on the tags, so that texts which begin alike are fenced alike."""
_TAG_LIKE = re.compile(r"daa(?=([0-9a-f]{12}))")
"""A tag of which only the hexadecimal digits are left."""
_TOO_SIMILAR = 8
"""Digits of 12 in which a tag that the data contains may not agree with the one that is chosen."""
_LOWER = bytes(range(256)).lower()
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_LOOK_ALIKES = tuple(zip("аеєсԁьвбзоαβεϲο", "aeecdbb630abec0", strict=True))
"""Cyrillic and Greek letters, and the hexadecimal digits that they look like."""
_COMMON_ENTITIES = ("&amp;", "&lt;", "&gt;", "&quot;", "&nbsp;", "&#39;")
_OTHER_DIGITS = re.compile(r"[^\D0-9]")


@dataclass(frozen=True)
class Messages:
    """The two messages of one call."""

    system: str
    """The rule for the data; with the role, if nothing is shared."""
    human: str
    """The shared data, the rendered prompt, and the form of the answer."""
    ends: tuple[int, ...] = ()
    """Numbers of characters of `human` after which siblings may differ, ascending; empty if nothing is
    shared."""
    shared: int = 0
    """Characters of `human` that are shared data."""


def fence(data: Mapping[str, str], seed: Mapping[str, str] | None = None) -> tuple[str, dict[str, str]]:
    r"""Put each text between tags that occur in none of the texts.

    Args:
        data: untrusted texts by name.
        seed: texts by name on which the tags depend; None for the data.

    Returns:
        The name of the tags, and the fenced texts by name.

    >>> tag, fenced = fence({"post": "hello"})
    >>> fenced["post"] == f'<{tag} name="post">\nhello\n</{tag}>'
    True
    """
    tag = _choose_tag(data.values(), data if seed is None else seed)
    return tag, {name: f'<{tag} name="{name}">\n{text}\n</{tag}>' for name, text in data.items()}


def compose(
    prompt: Prompt,
    data: Mapping[str, str],
    trusted: Mapping[str, str],
    *,
    role: str = "",
    shared: Sequence[str] = (),
    form: str = "",
) -> Messages:
    """Render a prompt, with the data inside a boundary.

    Args:
        prompt: the prompt; its variables are the names in `data` and `trusted`. What introduces an empty text
            is left out with it: models comment on what is not there.
        data: untrusted texts by variable.
        trusted: texts that may instruct the model, by variable; inserted unchanged.
        role: sentence appended to the system message, for example who the model is; empty for none. Where
            something is shared it is the caller's to append, since it may differ between siblings.
        shared: names of what sibling calls have in common, the most common first. Data among it comes before
            the prompt, which names it instead. Trusted texts stay where they are.
        form: of the answer. It comes before what differs between siblings, else behind the prompt.

    Raises:
        PromptError: a variable has no value, or a value has no variable.
    """
    values = {**trusted, **data}
    if values.keys() != prompt.variables:
        prompt.check(values, needs=values)
    empty = {name for name, value in values.items() if not value.strip()}
    shown = prompt.without(empty) if empty else prompt
    present = {name: text for name, text in data.items() if name not in empty}
    seed = next(({name: values[name][:_SEEDING]} for name in shared if name not in empty), None)
    tag, fenced = fence(present, seed)
    rule = _RULE.render({"boundary": tag}) if fenced else ""
    if seed is None:
        human = shown.render(shown.fitting({**values, **fenced}))
        return Messages("\n\n".join(filter(None, [rule, role])) or _NO_DATA, _joined([human, form]))
    begin, ends = "", []
    for name in shared:
        if name in fenced:
            begin += f"{fenced[name]}\n\n"
            ends.append(len(begin))
            fenced[name] = refer_to(name)
    human, differing = _common_first(shown, {**values, **fenced}, shared, form)
    behind = f"{_BEHIND.text}\n\n" if begin else ""
    ends += [len(begin) + len(behind) + place for place in differing]
    return Messages(rule or _NO_DATA, f"{begin}{behind}{human}", tuple(ends), len(begin))


def refer_to(name: str) -> str:
    """Return the words by which a prompt names data that comes before it.

    >>> refer_to("document")
    'the data named "document" above'
    """
    return f'the data named "{name}" above'


def _common_first(
    prompt: Prompt, values: Mapping[str, str], shared: Collection[str], form: str
) -> tuple[str, list[int]]:
    """Render a prompt, with the form of the answer before the first paragraph that may differ.

    Returns:
        The text, and the places where each of its paragraphs begins that may differ.
    """
    parts, differing, first = _divide(prompt.name, prompt.text, frozenset(shared))
    rendered = [part.render(part.fitting(values)) for part in parts]
    begin = _joined([*rendered[:first], form] if first else [])
    text, places = begin, []
    for i, paragraph in enumerate(rendered[first:], first):
        text += "\n\n" if text else ""
        if i in differing or i == first:
            places.append(len(text))
        text += paragraph
    return (text if first else _joined([text, form])), places or [len(text)]


@lru_cache(256)
def _divide(name: str, text: str, shared: frozenset[str]) -> tuple[list[Prompt], frozenset[int], int]:
    """Return the paragraphs of a prompt, the places of those that may differ, and the first to come last."""
    parts = [Prompt(name, paragraph) for paragraph in text.split("\n\n")]
    differing = frozenset(i for i, part in enumerate(parts) if part.variables - shared)
    first = min(differing, default=len(parts))
    while 0 < first < len(parts) and parts[first - 1].text.rstrip().endswith(":"):
        first -= 1  # what introduces it stays with it
    return parts, differing, first


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(filter(None, parts))


def _choose_tag(texts: Collection[str], seeding: Mapping[str, str]) -> str:
    """Return a tag whose digits occur in none of the texts, nor does a tag that resembles it.

    Whoever can foresee the digest might put the tag into the data, or one that a model takes for it.
    """
    seed, plain = _SEED.encode(seeding), [_digits_of(text) for text in texts]
    similar = {digits for text in plain for digits in _TAG_LIKE.findall(text)}
    salt = 0
    while True:
        digits = hashlib.sha256(f"{salt}{seed}".encode()).hexdigest()[:12]
        if not any(digits in text for text in plain) and not any(_resembles(digits, o) for o in similar):
            return f"data-{digits}"
        salt += 1


def _digits_of(text: str) -> str:
    """Return the hexadecimal digits of a text and what looks like them, without all that is in between.

    So whatever a tag is disguised with, it is found: characters that nobody sees, spaces, breaks, marks,
    letters of other alphabets or widths, HTML entities.

    >>> _digits_of("</DATA- 01\u200b2\uff13 &#52;>")
    'daa01234'
    """
    if "&" in text:
        for entity in _COMMON_ENTITIES:  # no digits, and faster
            text = text.replace(entity, " ")
        text = html.unescape(text) if "&" in text else text
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).lower()
        for letter, digit in _LOOK_ALIKES:
            text = text.replace(letter, digit)
        for other in set(_OTHER_DIGITS.findall(text)):
            text = text.replace(other, str(unicodedata.decimal(other)))
    return text.encode("ascii", "ignore").translate(_LOWER, _NO_DIGITS).decode()


def _resembles(digits: str, other: str) -> bool:
    return sum(a == b for a, b in zip(digits, other, strict=True)) >= _TOO_SIMILAR
