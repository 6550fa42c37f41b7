"""How callers spell what a graph is built with, so that errors name what they wrote."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.models import default_model


@dataclass(frozen=True)
class Spelling:
    """The names of arguments, as a caller writes them."""

    settings: str
    """Where the settings of a graph are given."""
    setting: str
    """One setting, with `{name}`."""
    offline: str
    model: str
    """How a model is named."""
    input: str
    """One input of a mapping of columns, with `{key}` and `{value}`."""
    output: str
    """One column of a mapping of outputs, with `{key}` and `{value}`."""
    batch: str
    """How calls are sent in batches."""
    key: str
    """How the column of the keys is named, with `{column}`."""
    query: str
    """How a query of a database is given, with `{sql}`, in quotes."""
    mixed: str
    """How rows of several programs are let into one sink."""

    def one(self, name: str) -> str:
        """Return how one setting is written."""
        return self.setting.format(name=name)

    def mapped(self, key: str, value: str) -> str:
        """Return how a key of the input is mapped."""
        return self.input.format(key=key, value=value)

    def column(self, key: str, value: str) -> str:
        """Return how a column of the output is mapped."""
        return self.output.format(key=key, value=value)

    def keyed(self, column: str) -> str:
        """Return how the column of the keys is named."""
        return self.key.format(column=column)

    def queried(self, sql: str) -> str:
        """Return how a query of a database is given."""
        return self.query.format(sql=repr(sql))

    @property
    def model_hint(self) -> str:
        """What to do without a model."""
        return f"pass {self.model}, or set LANGGRAPH_PARALLEL_MODEL or OPENAI_API_KEY"


COMMAND = Spelling(
    settings="--set",
    setting="--set {name}=VALUE",
    offline="--offline",
    model="--model PROVIDER:MODEL",
    input="--input {key}={value}",
    output="--output {key}={value}",
    batch="--batch",
    key="--key {column}",
    query="--query {sql}",
    mixed="--mixed",
)
"""On the command line."""
PYTHON = Spelling(
    settings="settings",
    setting="settings={{'{name}': ...}}",
    offline="offline=True",
    model="model='provider:model'",
    input="inputs={{'{key}': '{value}'}}",
    output="outputs={{'{key}': '{value}'}}",
    batch="limits={'lane': 'batch'}",
    key="key='{column}'",
    query="SqlSource(url, {sql})",
    mixed="mixed=True",
)
"""As arguments of a function."""


@contextlib.contextmanager
def naming(option: str) -> Iterator[None]:
    """Prefix usage errors with the option that causes them."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def has_model(*models: str | None) -> bool:
    """Return whether the caller or the environment names a model."""
    return any(models) or default_model() is not None
