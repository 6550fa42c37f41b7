"""A boundary around text from outside, which that text cannot forge.

Documents, code and posts are data that try to talk to the model. Each stands between two tags whose name
is derived from a digest of the data and is checked not to occur in it, so that nothing in the data can
close the boundary. The same data gets the same tags: prompts stay reproducible, and caches work.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from langgraph_parallel.prompts.loader import Prompt, load

_RULE = load("data")


@dataclass(frozen=True)
class Messages:
    """The two texts of one call: what we ask, and the rule for the data in it."""

    system: str
    human: str


def fence(data: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    r"""Put each text inside tags that occur in none of them.

    Returns:
        The name of the tags, and the fenced texts by name.

    >>> tag, fenced = fence({"post": "hello"})
    >>> fenced["post"] == f'<{tag} name="post">\nhello\n</{tag}>'
    True
    """
    tag = _tag(data)
    return tag, {name: f'<{tag} name="{name}">\n{text}\n</{tag}>' for name, text in data.items()}


def compose(prompt: Prompt, data: Mapping[str, str], given: Mapping[str, str], *, role: str = "") -> Messages:
    """Render a prompt with data inside a boundary, and `given` values, which are ours, as they are.

    Args:
        prompt: what to ask; its variables are the names in `data` and `given`.
        data: text from outside.
        given: text that may instruct the model.
        role: one more sentence for the system message: who answers, say.

    Raises:
        PromptError: a variable has no value, or a value has no variable.
    """
    tag, fenced = fence(data)
    rule = _RULE.render({"boundary": tag})
    return Messages(
        system=f"{rule}\n\n{role}" if role else rule,
        human=prompt.render({**given, **fenced}),
    )


def _tag(data: Mapping[str, str]) -> str:
    seed = json.dumps(data, sort_keys=True)
    salt = 0
    while True:
        tag = f"data-{hashlib.sha256(f'{salt}{seed}'.encode()).hexdigest()[:32]}"
        if not any(tag in text for text in data.values()):
            return tag
        salt += 1
