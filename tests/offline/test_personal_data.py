"""Personal data: what is an address or a number of a person, and what only looks like one."""

from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import errors
from langgraph_parallel.offline.personal_data import check_region, personal_data
from langgraph_parallel.offline.personal_data.cards import is_card
from langgraph_parallel.offline.personal_data.ibans import is_iban
from tests.support.ids import readable

# Each line is a text in which what has to be found is between ⟦ and ⟧.
CARDS = """
    card ⟦5555 5555 5555 4444⟧
    card ⟦5555-5555-5555-4444⟧ please
    card ⟦5555.5555.5555.4444⟧.
    my visa is ⟦4012888888881881⟧
    ⟦4012 8888 8888 1881⟧
    ⟦3714 496353 98431⟧ (amex)
    ⟦378282246310005⟧
    discover ⟦6011 1111 1111 1117⟧, exp 11/29
    diners ⟦3056 930902 5904⟧
    jcb ⟦3530 1113 3330 0000⟧
    Mastercard, new range: ⟦2223 0031 2200 3222⟧
    old visa ⟦4222222222222⟧
    Kreditkarte ⟦6759 6498 2643 8453⟧ sperren
    {"card": "⟦5105105105105100⟧"}
    two cards: ⟦4012 8888 8888 1881⟧ ⟦5105 1051 0510 5100⟧
    ⟦4012 8888 8888 1881⟧ 09/28 123
    line\\n⟦4012888888881881⟧\\n
    2024-05-06 07:08:09 INFO charge of card ⟦4012888888881881⟧ refused
    2024-05-06 07:08:09 INFO payment with ⟦4012888888881881⟧ declined
    {"time": "2024-05-06T07:08:09Z", "message": "paid by ⟦4012888888881881⟧"}
    [06/May/2024:07:08:09 +0000] "GET /pay?n=⟦4012888888881881⟧ HTTP/1.1" 200
    2024-05-06 07:08:09 INFO got ⟦4012 8888 8888 1881⟧
    07:08 ben: ⟦4012888888881881⟧
    {"number": "⟦4012888888881881⟧"}
    since 2024-05-06 it is ⟦4012888888881881⟧
"""
NO_CARDS = """
    at 1699999999999 ms
    1748503543017123 us
    ts=1699999999999999999
    trace 4012888888881881
    order 4012888888881881 shipped
    {"request_id": 4012888888881881}
    tracking number 5105105105105100
    0.4012888888881881
    4012888888881881-3
    x4012888888881881
    4012888888881881.tar
    build_4012888888881881_x
    /items/4012888888881881
    1234-4012-8888-8888-1881
    4012-8888-8888-1881-77
    9999 4012 8888 8888 1881 4444
    40128888888818810000000
    4012 8888 8888 1882
    1111 1111 1111 1117
    EAN 4006381333931
    ISBN 978-0-306-40615-7
    IMEI 356938035643809
    20240506123456
    snowflake 1093745820938475520
    3f2504e0-4f89-11d3-9a0c-0305e82c3301
    51270000-4012-4888-8888-401288888888
    2024-05-06 07:08:09,123 INFO [worker-3] com.acme.Queue - handled 4012888888881881 in 40 ms
    2024-05-06T07:08:09.123456Z level=warn msg="slow" n=4012888888881881
    {"ts": "2024-05-06T07:08:09Z", "level": "info", "val": 4012888888881881}
    May  6 07:08:09 web1 nginx[812]: upstream 4012888888881881 closed
    127.0.0.1 - - [06/May/2024:07:08:09 +0000] "GET /a?v=4012888888881881 HTTP/1.1" 200 512
    I0506 07:08:09.123456 66868 server.go:522] got 4012888888881881 from queue
    [16868.123456] usb 1-1: new device 4012888888881881
    1714979289.123 200 127.0.0.1 TCP_MISS/200 512 GET 4012888888881881
    06.05.2024 07:08:09 WARNUNG Vorgang 4012888888881881 abgebrochen
    DEBUG:root:cache 4012888888881881 -> 5105105105105100
    <13>1 2024-05-06T07:08:09Z host app 812 ID47 - 4012888888881881 ok
"""
EMAILS = """
    write to ⟦ben@example.com⟧
    <⟦b.o'neil+news@mail.example.co.uk⟧>
    mailto:⟦info@firma.de⟧?subject=x
    ⟦zoë@exämple.fr⟧
    ⟦почта@пример.рф⟧
    ⟦kim@163.com⟧ in China
    ⟦x_y-z@sub.domain.travel⟧, thanks
    Ask ⟦ben@example.com⟧.
    Ask ⟦ben@example.com⟧.Then go on.
    ?email=⟦ben@example.com⟧&page=2
    ⟦BEN@EXAMPLE.COM⟧
    ben: "⟦ben@example.com⟧": yes
    line\\n⟦ben@example.com⟧\\n
    ⟦a@example.com⟧,⟦b@example.com⟧;⟦c@example.com⟧
    ⟦ben@xn--exmple-cua.xn--p1ai⟧
"""
NO_EMAILS = """
    icon@2x.png
    photos/cover@3x.webp
    sprite@2x.zip
    git@codeberg.org:someone/repo.git
    scp notes.txt me@server.example.com:docs/
    rsync -a me@server.example.com:~/data .
    ssh me@server.example.com
    deploy@web1.example.com:/srv/www
    https://token:secret@packages.example.com/files
    postgresql://app:pw@db.example.com:5432/app
    npm i left-pad@1.3.0
    pip install tool@2.0.1.dev
    uses: actions/checkout@v4.sh
    lodash@4.17.21
    @octo/core@5.0.0-beta.app
    user@localhost
    getty@tty1.service
    @decorator.name
    templates/a@b.py
    x@y.z
    a@@b.com
    Message-ID: <20240506.abc@mail.example.com>
"""
IBANS = """
    ⟦GB82 WEST 1234 5698 7654 32⟧
    ⟦gb82west12345698765432⟧
    iban: ⟦FR14-2004-1010-0505-0001-3M02-606⟧
    ⟦FR1420041010050500013M02606⟧, merci
    ⟦NL91ABNA0417164300⟧
    ⟦es91 2100 0418 4502 0005 1332⟧
    ⟦CH93 0076 2011 6238 5295 7⟧
    ⟦BE68 5390 0754 7034⟧ BIC X
    ⟦AT 61 1904 3002 3457 3201⟧
    ⟦PL61 1090 1014 0000 0712 1981 2874⟧
    ⟦NO93 8601 1117 947⟧
    ⟦IT60.X054.2811.1010.0000.0123.456⟧
    \\n⟦SE45 5000 0000 0583 9825 7466⟧\\n
"""
NO_IBANS = """
    GB82 WEST 1234 5698 7654 33
    GB82 WEST 1234 5698 7654 3
    XX82 WEST 1234 5698 7654 32
    XGB82WEST12345698765432
    GB82WEST12345698765432X
    in 20 files and 30 modules of 12 packages
    DE89 3704 0044 0532 0130 0A
    DE44 5001 0517 5407 3249 32
    ab12cd34ef56ab12cd34ef56
    AT-61-1904-3002-3457-3202
"""
ADDRESSES = """
    client ⟦81.2.69.160⟧ connected
    ⟦81.2.69.160⟧ - - [10/Oct/2024:13:55:36 +0000] "GET / HTTP/1.1"
    http://⟦81.2.69.160⟧:8080/x
    ip=⟦81.2.69.160⟧;
    from ⟦8.8.4.4⟧
    from ⟦8.8.99.4⟧
    updated client ⟦23.2.69.60⟧ yesterday
    patched ⟦81.2.69.60⟧ last night
    hosts ⟦10.1.2.3⟧ and ⟦172.16.0.9⟧
    ⟦192.168.10.20⟧-⟦192.168.10.40⟧
    ⟦2a00:1450:4001:81b::200e⟧
    [⟦2a00:1450:4001:81b::200e⟧]:443
    ⟦2606:4700:4700:0:0:0:0:1111⟧
    ⟦fe80::1ff:fe23:4567:890a⟧%eth0
    mapped: ⟦::ffff:81.2.69.161⟧
    from ⟦2001:db8:85a3::8a2e:370:7334⟧: refused
    ⟦FD12:3456:789A:1::1⟧/64
    \\n⟦81.2.69.160⟧\\n
"""
NO_ADDRESSES = """
    bind 127.0.0.1:8000 or [::1]:8000 or ::
    listen 0.0.0.0
    e.g. 192.0.2.7, 198.51.100.23 and 203.0.113.99
    see 2001:db8::1 or 3fff::1
    mask 255.255.255.0, group 239.1.2.3
    requires inputproto 2.0.99.1
    libXi 1.5.99.2
    backport 6.9.13.51, the next release
    net 10.0.0.0/8 and 2a00:1450::/32
    version 81.2.69.160
    v81.2.69.160
    pkg==81.2.69.160
    Chrome/120.0.0.0 Safari/537.36
    kernel 5.15.0.91-generic
    tool-1.20.30.4
    section 12.3.4.5 of chapter 1.2.3.4
    § 12.3.4.5
    upgrade from 1.2.3.4 to 1.2.3.5
    ## 2.0.1.44
    oid 1.3.6.1.4.1
    81.2.69.160.5
    300.2.69.160
    12:30:45 and 00:1a:2b:3c:4d:5e
    std::cout << a::b, Face::add
    10:20:30:40:50:60:70:80
    1:2:3:4:5:6:7:8
"""
TELEPHONES = """
    call ⟦+1 202 456 1111⟧
    ⟦+44 20 7946 0018⟧
    ⟦+49 (0)30 901820⟧ is in Berlin
    Tel. ⟦030/901820⟧
    Telefon: ⟦0171 2345678⟧
    Tél. : ⟦01 42 68 53 00⟧
    Fax ⟦(020) 7946 0018⟧
    móvil ⟦612 34 56 78⟧
    cellulare ⟦347 123 4567⟧
    Handy: ⟦0151-23456789⟧
    phone: ⟦555-0134⟧
    "phoneNumber": "⟦5550134567⟧"
    customer_phone=⟦5550134567⟧
    please call me on ⟦07700 900123⟧ today
    You can reach us at ⟦(555) 010-4477 x12⟧.
    text ben at ⟦555.013.4477⟧
    rufen Sie uns an unter ⟦089 123456⟧
    Phone:\\n⟦84 23 30⟧
    ⟦020 7946 0018⟧ (office)
    ⟦555-0134⟧ fax
    電話 ⟦03-1234-5678⟧
    тел. ⟦8 (495) 123-45-67⟧
    dial ⟦0044 20 7946 0018⟧
    ⟦001-541-754-3010⟧
    Phone numbers: ⟦555-123-4567⟧, ⟦555-765-4321⟧ or ⟦555-765-4322⟧
    ⟦415.555.2671⟧ is my direct line
    Contact: ⟦020 7946 0991⟧
    hold of me on ⟦07911 123456⟧ after six
    whatsapp ⟦+55 11 91234-5678⟧
"""
NO_TELEPHONES = """
    020 7946 0018
    (555) 010-4477
    call on 2024-05-06 at 12:30
    phone meeting 06.05.2024
    tel aviv 2024
    call 4 times in 2023-2024
    call order 2024050710
    mobile ISBN 978-0-306-40615-7
    phone 3.14159265
    system call 123456789
    rpc call 987654321 failed
    call to backend took 5820467 us
    called 1234567 times
    portable 64 bit, 32 bit
    phone costs $1234567
    fax 100 000 000 bytes
    timezone +0200 and +02:00
    a+12345678
    @@ -1234,5678 +1234,5678 @@
    offset +1000000
    mobile: 12.5 GB
    0049 is a prefix
    cell id 1234567
"""
REGIONAL = """
    US: ⟦(212) 555-0123⟧ or ⟦212-555-0123⟧ or ⟦212.555.0123⟧ x
    US: ⟦212-555-0123x45⟧
    US: order 2024050710 sent, 123-45-6789012
    US: Apt. 212 555 0123
    US: 2125550123
    GB: ⟦020 7946 0018⟧
    GB: ⟦07400 123456⟧ and 2024 0506
    DE: ⟦030 901820⟧, ⟦(030) 901820⟧
    DE: 345 678 901
    FR: ⟦01 42 68 53 00⟧ or ⟦01.42.68.53.00⟧
    ES: ⟦612 34 56 78⟧
    IT: ⟦02 1234 5678⟧
    AU: ⟦(02) 9374 4000⟧ and ⟦0412 345 678⟧
    NL: ⟦020 624 1111⟧
    PL: ⟦22 695 70 00⟧
    IN: ⟦98765 43210⟧ or 9876543210
    US: 212-555-0123-4567
    US: 40.7128-74.0060
    FR: 2024 05 06 12 30
    GB: $020 7946 0018
    DE: ([0588880](https://git.example.org/tools/commit/0588880ff00)) mends it
    DE: 0.15.0 - 2015-11-26
    DE: 0.2.5 2020-06-01
    DE: 0.8.12-0.8.15
    DE: plus(976.54321) is 1
    DE: 100.00% (2835/2835)
    DE: tools (2.39.50.20221208-5) unstable; urgency=medium
    DE: at handler (704958573144)
    DE: 05-06 07:08:09.220  1697  1328 ActivityManager: slow
    DE: 2024-05-06 07:08:09 INFO rows 030 901820
    DE: 2024-05-06 07:08:09 INFO fax ⟦030 901820⟧
    DE: 2024-05-06 07:08:09 INFO from ⟦+49 30 901820⟧
"""
SOCIAL_SECURITY = """
    ⟦078-05-1120⟧
    SSN ⟦078 05 1120⟧
    ssn: ⟦078051120⟧
    social security number is ⟦219-09-9999⟧.
"""
NO_SOCIAL_SECURITY = """
    078051120
    078 05 1120
    000-12-3456, 666-12-3456, 900-12-3456
    123-00-4567, 123-45-0000
    1-078-05-1120
    078-05-1120-7
    license number 078-05-1120
"""
KINDS = {
    "card number": (CARDS, NO_CARDS),
    "e-mail address": (EMAILS, NO_EMAILS),
    "IBAN": (IBANS, NO_IBANS),
    "IP address": (ADDRESSES, NO_ADDRESSES),
    "telephone number": (TELEPHONES, NO_TELEPHONES),
    "social security number": (SOCIAL_SECURITY, NO_SOCIAL_SECURITY),
}


def lines(table: str) -> list[str]:
    """Return the lines of a table, without indentation."""
    return [line.strip().replace("Phone:\\n", "Phone:\n") for line in table.strip().splitlines()]


def marked(text: str, kind: str, region: str | None = None) -> str:
    """Return a text with marks around what is found of a kind, and of no other kind."""
    shown, end = "", 0
    for span in personal_data(text, region):
        left, right = ("⟦", "⟧") if span.kind == kind else (f"<{span.kind}: ", ">")
        shown += text[end : span.start] + left + span.text + right
        end = span.end
    return shown + text[end:]


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, line) for kind, tables in KINDS.items() for table in tables for line in lines(table)],
    ids=readable,
)
def test_what_is_personal_is_told_from_what_looks_like_it(kind: str, text: str) -> None:
    """Numbers of each kind are found in many forms, exactly; identifiers, times, versions, files are not."""
    assert marked(text.replace("⟦", "").replace("⟧", ""), kind) == text


@pytest.mark.parametrize("line", lines(REGIONAL), ids=readable)
def test_a_region_tells_national_telephone_numbers(line: str) -> None:
    """Without a word beside them, they need the form of the region."""
    region, _, text = line.partition(": ")
    assert marked(text.replace("⟦", "").replace("⟧", ""), "telephone number", region) == text


@given(st.text(max_size=300), st.sampled_from([None, "US", "DE"]))
def test_spans_are_in_the_text_and_do_not_overlap(text: str, region: str | None) -> None:
    """This holds for any text."""
    spans = personal_data(text, region)
    assert all(text[span.start : span.end] == span.text for span in spans)
    assert all(span.end <= following.start for span, following in pairwise(spans))


@given(st.text(alphabet="0123456789 .-:@/()+abx\\n", max_size=200), st.sampled_from([None, "US", "DE"]))
def test_texts_of_digits_and_separators_are_searched(text: str, region: str | None) -> None:
    """Whatever the row of digits, the search ends, and what it returns is in the text."""
    assert all(text[span.start : span.end] == span.text for span in personal_data(text, region))


@pytest.mark.parametrize(
    "part",
    [
        "1",
        "1 ",
        "12 ",
        "123-",
        "1.",
        ":",
        "a:",
        "(",
        "@",
        "a@",
        "a@b.",
        "DE89 ",
        "4111 1111 1111 1111 ",
        "call 12 ",
    ],
    ids=readable,
)
def test_a_long_text_of_one_part_takes_linear_time(part: str) -> None:
    """On such texts a careless pattern would backtrack for minutes, and recursion would be too deep."""
    text = part * (30_000 // len(part))
    assert len(personal_data(text, "US")) <= len(text)


def test_what_is_one_kind_is_no_other() -> None:
    """Check digits decide: a card or an IBAN is no telephone number, even after a word for these."""
    text = "phone card 4012 8888 8888 1881, tel DE89 3704 0044 0532 0130 00, call 81.2.69.160"
    assert [span.kind for span in personal_data(text, "US")] == ["card number", "IBAN", "IP address"]


@pytest.mark.parametrize("number", ["79927398713", "4012888888881882", "0000000000000000", "", "4" * 16])
def test_a_card_needs_an_issuer_a_length_and_a_check_digit(number: str) -> None:
    """A check digit alone is right for one number in ten."""
    assert not is_card(number)


def test_every_country_has_an_iban_of_its_structure() -> None:
    """Letters where the country has digits are refused, in spite of right check digits."""
    assert is_iban("MT84 MALT 0110 0001 2345 MTLC AST0 01S")
    assert is_iban("LC55 HEMM 0001 0001 0012 0012 0002 3015")
    assert not is_iban("QQ84 MALT 0110 0001 2345 MTLC AST0 01S")
    assert not is_iban("DE")


def test_a_region_is_a_country() -> None:
    """Anything else is refused with what is expected."""
    check_region("GB")
    with pytest.raises(errors.UsageError, match="region is 'gb'; expected an ISO 3166 country code"):
        check_region("gb")


def _with_check_digit(body: str) -> str:
    """Return a number with the check digit of cards."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in body[-1::-2]]
    return body + str(-(sum(doubled) + sum(map(int, body[-2::-2]))) % 10)


IDENTIFIERS = {
    "time in milliseconds": (1_000_000_000_000, 2_000_000_000_000, "served at {} ms"),
    "time in microseconds": (1_000_000_000_000_000, 2_000_000_000_000_000, "t={} GET /"),
    "migration": (20_000_101_000000, 20_291_231_235959, "apply {}_new_index.sql"),
    "snowflake": (10**17, 2 * 10**17, "post {}"),
    "order": (2 * 10**9, 3 * 10**9, "order {} was sent"),
    "tracking number": (4 * 10**15, 5 * 10**15, "tracking {}"),
    "JSON key": (4 * 10**15, 6 * 10**15, '{{"id": {}, "ok": true}}'),
    "fraction": (4 * 10**15, 6 * 10**15, "loss 0.{}"),
    "sector": (10**9, 10**10, "I/O error, dev sda, sector {}"),
    "bytes": (10**9, 10**10, "{} bytes sent"),
    "book": (9_780_000_000_000, 9_789_999_999_999, "ISBN {}"),
}


@pytest.mark.parametrize("kind", IDENTIFIERS)
@given(share=st.floats(0, 1), region=st.sampled_from([None, "US", "DE"]))
def test_no_identifier_is_personal_whatever_its_digits(kind: str, share: float, region: str | None) -> None:
    """Not even where its check digit is that of a card."""
    least, most, sentence = IDENTIFIERS[kind]
    number = str(int(least + share * (most - least)))
    for written in (number, _with_check_digit(number[:-1])):
        assert personal_data(sentence.format(written), region) == []


@given(st.uuids(), st.integers(0, 255), st.sampled_from([None, "US", "DE"]))
def test_no_uuid_version_or_local_address_is_personal(uuid: object, part: int, region: str | None) -> None:
    """Whatever their digits."""
    text = f"UUID {uuid}, section 4.{part}.2.1, v1.{part}.0.2, 127.0.0.{part}, 192.0.2.{part}, [::1]:{part}"
    assert personal_data(text, region) == []


@given(st.integers(10**14, 10**15 - 1), st.sampled_from(["", " ", "-", "."]))
def test_every_card_number_is_found_in_any_spacing(number: int, separator: str) -> None:
    """In one piece and in groups of four."""
    digits = _with_check_digit(f"4{number % 10**14:014d}")
    written = separator.join(digits[start : start + 4] for start in range(0, 16, 4))
    assert marked(f"card {written}", "card number") == f"card ⟦{written}⟧"


def test_numbers_of_a_text_in_which_most_are_no_cards_are_none() -> None:
    """One in forty has an issuer and a check digit by chance; a word beside one, or groups, tell it still."""
    others = [str(4_012_888_888_881_890 + 7 * number) for number in range(60)]
    assert 0 < sum(map(is_card, others)) < 15
    column = "\n".join(others)
    assert personal_data(column) == []
    named = "card 4012888888881881\n5105 1051 0510 5100"
    assert [span.text for span in personal_data(f"{column}\n{named}")] == [
        "4012888888881881",
        "5105 1051 0510 5100",
    ]
    cards = [_with_check_digit(number[:-1]) for number in others]
    assert [span.text for span in personal_data("\n".join(cards))] == cards


@given(st.integers(10**14, 10**15 - 1), st.sampled_from(NO_CARDS.strip().splitlines()[-11:]))
def test_no_line_of_a_log_has_a_card_by_chance(number: int, line: str) -> None:
    """A log of numbers that all have an issuer and a check digit has no card, unless a word says so."""
    digits = _with_check_digit(f"4{number % 10**14:014d}")
    line = line.strip().replace("4012888888881881", digits)
    log = "\n".join([line] * 3)
    assert personal_data(line) == personal_data(log) == []
    assert [span.text for span in personal_data(f"{log}\ncard {digits}")] == [digits]


@given(st.integers(0, 10**18 - 1), st.sampled_from(["", " ", "-", "\u00a0"]), st.booleans())
def test_every_iban_is_found_in_any_case_and_spacing(account: int, separator: str, lower: bool) -> None:
    """The check digits are those of ISO 13616."""
    check = 98 - int(f"{account:018d}131400") % 97
    iban = f"DE{check:02d}{account:018d}"
    written = separator.join(iban[start : start + 4] for start in range(0, 22, 4))
    written = written.lower() if lower else written
    assert marked(f"IBAN {written}", "IBAN") == f"IBAN ⟦{written}⟧"


@given(st.ip_addresses(v=6, network="2a00::/12"), st.ip_addresses(v=4, network="81.0.0.0/8"))
def test_every_address_of_a_host_is_found(six: IPv6Address, four: IPv4Address) -> None:
    """In the short and in the long form."""
    text = f"from {six.exploded}, client {four}"
    assert [span.kind for span in personal_data(text)] == ["IP address"] * 2
