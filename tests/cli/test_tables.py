"""Tables of texts, as programs of all kinds export them."""

import io
import json
import sys
from typing import NamedTuple

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.errors import UsageError
from langgraph_parallel.reading.tables import read_table
from tests.cli.office import xlsx
from tests.cli.support import write

GOOD = {"1": "Good, quiet", "2": "Late"}


def read(content: str | bytes, name: str = "f.csv", column: str | None = None) -> tuple[dict[str, str], str]:
    """Read a table, and return its texts and all remarks in one line."""
    write({name: content})
    table = read_table(name, column)
    return table.texts, "; ".join(remark.text for remark in table.remarks)


@pytest.mark.parametrize(
    "content",
    [
        'id,comment\n1,"Good, quiet"\n2,Late\n',
        "id;comment\n1;Good, quiet\n2;Late\n",
        "id;comment;stars\r\n1;Good, quiet;5\r\n2;Late;1\r\n",
        "id\tcomment\n1\tGood, quiet\n2\tLate",
        "id|comment\n1|Good, quiet\n2|Late\n",
        "id^comment\n1^Good, quiet\n2^Late\n",
        "\ufeffid;comment\n1;Good, quiet\n2;Late\n",
        "sep=;\nid;comment\n1;Good, quiet\n2;Late\n",
        '\ufeff"sep=#"\r\nid#comment\r\n1#Good, quiet\r\n2#Late\r\n',
        "SEP=\t\nid\tcomment\n1\tGood, quiet\n2\tLate\n",
        "id;comment\r1;Good, quiet\r2;Late\r",
        '"id";"comment"\n"1";"Good, quiet"\n"2";"Late"\n',
        "'id','comment'\n'1','Good, quiet'\n'2','Late'\n",
        'id, comment\n1, "Good, quiet"\n2, "Late"\n',
        "id;comment;\n1;Good, quiet;\n2;Late;\n",
        "\n\nid;comment\n\n1;Good, quiet\n;\n2;Late\n\n",
        "Comment;ID\nGood, quiet;1\nLate;2\n",
        "day;customer comment;comment date;Ticket No\n5;Good, quiet;2026-05-01;1\n6;Late;2026-05-02;2\n",
        "id;Kommentar;Note\n1;Good, quiet;2\n2;Late;5\n",
        "id;Отзыв\n1;Good, quiet\n2;Late\n",
        "commentId;commentText;commentLang\n1;Good, quiet;en\n2;Late;en\n",
        "id;stars;reviews;comment\n1;5;5;Good, quiet\n2;1;1;Late\n",
    ],
)
def test_the_dialect_and_the_columns_are_found(content: str) -> None:
    """Whatever separates fields and ends lines, texts are whole and called by their row's name."""
    assert read(content) == (GOOD, "")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_without_a_word(encoding: str) -> None:
    """UTF-8 and what has a byte order mark is certain."""
    assert read("id;comment\n1;Schön: 5 €\n".encode(encoding)) == ({"1": "Schön: 5 €"}, "")
    big_endian = b"\xfe\xff" + "id\tcomment\n1\tSchön\n".encode("utf-16-be")
    assert read(big_endian) == ({"1": "Schön"}, "")


@pytest.mark.parametrize(
    ("encoding", "text", "name"),
    [
        ("cp1252", "Größe passt nicht, leider 5 € zu teuer", "Windows-1252"),
        ("cp1252", "Très déçu, livré en retard à la forêt", "Windows-1252"),
        ("cp1250", "Bardzo dobry rower, szybka wysyłka, polecam każdemu", "Windows-1250"),
        ("cp1251", "Отличный велосипед, быстрая доставка", "Windows-1251"),
        ("koi8-r", "Отличный велосипед, быстрая доставка", "KOI8-R"),
        ("cp1253", "Πολύ καλό ποδήλατο, γρήγορη παράδοση", "Windows-1253"),
        ("cp932", "とても良い自転車です。配送も早かったです。", "Shift JIS"),
        ("gb18030", "自行车很好。送货很快。谢谢大家的帮助。", "GB 18030"),
        ("cp949", "자전거가 아주 좋아요. 배송도 빨랐습니다.", "EUC-KR"),
        ("utf-16-le", "Good bike, quick delivery", "UTF-16"),
    ],
)
def test_another_encoding_is_guessed_and_named(encoding: str, text: str, name: str) -> None:
    """A guess may be wrong, so it is said."""
    texts, remarks = read(f"id;comment\n1;{text}\n".encode(encoding))
    assert texts == {"1": text}
    assert f"is read as {name}" in remarks
    assert "a guess" in remarks


def test_a_fault_in_utf_8_does_not_make_it_another_encoding() -> None:
    """One broken byte leaves the rest as it is, and is counted."""
    good = "id;comment\n1;Größe für Übung, schöne Brücke über die Höhe, ähnlich öde, spät"
    texts, remarks = read(good.encode() + b"\xff")
    assert texts == {"1": good.rpartition(";")[2] + "\ufffd"}
    assert remarks == "is UTF-8 with faulty bytes, shown as \ufffd in 1 place"


class Odd(NamedTuple):
    """A table with rows that do not fit, and what is said of them."""

    content: str
    texts: dict[str, str]
    remark: str


@pytest.mark.parametrize(
    "odd",
    [
        Odd(
            "id,comment\n1,Good, quiet\n2,Late\n", GOOD, "row 1 (line 2) has more fields than the header (2)"
        ),
        Odd("comment,id\nGood, quiet,1\nLate,2\n", {"quiet": "Good, quiet", "2": "Late"}, "kept whole"),
        Odd("id,comment,by\n1,Good, quiet,Ann\n2,Late,Bo\n", GOOD, "kept whole"),
        Odd(
            "by,comment,stars\nAnn, Dr,Good,5\n",
            {"row 1": "Dr,Good"},
            "with all that may belong to it",
        ),
        Odd(
            "text\nGood, quiet\nLate\n",
            {"row 1": "Good, quiet", "row 2": "Late"},
            "more fields than the header (1)",
        ),
        Odd("id,comment,by\n1,Late\n", {"1": "Late"}, "row 1 (line 2) has fewer fields than the header (3)"),
        Odd(
            "id,comment\n1,a\n2,\n3, \n4,b\n",
            {"1": "a", "4": "b"},
            "2 rows (lines 3-4) have no text: left out",
        ),
        Odd('id,comment\n1,"Good" she said\n', {"1": '"Good" she said'}, "text beside quotes"),
        Odd('id\tcomment\n1\t"Good\n2\tLate\n', {"1": '"Good', "2": "Late"}, ""),
        Odd('id,comment\n1,"say \\"hi\\", they"\n', {"1": 'say "hi", they'}, ""),
        Odd(
            "id,text\nx,a\nx,b\n,c\n", {"x": "a", "row 2": "b", "row 3": "c"}, "row 2 (line 3) repeats a name"
        ),
        Odd("id,text\nrow 2,a\n,b\n", {"row 2": "a", "row 2 (2)": "b"}, ""),
        Odd("Made by us\n\nid,comment\n1,a\n2,b\n", {"1": "a", "2": "b"}, "line 1 (Made by us) comes before"),
        Odd("Made by:,2026\nid,comment,by\n1,a,x\n", {"1": "a"}, "comes before the header, and is not read"),
        Odd("Good bike!\nLate.\n", {"row 1": "Good bike!", "row 2": "Late."}, "it has no header"),
        Odd(
            "Stimmen\nGut\n",
            {"row 1": "Gut"},
            "its first row, 'Stimmen', is taken for the name of the column",
        ),
        Odd(
            "id,comment,review\n1,a,b\n",
            {"1": "a"},
            "from the column 'comment'; others could be meant: 'review'",
        ),
        Odd("id,text,text\n1,a,b\n", {"1": "a"}, "it has several columns 'text'"),
        Odd(
            "Day,Was war gut?,Sterne\n1,Das Rad fährt leise,5\n2,Alles war pünktlich,4\n",
            {"row 1": "Das Rad fährt leise", "row 2": "Alles war pünktlich"},
            "the texts are taken from the column 'Was war gut?'",
        ),
        Odd("text;a,b\nx;y,z\nc;d,e\n", {"row 1": "x", "row 2": "c"}, ""),
    ],
)
def test_what_does_not_fit_is_kept_and_said(odd: Odd) -> None:
    """A row that does not fit its header keeps its text whole, and a remark names it."""
    texts, remarks = read(odd.content)
    assert texts == odd.texts
    assert odd.remark in remarks
    assert bool(odd.remark) == bool(remarks)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it has no text"),
        (" \n\n", "it has no text"),
        (",,\n,,\n", "it has no rows"),
        ("id,comment\n", "it has no rows below its header"),
        ("1,Good bike\n2,Late\n", r"it has no header: its first row is data \(1 \| Good bike\)"),
        ("2026-01-02;ann@example.org;x\n2026-01-03;bo@example.org;y\n", "it has no header"),
        ("Ann,Good bike\nBo,Late again\n", "name one of Ann, Good bike with --column, or add a row"),
        (
            "Report\n\nNr;Entry\n1;a\n2;b\n",
            r"does not begin in the first line: line 1 \(Report\) comes before it",
        ),
        ('id,comment\n1,"Good\n2,Late\n', "a quote that is opened in line 2 is not closed"),
        ('id,comment\n1,Good\n2,"Late\n3,"x"\n', "a quote that is opened in line 3 is not closed"),
        ("one,two\n1,2\n", "name one of one, two with --column"),
        ("id,comment\n1,a\0b\n", "it is not text"),
        ("1,\x1b[2J a\n2,b\n", r"its first row is data \(1 \| \\x1b\[2J a\)"),
        ("\x1b[2J,b\n1,2\n", r"name one of \\x1b\[2J, b with --column"),
        (bytes(range(256)) * 20, "it is not text"),
    ],
)
def test_what_is_no_table_of_texts_is_said(content: str | bytes, message: str) -> None:
    """The error says what is missing, in words of people."""
    with pytest.raises(UsageError, match=message):
        read(content)


def test_a_column_can_be_named() -> None:
    """By its name in any case; a missing one is an error that lists those there are."""
    assert read("one,two\n1,2\n", column="two")[0] == {"row 1": "2"}
    assert read("Made by us\nOne,Two\n1,2\n", column=" two ")[0] == {"row 1": "2"}
    assert read("id|entry\n1|a b\n", name="f.txt", column="entry")[0] == {"1": "a b"}
    with pytest.raises(UsageError, match=r"f\.csv has no column 'three'; name one of one, two with --column"):
        read("one,two\n1,2\n", column="three")
    wide = ",".join(f"column {number}" for number in range(1000))
    with pytest.raises(UsageError, match="column 19 and 980 more with --column"):
        read(f"{wide}\n{wide}\n", column="x")


def test_two_readings_that_fit_as_well_are_said() -> None:
    """A table that could be separated by either is read by one, and a line `sep=` decides."""
    table = "a;b text,c\nx;y one,z\nu;v two,w\n"
    texts, remarks = read(table)
    assert texts == {"row 1": "x;y one", "row 2": "u;v two"}
    assert "is read as separated by commas, and could be by semicolons" in remarks
    assert read(f"sep=;\n{table}") == ({"row 1": "y one,z", "row 2": "v two,w"}, "")


def test_a_long_field_is_read() -> None:
    """The limit of the csv module is not ours; a table of one line of a megabyte is read in no time."""
    long = "word " * 200_000
    assert read(f"id,comment\n1,{long}\n2,b\n") == ({"1": long, "2": "b"}, "")
    assert read(f'id,comment\n1,"{long}"\n')[0] == {"1": long}
    with pytest.raises(UsageError, match="line 2 is not closed"):
        read(f'id,comment\n1,"{long}\n')


def test_other_text_has_one_text_per_line() -> None:
    """Only ends of lines end texts; text that begins with a header is a table, and that is said."""
    assert read("first\n\nsecond \u2028 line\r\nthird\n", name="f.txt") == (
        {"line 1": "first", "line 2": "second \u2028 line", "line 3": "third"},
        "",
    )
    assert read("Good, I comment\nLate, text\n", name="f.txt")[0] == {
        "line 1": "Good, I comment",
        "line 2": "Late, text",
    }
    texts, remarks = read("id\tcomment\n1\tGood, quiet\n2\tLate\n", name="f.txt")
    assert texts == GOOD
    assert remarks == "is read as a table separated by tabs, as its first line is a header"
    with pytest.raises(UsageError, match="JSON files are not read as tables; save it as CSV"):
        read('{"text": "a"}\n', name="f.jsonl")


def test_a_suffix_is_a_hint_only() -> None:
    """A .tsv file that is separated by semicolons is read, and said to be that."""
    texts, remarks = read("id;comment\n1;Good, quiet\n2;Late\n", name="f.tsv")
    assert texts == GOOD
    assert remarks == "is read as separated by semicolons, not by tabs"


def test_spreadsheets_are_read() -> None:
    """The first sheet with a column of texts is read, the others are named, and --sheet chooses."""
    book = xlsx(
        {
            "Totals": [["what", "sum"], ["all", 2]],
            "Answers": [
                ["Survey 2026"],
                [],
                ["ID", "Customer comment", "Stars"],
                [1, "Good, quiet", 5],
                [2, "Late", 1.5],
            ],
            "Old": [["comment"], ["Stale"]],
        },
        hidden=["Old"],
    )
    texts, remarks = read(book, name="f.xlsx")
    assert texts == GOOD
    assert "the sheet 'Answers' is read, and not 'Totals', 'Old' (hidden) (--sheet chooses)" in remarks
    assert "row 1 (Survey 2026) comes before the header" in remarks
    assert read(book, name="named like.csv")[0] == GOOD
    assert read_table("f.xlsx", None, "old").texts == {"row 1": "Stale"}
    assert read_table("f.xlsx", "Stars", "Answers").texts == {"1": "5", "2": "1.5"}
    with pytest.raises(UsageError, match="has no sheet 'New'; name one of Totals, Answers, Old with --sheet"):
        read_table("f.xlsx", None, "New")
    with pytest.raises(UsageError, match="its sheets are empty"):
        read(xlsx({"A": []}), name="f.xlsx")
    write({"f.csv": "text\na\n"})
    with pytest.raises(UsageError, match="it is not a spreadsheet, and has no sheets; leave out --sheet"):
        read_table("f.csv", None, "A")


def test_feedback_reads_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes from a pipe are decoded as those of a file; what is guessed is said even with --quiet."""
    data = "id;comment\n1;Schöne Brücke, gern\n2;Terrible\n".encode("cp1252")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["feedback", "-", "--offline", "--quiet", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert [row["item"] for row in json.loads(out)["rows"]] == ["1", "2"]
    assert err.splitlines() == [
        "note: standard input: is read as Windows-1252 (Western European) (Schöne), a guess, as it is not "
        "UTF-8; if wrong, save it as UTF-8",
        "note: standard input: is read as a table separated by semicolons, as its first line is a header",
    ]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert run(["feedback", "-"]) == 2
    assert (
        capsys.readouterr().err == "langgraph-parallel: error: cannot read standard input: it has no text\n"
    )
