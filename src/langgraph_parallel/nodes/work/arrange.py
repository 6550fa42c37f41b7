"""The messages of a call, in the order in which siblings have most in common: shared data comes first."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from langgraph_parallel.nodes.work.variables import divided
from langgraph_parallel.prompts import Messages, Prompt, compose, load_prompt
from langgraph_parallel.runtime.rendered import Prefix, Rendered, find_prefixes, numbered

_ATTACHED = load_prompt("attached")
_SHORTEST = 1000
"""Characters: a shorter prompt has fewer tokens than any provider's cache keeps."""
_ROOM = 4500
"""Bytes for which a picture or a file counts in the size of a prefix: about those of 1,500 tokens of text."""


def render(
    prompt: Prompt,
    values: Mapping[str, Any],
    *,
    given: Mapping[str, str],
    instructing: Collection[str] = (),
    shared: Sequence[str] = (),
    form: str = "",
    role: str = "",
    number_line: str = "",
) -> Rendered:
    """Return the messages of a prompt with these values.

    Args:
        prompt: any.
        values: of its variables: texts, conversations, pictures and files; others are shown as JSON.
        given: values of further variables, which may instruct the model.
        instructing: names of values that may instruct it.
        shared: names of values that siblings have in common, the most common first.
        form: of the answer.
        role: who the model is.
        number_line: the sentence that tells a member of a panel its number.
    """
    parts = {name: divided(value) for name, value in values.items()}
    trusted = {name: text for name, (text, _) in parts.items() if name in instructing}
    data = {name: text for name, (text, _) in parts.items() if name not in trusted}
    composed = compose(prompt, data, {**given, **trusted}, role=role, shared=shared, form=form)
    drawn = [name for name, (_, blocks) in parts.items() if blocks]
    first = [name for name in shared if name in drawn and name in data]
    blocks = [block for name in drawn if name not in first for block in parts[name][1]]
    shared_blocks = [block for name in first for block in parts[name][1]]
    return arrange(composed, shared_blocks, blocks, role=role, number_line=number_line)


def arrange(
    composed: Messages,
    shared_media: Sequence[Mapping[str, Any]],
    media: Sequence[Mapping[str, Any]],
    *,
    role: str,
    number_line: str,
) -> Rendered:
    """Return a prompt as messages.

    Args:
        composed: its texts.
        shared_media: pictures and files of the shared data, which follow it.
        media: other pictures and files, which follow the text.
        role: who the model is, if the texts do not say it yet; may be empty.
        number_line: the sentence that tells a member of a panel its number, which comes last; may be empty.
    """
    system, human = composed.system, composed.human
    common = len(human)
    if composed.ends and role:
        human += f"\n\n{role}"
    if shared_media or media:
        system += f"\n\n{_ATTACHED.text}"
    begin = composed.shared
    ends = [*composed.ends, common] if composed.ends else []
    prefixes: Sequence[Prefix] = ()
    if ends or number_line:
        text, moved = _with_stand_ins(human, begin, ends, shared_media, media)
        if number_line:
            moved.append(len(text))  # behind all media: members differ by this sentence alone
        if len(system) + len(text) >= _SHORTEST:
            prefixes = find_prefixes(system, text, sorted(set(moved)))
    content: Any = human
    if shared_media or media:
        content = [*_text(human[:begin].strip()), *shared_media, *_text(human[begin:]), *media]
    if number_line:
        is_text = isinstance(content, str)
        content = numbered(content, number_line) if is_text else [*content, *_text(number_line)]
    return Rendered([SystemMessage(system), HumanMessage(content)], prefixes, number_line)


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def _with_stand_ins(
    human: str,
    begin: int,
    ends: Sequence[int],
    shared_media: Sequence[Mapping[str, Any]],
    media: Sequence[Mapping[str, Any]],
) -> tuple[str, list[int]]:
    """Return a message with text for its pictures and files, and where its ends are then."""
    first, last = _stand_in(shared_media), _stand_in(media)
    moved = [end if end < begin else end + len(first) for end in ends]
    return f"{human[:begin]}{first}{human[begin:]}{last}", moved


def _stand_in(media: Sequence[Mapping[str, Any]]) -> str:
    """Return a text that differs where pictures do, and is as long as what they are assumed to take."""
    if not media:
        return ""
    written = json.dumps(media, sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest().ljust(_ROOM * len(media))
