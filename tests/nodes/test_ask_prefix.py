"""What the prompts of sibling calls have in common, and what tells them apart."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langgraph_parallel import Ask
from langgraph_parallel.media import image
from langgraph_parallel.nodes.work.roster import Roster
from langgraph_parallel.prompts import as_prompt
from langgraph_parallel.runtime.rendered import Rendered

WEB = image("https://example.org/cat.png")
NUMBER = "You are member 3 of a panel."


def rendered(ask: Ask, **values: object) -> Rendered:
    """Return the prompt of an `Ask` as it would be sent."""
    return ask._render(values)


def text_of(messages: Sequence[BaseMessage]) -> str:
    """Return the text of some messages."""
    return "\n\n".join(message.text for message in messages)


def test_the_number_of_a_member_is_the_end_of_its_prompt() -> None:
    """The sentence comes last, and `alike` is the same prompt without it."""
    prompt = rendered(Ask("Sum up {text}", role="You are brief.").numbered(NUMBER), text="tea")
    assert text_of(prompt.messages).endswith(f"\n\n{NUMBER}")
    assert prompt.alike is not None
    assert text_of(prompt.messages) == f"{text_of(prompt.alike)}\n\n{NUMBER}"


def test_members_are_alike_without_their_numbers() -> None:
    """Two members of a roster that are asked the same differ by the sentence alone."""
    asks = [Roster(2).ask(i, as_prompt("Sum up {text}"), f"You are #{i}.") for i in range(2)]
    first, second = (rendered(ask, text="tea") for ask in asks)
    assert first.messages != second.messages
    assert first.alike == second.alike


def test_without_a_number_nothing_is_alike() -> None:
    """Another call with the same messages may not share the answer's request."""
    assert rendered(Ask("Sum up {text}"), text="tea").alike is None


def test_the_number_comes_behind_pictures() -> None:
    """Pictures are common to the members of a panel, too."""
    ask = Ask("What is on {picture}?").numbered(NUMBER)
    prompt = rendered(ask, picture=WEB)
    assert prompt.alike is not None
    whole, alike = prompt.messages[-1].content, prompt.alike[-1].content
    assert whole == [*alike, {"type": "text", "text": NUMBER}]


def test_numbering_leaves_the_worker_as_it_was() -> None:
    """One worker can be several members."""
    ask = Ask("Sum up {text}")
    ask.numbered(NUMBER)
    assert rendered(ask, text="tea").alike is None


def test_further_messages_have_no_siblings() -> None:
    """A repair or a continuation belongs to one answer, so it is never one of several samples."""
    prompt = rendered(Ask("Sum up {text}").numbered(NUMBER), text="tea")
    assert prompt.followed_by(*prompt.messages).alike is None
