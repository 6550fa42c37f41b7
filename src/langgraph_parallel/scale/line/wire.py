"""What travels between processes, as msgpack of plain values: reading it runs nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ormsgpack
from pydantic import ValidationError

from langgraph_parallel.errors import UsageError
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.scale.engine import Job
from langgraph_parallel.scale.program import Program
from langgraph_parallel.scale.rows import NOTHING_SPENT, Result, Row, Spent

MOST_OF_A_ROW = 100_000_000
"""Bytes of one row, or of its result."""
_JSON = 1
"""Extension type of a value as JSON text: large integers, half surrogate pairs, keys that are not text."""

_PLAIN = (
    ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
"""Refuses what would arrive as something else."""


def pack(value: object) -> bytes:
    """Return plain values as bytes.

    Raises:
        TypeError: something in it is neither msgpack nor JSON.
    """
    return ormsgpack.packb(value, option=_PLAIN)


def unpack(data: bytes) -> Any:
    """Return what `pack` was given; tuples come back as lists.

    Raises:
        ValueError: the bytes are something else.
    """
    return ormsgpack.unpackb(data, ext_hook=_from_extension)


def pack_rows(rows: Iterable[Row]) -> bytes:
    """Return rows as bytes.

    Raises:
        UsageError: a column holds something that JSON does not have.
    """
    listed = [(row.key, row.data) for row in rows]
    try:
        return pack(listed)
    except TypeError:
        return pack([(_text(key), _row_data(key, data)) for key, data in listed])


def unpack_rows(data: bytes) -> list[Row]:
    """Return the rows that `pack_rows` was given."""
    return [Row(key, columns) for key, columns in unpack(data)]


def pack_results(results: Sequence[Result]) -> bytes:
    """Return results as bytes, without `worker` and `attempts`, which are not known where they are made.

    A result whose output JSON does not have becomes a failed one.
    """
    listed = [_from_result(result) for result in results]
    try:
        return pack(listed)
    except TypeError:
        return pack([_from_result(_in_json(result)) for result in results])


def unpack_results(data: bytes, worker: str) -> list[Result]:
    """Return the results that `pack_results` was given, as results of this worker."""
    return [
        Result(
            key=key,
            status=status,
            output=output,
            error=error,
            spent=Spent(*spent) if spent else NOTHING_SPENT,
            seconds=seconds,
            worker=worker,
        )
        for key, status, output, error, spent, seconds in unpack(data)
    ]


def pack_job(job: Job) -> bytes:
    """Return a job as bytes; `Program.local` stays behind.

    Raises:
        UsageError: the runtime context holds an object, which cannot travel.
    """
    program = job.program
    for name, value in program.context.items():
        try:
            pack(value)
        except TypeError:
            raise UsageError(
                f"{name} is {type(value).__name__}, which cannot travel to other processes; "
                "give it by name, as text, or run the rows in this process (engine=None)"
            ) from None
    limits = program.limits
    return pack(
        {
            "id": job.id,
            "spent": [job.spent, job.spent_calls, job.spent_tokens],
            "program": {
                "graph": program.graph,
                "settings": [*program.settings],
                "inputs": {**program.inputs},
                "outputs": {**program.outputs},
                "context": {**program.context},
                "offline": program.offline,
                "limits": None if limits is None else limits.model_dump_json(exclude_unset=True),
                "records": program.records,
                "folder": program.folder,
                "fingerprint": program.fingerprint,
            },
        }
    )


def unpack_job(data: bytes) -> Job:
    """Return the job that `pack_job` was given.

    Raises:
        UsageError: its limits are not those of this version.
    """
    given = unpack(data)
    program = Program(**given["program"] | {"limits": None})
    if (text := given["program"]["limits"]) is not None:
        try:
            program = replace(program, limits=Limits.model_validate_json(text))
        except ValidationError:
            raise UsageError(
                "this worker has another version of langgraph-parallel; install the same"
            ) from None
    usd, calls, tokens = given["spent"]
    return Job(id=given["id"], program=program, spent=usd, spent_calls=calls, spent_tokens=tokens)


def _from_extension(kind: int, data: bytes) -> Any:
    if kind != _JSON:
        raise ValueError(f"extension {kind} is not known")
    return json.loads(data)


def _from_result(result: Result) -> tuple[object, ...]:
    spent = result.spent
    return (
        result.key,
        result.status,
        result.output,
        result.error,
        None
        if spent is NOTHING_SPENT
        else (spent.calls, spent.input_tokens, spent.output_tokens, spent.usd, spent.throttled),
        result.seconds,
    )


def _row_data(key: str, data: Mapping[str, Any]) -> object:
    try:
        return _json(data)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"row {key!r} cannot travel to other processes: {error}; give JSON values") from None


def _in_json(result: Result) -> Result:
    """Return a result whose parts are such that `pack` takes them."""
    try:
        output: Any = _json(result.output)
        error, status = result.error, result.status
    except (TypeError, ValueError, RecursionError) as problem:
        output, status = {}, "failed"
        error = f"its output is not JSON: {problem}"
    return replace(result, key=_text(result.key), output=output, error=_text(error), status=status)


def _text(text: str) -> Any:
    """Return a text such that `pack` takes it, half surrogate pairs included."""
    return text if text.isascii() else _json(text)


def _json(value: object) -> ormsgpack.Ext:
    return ormsgpack.Ext(_JSON, json.dumps(value).encode())
