"""Answers in a conversation: the message that a graph adds, and those that take its place until then."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar
from uuid import uuid5

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Escalation
from langgraph_parallel.runtime.chat_progress import ChatProgress
from langgraph_parallel.runtime.messages import KEY, NAMESPACE, REPLY, WORKING, FromMessages, is_working
from langgraph_parallel.runtime.node_stream import writer
from langgraph_parallel.runtime.run import current_run

_NOT_IN_A_NAME = re.compile(r"[^\w-]+", re.ASCII)
"""Providers refuse requests with such names."""
_LONGEST_NAME = 64
_WORKING_TEXT = "No answer yet."
"""It is true as well where the run has failed or was cancelled, and the message is left."""
_GRAPH = "graph"
"""Key in the metadata of an answer, which says what pattern has given it."""

NodeT = TypeVar("NodeT", bound=Callable[..., Awaitable[dict[str, Any]]])


@dataclass(frozen=True)
class Replying:
    """How a graph answers in a conversation.

    Args:
        kind: the pattern.
        name: of the graph.
        spec: how it reads its input.
        write: returns the answer as Markdown, given the output, and what of the message was not read.
        write_waiting: returns what is said while a person is waited for, as Markdown.
    """

    kind: str
    name: str
    spec: FromMessages
    write: Callable[[Mapping[str, Any], Sequence[str]], str]
    write_waiting: Callable[[Sequence[Escalation]], str]

    def messages(self, state: Mapping[str, Any], output: Mapping[str, Any]) -> list[BaseMessage]:
        """Return the message that answers a conversation; it takes the place of the one that said to wait."""
        asked = [one for one in state[KEY] if isinstance(one, HumanMessage)]
        text = self.write(output, self.spec.unread(asked[-1]) if asked else ())
        return [*_taken_back(state), self._message(text, state[REPLY], output["run_report"].status)]

    def waiting(self, state: Mapping[str, Any], escalations: Sequence[Escalation]) -> list[BaseMessage]:
        """Return the message that says that a person is asked: chat UIs show a form below a message of ours.

        Its id is another one than that of the answer, since LangGraph streams each id once.
        """
        text, id = self.write_waiting(escalations), _id("waiting", state)
        return [*_taken_back(state, but=id), self._message(text, id, "interrupted")]

    def working(self, state: Mapping[str, Any]) -> AIMessage:
        """Return the message that says that the graph works: chat UIs show its branches below it."""
        return self._message(_WORKING_TEXT, _id("working", state), WORKING)

    def _message(self, text: str, id: str, status: str) -> AIMessage:
        name = _NOT_IN_A_NAME.sub("_", self.name)[:_LONGEST_NAME]
        return AIMessage(text, id=id, name=name, response_metadata={_GRAPH: self.kind, "status": status})


def _id(kind: str, state: Mapping[str, Any]) -> str:
    return str(uuid5(NAMESPACE, f"{kind}/{state[REPLY]}"))


def _taken_back(state: Mapping[str, Any], but: str = "") -> list[BaseMessage]:
    """Return what removes the messages that the answer takes the place of, except for one."""
    ids = {_id(kind, state) for kind in ("waiting", "working")} - {but}
    return [RemoveMessage(one.id) for one in state[KEY] if one.id in ids]


def is_reply(message: BaseMessage) -> bool:
    """Return whether a message is the answer of a graph, and not of a model."""
    return _GRAPH in message.response_metadata


def replying(
    node: NodeT, reply: Replying | None, is_last: Callable[[Mapping[str, Any]], bool] = lambda update: True
) -> NodeT:
    """Return a node that adds the answer to the conversation of a run, if its input was one.

    Args:
        node: whose update has the output.
        reply: how the graph answers; None for a graph that does not.
        is_last: whether nothing of the output changes after an update.
    """
    if reply is None:
        return node

    @wraps(node)  # LangGraph reads from the signature what a node takes
    async def replying_node(state: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        update = await node(state, *args, **kwargs)
        if not state.get(REPLY) or not is_last(update) or update["run_report"].escalations:
            return update
        return {**update, KEY: reply.messages(state, {**state, **update})}

    return replying_node  # type: ignore[return-value]


def showing_progress(node: NodeT, reply: Replying | None) -> NodeT:
    """Return a node that lets a chat UI show what the run does, if it is asked to.

    Args:
        node: the first one of the graph.
        reply: how the graph answers; None for a graph that does not.
    """
    if reply is None:
        return node

    @wraps(node)
    async def showing_node(state: Any, *args: Any, config: RunnableConfig, **kwargs: Any) -> dict[str, Any]:
        update = await node(state, *args, config=config, **kwargs)
        progress: ChatProgress | None = current_run().kept.get(ChatProgress)
        if progress is None or not update.get(REPLY):
            return update
        message = reply.working(update)
        progress.show(str(message.id), writer(config))
        old = [RemoveMessage(one.id) for one in state[KEY] if is_working(one) and one.id != message.id]
        return {**update, KEY: [*old, message]}

    return showing_node  # type: ignore[return-value]


def telling_to_wait(
    node: NodeT,
    reply: Replying | None,
    asked: Callable[[Mapping[str, Any], Mapping[str, Any]], Sequence[Escalation]],
) -> NodeT:
    """Return a node that adds to the conversation what a person is asked next.

    Args:
        node: before that which asks the person.
        reply: how the graph answers; None for a graph that does not.
        asked: returns the votes that a person is asked about, given the state and the update of the node.
    """
    if reply is None:
        return node

    @wraps(node)
    async def telling_node(state: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        update = await node(state, *args, **kwargs)
        if not state.get(REPLY) or not (escalations := asked(state, update)):
            return update
        return {**update, KEY: reply.waiting(state, escalations)}

    return telling_node  # type: ignore[return-value]
