"""Messages as input and output: a graph that works on one text reads it from a conversation, and answers it.

The first node derives the graph's own keys from the messages and stores them, so that all that follows (a
resume, a redrive, what a checkpoint refers to) is as if they had been given. The last node adds one message,
whose id the first node has noted: whatever is run again replaces it.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Required, TypeVar, get_origin
from uuid import UUID, uuid4, uuid5

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
)
from langchain_core.runnables import RunnableConfig
from pydantic import Field

from langgraph_parallel.arguments import plain
from langgraph_parallel.errors import InputError

KEY = "messages"
WORKING = "working"
"""The status of a message that says that a graph works on its answer; that of a run that failed is left."""
REPLY = "reply_id"
"""The channel of the id of the message that the run adds; None if its input was not a conversation."""
MESSAGES = Annotated[
    list[AnyMessage],
    Field(
        title="Messages",
        description="A conversation, instead of the graph's own input: the last message of the user is what "
        "the graph works on, and the answer is added. LangChain's messages, or mappings of role and content.",
        examples=[[{"type": "human", "content": "..."}]],
    ),
]
REPLY_ID = Annotated[str | None, Field(title="Reply", description="The id of the message that is added.")]
NAMESPACE = UUID("6c1d3a0e-5f0b-4d0a-9c57-3f2f6b6a1c11")
_EXPECTED = "expected messages of LangChain, or mappings: {'messages': [{'role': 'user', 'content': '...'}]}"

NodeT = TypeVar("NodeT", bound=Callable[..., Awaitable[dict[str, Any]]])


@dataclass(frozen=True)
class FromMessages:
    """How a graph reads its own input from a conversation.

    Args:
        keys: of the input that messages stand for. A conversation is read if none of them is given.
        read: returns these keys, given a conversation that ends with what the user wants; not empty.
        unread: names what of a user's message `read` has left out, such as pictures.
        missing: says what to pass if there is neither a key nor a conversation; empty for the first key.
    """

    keys: Sequence[str]
    read: Callable[[Sequence[BaseMessage]], Mapping[str, Any]]
    unread: Callable[[BaseMessage], Sequence[str]] = lambda message: ()
    missing: str = ""


def take_messages(
    input: Mapping[str, Any], spec: FromMessages | None, resuming: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an input without its messages, and what the messages add to it: themselves, and empty keys.

    With one of the graph's own keys there is no conversation: messages are left alone.

    Args:
        input: as it was given.
        spec: how the graph reads messages; None if it does not.
        resuming: whether the input is that of a run that has begun before.

    Raises:
        InputError: there is neither, or the messages are none.
    """
    given = {key: plain(value) for key, value in input.items()}
    if spec is None:
        return given, {}
    own = {key: value for key, value in given.items() if key != KEY}
    if any(_is_given(own.get(key)) for key in spec.keys):
        return own, {}
    if given.get(KEY) is None:
        if resuming or any(own.get(key) is not None for key in spec.keys):
            return own, {}  # an empty key has an error of its own
        raise InputError(
            f"{spec.missing or _missing(spec.keys[0])}, or a conversation: "
            "{'messages': [{'role': 'user', 'content': '...'}]}"
        )
    kept = {key: value for key, value in own.items() if key not in spec.keys}
    return kept, {**dict.fromkeys(spec.keys), KEY: read_messages(given[KEY])}


def place_of(name: str, config: RunnableConfig) -> str:
    """Return where a graph works: two of one name may be nodes side by side, and answer the same message.

    Args:
        name: of the graph.
        config: of one of its nodes.
    """
    around = str((config.get("configurable") or {}).get("checkpoint_ns") or "").split("|")[:-1]
    return "/".join([*(part.partition(":")[0] for part in around), name])  # ids of tasks differ in a redrive


def derived(spec: FromMessages | None, state: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """Return the keys that a graph reads from the messages of its state, and the id of its answer.

    Args:
        spec: how it reads them; None if it does not.
        state: of the graph, or an input of it.
        place: of the graph, for the id of its answer.

    Returns:
        Empty if there are no messages. For a run on the graph's own keys only that there is no answer.

    Raises:
        InputError: the conversation has nothing to work on.
    """
    messages = [one for one in state.get(KEY) or () if not is_working(one)]
    if spec is None or not messages:
        return {}
    if any(state.get(key) is not None for key in spec.keys):
        return {REPLY: None}
    last = messages[-1]
    if isinstance(last, AIMessage) and not last.tool_calls:
        raise InputError("the last message is an answer already; expected a message of the user after it")
    asked = [place for place, one in enumerate(messages) if isinstance(one, HumanMessage)]
    if not asked:
        raise InputError("the conversation has no message of the user; " + _EXPECTED)
    return {**spec.read(messages[: asked[-1] + 1]), REPLY: str(uuid5(NAMESPACE, f"{place}/{last.id}"))}


def is_working(message: BaseMessage) -> bool:
    """Return whether a message only says that a graph works on its answer."""
    return isinstance(message, AIMessage) and message.response_metadata.get("status") == WORKING


def derived_input(spec: FromMessages | None, given: Any) -> Any:
    """Return an input of a graph with its own keys, as its first node would make them.

    Raises:
        InputError: as `take_messages` and `derived`.
    """
    if spec is None or not isinstance(given, Mapping):
        return given
    own, taken = take_messages(given, spec)
    if KEY in taken and not taken[KEY]:
        raise InputError(f"messages is empty; {_EXPECTED}")
    return {**own, **derived(spec, {**own, **taken})}


def read_messages(value: Any) -> list[BaseMessage]:
    """Return messages as objects, each with an id.

    Raises:
        InputError: they are none.
    """
    several = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    try:
        messages = convert_to_messages(several)
    except (ValueError, TypeError, NotImplementedError, KeyError, AttributeError):
        raise InputError(f"messages has something that is no message; {_EXPECTED}") from None
    if not messages:
        raise InputError(f"messages is empty; {_EXPECTED}")
    # An id that the channel made would be another one each time that a checkpoint is loaded.
    return [one if one.id else one.model_copy(update={"id": str(uuid4())}) for one in messages]


def with_ids(value: Any, place: int) -> Any:
    """Return messages with ids that follow from what they are, and from where they come.

    Args:
        value: messages in any form that LangGraph takes.
        place: number of messages before them.
    """
    several = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if all(getattr(one, "id", None) for one in several):
        return value
    return [
        one if one.id else one.model_copy(update={"id": str(uuid5(NAMESPACE, f"{n}/{one!r}"))})
        for n, one in enumerate(convert_to_messages(several), place)
    ]


def _missing(key: str) -> str:
    return f"the input has no {key}; expected a non-empty text: {{{key!r}: '...'}}"


def optional_keys(hints: Mapping[str, Any], required: Collection[str], spec: FromMessages) -> dict[str, Any]:
    """Return the fields of an input type, where messages may stand for the graph's own.

    Args:
        hints: the fields with all that annotates them.
        required: the keys that are required without messages.
        spec: how the graph reads messages.
    """
    loose = {
        key: kind if key in required and key not in spec.keys else _not_required(kind)
        for key, kind in hints.items()
    }
    return {**loose, KEY: NotRequired[MESSAGES]}


def _not_required(kind: Any) -> Any:
    if get_origin(kind) is Required:
        (kind,) = kind.__args__
    return kind if get_origin(kind) is NotRequired else NotRequired[kind]


def _is_given(value: Any) -> bool:
    """Return whether a key has a value: a form may send empty ones."""
    return value is not None and not (isinstance(value, str | list | dict) and not value)
