"""What a request teaches about its endpoint, whether it failed or was answered."""

from collections.abc import Collection, Sequence

from langchain_core.messages import AIMessage, BaseMessage

from langgraph_parallel.counted import count
from langgraph_parallel.errors import ContextOverflow, FilteredAnswer
from langgraph_parallel.runtime.cut_prompt import is_cut
from langgraph_parallel.runtime.dialect import Dialect
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.recording import read_usage
from langgraph_parallel.runtime.retry import AskAgain
from langgraph_parallel.runtime.tokens import count_tokens


def learn_failure(
    dialect: Dialect, error: Exception, messages: Sequence[BaseMessage], sent: Collection[str], version: int
) -> None:
    """Learn from a request that failed.

    Args:
        dialect: of the endpoint and the model.
        error: what the request raised.
        messages: of the request.
        sent: parameters of the request that the endpoint may refuse.
        version: of the dialect that the request was made in.

    Raises:
        AskAgain: the endpoint does not take a part of the request, which is left out from now on.
        FilteredAnswer: the provider withheld the answer.
    """
    failure = classify(error)
    if failure.kind == "context":
        dialect.note_overflow(count_tokens(messages))
    if dialect.learn(failure, sent, version, _question(messages)):
        raise AskAgain(str(error)) from error
    if failure.kind == "filter" and failure.status is None:
        raise FilteredAnswer(f"the provider's content filter withheld the answer: {error}") from error


def learn_answer(dialect: Dialect, messages: Sequence[BaseMessage], answer: AIMessage) -> None:
    """Learn from a request that was answered, and check that its whole prompt was read.

    Raises:
        ContextOverflow: it was not: some servers cut what is longer than their context.
    """
    if dialect.is_guessing:
        dialect.confirm(_question(messages))
    read = answer.usage_metadata["input_tokens"] if answer.usage_metadata else 0
    if is_cut(messages, read):
        dialect.note_overflow(count_tokens(messages))
        raise ContextOverflow(
            f"the server read {count(read, 'token')} of a prompt of about {count_tokens(messages):,}: it "
            "cuts prompts to its context; raise its context, or lower section_tokens (--max-tokens)",
            usage=read_usage(answer),
        )


def _question(messages: Sequence[BaseMessage]) -> int:
    return hash(tuple(message.text for message in messages))
