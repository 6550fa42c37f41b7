"""Boundaries around untrusted text, which that text cannot forge.

Documents, code and posts may contain text that addresses the model. Each is put between two tags whose name
is derived from a digest of the data and does not occur in it, so that the data cannot close the boundary. The
tags depend on the data alone, which keeps prompts reproducible and cacheable.
"""

import hashlib
import json
from collections.abc import Mapping
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
    """The rule for the data, and the role if there is one."""
    human: str
    """The rendered prompt."""


def fence(data: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    r"""Put each text between tags that occur in none of the texts.

    Args:
        data: untrusted texts by name.

    Returns:
        The name of the tags, and the fenced texts by name.

    >>> tag, fenced = fence({"post": "hello"})
    >>> fenced["post"] == f'<{tag} name="post">\nhello\n</{tag}>'
    True
    """
    tag = _choose_tag(data)
    return tag, {name: f'<{tag} name="{name}">\n{text}\n</{tag}>' for name, text in data.items()}


def compose(
    prompt: Prompt, data: Mapping[str, str], trusted: Mapping[str, str], *, role: str = ""
) -> Messages:
    """Render a prompt, with the data inside a boundary.

    Args:
        prompt: the prompt; its variables are the names in `data` and `trusted`. What introduces an empty text
            is left out with it: models comment on what is not there.
        data: untrusted texts by variable.
        trusted: texts that may instruct the model, by variable; inserted unchanged.
        role: sentence appended to the system message, for example who the model is; empty for none.

    Raises:
        PromptError: a variable has no value, or a value has no variable.
    """
    values = {**trusted, **data}
    if values.keys() != prompt.variables:
        prompt.check(values, needs=values)
    empty = {name for name, value in values.items() if not value.strip()}
    shown = prompt.without(empty) if empty else prompt
    tag, fenced = fence({name: text for name, text in data.items() if name not in empty})
    rule = _RULE.render({"boundary": tag}) if fenced else ""
    return Messages(
        system="\n\n".join(filter(None, [rule, role])) or _NO_DATA,
        human=shown.render(shown.fitting({**values, **fenced})),
    )


def _choose_tag(data: Mapping[str, str]) -> str:
    seed = _SEED.encode(data)
    salt = 0
    # An attacker who foresees the digest could put the tag into the data; then another salt is tried.
    while True:
        tag = f"data-{hashlib.sha256(f'{salt}{seed}'.encode()).hexdigest()[:12]}"
        if not any(tag in text for text in data.values()):
            return tag
        salt += 1
