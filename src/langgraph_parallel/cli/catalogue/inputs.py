"""Input of a graph from the command line: `KEY=TEXT`, `KEY=@FILE` and `KEY:=JSON`."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.catalogue.keys import required_keys
from langgraph_parallel.cli.input.remarks import print_remarks, print_skipped
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.documents import read_documents, read_text
from langgraph_parallel.reading.tables import read_table
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.messages import KEY

_ARGUMENT = re.compile(r"([A-Za-z_]\w*)(:?=)(.*)", re.DOTALL)
_TABLES = (".csv", ".tsv")


class InputForm:
    """The keys that the input of a graph may have, what they take, and those of the output.

    Args:
        graph: whose input it is.
    """

    def __init__(self, graph: ParallelGraph) -> None:
        schema = graph.get_input_jsonschema()
        self.keys: dict[str, dict[str, Any]] = schema.get("properties", {})
        self.required = required_keys(graph, schema)
        self.outputs = [*graph.get_output_jsonschema().get("properties", {})]

    def parse(self, arguments: Sequence[str]) -> dict[str, Any]:
        """Parse arguments; a key that comes again becomes a list.

        Text without a key is the value of the only required one.

        Raises:
            UsageError: an argument cannot be read, a key does not exist, or a required one is missing.
        """
        values: dict[str, list[Any]] = {}
        for argument in arguments:
            key, value = self._read(argument)
            values.setdefault(key, []).append(value)
        return self.check({key: self._joined(key, found) for key, found in values.items()})

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return an input whose keys are checked.

        Raises:
            UsageError: a key does not exist, or a required one is missing.
        """
        for key in given:
            self._check_key(key)
        missing = [] if KEY in given else [key for key in self.required if key not in given]
        if missing:
            raise UsageError(
                f"the input needs {', '.join(missing)}; give {missing[0]}=TEXT or {missing[0]}=@FILE"
            )
        return dict(given)

    def takes(self, key: str, kind: str) -> bool:
        """Return whether a key takes a value of a JSON type; a key without types takes any."""
        form = self.keys.get(key, {})
        kinds = {one.get("type") for one in form.get("anyOf", [form])}
        return kind in kinds or kinds == {None}

    def _read(self, argument: str) -> tuple[str, Any]:
        match = _ARGUMENT.fullmatch(argument)
        if match is None or (match[1] not in self.keys and len(self.required) == 1 and " " in argument):
            if len(self.required) != 1:
                raise UsageError(
                    f"{argument!r} has no key; write KEY=TEXT, with one of {', '.join(self.keys)}"
                )
            return self.required[0], argument
        key, sign, text = match.groups()
        self._check_key(key)
        if sign == ":=":
            return key, _parse_json(text, f"{key}:=")
        return key, self._read_file(key, text[1:]) if text.startswith("@") else text

    def _check_key(self, key: str) -> None:
        if key not in self.keys:
            raise UsageError(f"the input has no {key!r}; choose from {', '.join(self.keys)}")

    def _read_file(self, key: str, path: str) -> Any:
        """Read a file in the form that a key takes: texts by name where it takes several, else one text."""
        if not path:  # which would be the current folder
            raise UsageError(f"{key}=@ names no file; write {key}=@FILE")
        if path.lower().endswith(".json"):
            return _parse_json(_read_text(path), path)
        takes_several = self.takes(key, "object") or self.takes(key, "array")
        if takes_several and path.lower().endswith(_TABLES):
            table = read_table(path, None)
            print_remarks(table.remarks)
            return table.texts
        if takes_several and path != "-":
            documents = read_documents([path], use="read")
            print_remarks(documents.remarks)
            print_skipped(documents.skipped)
            return documents.texts
        if path != "-" and Path(path).is_dir():
            raise UsageError(f"{key}=@{path} is a folder, and {key} is one text; name a file")
        return _read_text(path)

    def _joined(self, key: str, values: Sequence[Any]) -> Any:
        if len(values) == 1:
            value = values[0]
            is_wrapped = isinstance(value, str) and not self.takes(key, "string") and self.takes(key, "array")
            return [value] if is_wrapped else value
        if all(isinstance(value, dict) for value in values):
            return {name: one for value in values for name, one in value.items()}
        if all(isinstance(value, str) for value in values) and self.takes(key, "array"):
            return [*values]
        raise UsageError(f"{key} is given {len(values)} times; give it once, as {key}:=JSON if it has parts")


def read_input(path: Path) -> dict[str, Any]:
    """Read a whole input from a JSON file, or from standard input if the path is `-`.

    Raises:
        UsageError: it cannot be read, or is not a JSON object.
    """
    text = sys.stdin.read() if str(path) == "-" else _read_text(str(path))
    value = _parse_json(text, f"--input {path}")
    if not isinstance(value, dict):
        raise UsageError(f"--input {path} is not a JSON object; expected the keys of the input")
    return value


def _read_text(path: str) -> str:
    text, remarks = read_text(path, use="read")
    print_remarks(remarks)
    return text


def _parse_json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where} is not JSON: {error.msg} at line {error.lineno}") from None
    except (ValueError, RecursionError):
        raise UsageError(
            f"{where} is not JSON that can be read: nested too deep, or a number too long"
        ) from None
