"""Forms for agent UIs that show one action, each argument of it as a field of text.

UIs differ in what they read from an interrupt. Those of LangChain 1 read `action_requests` and
`review_configs`; older ones, and Agent Inbox, read `action_request` and `config`, and answer with a list of
one response (accept, edit, ignore). All of them edit arguments as text, whatever these were.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_KINDS = {"accept": "approve", "edit": "edit", "ignore": "reject"}
"""What older UIs call the types of decisions."""


def for_older_uis(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form with what older UIs read beside it: all of its actions as one.

    Args:
        form: `action_requests`, and `review_configs` in the same order.
    """
    actions, configs = form["action_requests"], form["review_configs"]
    allowed = set.intersection(*(set(config["allowed_decisions"]) for config in configs))
    config = {f"allow_{older}": kind in allowed for older, kind in _KINDS.items()}
    return {
        **form,
        "action_request": {"action": actions[0]["name"], "args": _fields(actions)},
        "config": {**config, "allow_respond": False},
        "description": "\n\n".join(action["description"] for action in actions),
    }


def read_answer(form: Mapping[str, Any], answer: Any) -> Any:
    """Return an answer to a form as `{"decisions": [...]}`, where a UI has answered in another way.

    An argument that was no text, and is edited as text, becomes the JSON that the text is. What cannot be
    read stays as it is, for the schema of the answer to refuse.

    Args:
        form: that was shown.
        answer: as a person gave it.
    """
    actions: Sequence[Mapping[str, Any]] = form["action_requests"]
    decisions = answer.get("decisions") if isinstance(answer, Mapping) else _older_decisions(actions, answer)
    if not isinstance(decisions, list) or len(decisions) != len(actions):
        return answer
    read = [_read(action, decision) for action, decision in zip(actions, decisions, strict=True)]
    return {**(answer if isinstance(answer, Mapping) else {}), "decisions": read}


def json_in(text: Any) -> Any:
    """Return the JSON that a text is; anything else as it is."""
    try:
        return json.loads(text, parse_constant=_refuse) if isinstance(text, str) else text
    except ValueError:
        return text


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _fields(actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the arguments of all actions: a UI has one field for each, and stops at one that is null."""
    return {
        _field(actions, number, key): "" if value is None else value
        for number, action in enumerate(actions)
        for key, value in action["args"].items()
    }


def _field(actions: Sequence[Any], number: int, key: str) -> str:
    return key if len(actions) == 1 else f"{number + 1}. {key}"


def _older_decisions(actions: Sequence[Mapping[str, Any]], answer: Any) -> Any:
    """Return the decisions that the response of an older UI means; None if it is none."""
    response = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
    kind = _KINDS.get(str(response.get("type"))) if isinstance(response, Mapping) else None
    if response is None or kind is None:
        return None
    if kind != "edit":
        return [{"type": kind} for _ in actions]
    given = response.get("args")
    args = given.get("args") if isinstance(given, Mapping) else None
    if not isinstance(args, Mapping):
        return None
    return [_older_edit(actions, number, args) for number in range(len(actions))]


def _older_edit(actions: Sequence[Mapping[str, Any]], number: int, args: Mapping[str, Any]) -> dict[str, Any]:
    action = actions[number]
    if len(actions) > 1:
        names = {_field(actions, number, key): key for key in action["args"]}
        args = {names[name]: value for name, value in args.items() if name in names}
    return {"type": "edit", "edited_action": {"name": action["name"], "args": dict(args)}}


def _read(action: Mapping[str, Any], decision: Any) -> Any:
    edited = decision.get("edited_action") if isinstance(decision, Mapping) else None
    if not isinstance(edited, Mapping) or not isinstance(args := edited.get("args"), Mapping):
        return decision
    shown = action["args"]
    read = {
        key: value if isinstance(shown.get(key), str | None) else json_in(value)
        for key, value in args.items()
    }
    return {**decision, "edited_action": {**edited, "args": read}}
