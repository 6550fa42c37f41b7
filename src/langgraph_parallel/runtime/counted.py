"""What providers count of a call: tokens of its prompt and answer, and which of them a cache had.

LangChain gives most of it in one form (`UsageMetadata`). What servers of chat completions say has many
names. In a `Usage`, and in what LangChain derives from the large providers, cached tokens are part of the
prompt, and thinking is part of the answer. A server that leaves them out says so with its sum.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata, add_usage

from langgraph_parallel.records import Usage

_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_ANSWER_DETAILS = ("completion_tokens_details", "output_tokens_details")
_READ = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_read_tokens")
_WRITTEN = (
    "cache_write_tokens",
    "cache_creation_tokens",
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
)
_EPHEMERAL = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
_HOUR = "ephemeral_1h_input_tokens"
_MOST = 10**12
"""No call has as many tokens; a count above it is none."""


def as_count(value: Any) -> int:
    """Return a count of tokens; 0 for what is none.

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
    metadata = UsageMetadata(
        input_tokens=as_count(counted.get("prompt_tokens")),
        output_tokens=as_count(counted.get("completion_tokens")),
        total_tokens=as_count(counted.get("total_tokens")),
    )
    of_prompt = [counted, *_parts(counted, _PROMPT_DETAILS)]
    details = InputTokenDetails()
    read = _largest(of_prompt, _READ)
    if read or any(part.get(name) is not None for part in of_prompt for name in _READ):
        details["cache_read"] = read  # none, too: the server has a cache
    kept = _parts({name: value for part in of_prompt for name, value in part.items()}, ("cache_creation",))
    hour = _largest(kept, (_HOUR,))
    written = max(_largest(of_prompt, _WRITTEN), sum(_largest(kept, (name,)) for name in _EPHEMERAL))
    if written:
        details["cache_creation"] = written
    if hour:
        details[_HOUR] = hour  # type: ignore[literal-required]  # of a provider, as LangChain names it
    if details:
        metadata["input_token_details"] = details
    if reasoning := _largest(_parts(counted, _ANSWER_DETAILS), ("reasoning_tokens",)):
        metadata["output_token_details"] = {"reasoning": reasoning}
    return metadata


def as_usage(counted: Mapping[str, Any] | None) -> Usage:
    """Return what LangChain says of an answer's tokens as a usage; zero if it says nothing.

    Whatever it says, cached tokens are at most those of the prompt, and thinking at most the answer.
    """
    if not counted:
        return Usage()
    asked, answered = as_count(counted.get("input_tokens")), as_count(counted.get("output_tokens"))
    of_prompt, of_answer = counted.get("input_token_details"), counted.get("output_token_details")
    if not of_prompt and not of_answer:
        return Usage(input_tokens=asked, output_tokens=answered)
    read, written = _tiered(of_prompt, "cache_read"), _tiered(of_prompt, "cache_creation")
    # Beside tokens by the time that they are kept, the plain count is 0, or their sum.
    by_time = [_tiered(of_prompt, name) for name in _EPHEMERAL]
    written, thought = max(written, sum(by_time)), _tiered(of_answer, "reasoning")
    apart = as_count(counted.get("total_tokens")) - asked - answered
    if apart > 0:  # the server's own sum has more than both: what it counts beside them
        cached = read + written
        asked += cached if apart in (cached, cached + thought) else 0
        answered += thought if apart in (thought, cached + thought) and apart != cached else 0
    read = min(read, asked)
    written = min(written, asked - read)
    return Usage(
        input_tokens=asked,
        output_tokens=answered,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_hour_tokens=min(by_time[1], written),
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
    if not isinstance(counted, dict) or usage.cache_read_tokens or usage.cache_write_tokens:
        return usage
    own = as_usage(completion_metadata(counted))
    return own if own.cache_read_tokens or own.cache_write_tokens else usage


def _parts(counted: Mapping[str, Any], names: tuple[str, ...]) -> list[Mapping[str, Any]]:
    return [part for name in names if isinstance(part := counted.get(name), Mapping)]


def _largest(parts: list[Mapping[str, Any]], names: tuple[str, ...]) -> int:
    """Return a count that servers give under one of several names, or under two of them."""
    return max((as_count(part.get(name)) for part in parts for name in names), default=0)


def _tiered(details: Any, name: str) -> int:
    """Return a count, whatever tier of service LangChain names before it: `flex_cache_read`."""
    if not isinstance(details, Mapping):
        return 0
    return sum(
        as_count(value) for key, value in details.items() if key == name or str(key).endswith(f"_{name}")
    )
