"""AgentAsk: one question to an agent, where a model would be asked with a schema."""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, ValidationError
from typing_extensions import TypeAliasType

from langgraph_parallel.answers.message import Answer
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.errors import InvalidAnswer, UsageError
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.form import answer_form
from langgraph_parallel.nodes.work.workers import as_worker
from langgraph_parallel.prompts import Prompt, compose
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike

JudgeLike = TypeAliasType("JudgeLike", ModelLike | Runnable[Any, Any])
"""Who judges: a model, its name, or an agent."""


class AgentAsk:
    """Asks an agent with a prompt, and checks its answer: a structured response, or JSON in its last message.

    Args:
        prompt: its variables are data, inside a boundary; what it shares comes first.
        agent: gets the prompt and the schema of the answer as one message.
        schema: of the answer; None for its text.
        given: values of variables that may instruct the agent, because the application wrote them.

    Raises:
        UsageError: `agent` is a graph that does not take messages.
    """

    def __init__(
        self,
        prompt: Prompt,
        agent: "Runnable[Any, Any]",
        schema: type[BaseModel] | None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self.prompt, self._schema, self._given = prompt, schema, dict(given or {})
        self._agent = as_worker(agent, "voting/question", offers=())

    async def ainvoke(self, input: Mapping[str, Any], config: RunnableConfig | None = None) -> Any:
        """Ask once.

        Raises:
            InvalidAnswer: the answer does not fit the schema.
            Exception: the agent's error.
        """
        data = {name: str(input[name]) for name in self.prompt.variables - self._given.keys()}
        form = "" if self._schema is None else answer_form(self._schema)
        asked = compose(self.prompt, data, self._given, shared=self.prompt.shared or (), form=form)
        answer = await self._agent.ainvoke(f"{asked.system}\n\n{asked.human}", config)
        if self._schema is None:
            return answer
        if not isinstance(answer, BaseModel | Mapping):
            return read_record(Answer(str(answer)), self._schema).record
        try:
            return self._schema.model_validate(dict(answer))
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise InvalidAnswer(f"the answer does not fit {self._schema.__name__}: {problem}") from error


def ask_model_or_agent(
    prompt: Prompt,
    asked: JudgeLike | None,
    schema: type[BaseModel] | None = None,
    *,
    given: Mapping[str, str] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
) -> Ask | AgentAsk:
    """Return an `Ask` for a model, and an `AgentAsk` for an agent.

    Args:
        prompt: of the question.
        asked: a model, its name, None for the environment's; or an agent.
        schema: of the answer; None for its text.
        given: values of variables that may instruct.
        limits: of a model; an agent has its own.

    Raises:
        UsageError: limits for an agent, or a graph that does not take messages.
    """
    if isinstance(asked, Runnable) and not is_model(asked):
        if limits is not None:
            raise UsageError("an agent has limits of its own; leave out limits, or pass a model")
        return AgentAsk(prompt, asked, schema, given)
    return Ask(prompt, model=asked, schema=schema, given=given, limits=limits)
