"""The command `map`."""

from langgraph_parallel.cli.limit_options import LimitOptions
from langgraph_parallel.cli.map.options import (
    ChunkOption,
    CompletionOption,
    EngineOption,
    EstimateOption,
    GraphArgument,
    InputArgument,
    InputOption,
    KeyOption,
    LimitOption,
    MixedOption,
    OutputOption,
    Progress,
    ProgressOption,
    QueryOption,
    QuietOption,
    RecordsOption,
    Redrive,
    RedriveOption,
    SampleOption,
    SinkOption,
    StopAfterErrorsOption,
)
from langgraph_parallel.cli.options import (
    BaseUrlOption,
    CacheOptions,
    FallbacksOption,
    ModelOption,
    OfflineOption,
)
from langgraph_parallel.cli.set_option import SetOption
from langgraph_parallel.cli.spelled import spell_out


@spell_out
def map(
    graph: GraphArgument,
    items: InputArgument,
    sink: SinkOption,
    key: KeyOption = None,
    query: QueryOption = None,
    inputs: InputOption = None,
    outputs: OutputOption = None,
    set: SetOption = None,
    engine: EngineOption = None,
    chunk: ChunkOption = None,
    redrive: RedriveOption = None,
    mixed: MixedOption = False,
    limit: LimitOption = None,
    stop_after_errors: StopAfterErrorsOption = None,
    completion: CompletionOption = None,
    estimate: EstimateOption = False,
    sample: SampleOption = None,
    progress: ProgressOption = Progress.bar,
    quiet: QuietOption = False,
    records: RecordsOption = None,
    model: ModelOption = None,
    fallbacks: FallbacksOption = None,
    base_url: BaseUrlOption = None,
    offline: OfflineOption = False,
    *,
    limits: LimitOptions,
    caching: CacheOptions,
) -> int:
    """Run a graph over any number of items, with one row for each.

    The same command goes on with items that have no row yet. For example: langgraph-parallel map labeling
    reviews.csv --sink labels.sqlite --set labels='["praise", "complaint"]' --input items=text. Exits with
    code 1 if no item has succeeded, or the completion policy is not met.
    """
    from langgraph_parallel.cli.map.command import MapCommand

    command = MapCommand(
        graph=graph,
        items=items,
        key=key,
        query=query,
        sink=sink,
        inputs=inputs or (),
        outputs=outputs or (),
        settings=set or (),
        model=model,
        fallbacks=fallbacks or (),
        base_url=base_url,
        offline=offline,
        cache=caching.cache,
        records=records,
        limits=limits,
        engine=engine,
        chunk=chunk,
        redrive=redrive is Redrive.failed,
        mixed=mixed,
        limit=limit,
        stop_after_errors=stop_after_errors,
        completion=completion,
        progress="none" if quiet and progress is Progress.bar else progress.value,
        quiet=quiet,
    )
    return command.estimate(sample) if estimate else command.run(sample)
