"""What a person is asked by one interrupt: requests of the form that agent UIs know, whatever its value."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.types import Interrupt

from langgraph_parallel.answers.misfit import misfit
from langgraph_parallel.records.numbers import as_state
from langgraph_parallel.reducers.votes.normalise import find_choice
from langgraph_parallel.runtime.askers import KEY, asker_of, is_form
from langgraph_parallel.runtime.redact import redact

VOTE = "decide_vote"
"""Name of the action that stands for an undecided vote."""
ANSWER = "answer_question"
"""Name of the action that stands for a question in no particular form."""
_KINDS = ("approve", "edit", "reject", "respond")
_SHOWN = 80
"""Characters of an answer that an error shows."""


@dataclass(frozen=True)
class Request:
    """One action that a person decides on."""

    action: Mapping[str, Any]
    """Name, arguments, and a description for the person."""
    allowed: Sequence[str]
    """The types of decisions that are possible."""
    config: Mapping[str, Any]
    """The review config, as UIs get it."""
    tools: Sequence[str] = ()
    """Names of the tools that an edit may name; empty if they are not known."""

    @property
    def name(self) -> str:
        """Name of the action."""
        return str(self.action.get("name"))

    def problem(self, decision: Any) -> str | None:
        """Return what is wrong with a decision; None if nothing is."""
        if not isinstance(decision, Mapping) or decision.get("type") not in self.allowed:
            example = {"type": self.allowed[0]}
            return f"{show(decision)} is not possible; the type is {_listed(self.allowed)}, as in {example}"
        checks = {
            "edit": self._problem_of_edit,
            "reject": self._problem_of_reject,
            "respond": self._problem_of_respond,
        }
        check = checks.get(decision["type"])
        return None if check is None else check(decision)

    def _problem_of_edit(self, decision: Mapping[str, Any]) -> str | None:
        edited = decision.get("edited_action")
        given = edited if isinstance(edited, Mapping) else {}
        name, args = given.get("name"), given.get("args")
        if not isinstance(name, str) or not isinstance(args, Mapping):
            needed = f"{{'edited_action': {{'name': {self.name!r}, 'args': {{...}}}}}}"
            return f"an edit needs {needed}, and has {show(edited)}"
        if name != self.name:  # the schema is that of the tool that was to be called
            return self.unknown_tool(decision)
        is_one_of = _names_choice if name == VOTE else None
        why = misfit(args, self.config.get("args_schema"), is_one_of=is_one_of)
        return None if why is None else f"the edit does not fit what is asked: {redact(why)}"

    def unknown_tool(self, decision: Any) -> str | None:
        """Return that an edit names a tool that the agent does not have; None if it does not."""
        edited = decision.get("edited_action") if isinstance(decision, Mapping) else None
        name = edited.get("name", self.name) if isinstance(edited, Mapping) else self.name
        if not self.tools or decision.get("type") != "edit" or name in (self.name, *self.tools):
            return None
        known = ", ".join(self.tools)
        return f"the edit names {show(name)}, which is not a tool of the agent; its tools are {known}"

    def _problem_of_respond(self, decision: Mapping[str, Any]) -> str | None:
        said = decision.get("message")
        return None if isinstance(said, str) else f"a response needs a message, a text, and has {show(said)}"

    def _problem_of_reject(self, decision: Mapping[str, Any]) -> str | None:
        why = decision.get("message")
        return None if why is None or isinstance(why, str) else f"the message {show(why)} is not a text"


class Asked(ABC):
    """One interrupt, as requests of the form.

    Args:
        interrupt: that waits for an answer.
    """

    def __init__(self, interrupt: Interrupt) -> None:
        self.id, self.value, self.asker = interrupt.id, interrupt.value, asker_of(interrupt)
        schema = interrupt.response_schema
        if isinstance(schema, Mapping):
            schema = {key: part for key, part in schema.items() if key != KEY} or None
        self.schema = schema

    @property
    @abstractmethod
    def requests(self) -> list[Request]:
        """The actions that a person decides on."""

    @abstractmethod
    def answer(self, decisions: Sequence[Any]) -> Any:
        """Return what the worker gets: what its `interrupt` returns.

        Raises:
            ValueError: a decision says nothing that the worker can get.
        """


class AskedForm(Asked):
    """A form already: of `HumanInTheLoopMiddleware`, or an undecided vote."""

    @property
    def requests(self) -> list[Request]:
        """The actions of the form, each with its own config."""
        actions, configs = self.value["action_requests"], self.value.get("review_configs") or []
        by_name = {config.get("action_name"): config for config in configs}
        in_line = len(configs) == len(actions)
        found = []
        for number, action in enumerate(actions):
            config = configs[number] if in_line else by_name.get(action.get("name"), {})
            allowed = list(config.get("allowed_decisions") or _KINDS)
            given = {"action_name": action.get("name"), "allowed_decisions": allowed}
            found.append(Request(action, allowed, {**given, **config}, self.asker.tools))
        return found

    def answer(self, decisions: Sequence[Any]) -> Any:
        """Return the decisions in the form's own answer."""
        return {"decisions": list(decisions)}


class AskedApproval(Asked):
    """One call of a tool: of `HumanInTheLoopMiddleware` with an interrupt for each call."""

    @property
    def requests(self) -> list[Request]:
        """The call; its schema says which decisions are possible."""
        action = {name: self.value[name] for name in ("name", "args", "description") if name in self.value}
        allowed = _kinds_in(self.schema) if isinstance(self.schema, Mapping) else list(_KINDS)
        config = {"action_name": action["name"], "allowed_decisions": allowed}
        return [Request(action, allowed, config, self.asker.tools)]

    def answer(self, decisions: Sequence[Any]) -> Any:
        """Return the decision."""
        return decisions[0]


class AskedQuestion(Asked):
    """A value in no particular form: the answer is a text (respond), or any JSON (edit `args.answer`)."""

    @property
    def requests(self) -> list[Request]:
        """The question."""
        shown = json.loads(json.dumps(self.value, default=str))
        text = shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
        answer = self.schema if isinstance(self.schema, Mapping) else {}
        schema = {"type": "object", "properties": {"answer": answer}, "required": ["answer"]}
        action = {"name": ANSWER, "args": {"question": shown, "answer": None}, "description": text}
        allowed = ["respond", "edit"]
        config = {"action_name": ANSWER, "allowed_decisions": allowed, "args_schema": schema}
        return [Request(action, allowed, config)]

    def answer(self, decisions: Sequence[Any]) -> Any:
        """Return the text, or the JSON that it is where the schema takes no text.

        Raises:
            ValueError: there is no answer, or the text is not JSON.
        """
        decision = decisions[0]
        if decision["type"] == "edit":
            answer = decision["edited_action"]["args"].get("answer")
            if answer is None:
                raise ValueError("an edit needs the answer in edited_action.args.answer")
            return self._fitting(answer)
        text = decision["message"]
        if not isinstance(self.schema, Mapping) or _may_be_text(self.schema, self.schema):
            return self._fitting(text)
        try:
            return self._fitting(json.loads(text))
        except json.JSONDecodeError:
            expected = self.schema.get("type", "another type")
            raise ValueError(f"{show(text)} is a text, and {expected} is expected, as JSON") from None

    def _fitting(self, answer: Any) -> Any:
        if (why := misfit(answer, self.schema)) is not None:
            raise ValueError(f"the answer does not fit what is asked: {redact(why)}")
        return answer


def as_asked(interrupt: Interrupt) -> Asked:
    """Return an interrupt as requests of the form, whatever its value is."""
    value = interrupt.value
    if isinstance(value, Mapping):
        if is_form(value):
            return AskedForm(interrupt)
        if value.get("type") == "tool_approval" and isinstance(value.get("name"), str):
            return AskedApproval(interrupt)
    return AskedQuestion(interrupt)


def _kinds_in(schema: Mapping[str, Any]) -> list[str]:
    """Return the types of decisions that the schema of an answer takes."""
    parts = [_resolved(part, schema) for part in schema.get("oneOf") or schema.get("anyOf") or [schema]]
    kinds = [part.get("properties", {}).get("type", {}) for part in parts]
    named = [name for kind in kinds for name in kind.get("enum") or [kind.get("const")] if name]
    return [name for name in _KINDS if name in named] or list(_KINDS)


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(part.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = (schema.get("$defs") or {}).get(name, part)
    return found


def _may_be_text(part: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    """Return whether the schema of an answer takes a text."""
    part = _resolved(part, schema)
    if (parts := part.get("anyOf") or part.get("oneOf")) is not None:
        return any(_may_be_text(one, schema) for one in parts)
    values = part.get("enum", [part["const"]] if "const" in part else None)
    if values is not None:
        return any(isinstance(value, str) for value in values)
    kinds = part.get("type", "string")
    return "string" in (kinds if isinstance(kinds, list) else [kinds])


def _names_choice(choice: Any, choices: Sequence[Any]) -> bool:
    """Return whether a vote takes a choice as one of several, as it reads those of voters."""
    return find_choice(as_state(choice), list(choices)) is not None


def show(value: Any) -> str:
    """Return a value as an error shows it: without secrets, and cut."""
    text = redact(repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"
