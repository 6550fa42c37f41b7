"""What providers count of a call: tokens of its prompt and answer, and which of them a cache had.

LangChain gives most of it in one form (`UsageMetadata`). What servers of chat completions say has many
names. In a `Usage`, and in what LangChain derives from the large providers, cached tokens are part of the
prompt, and thinking is part of the answer. A server that leaves them out shows it by its sum, or by a
part that is larger than the whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata, add_usage

from langgraph_parallel.records import Usage

_HOUR = "ephemeral_1h_input_tokens"
_EPHEMERAL = ("ephemeral_5m_input_tokens", _HOUR)
_OF_PROMPT: dict[str, Any] = {
    **dict.fromkeys(
        ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_read_tokens"), "read"
    ),
    **dict.fromkeys(
        (
            "cache_write_tokens",
            "cache_creation_tokens",
            "cache_creation_input_tokens",
            "cache_write_input_tokens",
        ),
        "written",
    ),
    "cache_creation": {name: name for name in _EPHEMERAL},
}
"""What names mean that servers have for tokens of a prompt."""
_PARTS_OF_PROMPT, _PARTS_OF_ANSWER = ("cache_read", "cache_creation", *_EPHEMERAL), ("reasoning",)
_OF_ANSWER = {"reasoning_tokens": "thought"}
_NAMES: dict[str, Any] = {
    **_OF_PROMPT,
    **dict.fromkeys(("prompt_tokens_details", "input_tokens_details"), _OF_PROMPT),
    **dict.fromkeys(("completion_tokens_details", "output_tokens_details"), _OF_ANSWER),
}
_MOST = 10**8
"""No call has as many tokens: larger counts are ignored."""
_MOST_APART = 2**17
"""Tokens beyond which a sum that is larger than its parts is taken for a mistake."""


def as_count(value: Any) -> int:
    """Return a count of tokens; 0 for anything else.

    >>> [as_count(value) for value in (12, 12.0, -3, True, "12", float("nan"), None)]
    [12, 12, 0, 0, 0, 0, 0]
    """
    if type(value) is float and 0 < value < _MOST:  # some servers count in floats
        return int(value)
    return value if type(value) is int and 0 < value < _MOST else 0


def completion_metadata(counted: Any) -> UsageMetadata | None:
    """Return in LangChain's form what a server of chat completions counted; None if it says nothing.

    Args:
        counted: `usage` of a completion's body, in whatever form.
    """
    if not counted or not isinstance(counted, dict):
        return None
    asked, answered = as_count(counted.get("prompt_tokens")), as_count(counted.get("completion_tokens"))
    total = as_count(counted.get("total_tokens"))
    if not asked and total > answered:  # only the sum says it
        asked = total - answered
    metadata = UsageMetadata(input_tokens=asked, output_tokens=answered, total_tokens=total)
    found: dict[str, int] = {}
    _gather(counted, _NAMES, found)
    read, hour, reasoning = found.get("read", 0), found.get(_HOUR, 0), found.get("thought", 0)
    written = max(found.get("written", 0), hour + found.get(_EPHEMERAL[0], 0))
    details = InputTokenDetails()
    if "read" in found:
        details["cache_read"] = read  # 0, too: the server has a cache
    if written:
        details["cache_creation"] = written
    if hour:
        details[_HOUR] = hour  # type: ignore[literal-required]  # of a provider, as LangChain names it
    if details:
        metadata["input_token_details"] = details
    apart = total - asked - answered
    if not reasoning and 0 < apart <= _MOST_APART and apart != read + written:
        reasoning = apart  # some count Gemini's thinking in the sum alone
    if reasoning:
        metadata["output_token_details"] = {"reasoning": reasoning}
    return metadata


def counts_reasoning(answer: AIMessage) -> bool:
    """Return whether an answer says that thinking took some of its tokens."""
    counted: Mapping[str, Any] = answer.usage_metadata or {}
    return bool((counted.get("output_token_details") or {}).get("reasoning"))


def as_usage(counted: Mapping[str, Any] | None) -> Usage:
    """Return what LangChain says of an answer's tokens as a usage; zero if it says nothing.

    Whatever it says, cached tokens are at most those of the prompt, and thinking at most the answer.
    """
    if not counted:
        return Usage()
    asked, answered = as_count(counted.get("input_tokens")), as_count(counted.get("output_tokens"))
    of_prompt, of_answer = counted.get("input_token_details"), counted.get("output_token_details")
    apart = as_count(counted.get("total_tokens")) - asked - answered
    found = _tiered(of_prompt, _PARTS_OF_PROMPT) if of_prompt else {}
    if of_answer:
        found |= _tiered(of_answer, _PARTS_OF_ANSWER)
    if not found and apart <= 0:
        return Usage(input_tokens=asked, output_tokens=answered)
    read, hour, thought = found.get("cache_read", 0), found.get(_HOUR, 0), found.get("reasoning", 0)
    # Beside tokens by the time that they are kept, the plain count is 0, or their sum.
    written = max(found.get("cache_creation", 0), hour + found.get(_EPHEMERAL[0], 0))
    cached = read + written
    # Where the sum is larger by these, or they are more than the prompt, they are beside it.
    if (apart > 0 and apart in (cached, cached + thought)) or max(read, written) > asked:
        asked, apart = asked + cached, apart - cached
    if apart > 0 and apart == thought:
        answered += thought
    read = min(read, asked)
    written = min(written, asked - read)
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_hour_tokens=min(hour, written),
        reasoning_tokens=min(thought, answered),
    )


def add_counted(total: UsageMetadata | None, message: BaseMessage) -> UsageMetadata | None:
    """Add what a part of a stream says to what the parts before it have said.

    Parts are added up before they are read: one may correct another by a negative number.

    Args:
        total: of the parts before; None if they said nothing.
        message: the part.
    """
    counted = getattr(message, "usage_metadata", None)
    return add_usage(total, counted) if counted else total


def with_details(usage: Usage, counted: Any) -> Usage:
    """Return a usage with what LangChain did not take over from the server's own words.

    Args:
        usage: by LangChain.
        counted: `usage` of the completion's body; None if it is not known.
    """
    if not isinstance(counted, dict):
        return usage
    own = as_usage(completion_metadata(counted))
    pairs = zip(own.model_dump().values(), usage.model_dump().values(), strict=True)
    return own if any(more > known for more, known in pairs) else usage


def note_details(part: BaseMessage, counted: Any) -> None:
    """Note in a part of a stream what LangChain does not take over from the server's own words."""
    known = as_usage(getattr(part, "usage_metadata", None))
    if with_details(known, counted) is not known:
        part.usage_metadata = completion_metadata(counted)  # type: ignore[attr-defined]  # of an answer's


def _gather(said: Mapping[str, Any], names: Mapping[str, Any], found: dict[str, int]) -> None:
    """Find the counts that a server gives under one of several names, or under two of them."""
    for name, value in said.items():
        kind = names.get(name) if value is not None else None
        if isinstance(kind, str):
            found[kind] = max(as_count(value), found.get(kind, 0))
        elif kind is not None and isinstance(value, dict):
            _gather(value, kind, found)


def _tiered(details: Any, names: Sequence[str]) -> dict[str, int]:
    """Return counts by name, whatever tier of service LangChain names before it: `flex_cache_read`."""
    found: dict[str, int] = {}
    for key, value in details.items() if isinstance(details, Mapping) else ():
        if value and (number := as_count(value)):
            for name in names:
                if key == name or str(key).endswith(f"_{name}"):
                    found[name] = found.get(name, 0) + number
    return found
