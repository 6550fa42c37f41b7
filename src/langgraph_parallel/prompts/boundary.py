"""Boundaries around untrusted text, which that text cannot forge.

Documents, code and posts may contain text that addresses the model. Each is put between two tags whose name
is derived from a digest of the data and does not occur in it, so that the data cannot close the boundary. The
tags depend on the data alone, which keeps prompts reproducible and cacheable.

Data that sibling calls share comes first, so that their prompts begin alike, byte for byte: the rule for
data, the shared data, and then what to do with it. The tags depend on the shared data alone then.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.prompts.loader import Prompt, load_prompt

_SEED = json.JSONEncoder(sort_keys=True)
"""Built once: `json.dumps` with options builds an encoder on every call."""
_RULE = load_prompt("data")
"""The instruction to treat text inside the tags as data."""
_NO_DATA = "Do the task."
"""The system message of a prompt without data."""


@dataclass(frozen=True)
class Messages:
    """The two messages of one call."""

    system: str
    """The rule for the data; with the role, if no data is shared."""
    human: str
    """The shared data, and the rendered prompt."""
    ends: tuple[int, ...] = ()
    """Numbers of characters of `human` after which prompts of siblings may differ, ascending."""


def fence(data: Mapping[str, str], shared: Sequence[str] = ()) -> tuple[str, dict[str, str]]:
    r"""Put each text between tags that occur in none of the texts.

    Args:
        data: untrusted texts by name.
        shared: names of those on which the tags depend; empty for all.

    Returns:
        The name of the tags, and the fenced texts by name.

    >>> tag, fenced = fence({"post": "hello"})
    >>> fenced["post"] == f'<{tag} name="post">\nhello\n</{tag}>'
    True
    """
    tag = _choose_tag(data, {name: data[name] for name in shared} if shared else data)
    return tag, {name: f'<{tag} name="{name}">\n{text}\n</{tag}>' for name, text in data.items()}


def compose(
    prompt: Prompt,
    data: Mapping[str, str],
    trusted: Mapping[str, str],
    *,
    role: str = "",
    shared: Sequence[str] = (),
) -> Messages:
    """Render a prompt, with the data inside a boundary.

    Args:
        prompt: the prompt; its variables are the names in `data` and `trusted`. What introduces an empty text
            is left out with it: models comment on what is not there.
        data: untrusted texts by variable.
        trusted: texts that may instruct the model, by variable; inserted unchanged.
        role: sentence appended to the system message, for example who the model is; empty for none. With
            shared data it is the caller's to append, since it may differ between siblings.
        shared: names of data that sibling calls have in common, the most common first. It comes before the
            prompt, which names it instead.

    Raises:
        PromptError: a variable has no value, or a value has no variable.
    """
    values = {**trusted, **data}
    if values.keys() != prompt.variables:
        prompt.check(values, needs=values)
    empty = {name for name, value in values.items() if not value.strip()}
    shown = prompt.without(empty) if empty else prompt
    present = {name: text for name, text in data.items() if name not in empty}
    first = [name for name in shared if name in present]
    tag, fenced = fence(present, first)
    rule = _RULE.render({"boundary": tag}) if fenced else ""
    if not first:
        system = "\n\n".join(filter(None, [rule, role])) or _NO_DATA
        return Messages(system, shown.render(shown.fitting({**values, **fenced})))
    begin, ends = "", []
    for name in first:
        begin += f"{fenced[name]}\n\n"
        ends.append(len(begin))
        fenced[name] = refer_to(name)
    human = begin + shown.render(shown.fitting({**values, **fenced}))
    return Messages(rule, human, (*ends, *_own_data(human, tag, ends[-1])))


def refer_to(name: str) -> str:
    """Return the words by which a prompt names data that comes before it.

    >>> refer_to("document")
    'the data named "document" above'
    """
    return f'the data named "{name}" above'


def _own_data(human: str, tag: str, after: int) -> list[int]:
    """Return where the first data begins that is not shared: calls of the same prompt differ from there."""
    place = human.find(f"<{tag} ", after)
    return [] if place < 0 else [place]


def _choose_tag(data: Mapping[str, str], seeding: Mapping[str, str]) -> str:
    seed = _SEED.encode(seeding)
    salt = 0
    # An attacker who foresees the digest could put the tag into the data; then another salt is tried.
    while True:
        tag = f"data-{hashlib.sha256(f'{salt}{seed}'.encode()).hexdigest()[:12]}"
        if not any(tag in text for text in data.values()):
            return tag
        salt += 1
