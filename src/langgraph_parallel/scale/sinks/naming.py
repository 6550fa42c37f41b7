"""Names of output columns: which a sink can have, and the results that bring others."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from langgraph_parallel.catalogue.spelling import PYTHON, Spelling
from langgraph_parallel.counted import count
from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.rows import Result
from langgraph_parallel.scale.sinks.table import OURS


@dataclass(frozen=True)
class NameRules:
    """What a sink demands of the columns of an output."""

    most: int
    """Number of columns."""
    longest: int = 1000
    """Bytes of a name."""

    def check(self, names: Sequence[str], known: Collection[str] = (), spelling: Spelling = PYTHON) -> None:
        """Refuse names of output columns that the sink cannot have.

        Args:
            names: new ones.
            known: those that are there.
            spelling: how the caller names a column.

        Raises:
            UsageError: names the column, and what to do.
        """
        naming = spelling.column("NAME", "PATH")
        rename = f"give it another name with {naming}"
        taken = {name.lower(): name for name in known}
        for name in names:
            if name.lower() in OURS:
                raise UsageError(f"the output column {name!r} has the name of a column of the sink; {rename}")
            other = taken.setdefault(name.lower(), name)
            if other != name:
                raise UsageError(f"the output columns {other!r} and {name!r} differ in case only; {rename}")
            if not name or "\0" in name or not _is_unicode(name) or len(name.encode()) > self.longest:
                raise UsageError(
                    f"{name[:60]!r} cannot be the name of a column: 1 to {self.longest} bytes of UTF-8 can; "
                    f"{rename}"
                )
        if len(names) + len(known) > self.most:
            total = len(names) + len(known)
            raise UsageError(
                f"the output has {count(total, 'column')}, and the sink takes {self.most:,} at most; "
                f"choose those to store with {naming}"
            )


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


class Admission:
    """Lets results into a sink, one after the other; those whose columns it cannot have are failures.

    Args:
        rules: of the sink.
        known: columns that it has.
        spelling: how the caller names a column.
    """

    def __init__(self, rules: NameRules, known: Iterable[str], spelling: Spelling = PYTHON) -> None:
        self._rules, self._spelling = rules, spelling
        self._known = dict.fromkeys(known)

    def admit(self, results: Sequence[Result]) -> Sequence[Result]:
        """Return the results, those as failures that bring a column which the sink cannot have."""
        known = self._known.keys()
        if all(result.output.keys() <= known for result in results):
            return results
        return [self._judged(result) for result in results]

    def _judged(self, result: Result) -> Result:
        new = [name for name in result.output if name not in self._known]
        try:
            self._rules.check(new, self._known, self._spelling)
        except UsageError as refusal:
            return replace(result, status="failed", output={}, error=str(refusal))
        self._known |= dict.fromkeys(new)
        return result
