"""The server that bills: its tokens, its cache, its prices, its batches."""

import ast
import asyncio
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI, BadRequestError, OpenAI

import benchmarks.billing
from benchmarks.billing.bill import Line
from benchmarks.billing.client import Billed, Remote
from benchmarks.billing.desk import Desk
from benchmarks.billing.floor import billed_input, floor
from benchmarks.billing.prefix_cache import PrefixCache
from benchmarks.billing.profile import FREE, OVERFLOW, SURCHARGE, Profile
from benchmarks.billing.texts import code, prose
from benchmarks.billing.tokens import BLOCK, blocks, sequence, tokenize

ONLY = {"aiohttp", "benchmarks.billing"}
AT_ONCE = replace(FREE, first_seconds=0.0, prefill=1e9, answer_seconds=0.0, batch_seconds=0.0)


def body(content: str, **more: Any) -> dict[str, Any]:
    """A request with one message."""
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


def ask(desk: Desk, request: dict[str, Any]) -> Line:
    """Work on a request from its arrival to its answer."""
    asked = desk.take(request)
    desk.first_token(asked)
    desk.answer(asked)
    return asked.line


def test_it_shares_no_code_with_the_package(till: Remote) -> None:
    """The server imports the standard library and aiohttp, and its process has nothing of the package."""
    for path in Path(benchmarks.billing.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name is not None
                is_own = any(name == own or name.startswith(f"{own}.") for own in ONLY)
                assert is_own or name.split(".")[0] in sys.stdlib_module_names, f"{path.name}: {name}"
    foreign = ("langgraph_parallel", "langgraph", "langchain_core", "openai", "tiktoken")
    assert not [name for name in till.modules() if name.split(".")[0] in foreign]


@given(st.text())
def test_tokens_hold_the_whole_text(text: str) -> None:
    """Nothing of a text is lost between its tokens."""
    assert "".join(tokenize(text)) == text


@pytest.mark.parametrize("make", [prose, code])
def test_texts_have_the_size_that_was_asked_for(make: Any) -> None:
    """Texts are up to one sentence shorter than asked, and their tokens have a usual length."""
    text = make(5000)
    assert 4900 < len(tokenize(text)) <= 5000
    assert 2.5 < len(text) / len(tokenize(text)) < 5


def test_what_stands_before_the_messages_is_part_of_the_prefix() -> None:
    """A schema or a tool comes first, so prompts with another one have nothing in common."""
    desk, text = Desk(FREE), prose(2000)
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    ask(desk, body(text, response_format=form))
    assert ask(desk, body(text)).cached == 0
    assert ask(desk, body(text, response_format=form)).cached >= 1024
    assert sequence(body(text, response_format=form))[0] == "<|response_format|>"


def test_a_prompt_is_usable_once_its_first_token_was_sent() -> None:
    """Requests that arrive in a burst all pay; one that comes after the first token reads."""
    desk, request = Desk(SURCHARGE), body(prose(2000))
    burst = [desk.take(request) for _ in range(3)]
    assert [asked.line.cached for asked in burst] == [0, 0, 0]
    assert all(asked.line.written == 15 * BLOCK for asked in burst)
    desk.first_token(burst[1])
    later = desk.take(request).line
    assert (later.cached, later.written) == (15 * BLOCK, 0)


def test_only_prompts_of_1024_tokens_are_cached_in_whole_blocks() -> None:
    """A shorter prompt is neither written nor read, and the rest behind the last block costs in full."""
    desk = Desk(SURCHARGE)
    short, text = body(prose(900)), prose(3000)
    ask(desk, short)
    assert (ask(desk, short).cached, ask(desk, short).written) == (0, 0)
    ask(desk, body(text))
    half = tokenize(text)[:1100]
    assert ask(desk, body("".join(half))).cached == 1024
    assert ask(desk, body("".join(half[:1000]) + prose(900, 5))).cached == 0


def test_an_entry_lives_as_long_as_it_is_used() -> None:
    """Five minutes after its last use a block is gone."""
    cache, digests = PrefixCache(FREE), [str(number) for number in range(10)]
    cache.keep(cache.read(digests, "", 0.0), 1.0)
    assert cache.read(digests, "", 200.0).cached == 10 * BLOCK
    assert cache.read(digests, "", 499.0).cached == 10 * BLOCK
    assert cache.read(digests, "", 800.0).cached == 0


def test_what_is_above_the_rate_goes_to_a_cold_machine() -> None:
    """The sixteenth request of a minute finds nothing, and neither does one with another key."""
    cache, digests = PrefixCache(OVERFLOW), [str(number) for number in range(10)]
    for number in range(15):
        reading = cache.read(digests, "key", number / 10)
        cache.keep(reading, number / 10)
        assert (reading.machine, reading.cached) == (0, 10 * BLOCK if number else 0)
    assert (cache.read(digests, "key", 2.0).machine, cache.read(digests, "key", 2.0).cached) == (1, 0)
    assert cache.read(digests, "other", 2.0).cached == 0
    assert cache.read(digests, "key", 61.0).machine == 0


def test_prices_are_exact() -> None:
    """Reads, writes, answers and batches cost their parts of the price, without rounding."""
    tokens = {"prompt": 2000, "cached": 1024, "written": 512, "output": 7}
    usd = (Decimal("2.5") * (464 + Decimal("102.4") + 640) + 70) / 1_000_000
    assert SURCHARGE.usd(tokens) == usd
    assert SURCHARGE.usd(tokens, batch=True) == usd / 2


def test_samples_of_one_request_are_billed_one_prompt() -> None:
    """The prompt costs once, every answer by itself; servers may refuse, ignore or copy."""
    request = body(prose(1500), n=3)
    for takes, number, distinct in (("yes", 3, 3), ("fewer", 1, 1), ("copies", 3, 1)):
        desk = Desk(replace(FREE, samples=takes))
        asked = desk.take(request)
        desk.first_token(asked)
        texts = [choice["message"]["content"] for choice in desk.answer(asked)["choices"]]
        assert (len(texts), len(set(texts))) == (number, distinct)
        assert asked.line.output == sum(len(tokenize(text)) for text in texts)
        assert asked.line.prompt == len(sequence(request))


def test_what_is_cut_off_is_billed_as_far_as_it_was_worked_on() -> None:
    """Before the first token a part of the prompt is billed, after it the prompt and a part of the answer."""
    desk = Desk(replace(SURCHARGE, prefill=1.0))
    early, late = desk.take(body(prose(2000))), desk.take(body(prose(2000)))
    desk.cut_off(early, 1.0)
    assert (early.line.prompt, early.line.written, early.line.output) == (0, 0, 0)
    desk.first_token(late)
    late.line.first -= 0.5
    desk.cut_off(late, 1.0)
    assert late.line.prompt > 1900
    assert 10 < late.line.output < 25


@pytest.mark.parametrize(
    ("form", "name"), [("openrouter", "cache_write_tokens"), ("litellm", "cache_creation_tokens")]
)
def test_writes_are_told_in_the_form_of_a_gateway(form: str, name: str) -> None:
    """Usage says what was read and written, under the names of one gateway or the other."""
    desk, request = Desk(replace(SURCHARGE, tells_writes=form)), body(prose(1500))
    asked = desk.take(request)
    desk.first_token(asked)
    first = desk.answer(asked)["usage"]["prompt_tokens_details"]
    assert (first["cached_tokens"], first[name]) == (0, 11 * BLOCK)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.sampled_from([FREE, SURCHARGE]))
def test_one_after_another_costs_the_floor(suffixes: list[int], profile: Profile) -> None:
    """Prompts that are sent one after another cost the floor, and with a surcharge for what is written."""
    desk, text = Desk(profile), prose(1400)
    for number in suffixes:
        ask(desk, body(text + prose(300, number)))
    lines = desk.bill.lines
    lonely = [digest for line in lines for digest in line.blocks]
    once = sum(lonely.count(digest) == 1 for digest in set(lonely))
    surcharge = once * BLOCK * (Decimal(profile.write_rate) - 1)
    assert billed_input(lines, profile) == floor(lines, profile) + surcharge


def test_the_floor_knows_what_prompts_share_in_another_place() -> None:
    """What is common but does not come first is in the floor, if the caller says how much it is."""
    shared = prose(4000)
    desk = Desk(FREE)
    for number in range(3):
        ask(desk, body(f"Voter {number}: {shared}"))
    lines, size = desk.bill.lines, len(tokenize(shared))
    assert floor(lines, FREE) == sum(line.prompt for line in lines) == billed_input(lines, FREE)
    whole = size // BLOCK * BLOCK
    assert floor(lines, FREE, size) == sum(line.prompt for line in lines) - whole * Decimal("1.8")
    assert floor(lines, replace(OVERFLOW, overflow=2), size) > floor(lines, FREE, size)
    assert len(blocks(sequence(body(shared)), "m")) >= whole // BLOCK


def _bill_of_idle(till: Remote) -> Billed:
    """Wait until nothing is in flight, and return the bill."""
    while (bill := till.bill()).in_flight:
        time.sleep(0.005)
    return bill


async def test_a_client_that_goes_away_is_billed(till: Remote) -> None:
    """A request that is cut off has a line, and is not in flight any more."""
    till.reset(replace(FREE, answer_seconds=60, first_seconds=0.0))
    client = AsyncOpenAI(base_url=till.url, api_key="sk-none", max_retries=0)
    async with client:
        stream = await client.chat.completions.create(**body(prose(1200)), stream=True)
        await anext(aiter(stream))  # the first token: the prompt was read
        await stream.close()
    bill = await asyncio.to_thread(_bill_of_idle, till)
    assert bill.lines[0].cut_off
    assert bill.usd >= Decimal("0.0029")


def test_streams_tell_their_usage(till: Remote, client: OpenAI) -> None:
    """A streamed answer has the tokens that the bill has."""
    till.reset(AT_ONCE)
    options: Any = {"include_usage": True}
    chunks = list(client.chat.completions.create(**body("Hello"), stream=True, stream_options=options))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert len(tokenize(text)) == till.bill().lines[0].output
    usage, line = chunks[-1].usage, till.bill().lines[0]
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (line.prompt, line.output)
    assert line.streamed


def test_parameters_may_be_refused(till: Remote, client: OpenAI) -> None:
    """A server that does not know a cache key, or several samples, says so and bills nothing."""
    till.reset(replace(AT_ONCE, takes_cache_key=False, samples="refused"))
    for parameter in ({"prompt_cache_key": "k"}, {"n": 2}):
        with pytest.raises(BadRequestError, match=next(iter(parameter))):
            client.chat.completions.create(**body("Hello", **parameter))
    bill = till.bill()
    assert (bill.lines, bill.refused) == ([], {"400": 2})
