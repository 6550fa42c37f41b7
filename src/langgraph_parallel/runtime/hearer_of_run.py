"""Who hears a run besides its caller, as its graph, its config, or the environment say."""

from typing import Any

from langchain_core.runnables import RunnableConfig

from langgraph_parallel.runtime.chat_progress import CHAT_PROGRESS, ChatProgress
from langgraph_parallel.runtime.hearers import Hearer, Hearers, current_hearers
from langgraph_parallel.runtime.record_setting import find_recording
from langgraph_parallel.runtime.recorder import Recorder
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.settings import switched
from langgraph_parallel.runtime.trace_feedback import FEEDBACK, TraceFeedback, annotation_queue


def hearer_of(
    graph: Any, run: Run, config: RunnableConfig | None, *, continues: bool, is_streamed: bool = False
) -> Hearer | None:
    """Return who hears an outermost run besides its caller; None for nobody.

    Args:
        graph: a `ParallelGraph`.
        run: of the graph; it gets what shows it in a chat UI.
        config: of the invocation.
        continues: whether an earlier run on its thread goes on.
        is_streamed: whether the caller gets `stream_mode="custom"`.
    """
    if run.outer:
        return None
    governing, hearers = graph.governing, [*current_hearers()]
    if (recording := find_recording(config, governing.recording)) is not None:
        thread = ((config or {}).get("configurable") or {}).get("thread_id")
        hearers.append(Recorder(recording, graph.name, thread, continues=continues))
    scores, queue = switched(governing.trace_feedback, FEEDBACK), annotation_queue(governing.queue)
    if scores or queue:
        hearers.append(TraceFeedback(run, scores=scores, queue=queue))
    if is_streamed and governing.from_messages and switched(governing.chat_progress, CHAT_PROGRESS):
        run.kept[ChatProgress] = progress = ChatProgress()
        hearers.append(progress)
    return Hearers(hearers) if hearers else None
