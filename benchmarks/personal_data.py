"""How well personal data is told from numbers that look like it, without a model, and how fast.

    uv run --extra offline python -m benchmarks.personal_data [--texts N] [--seed N]

Sentences and lines of logs are generated from a seed, with the places of what they hold. So the figures
compare versions of the search; on texts of people they are lower. A span counts if it is found exactly.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from langgraph_parallel.offline.personal_data import PERSONAL, personal_data

CARDS = {"4": 16, "34": 15, "51": 16, "2221": 16, "6011": 16, "3530": 16, "36": 14, "6759": 16}
"""Prefixes and lengths of issuers."""
IBANS = {"DE": 18, "ES": 20, "DK": 14, "PL": 24, "BE": 12, "AT": 16}
"""Digits after the check digits, in countries whose IBANs have no letters."""
TELEPHONES = {
    "US": ("(2##) 5##-####", "3##-5##-####", "4##.5##.####x##", "+1-2##-5##-####", "001-6##-5##-####"),
    "GB": ("020 7### ####", "+44 20 7### ####", "(0121) 4## ####", "07400 ######"),
    "DE": ("030 #######", "+49 (0)30 #######", "089/#######", "0151-########"),
    "FR": ("01 4# ## ## ##", "06.12.##.##.##", "+33 1 4# ## ## ##"),
    "AU": ("(02) 9### ####", "0412 ### ###", "+61 2 9### ####"),
    "ES": ("91 ### ## ##", "612 ## ## ##", "+34 91 ### ####"),
}
SENTENCES = {
    "telephone number": (
        "Please call me at {}.",
        "Phone: {}",
        "{} (office)",
        "They are not answering at {}",
        "{}",
    ),
    "card number": ("My card {} was stolen.", "{} is my credit card", "Charge {}, please"),
    "IBAN": ("Pay to {} today", "IBAN: {}", "{} is mine"),
    "e-mail address": ("Write to {}.", "<{}>", "My address is {}, thanks"),
    "IP address": ("Requests of {} are refused", "client {} timed out", "{} - - GET /"),
    "social security number": ("His SSN is {}.", "SSN: {}", "{} is his number"),
}
PLAIN = (
    "On {date} the order {ten} was shipped, see {uuid}.",
    "Release 2.{two}.{two}.{two} of {date} fixes #{five}",
    "From {five}-{four} to 1{four} Main Street, apartment {three}",
    "It took {four}.{three} seconds for {three} {three} {three} bytes.",
    "{stamp} INFO served at {ms}, span {nineteen}",
    '{{"ts": {ms}, "id": "{uuid}", "trace_id": {nineteen}, "bytes": {ten}}}',
    '127.0.0.1 - - [{stamp}] "GET /items/{ten} HTTP/1.1" 200 {five} "-" "Chrome/120.0.0.0"',
    "apply {date14}_index_{four}.sql applied by git@git.example.com:team/repo.git",
    "{stamp} WARN queue lag at {card}, next {card}",
    '{{"level": "info", "time": {ms}, "value": {card}}}',
    "tools (2.{two}.{two}.{date8}-3) unstable, requires inputproto 1.9.99.{two}",
    "photo@2x.png and cover@3x.webp, tool@1.{two}.{two}.dev",
    "usb {two}: address 00:1a:2b:3c:4d:5e, post {eighteen}, ISBN 978-0-306-40615-7",
)


def digits(chance: random.Random, form: str) -> str:
    """Return a form with digits for its `#`."""
    return "".join(str(chance.randrange(10)) if character == "#" else character for character in form)


def card(chance: random.Random) -> str:
    """Return the number of a card, in one piece or in groups."""
    prefix, length = chance.choice(list(CARDS.items()))
    body = digits(chance, prefix + "#" * (length - len(prefix) - 1))
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in body[-1::-2]]
    number = body + str(-(sum(doubled) + sum(map(int, body[-2::-2]))) % 10)
    cuts = (4, 8, 12) if length == 16 else (4, 10)
    parts = [number[start:end] for start, end in zip((0, *cuts), (*cuts, length), strict=True)]
    return chance.choice(["", " ", "-"]).join(parts)


def iban(chance: random.Random) -> str:
    """Return an IBAN in any case and spacing."""
    country, length = chance.choice(list(IBANS.items()))
    account = digits(chance, "#" * length)
    number = int(account + "".join(str(int(letter, 36)) for letter in country) + "00")
    written = f"{country}{98 - number % 97:02d}{account}"
    if chance.random() < 0.5:
        written = chance.choice(" -").join(written[start : start + 4] for start in range(0, len(written), 4))
    return written.lower() if chance.random() < 0.3 else written


def address(chance: random.Random) -> str:
    """Return an IP address of either version."""
    if chance.random() < 0.7:
        return f"{chance.choice([23, 81, 145, 203])}." + ".".join(
            str(chance.randrange(120)) for _ in range(3)
        )
    return "2a00:" + ":".join(f"{chance.randrange(0x1000, 0x10000):x}" for _ in range(7))


def email(chance: random.Random) -> str:
    """Return an e-mail address."""
    name = chance.choice(["ann", "b.ray", "kim_lee", "zoe+news"]) + str(chance.randrange(100))
    return f"{name}@{chance.choice(['example.org', 'mail.example.co.uk', 'beispiel.de', 'firma.travel'])}"


def security_number(chance: random.Random) -> str:
    """Return a social security number."""
    return f"{chance.randrange(100, 600)}-{chance.randrange(10, 100)}-{chance.randrange(1000, 10000)}"


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "card number": card,
    "IBAN": iban,
    "e-mail address": email,
    "IP address": address,
    "social security number": security_number,
}


def plain(chance: random.Random) -> str:
    """Return a line without personal data."""
    moment = datetime.fromtimestamp(chance.randrange(1_500_000_000, 1_800_000_000), UTC)
    sizes = {"two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "eighteen": 18, "nineteen": 19}
    return chance.choice(PLAIN).format(
        date=f"{moment:%Y-%m-%d}",
        stamp=f"{moment:%Y-%m-%d %H:%M:%S}",
        date8=f"{moment:%Y%m%d}",
        card="".join(filter(str.isdigit, card(chance))),
        date14=f"{moment:%Y%m%d%H%M%S}",
        ms=int(moment.timestamp()) * 1000 + chance.randrange(1000),
        uuid=f"{chance.getrandbits(32):08x}-{digits(chance, '####-4###-####')}-{digits(chance, '#' * 12)}",
        **{name: digits(chance, "1" + "#" * (size - 1)) for name, size in sizes.items()},
    )


def generated(chance: random.Random, count: int) -> Iterator[tuple[str, str, tuple[int, int, str] | None]]:
    """Yield texts, each with a region and the place and kind of what it holds; half of them hold nothing."""
    for number in range(count):
        region = chance.choice(list(TELEPHONES))
        if number % 2:
            yield plain(chance), region, None
            continue
        kind = chance.choice(PERSONAL)
        make = MAKERS.get(kind)
        value = make(chance) if make else digits(chance, chance.choice(TELEPHONES[region]))
        sentence = chance.choice(SENTENCES[kind])
        start = sentence.index("{")
        yield sentence.format(value), region, (start, start + len(value), kind)


def main() -> None:
    """Print precision and recall by kind, false alarms, and the speed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    texts = list(generated(random.Random(arguments.seed), arguments.texts))
    found: Counter[str] = Counter()
    right: Counter[str] = Counter()
    alarms = 0
    for text, region, expected in texts:
        spans = {(span.start, span.end, span.kind) for span in personal_data(text, region)}
        found.update(kind for _, _, kind in spans)
        right.update(kind for start, end, kind in spans if (start, end, kind) == expected)
        alarms += bool(spans) and expected is None
    held = Counter(expected[2] for _, _, expected in texts if expected)
    for kind in PERSONAL:
        precision, recall = right[kind] / max(1, found[kind]), right[kind] / max(1, held[kind])
        print(f"{kind}: precision {precision:.3f}, recall {recall:.3f}")
    share = right.total() / max(1, found.total()), right.total() / held.total()
    print(f"all kinds: precision {share[0]:.3f}, recall {share[1]:.3f}")
    clean = len(texts) - held.total()
    print(f"false alarms: {1000 * alarms / clean:.2f} of 1,000 lines without personal data")
    whole = "\n".join(text for text, _, _ in texts)
    for country in (None, "US"):
        start = time.process_time()
        personal_data(whole, country)
        seconds = time.process_time() - start
        print(f"speed with region {country}: {seconds / len(whole) * 1e6:.2f} s of CPU for 1 MB")


if __name__ == "__main__":
    main()
