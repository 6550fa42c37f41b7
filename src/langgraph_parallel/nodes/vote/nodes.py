"""The nodes of a vote: open -> voters -> tally -> (voters -> tally ...)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Overwrite
from typing_extensions import TypedDict

from langgraph_parallel.nodes.fan_out.bundle import raise_asked
from langgraph_parallel.nodes.fan_out.close import closing_step, require_completion
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.fan_out.handover import Handover, get_earlier, get_handover
from langgraph_parallel.nodes.fan_out.taken_up import TakeUp
from langgraph_parallel.nodes.fan_out.task import AssignmentsIn, PlanIn, SentTask, Task, ToldPlan
from langgraph_parallel.nodes.fan_out.telling import listening
from langgraph_parallel.nodes.vote.count import AT_ONCE, Count
from langgraph_parallel.nodes.vote.electorate import Vote
from langgraph_parallel.nodes.vote.fallback import deciding_asks
from langgraph_parallel.nodes.vote.judge import Judge, undecided_verdict
from langgraph_parallel.nodes.vote.poll import Poll, VoteSettings, require_question
from langgraph_parallel.nodes.vote.told import tell_decision
from langgraph_parallel.nodes.work.media import text_of
from langgraph_parallel.records import Branch, Tally, Verdict
from langgraph_parallel.reducers.completion import check_completion
from langgraph_parallel.reducers.votes.agreement import too_perfect
from langgraph_parallel.reducers.votes.diversity import lost_diversity, taken_seats
from langgraph_parallel.reducers.votes.waves import Later
from langgraph_parallel.runtime.context import Context, VotingContext, as_context, current_context
from langgraph_parallel.runtime.messages import derived, place_of
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.stamp import KEY, make_stamp


class Asking(TypedDict):
    """Who is asked, in the order of asking."""

    wave: list[str]
    """The voters that are asked now."""
    queued: list[str]
    """The voters of the same wave that are asked next: a superstep has at most `AT_ONCE`."""
    reserve: list[str]
    """The voters that are sent with the wave, and asked once they are certain to be needed."""
    pending: Sequence[str]
    """The voters that may be asked later; in the state a list."""
    kept: int
    """Number of voters that had ended ok when the wave began."""


def _nobody(pending: Sequence[str] = ()) -> Asking:
    return Asking(wave=[], queued=[], reserve=[], pending=pending, kept=0)


def in_state(asking: Asking) -> Asking:
    """Return who is asked, as the state has it."""
    return Asking(**{**asking, "pending": list(asking["pending"])})


def open_node(settings: VoteSettings, name: str) -> Callable[..., Any]:
    """Build the node that opens a vote, after it has checked that every voter can be asked.

    Args:
        settings: of the vote.
        name: of the graph.
    """

    async def open_vote(state: Any, runtime: Runtime[Context], config: RunnableConfig) -> dict[str, Any]:
        """List the voters, choose the first wave, and reset what an earlier run on this thread left."""
        read = derived(settings.from_messages, state, place_of(name, config))
        question = {"question": state.get("question"), **read}["question"]
        require_question({"question": question})
        run, context = current_run(), as_context(runtime.context, VotingContext)
        settings.electorate.check(context, run)
        for ask in deciding_asks(settings):
            ask.check(run, context)
        voters = list(settings.electorate.voters(question, context.voters))
        check_completion(run.completion, voters)
        earlier, handover = get_earlier(config), get_handover(config)
        branches = earlier.branches if earlier else {}
        poll = Poll.of(settings, voters, context)
        asking = _first_wave(poll, branches, handover)
        if (level := listening()) is not None:
            plan = _told_plan({"voters": voters, "branches": branches, "asking": asking})
            level.planned(plan.ids, plan.kept, **plan.fields)
        return {
            **read,
            **({} if run.outer else {KEY: make_stamp(settings.built)}),
            "voters": voters,
            "branches": Overwrite(branches),
            "calls": Overwrite(dict(handover.calls) if handover else {}),
            "asking": in_state(asking),
        }

    return open_vote


def redrive_vote(settings: VoteSettings) -> Callable[..., Any]:
    """Build the function that returns the state update of a redrive: who is asked again first."""

    def redrive(state: Any, context: Context) -> dict[str, Any]:
        poll = Poll.of(settings, state["voters"], as_context(context, VotingContext))
        return {"asking": in_state(_first_wave(poll, state["branches"], None))}

    return redrive


def watch_again(settings: VoteSettings) -> TakeUp:
    """Build the function that watches the voters of a wave that is resumed."""

    def on_resume(run: Run, state: Mapping[str, Any]) -> None:
        poll = Poll.of(settings, state["voters"], as_context(current_context(), VotingContext))
        asking: Asking = state["asking"]
        wave, reserve = asking["wave"], asking["reserve"]
        left = [*wave, *asking["queued"], *reserve, *asking["pending"]]
        Count.of(poll, state["branches"], left).ask(wave, reserve)

    return TakeUp(["voters", "branches", "asking"], on_resume)


def _first_wave(poll: Poll, branches: Mapping[str, Branch], handover: Handover | None) -> Asking:
    if handover and handover.answers:
        return _nobody()  # a person has decided
    voters = [v for v in poll.in_asking_order() if not (v in branches and branches[v].whole)]
    count = Count.of(poll, branches, voters)
    return _ask(count, *count.first_or_next(Later(voters)))


def _ask(count: Count, wave: Sequence[str], later: Sequence[str]) -> Asking:
    """Have a wave asked, or the part of it that one superstep holds."""
    now, queued = list(wave[:AT_ONCE]), list(wave[AT_ONCE:])
    kept, reserve = count.whole, [] if queued else count.reserve(now, later)
    count.ask(now, reserve)
    return Asking(wave=now, queued=queued, reserve=reserve, pending=later[len(reserve) :], kept=kept)


def voter_tasks(settings: VoteSettings) -> Callable[[Any, RunnableConfig], list[SentTask]]:
    """Build the function that returns one task for each voter of the current wave."""

    def tasks(state: Any, config: RunnableConfig) -> list[SentTask]:
        label = settings.label(state["question"])
        count: Count | None = current_run().kept.get(Count)
        places = count.poll.places if count else {v: place for place, v in enumerate(state["voters"])}
        asking: Asking = state["asking"]

        def task(voter: str) -> SentTask:
            return SentTask(id=voter, name=f"vote[{label}#{voter.rpartition('#')[2]}]", order=places[voter])

        sent = [task(voter) for voter in asking["wave"]]
        if config.get("max_concurrency") is None:  # one that waits takes nobody's place
            sent += [SentTask(**task(voter), waits=True) for voter in asking["reserve"]]
        return sent

    return tasks


class _VoterAssignments:
    """What the branches of voters do: all answer the same question.

    Args:
        state: of the graph.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._question, self._branches = state["question"], state.get("branches") or {}

    def task(self, sent: SentTask, ended: Mapping[str, Branch]) -> Task:
        """Return what a branch does."""
        vote = Vote(voter=sent["id"], question=self._question)
        before = self._branches.get(sent["id"])
        return Task(**sent, work=vote, before=before, answers=[], timeout=None, metadata={})

    def texts(self) -> Mapping[str, str]:
        """Return nothing: voters that are graphs store the question."""
        return {}

    def unmet(self, sent: SentTask, need: Branch) -> Branch:
        """Return the record of a voter that is not asked, should it ever need another one."""
        return Branch(
            id=sent["id"], name=sent["name"], order=sent["order"], status="skipped", error=need.error
        )


def _told_plan(state: Mapping[str, Any]) -> ToldPlan:
    """Return what events say of the voters in a state."""
    asking: Asking = state["asking"]
    left = {*asking["wave"], *asking["queued"], *asking["reserve"], *asking["pending"]}
    branches: Mapping[str, Branch] = state.get("branches") or {}
    kept = [voter for voter, branch in branches.items() if voter not in left or branch.whole]
    return ToldPlan(state["voters"], kept, {"voters": [*state["voters"]]})


ASSIGNMENTS = AssignmentsIn(
    ["question", "branches"], _VoterAssignments, plan=PlanIn(["voters", "branches", "asking"], _told_plan)
)


def planned_voters(state: Any) -> tuple[int, int]:
    """Return how many voters the completion policy counts, and how many of them ended ok before."""
    return len(state["voters"]), state["asking"]["kept"]


def tally_node(settings: VoteSettings) -> Callable[..., Any]:
    """Build the node that counts after each wave: it chooses the next one, or else decides."""

    async def tally(state: Any, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask the stop whether more ballots are needed; if not, apply the rule."""
        poll = Poll.of(settings, state["voters"], as_context(runtime.context, VotingContext))
        listening()
        raise_asked()
        asking = ask_next(poll, state)
        if asking["wave"]:
            return {"asking": in_state(asking)}
        Count.of(poll, state["branches"], asking["pending"]).ask([])  # over, but not for a fallback
        return {"asking": in_state(asking), **await _decide(poll, state)}

    return tally


def ask_next(poll: Poll, state: Mapping[str, Any]) -> Asking:
    """Count the wave that was asked, and have the next one asked; nobody once the vote is over."""
    asking: Asking = state["asking"]
    called = [voter for voter in asking["reserve"] if voter in state["branches"]]
    not_called = [voter for voter in asking["reserve"] if voter not in state["branches"]]
    wave, rest, pending = [*asking["wave"], *called], asking["queued"], asking["pending"]
    left = Later([*not_called, *pending] if not_called else pending)
    count = Count.of(poll, state["branches"], [*rest, *left] if rest else left, wave)
    now, later = count.rest_of_wave(rest, left, wave) if rest else count.first_or_next(left, wave)
    return _ask(count, now, later) if now else _nobody(later)


def is_asking(state: Any) -> bool:
    """Return whether voters are asked now."""
    return bool(state["asking"]["wave"])


async def _decide(poll: Poll, state: Mapping[str, Any]) -> dict[str, Any]:
    """Apply the rule; a judge or a rule that fails leaves the vote undecided.

    Raises:
        CompletionError: fewer voters succeeded than the run's completion policy needs.
        JoinError: the rule is a function of the caller's, and has a bug.
    """
    require_completion(state)
    settings, branches = poll.settings, state["branches"]
    count = Count.of(poll, branches, [voter for voter in poll.voters if voter not in branches])
    ballots = count.tally(branches)
    verdict: Verdict | None = None
    with closing_step(settings.rule.name, state, makes_up=settings.on_undecided != "return") as step:
        verdict = await _apply(settings.rule, state["question"], ballots)
    verdict = verdict or undecided_verdict(ballots, settings.rule.name)
    remarks = _remarks(count, branches, ballots, verdict)
    step.saved, step.trials = remarks["not_asked"], count.trials(ballots)
    step.stopped = f"the vote was over: {remarks['stopped']}" if remarks["stopped"] else ""
    verdict = verdict.model_copy(update=remarks)
    tell_decision(settings, state, verdict)
    return {
        "verdict": verdict,
        "ballots": list(ballots.in_order()),
        "missing": [voter for voter in poll.voters if voter in branches and _is_lost(branches[voter])],
        "run_report": step.report(state),
        "calls": step.calls,
    }


def _is_lost(branch: Branch) -> bool:
    """Return whether a voter gave no answer, and the vote did not end without it."""
    return not branch.ok and branch.ended_by != "stop"


async def _apply(rule: Any, question: object, ballots: Tally) -> Verdict:
    if isinstance(rule, Judge):
        return await rule.decide(text_of(question), ballots)
    verdict = rule(ballots)
    if not isinstance(verdict, Verdict):
        raise TypeError(f"rule {rule.name} returned {type(verdict).__name__}; expected Verdict")
    return verdict


def _remarks(
    count: Count, branches: Mapping[str, Branch], ballots: Tally, verdict: Verdict
) -> dict[str, Any]:
    """Return the fields of a verdict that the rule does not know: what stopped the vote, and warnings."""
    not_asked = len(count.poll.voters) - len(branches)
    cut_short = not_asked or any(branch.ended_by == "stop" for branch in branches.values())
    warnings, electorate = too_perfect([ballots]), count.poll.settings.electorate
    if verdict.agreement == 1 and (same := electorate.identical_warning(list(ballots.ballots))):
        warnings.append(same)
    if lost := lost_diversity(taken_seats(in_order(branches), "voter ")):
        warnings.append(lost)
        current_run().note(lost)
    return {
        "stopped": str(count.poll.stop) if cut_short and count.why_over() else "",
        "not_asked": not_asked,
        "warnings": warnings,
    }
