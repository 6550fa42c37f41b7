"""Prompts: Markdown text with named variables.

A variable is a name in single braces, `{question}`. Anything else in braces (`{"a": 1}`, `{}`, `{{x}}`)
is text. Values are put in once and never read for variables again, so a value cannot pull in another.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from langgraph_parallel.errors import PromptError

_VARIABLE = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")


@dataclass(frozen=True)
class Prompt:
    """A named text that knows its variables.

    >>> Prompt("greeting", "Hello {name}").render({"name": "{you}"})
    'Hello {you}'
    """

    name: str
    text: str

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names in single braces."""
        return frozenset(_VARIABLE.findall(self.text))

    def check(self, available: Iterable[str], *, needs: Collection[str] = ()) -> "Prompt":
        """Make sure, before any call, that the prompt can be rendered.

        Args:
            available: names that will have a value.
            needs: names that the prompt must use.

        Raises:
            PromptError: it has a variable that will have no value, or lacks one that it needs.
        """
        known = set(available)
        if unknown := self.variables - known:
            raise PromptError(
                f"prompt {self.name!r} has the unknown variable {_braced(unknown)}; "
                f"known are {_braced(known) or 'none'}"
            )
        if missing := set(needs) - self.variables:
            raise PromptError(
                f"prompt {self.name!r} lacks the variable {_braced(missing)}; put it where it belongs"
            )
        return self

    def render(self, values: Mapping[str, str]) -> str:
        """Put the values in.

        Raises:
            PromptError: a variable has no value, or a value has no variable.
        """
        if missing := self.variables - values.keys():
            raise PromptError(f"prompt {self.name!r} is missing a value for {_braced(missing)}")
        if unknown := values.keys() - self.variables:
            raise PromptError(
                f"prompt {self.name!r} has no variable {_braced(unknown)}; "
                f"it has {_braced(self.variables) or 'none'}"
            )
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)

    def fitting(self, values: Mapping[str, str]) -> dict[str, str]:
        """Those of some values that it has a variable for."""
        return {name: value for name, value in values.items() if name in self.variables}

    @property
    def title(self) -> str:
        """The first Markdown heading, or the name."""
        heading = re.search(r"^#+ +(.+)$", self.text, re.MULTILINE)
        return heading[1].strip() if heading else self.name


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


@cache
def load(name: str) -> Prompt:
    """Load a prompt that ships with the package, by its path without `.md`: `review`, `aspects/security`.

    Raises:
        PromptError: there is no such prompt.
    """
    try:
        text = (files("langgraph_parallel.prompts") / f"{name}.md").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise PromptError(f"no prompt {name!r} ships with this package") from None
    return Prompt(name, text.strip())


def names(folder: str) -> list[str]:
    """Names of the prompts in a folder of the package, sorted."""
    held = files("langgraph_parallel.prompts") / folder
    return sorted(Path(item.name).stem for item in held.iterdir() if item.name.endswith(".md"))


def load_prompts(graph: str, given: "Mapping[str, str | Path | Prompt] | None" = None) -> dict[str, Prompt]:
    """The prompts of a graph by name, those that the caller has replaced among them.

    Args:
        graph: a folder of the package.
        given: prompts of the caller's own, by the names of those that they replace. They may use the same
            variables, and have to use at least one of them.

    Raises:
        PromptError: a name that is none, or a prompt with other variables.
    """
    return replaced({name: load(f"{graph}/{name}") for name in names(graph)}, given, graph)


def replaced(
    shipped: Mapping[str, Prompt], given: "Mapping[str, str | Path | Prompt] | None", graph: str
) -> dict[str, Prompt]:
    """Prompts, those that the caller has replaced among them.

    Raises:
        PromptError: as `load_prompts`.
    """
    made = dict(shipped)
    for name, own in (given or {}).items():
        if name not in made:
            raise PromptError(f"{graph} has no prompt {name!r}; it has {', '.join(made)}")
        if not isinstance(own, str | Path | Prompt):
            raise PromptError(f"prompt {name!r} is {own!r}; pass a text, a path, or a Prompt")
        known = shipped[name].variables
        made[name] = as_prompt(own, f"{graph}/{name}").check(known)
        if known and not made[name].variables:
            raise PromptError(f"prompt {name!r} uses none of its variables: {_braced(known)}")
    return made


def as_prompt(prompt: "str | Path | Prompt", name: str = "prompt") -> Prompt:
    """Take a prompt, a Markdown file, or the text itself.

    Raises:
        PromptError: the file cannot be read, or the text is empty.
    """
    if isinstance(prompt, Path):
        try:
            prompt = Prompt(prompt.stem, prompt.read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(f"cannot read the prompt {prompt}: {error}") from error
    elif isinstance(prompt, str):
        prompt = Prompt(name, prompt)
    if not prompt.text.strip():
        raise PromptError(f"prompt {prompt.name!r} is empty")
    return prompt
