"""A chat model in memory, whose answers are chosen by the prompt."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from langgraph_parallel.testing.wire import smallest

Answer = str | Mapping[str, Any] | BaseException
"""Text; the fields of a structured answer; or an error, which the call raises."""


class FakeModel(BaseChatModel):
    """A chat model that needs no server, for tests of graphs that use it.

        model = FakeModel({"Is it safe?": {"choice": "yes"}, "voter 2": TimeoutError()}, default="ok")
        out = await create_voting(model=model, choices=["yes", "no"]).ainvoke({"question": "Is it safe?"})
        assert len(model.prompts) == 2

    A structured question that no rule matches gets the smallest object that fits its schema. What a real
    endpoint does under load (refusals, lines, costs) is a matter for `ModelServer`.

    Args:
        answers: by a text that the prompt contains; the last one that matches wins.
        default: for prompts that match none; None for `ok`.
    """

    _answers: list[tuple[Callable[[str], bool], Answer]] = PrivateAttr(default_factory=list)
    _default: str | None = PrivateAttr(default=None)
    _prompts: list[str] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, default: str | None = None) -> None:
        super().__init__()
        self._default = default
        for text, answer in (answers or {}).items():
            self.on(text, answer)

    @property
    def prompts(self) -> list[str]:
        """The prompts of all calls so far, in the order in which they began."""
        return [*self._prompts]

    @property
    def _llm_type(self) -> str:
        return "fake"

    def on(self, when: str | Callable[[str], bool], answer: Answer) -> None:
        """Add an answer; the last one that matches a prompt wins.

        Args:
            when: text in the prompt, or a function of the prompt.
            answer: text, fields, or an error to raise.
        """
        self._answers.append(((lambda prompt: when in prompt) if isinstance(when, str) else when, answer))

    def asked(self, text: str) -> list[str]:
        """Return the prompts that contain a text."""
        return [prompt for prompt in self.prompts if text in prompt]

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Bind tools: the answer is a call of the first one, as structured output asks for."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        prompt = "\n\n".join(message.text for message in messages)
        with self._lock:
            self._prompts.append(prompt)
        answer = next((one for matches, one in reversed(self._answers) if matches(prompt)), self._default)
        if isinstance(answer, BaseException):
            raise answer
        message = _message(answer, kwargs.get("tools"))
        message.usage_metadata = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return ChatResult(generations=[ChatGeneration(message=message)])


def _message(answer: Any, tools: Sequence[Mapping[str, Any]] | None) -> AIMessage:
    if not tools or isinstance(answer, str):
        text = "ok" if answer is None else answer
        return AIMessage(text if isinstance(text, str) else json.dumps(text))
    function = tools[0]["function"]
    arguments = dict(answer) if answer is not None else smallest(function["parameters"])
    return AIMessage("", tool_calls=[{"name": function["name"], "args": arguments, "id": "call_1"}])
