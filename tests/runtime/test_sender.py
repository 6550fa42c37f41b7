"""What all senders of requests have in common."""

from typing import Any

import pytest

from langgraph_parallel.runtime.governed_request import GovernedRequest
from langgraph_parallel.runtime.sample_sender import SampleSender
from langgraph_parallel.runtime.sender import Sender
from langgraph_parallel.runtime.structured import BoundModel
from langgraph_parallel.runtime.trial import Completion

SENDERS: list[type[Sender[Any]]] = [BoundModel, GovernedRequest, Completion, SampleSender]


@pytest.mark.parametrize("sender", SENDERS)
def test_a_sender_has_all_that_the_stages_of_a_call_ask_for(sender: type[Sender[Any]]) -> None:
    """So that no stage has to look whether it is there."""
    asked = {name for name in vars(Sender) if not name.startswith("_")}
    assert {"direct", "reports", "learn_from", "question", "recalled"} <= asked
    assert asked <= set(dir(sender))
