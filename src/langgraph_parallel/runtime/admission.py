"""Admission of calls to an endpoint: while it rests, and through its line."""

from typing import TYPE_CHECKING

from langgraph_parallel.errors import EndpointResting
from langgraph_parallel.runtime.redact import redact
from langgraph_parallel.runtime.resting import Rests, detours, rests
from langgraph_parallel.runtime.slots import Slot

if TYPE_CHECKING:
    from langgraph_parallel.runtime.open_call import OpenCall


def circuit_of(call: "OpenCall") -> Rests:
    """Return the rests that a call obeys."""
    return detours if call.has_fallback else rests


def obeys_rests(call: "OpenCall") -> bool:
    """Return whether a call is not started while its endpoint rests.

    One that has begun keeps its attempts, unless another model would be asked instead.
    """
    return (call.number == 1 or call.has_fallback) and call.limits.rest_after > 0


async def wait_for_rest(call: "OpenCall") -> None:
    """Wait until a call may start, or take the probe; one with a fallback does not wait.

    Raises:
        EndpointResting: it is not started.
    """
    if call.has_fallback:
        call.is_probe = detours.check(call.key)
        return
    call.waits("rest")
    try:
        call.is_probe = await rests.admit(call.key)
    except EndpointResting:
        _note_rest(call)
        raise


def check_rest(call: "OpenCall") -> None:
    """Take the probe if it is due, and refuse a call that would have to wait.

    Raises:
        EndpointResting: it would.
    """
    if not obeys_rests(call):
        return
    try:
        call.is_probe = circuit_of(call).check(call.key)
    except EndpointResting:
        _note_rest(call)
        raise


async def wait_for_slot(call: "OpenCall") -> Slot:
    """Wait in line for a slot; a call with a fallback leaves the line if the endpoint begins to rest.

    Raises:
        EndpointPaused: the endpoint asks for a longer pause than the limits allow.
        EndpointResting: it has begun to rest.
    """
    waiting = call.limiter.acquire(
        call.rates,
        tokens=call.tokens,
        run=call.run.line,
        priority=call.run.priority,
        first=call.number > 1,
        on_wait=call.waits,
        requests=call.samples,
    )
    if not call.has_fallback or call.is_probe or not obeys_rests(call):
        return await waiting
    async with detours.leaving(call.key):
        return await waiting


def end_probe(call: "OpenCall") -> None:
    """Let another call be the probe, if this one was it and has found out nothing."""
    if call.is_probe:
        call.is_probe = False
        circuit_of(call).give_back(call.key)


def _note_rest(call: "OpenCall") -> None:
    call.run.note(rest_note(call.endpoint, call.target))


def rest_note(endpoint: str, target: str) -> str:
    """Return what a report says of an endpoint that rested while calls were to start."""
    return (
        f"{target} at {redact(endpoint.rstrip('/'))} rested, since call after call failed; redrive what "
        "was not started once it answers"
    )
