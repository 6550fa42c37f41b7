"""What the sink knows of a budget, at any moment at which the command may be killed."""

import asyncio
import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import Limits, create_voting
from langgraph_parallel.runtime.budget import Amount
from langgraph_parallel.runtime.granted_budget import Units, units_of
from langgraph_parallel.scale import amap_items
from langgraph_parallel.scale.line.ledger import CoveredLimits, Ledger
from langgraph_parallel.scale.line.limits import LEAVE, SYNC, LimitsKeeper
from tests.support.clock import until
from tests.support.server import Gate, ModelServer, Reply

_IN_FLIGHT = 4
_EACH = Amount(1, 15, (10 * 100 + 5 * 1000) / 1e6)
"""What the server bills for a call."""
_CAPS: dict[str, dict[str, Any]] = {
    "calls": {"budget_calls": 30},
    "tokens": {"budget_tokens": 3_000},
    "dollars": {"budget_usd": 0.4},
}
_LIMITS = {
    "price_input": 100,
    "price_output": 1000,
    "answer_tokens": 10,
    "max_answer_tokens": 10,
    "concurrency": _IN_FLIGHT,
}
_NONE: Units = (0, 0, 0)
_CALL = units_of(Amount(1, 20, 0.01))
_VOTE: dict[str, Any] = {
    "inputs": {"question": "text"},
    "outputs": {"choice": "verdict.choice"},
    "settings": {"voters": 1, "choices": ["yes", "no"]},
}


def _asks(held: Units, needs: Units = _CALL) -> dict[str, Any]:
    """Return what a worker tells that has spent nothing."""
    return {"session": "s", "purse": {"spent": _NONE, "held": held, "needs": needs, "like": needs}}


def _known(sink: Path) -> Amount:
    """Return what a sink says was spent and reserved."""
    with sqlite3.connect(sink) as database:
        row = database.execute(
            "SELECT calls + reserved_calls, input_tokens + output_tokens + reserved_tokens, "
            "usd + reserved_usd FROM rows_manifest"
        ).fetchone()
    return Amount(*row)


def _copy(sink: Path, other: Path) -> Path:
    """Copy what a kill at this moment would leave."""
    with sqlite3.connect(sink) as source, sqlite3.connect(other) as target:
        source.backup(target)
    return other


@pytest.mark.parametrize(
    ("engine", "caps"),
    [
        (None, _CAPS["calls"]),
        (None, _CAPS["tokens"]),
        (None, _CAPS["dollars"]),
        (2, _CAPS["calls"] | _CAPS["tokens"] | _CAPS["dollars"]),
    ],
    ids=["calls", "tokens", "dollars", "processes"],
)
async def test_a_cap_holds_over_a_command_that_is_killed_and_the_next(
    engine: int | None, caps: dict[str, Any], model: str, server: ModelServer, tmp_path: Path
) -> None:
    """What is in flight at a kill is spent for the next command, though nobody has told of it since."""
    server.always(Reply(json={"choice": "yes"}, gate=(gate := Gate())))
    items = [{"text": f"Is {n} prime?"} for n in range(120)]
    options = {"model": model, "engine": engine, "limits": {**_LIMITS, **caps}, **_VOTE}
    sink = tmp_path / "killed.sqlite"
    killed = asyncio.create_task(amap_items("voting", items, sink=sink, **options))
    await asyncio.wait_for(until(lambda: len(server.requests) >= _IN_FLIGHT), 60)
    begun, known = len(server.requests), _known(sink)
    left = _copy(sink, tmp_path / "left.sqlite")
    killed.cancel()
    with suppress(asyncio.CancelledError):
        await killed
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0)
    late = len(server.requests) - begun  # what a command still sends that is cancelled, and not killed
    assert known.calls >= begun
    assert known.tokens >= begun * _EACH.tokens
    assert known.usd >= begun * _EACH.usd
    gate.open()
    report = await amap_items("voting", items, sink=left, **options)
    billed = len(server.requests) - late
    assert begun < billed
    assert billed <= caps.get("budget_calls", billed)
    assert billed * _EACH.tokens <= caps.get("budget_tokens", billed * _EACH.tokens)
    assert billed * _EACH.usd <= caps.get("budget_usd", billed * _EACH.usd) + 1e-9
    assert report.ok == billed - begun
    # It has ended well: what its workers held is given back.
    assert _known(left).calls == known.calls + report.ok


@pytest.mark.parametrize("unit", ["calls", "tokens", "dollars"])
async def test_a_grant_leaves_once_the_sink_knows_of_it(unit: str) -> None:
    """It waits for a write that covers it, and those after it need none for a while."""
    needs = list[None]()
    keeper = LimitsKeeper(Limits(**_CAPS[unit]))
    limits = CoveredLimits(keeper, ledger := Ledger())
    ledger.on_need = lambda: needs.append(None)
    asking = asyncio.ensure_future(limits.answer("a", SYNC, _asks(held=_NONE)))
    await asyncio.sleep(0)
    assert needs
    assert not asking.done()
    with ledger.writing(Amount()) as reserved:
        await asyncio.sleep(0)
        assert not asking.done()
    granted = (await asking)["purse"]["granted"]
    limited = ["calls", "tokens", "dollars"].index(unit)
    assert units_of(reserved)[limited] > granted[limited] > 0
    needs.clear()
    await limits.answer("a", SYNC, _asks(held=granted))
    assert not needs


async def test_the_sink_is_ahead_by_about_what_is_taken_between_two_writes() -> None:
    """So much is lost at most with a command that is killed, however much its workers hold."""
    keeper, ledger = LimitsKeeper(Limits(budget_calls=100_000)), Ledger()
    ledger.keep(keeper.purse)
    ahead = list[int]()
    for write in range(30):
        taken = 400 + 10 * write
        keeper.purse.sync("a", _asks(held=(taken, 0, 0), needs=_NONE)["purse"])
        with ledger.writing(Amount()) as reserved:
            ahead.append(reserved.calls - taken)
    assert ahead[0] == 400
    assert ahead[-10:] == [10] * 10


async def test_a_write_that_lowers_what_is_known_covers_no_grant_meanwhile() -> None:
    """Until it has ended, the sink may have either amount."""
    keeper, ledger = LimitsKeeper(Limits(budget_calls=1_000)), Ledger()
    ledger.keep(keeper.purse)
    keeper.purse.sync("a", _asks(held=(400, 0, 0), needs=_NONE)["purse"])
    with ledger.writing(Amount()):
        pass
    keeper.purse.sync("a", _asks(held=_NONE, needs=_NONE)["purse"])
    with ledger.writing(Amount()):
        keeper.purse.sync("a", _asks(held=_NONE, needs=(9, 0, 0))["purse"])
        assert not ledger.is_covered


async def test_what_is_granted_to_a_worker_that_dies_meanwhile_counts_as_spent() -> None:
    """Its answer may have left; one that comes too late tells that its session is over."""
    keeper = LimitsKeeper(Limits(budget_calls=30))
    limits = CoveredLimits(keeper, ledger := Ledger())
    asking = asyncio.ensure_future(limits.answer("a", SYNC, _asks(held=_NONE, needs=(2, 0, 0))))
    await asyncio.sleep(0)
    limits.worker_gone("a")
    with ledger.writing(Amount()) as reserved:
        pass
    assert (await asking)["gone"]
    assert reserved.calls == keeper.purse.total_spent()[0] == 2


async def test_nothing_is_granted_once_the_sink_has_failed() -> None:
    """Nobody could tell the next command what was spent, and whoever waits hears of it."""
    keeper = LimitsKeeper(Limits(budget_calls=30))
    limits = CoveredLimits(keeper, ledger := Ledger())
    asking = asyncio.ensure_future(limits.answer("a", SYNC, _asks(held=_NONE)))
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError), ledger.writing(Amount()):
        raise ZeroDivisionError
    with pytest.raises(OSError, match="the sink has failed"):
        await asking
    await limits.answer("a", LEAVE, _asks(held=_NONE, needs=_NONE))
    assert keeper.purse.total_held() == _NONE


@pytest.mark.parametrize(
    ("cap", "said"),
    [
        (
            {"budget_usd": 0.005},
            r"the budget of \$0\.005 is less than the \$0\.0\d+ that .* budget_usd",
        ),
        (
            {"budget_tokens": 20},
            r"the budget of 20 tokens is less than the \d+ that .* budget_tokens",
        ),
    ],
    ids=["dollars", "tokens"],
)
@pytest.mark.parametrize("is_mapped", [True, False], ids=["map", "run"])
async def test_a_budget_below_one_call_says_what_to_set(
    cap: dict[str, Any], said: str, *, is_mapped: bool, model: str, server: ModelServer, tmp_path: Path
) -> None:
    """Nothing is spent, so a word of a budget that is spent would not help."""
    limits = {**_LIMITS, **cap}
    if is_mapped:
        sink = tmp_path / "out.sqlite"
        report = await amap_items("voting", [{"text": "?"}], sink=sink, model=model, limits=limits, **_VOTE)
        reason = report.reason
    else:
        state = await create_voting(**_VOTE["settings"], model=model, limits=limits).ainvoke(
            {"question": "?"}
        )
        reason = state["run_report"].completion_reason
    assert re.search(said, reason)
    assert not server.requests


async def test_grants_cost_few_writes(model: str, server: ModelServer, tmp_path: Path) -> None:
    """They are ahead of the calls, and go with the writes of results."""
    server.always(Reply(json={"choice": "yes"}))
    items, sink = [{"text": f"Is {n} prime?"} for n in range(300)], tmp_path / "out.sqlite"
    limits = {**_LIMITS, "budget_calls": 10_000}
    report = await amap_items("voting", items, sink=sink, model=model, limits=limits, **_VOTE)
    with sqlite3.connect(sink) as database:
        (writes,) = database.execute("SELECT writes FROM rows_manifest").fetchone()
    # Without a budget there are about 20 a second.
    assert report.ok == 300
    assert writes <= 20 + 30 * report.seconds
