"""LangChain's suites: for chat models, on `ChatOpenAI` and on the same model governed; for tools, on ours.

`test_standard` runs this file, and compares; the address of the server is in `STANDARD_SERVER`.
"""

import os
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests, ToolsIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests, ToolsUnitTests
from pydantic import SecretStr

from langgraph_parallel import as_tool, create_voting, details_tool, governed, parallel_tool
from langgraph_parallel.tools.kept import Shelf, new_run_id


class Plain:
    """The model itself."""

    @property
    def chat_model_class(self) -> Any:
        """The class."""
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """What it is made with."""
        address = os.environ["STANDARD_SERVER"]
        return {"model": "own", "api_key": "none", "base_url": address, "stream_usage": True}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """A key in the environment."""
        return {"OPENAI_API_KEY": "key"}, {"model": "own"}, {"openai_api_key": "key"}


class Governed(Plain):
    """The same model, governed."""

    @property
    def chat_model_class(self) -> Any:
        """The class."""
        return type(governed(ChatOpenAI(**self.chat_model_params)))

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> BaseChatModel:
        """The model."""
        options = {**self.standard_chat_model_params, **self.chat_model_params}  # type: ignore[attr-defined]
        return governed(ChatOpenAI(**options, **(getattr(request, "param", None) or {})))


class TestPlainUnit(Plain, ChatModelUnitTests):  # noqa: D101
    pass


class TestGovernedUnit(Governed, ChatModelUnitTests):  # noqa: D101
    pass


class TestPlainIntegration(Plain, ChatModelIntegrationTests):  # noqa: D101
    pass


class TestGovernedIntegration(Governed, ChatModelIntegrationTests):  # noqa: D101
    pass


class GraphTool:
    """A vote as a tool."""

    @property
    def tool_constructor(self) -> BaseTool:
        """The tool."""
        model = ChatOpenAI(model="own", api_key=SecretStr("none"), base_url=os.environ["STANDARD_SERVER"])
        return as_tool(create_voting(model=model, voters=3, name="panel"))

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """What a model may fill in."""
        return {"question": "Is 2027 prime?"}


class DetailsTool:
    """The tool that reads details."""

    run = new_run_id()

    @property
    def tool_constructor(self) -> BaseTool:
        """The tool."""
        return details_tool()

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """A run that is kept, since no thread is told from another here."""
        Shelf.of(None, None).keep(self.run, {"findings": ["one", "two"]})
        return {"run": self.run, "part": "findings", "page": 1}


class PlanTool:
    """A tool for plans of a worker that answers with its text."""

    @property
    def tool_constructor(self) -> BaseTool:
        """The tool."""
        return parallel_tool({"writer": ("Writes.", lambda section: section.content)})

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        """A plan."""
        first = {"id": "a", "instructions": "Say {it}."}
        return {"sections": [first, {"id": "b", "instructions": "And so?", "needs": ["a"]}]}


class TestGraphToolUnit(GraphTool, ToolsUnitTests):  # noqa: D101
    pass


class TestGraphToolIntegration(GraphTool, ToolsIntegrationTests):  # noqa: D101
    pass


class TestDetailsToolUnit(DetailsTool, ToolsUnitTests):  # noqa: D101
    pass


class TestDetailsToolIntegration(DetailsTool, ToolsIntegrationTests):  # noqa: D101
    pass


class TestPlanToolUnit(PlanTool, ToolsUnitTests):  # noqa: D101
    pass


class TestPlanToolIntegration(PlanTool, ToolsIntegrationTests):  # noqa: D101
    pass
