"""A chat model in memory, whose answers are chosen by the prompt."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from langgraph_parallel.errors import UsageError
from langgraph_parallel.testing.scripted import Answer, answer_message, check_answer


class FakeModel(BaseChatModel):
    """A chat model that needs no server, for tests of graphs that use it.

        model = FakeModel({"Is it safe?": {"choice": "yes"}, "voter 2": TimeoutError()}, default="ok")
        out = await create_voting(model=model, choices=["yes", "no"]).ainvoke({"question": "Is it safe?"})
        assert len(model.prompts) == 2

    A structured question that no rule matches gets the smallest object that fits its schema. An agent that
    no rule matches calls its first tool once, and then answers `ok`. What a real endpoint does under load
    (refusals, lines, costs) is a matter for `ModelServer`.

    Args:
        answers: by a text that the prompt contains; the last one that matches wins. The prompt of an agent is
            its whole conversation. `Answer` says what an answer may be.
        default: for prompts that match none; None for `ok`.

    Raises:
        UsageError: an answer is none of these; or, when the model is called, a tool is called in a loop: with
            the same arguments after two errors, or five answers, in one turn.
    """

    _answers: list[tuple[Callable[[str], bool], Answer]] = PrivateAttr(default_factory=list)
    _default: Answer | None = PrivateAttr(default=None)
    _prompts: list[str] = PrivateAttr(default_factory=list)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, answers: Mapping[str, Answer] | None = None, *, default: Answer | None = None) -> None:
        super().__init__()
        if answers is not None and not isinstance(answers, Mapping):
            raise UsageError(
                f"answers is {answers!r:.80}; expected a mapping of text in the prompt to answer"
            )
        if default is not None:
            check_answer(default, "default")
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
            answer: see `Answer`.

        Raises:
            UsageError: one of them has another type.
        """
        if not (isinstance(when, str) or callable(when)):
            raise UsageError(f"{when!r:.80} matches no prompt; expected a text in it, or a function of it")
        check_answer(answer, f"the answer to {when!r:.80}" if isinstance(when, str) else "the answer")
        self._answers.append(((lambda prompt: when in prompt) if isinstance(when, str) else when, answer))

    def asked(self, text: str) -> list[str]:
        """Return the prompts that contain a text."""
        return [prompt for prompt in self.prompts if text in prompt]

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Bind tools: a mapping is a call of the first one, as structured output asks for."""
        bound = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=bound, tool_choice=tool_choice, **kwargs)

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
        must_call = kwargs.get("tool_choice") not in (None, "auto", "none")
        message = answer_message(answer, messages, kwargs.get("tools") or (), must_call=must_call)
        message.usage_metadata = message.usage_metadata or UsageMetadata(
            input_tokens=10, output_tokens=5, total_tokens=15
        )
        return ChatResult(generations=[ChatGeneration(message=message)])
