"""Load, check and render prompts: Markdown text with named variables.

A variable is a name in single braces: `{question}`. Other braces (`{"a": 1}`, `{}`, `{{x}}`) are plain text.
Values are inserted in one pass and not searched for variables, so a value cannot pull in another one.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from typing_extensions import TypeAliasType

from langgraph_parallel.errors import PromptError

_SHARED: Mapping[str, Sequence[str]] = {
    "best_of/compare": ["task", "first", "second"],
    "best_of/draft": ["task"],
    "best_of/merge": ["task", "drafts"],
    "best_of/refine": ["task", "draft", "feedback"],
    "best_of/score": ["task", "result", "criteria"],
    "brainstorm/choose": ["topic"],
    "brainstorm/propose": ["topic", "most"],
    "checked_tool/check": ["content"],
    "debate/open": ["question"],
    "debate/revise": ["question", "answers"],
    "evaluation/compare": ["question", "reference"],
    "evaluation/score": ["question", "reference", "criteria"],
    "feedback/entities": ["texts"],
    "feedback/sentiment": ["texts"],
    "feedback/topics": ["texts"],
    "feedback/urgency": ["texts"],
    "guarded/answer": ["message"],
    "guarded/check": ["message"],
    "guarded/check_answer": ["answer"],
    "labeling/label": ["guidelines", "labels"],
    "market_study/forecast": ["question"],
    "market_study/section": ["material"],
    "moderation/check": ["text"],
    "research/gaps": ["question", "most"],
    "research/plan": ["question", "most"],
    "research/report": ["question", "language"],
    "research/step": ["question", "tools", "topic", "found"],
    "parallel_tool/section": ["content", "earlier"],
    "review/review": ["files"],
    "sectioning/plan": ["content", "most"],
    "sectioning/section": ["content", "earlier"],
    "voting/judge": ["question"],
    "voting/question": ["question"],
}
"""What calls of the shipped prompts have in common, the most common first. The prompts name data of these
variables, which comes before them; and of the rest they have first what is common to more calls."""
_VARIABLE = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")


@dataclass(frozen=True)
class Prompt:
    """A named text with variables.

    >>> Prompt("greeting", "Hello {name}").render({"name": "{you}"})
    'Hello {you}'
    """

    name: str
    """Used in error messages."""
    text: str
    """Markdown."""
    shared: Sequence[str] | None = None
    """Variables whose values sibling calls have in common, the most common first; None where nothing is known
    of them. Data among them comes before the prompt, and the prompt names it instead."""

    def __post_init__(self) -> None:
        """Check what is shared.

        Raises:
            PromptError: `shared` names no variable of the prompt.
        """
        if self.shared is not None:
            object.__setattr__(self, "shared", self.check_shared(self.shared))

    def check_shared(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return names of variables, each once.

        Raises:
            PromptError: one is not a variable of this prompt.
        """
        if isinstance(names, str):
            raise PromptError(f"shared is {names!r}; expected a list of variables, such as [{names!r}]")
        if unknown := set(names) - self.variables:
            raise PromptError(
                f"shared names {_in_braces(unknown)}, but prompt {self.name!r} has "
                f"{_in_braces(self.variables) or 'no variables'}; use it in the prompt, or leave it out"
            )
        return tuple(dict.fromkeys(names))

    def sharing(self, names: Sequence[str] | None) -> "Prompt":
        """Return the prompt with those of the names as `shared` that it uses, unless it says itself what is.

        >>> Prompt("p", "Sum up {text}").sharing(["text", "title"]).shared
        ('text',)
        """
        if self.shared is not None or names is None:
            return self
        return replace(self, shared=[name for name in names if name in self.variables])

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of the variables in the text."""
        return frozenset(_VARIABLE.findall(self.text))

    def check(self, available: Iterable[str], *, needs: Collection[str] = ()) -> "Prompt":
        """Check that the prompt can be rendered, and return it.

        Args:
            available: variables that will have a value.
            needs: variables that the prompt must use.

        Raises:
            PromptError: a variable is not in `available`, or one of `needs` is missing.
        """
        known = set(available)
        if unknown := self.variables - known:
            raise PromptError(
                f"prompt {self.name!r} has the unknown variable {_in_braces(unknown)}; "
                f"available: {_in_braces(known) or 'none'}"
            )
        if missing := set(needs) - self.variables:
            raise PromptError(f"prompt {self.name!r} lacks the variable {_in_braces(missing)}; add it")
        return self

    def render(self, values: Mapping[str, str]) -> str:
        """Return the text with all variables replaced by their values.

        Raises:
            PromptError: a variable has no value, or a value has no variable.
        """
        if missing := self.variables - values.keys():
            raise PromptError(f"prompt {self.name!r} has no value for {_in_braces(missing)}; pass one")
        if unknown := values.keys() - self.variables:
            raise PromptError(
                f"prompt {self.name!r} has no variable {_in_braces(unknown)}; "
                f"it has {_in_braces(self.variables) or 'none'}"
            )
        return _VARIABLE.sub(lambda match: values[match[1]], self.text)

    def without(self, names: Collection[str]) -> "Prompt":
        r"""Return the prompt without variables that have nothing to show, and without what introduces them.

        A variable that is a paragraph of its own goes with the paragraph before it, if that ends in a colon.

        >>> Prompt("p", "Label it.\n\nThe guidelines:\n\n{guidelines}\n\n{item}").without(["guidelines"]).text
        'Label it.\n\n{item}'
        """
        paragraphs = self.text.split("\n\n")
        empty = {f"{{{name}}}" for name in names}
        kept: list[str] = []
        for paragraph in paragraphs:
            if paragraph.strip() not in empty:
                kept.append(paragraph)
            elif kept and kept[-1].rstrip().endswith(":"):
                kept.pop()
        return Prompt(self.name, "\n\n".join(kept))

    def fitting(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the values whose names are variables of this prompt."""
        return {name: value for name, value in values.items() if name in self.variables}

    @property
    def title(self) -> str:
        """The first Markdown heading; the name if there is no heading."""
        heading = re.search(r"^#+ +(.+)$", self.text, re.MULTILINE)
        return heading[1].strip() if heading else self.name


PromptLike = TypeAliasType("PromptLike", str | Path | Prompt)
"""A prompt, or what becomes one: its text, or the path of a Markdown file."""


def _in_braces(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))


@cache
def load_prompt(name: str) -> Prompt:
    """Load a prompt of this package.

    Args:
        name: path in the package without `.md`, such as `repair` or `review/aspects/security`.

    Raises:
        PromptError: there is no such prompt.
    """
    try:
        text = (files("langgraph_parallel.prompts") / f"{name}.md").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise PromptError(f"no prompt {name!r} ships with this package; pass a text or a Path") from None
    return Prompt(name, text.strip(), _SHARED.get(name))


def list_prompts(folder: str) -> list[str]:
    """Return the sorted names of the prompts in a folder of this package, without `.md`."""
    directory = files("langgraph_parallel.prompts") / folder
    return sorted(Path(item.name).stem for item in directory.iterdir() if item.name.endswith(".md"))


def load_prompts(
    graph: str,
    replacements: Mapping[str, PromptLike] | None = None,
    *,
    also: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Prompt]:
    """Load the prompts of a graph by name, with the caller's replacements.

    Args:
        graph: the graph's folder of this package.
        replacements: prompts by the name of the prompt that they replace. Each may use only variables of the
            original, and at least one of them. What calls of the original share, those of its replacement
            share, too, unless it says otherwise.
        also: variables that a replacement may use although the original does not, by the prompt's name.

    Raises:
        PromptError: a name is unknown, a prompt is not valid, or its variables do not match.
    """
    shipped = {name: load_prompt(f"{graph}/{name}") for name in list_prompts(graph)}
    return with_replacements(shipped, replacements, graph, also=also)


def with_replacements(
    shipped: Mapping[str, Prompt],
    replacements: Mapping[str, PromptLike] | None,
    graph: str,
    *,
    also: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Prompt]:
    """Return prompts by name, with the caller's replacements.

    Args:
        shipped: the original prompts.
        replacements: as in `load_prompts`.
        graph: name of the graph, for error messages.
        also: as in `load_prompts`.

    Raises:
        PromptError: as in `load_prompts`.
    """
    if not isinstance(replacements, Mapping | None):
        raise PromptError(
            f"prompts is {replacements!r}; expected a mapping from {', '.join(shipped)} to prompts"
        )
    prompts = dict(shipped)
    for name, replacement in (replacements or {}).items():
        if name not in prompts:
            raise PromptError(f"{graph} has no prompt {name!r}; choose from {', '.join(prompts)}")
        variables = shipped[name].variables.union((also or {}).get(name, ()))
        prompt = as_prompt(replacement, f"{graph}/{name}").check(variables)
        prompts[name] = prompt.sharing(shipped[name].shared)
        if variables and not prompts[name].variables:
            raise PromptError(
                f"prompt {name!r} uses none of its variables; use at least one of {_in_braces(variables)}"
            )
    return prompts


def as_prompt(prompt: PromptLike, name: str = "") -> Prompt:
    """Turn a text, a Markdown file or a `Prompt` into a `Prompt`.

    Args:
        prompt: the text itself, the path of a file, or a prompt, which is returned unchanged.
        name: name of a prompt made from a text, by default its first words; a file is named by its stem.

    Raises:
        PromptError: it is neither, the file cannot be read, or the text is empty.
    """
    if isinstance(prompt, Path):
        try:
            prompt = Prompt(prompt.stem, prompt.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as error:  # a ValueError, too, for a path with a null character
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            shown = " ".join(str(prompt).split())
            raise PromptError(f"cannot read the prompt {shown}: {reason}; pass a UTF-8 text file") from error
    elif isinstance(prompt, str):
        if prompt.endswith(".md") and len(prompt.split()) == 1:
            raise PromptError(f"prompt is the text {prompt!r}; pass Path({prompt!r}) to read the file")
        words = " ".join(prompt.split())
        prompt = Prompt(name or (words if len(words) <= 40 else f"{words[:37]}..."), prompt)
    elif not isinstance(prompt, Prompt):
        label = f"prompt {name!r}" if name else "prompt"
        raise PromptError(f"{label} is {prompt!r}; pass a text, a Path, or a Prompt")
    if not prompt.text.strip():
        raise PromptError(f"prompt {prompt.name!r} is empty; write what the model is asked")
    return prompt
