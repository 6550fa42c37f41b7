"""One request for several samples, told to callbacks as a call of each voter."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

from langgraph_parallel.errors import EndpointError
from langgraph_parallel.runtime.direct import Direct, parse_completion
from langgraph_parallel.runtime.sender import Sending

_OF_ANSWERS = ("completion", "output", "reasoning", "answer", "candidates")
"""How the names of counts begin that grow with each answer; others are of the prompt, or of the request."""


async def post_samples(
    direct: Direct,
    messages: Sequence[BaseMessage],
    sending: Sending,
    configs: Sequence[RunnableConfig],
) -> Any:
    """Make one request for as many samples as there are configs, and return the body of its answer.

    Those who listen are told of as many calls: each has its own answer, and the first one has the prompt.

    Raises:
        EndpointError: the answer holds no sample.
        Exception: the SDK's error; LangChain's if something listens, or that of a handler.
    """
    request = {**(direct.body(messages) or {}), **sending.fields()}
    if len(configs) > 1:
        request["n"] = len(configs)
    reporter = direct.reporter
    heard = [config for config in map(ensure_config, configs) if reporter.is_heard(config)]
    if not heard:
        body = await direct.post(request, sending.on_first)
        first_sample(body)
        return body
    listening = ((reporter.listeners(config), config) for config in heard)
    async with reporter.telling(messages, listening) as reports:
        body, response = await direct.respond(request, sending.on_first)
        first_sample(body)
    parts = split_completion(body, len(reports))
    for report, part in zip(reports, parts, strict=False):
        await report.end(part, response)
    for report in reports[len(parts) :]:
        await report.fail(EndpointError("the endpoint answered with fewer samples"))
    return body


def first_sample(body: Any) -> AIMessage:
    """Return the first sample that an answer holds, with the tokens of all.

    Raises:
        EndpointError: it holds none.
    """
    choices = body.get("choices") if isinstance(body, Mapping) else None
    readable = [choice for choice in choices if _is_readable(choice)] if isinstance(choices, list) else []
    return parse_completion({**body, "choices": readable} if readable else body)


def split_completion(body: Any, most: int) -> list[dict[str, Any]]:
    """Return a chat completion of each choice, at most so many; the first one has the tokens of the prompt.

    Choices that hold no message, or an error, are left out. The counts of the parts add up to that of all.

    >>> body = {"choices": [{"message": {"content": c}} for c in "abc"],
    ...         "usage": {"prompt_tokens": 90, "completion_tokens": 7, "total_tokens": 97}}
    >>> for part in split_completion(body, 3):
    ...     print(part["choices"][0]["message"]["content"], part["usage"])
    a {'prompt_tokens': 90, 'completion_tokens': 3, 'total_tokens': 93}
    b {'prompt_tokens': 0, 'completion_tokens': 2, 'total_tokens': 2}
    c {'prompt_tokens': 0, 'completion_tokens': 2, 'total_tokens': 2}
    """
    readable = [choice for choice in body["choices"] if _is_readable(choice)][:most]
    usages = _split_counts(body.get("usage"), len(readable))
    return [
        {**body, "choices": [{**choice, "index": 0}], "usage": usage}
        for choice, usage in zip(readable, usages, strict=True)
    ]


def _is_readable(choice: Any) -> bool:
    return (
        isinstance(choice, Mapping) and isinstance(choice.get("message"), Mapping) and not choice.get("error")
    )


def _split_counts(counts: Any, parts: int) -> list[Any]:
    """Divide what a server counted among the answers."""
    if not isinstance(counts, Mapping):
        return [counts] * parts
    divided: list[dict[str, Any]] = [{} for _ in range(parts)]
    for name, count in counts.items():
        for place, value in enumerate(_split_count(name, count, parts)):
            divided[place][name] = value
    if parts > 1 and _is_count(counts.get("total_tokens")):
        # What a server counts beside prompt and answer, and shows in its sum alone, is with the first one.
        for counted in divided[1:]:
            written = counted.get("completion_tokens")
            counted["total_tokens"] = written if _is_count(written) else 0
            divided[0]["total_tokens"] -= counted["total_tokens"]
    return divided


def _split_count(name: str, count: Any, parts: int, *, of_answers: bool = False) -> list[Any]:
    of_answers = of_answers or name.startswith(_OF_ANSWERS)
    if isinstance(count, Mapping):
        inner = {key: _split_count(key, value, parts, of_answers=of_answers) for key, value in count.items()}
        return [{key: values[place] for key, values in inner.items()} for place in range(parts)]
    if isinstance(count, float):
        return [count] + [0.0] * (parts - 1)
    if not _is_count(count):
        return [count] * parts
    if not of_answers:
        return [count] + [0] * (parts - 1)
    each, over = divmod(count, parts)
    return [each + (place < over) for place in range(parts)]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
