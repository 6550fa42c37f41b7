"""Kinds of failures."""

from typing import Literal

Kind = Literal[
    "throttled",
    "overloaded",
    "server",
    "connection",
    "timeout",
    "key",
    "permission",
    "quota",
    "model",
    "address",
    "context",
    "filter",
    "refused",
    "cut",
    "empty",
    "invalid",
    "option",
    "request",
    "handoff",
    "other",
]
"""`context` to `invalid`: an answer that cannot be used (`errors.AnswerError`); `option`: the endpoint or the
model does not take a parameter; `request`: anything else that is wrong with the request; `handoff`: a worker
hands over to another agent; `other`: not an answer of an endpoint."""
