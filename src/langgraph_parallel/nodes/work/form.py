"""The form of an answer, as prompts show it: its fields in a first request, its schema too in a repair."""

import json
from functools import lru_cache

from langchain_core.messages import HumanMessage
from pydantic import BaseModel

from langgraph_parallel.answers.fields import describe_fields
from langgraph_parallel.answers.schema import json_schema
from langgraph_parallel.errors import AnswerError
from langgraph_parallel.prompts import load_prompt

_ANSWER, _REPAIR = load_prompt("answer"), load_prompt("repair")


@lru_cache(maxsize=256)  # schemas may be made for each run
def answer_form(schema: type[BaseModel]) -> str:
    """Return what a prompt says about the answer: its fields, their choices and ranges."""
    return _ANSWER.render({"fields": describe_fields(schema)})


def repair_message(error: AnswerError, schema: type[BaseModel]) -> HumanMessage:
    """Return the request to answer again: what was wrong, the fields, and the schema."""
    values = {
        "error": str(error),
        "fields": describe_fields(schema),
        "schema": json.dumps(json_schema(schema), ensure_ascii=False),
    }
    return HumanMessage(_REPAIR.render(values))
