"""The cache of answers as a file: bounded, private, and shared by threads and processes."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from langgraph_parallel import AnswerCache, errors
from langgraph_parallel.runtime.answer_setting import NO_CACHE, as_cache, cache_of_environment

KIB = 1024
ANSWER = "x" * 2000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a cache may be made."""
    return tmp_path / "folder" / "answers.sqlite"


def rights(path: Path) -> int:
    """Return the rights to a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_put_is_there_for_others(file: Path) -> None:
    """A second cache of the same file finds it; it is replaced by what is put again."""
    one, two = AnswerCache(file), AnswerCache(file)
    one.put({"a": "1", "b": "2"})
    two.put({"a": "3"})
    assert [one.get(key) for key in "abc"] == ["3", "2", None]
    assert one.count().answers == 2
    one.close()
    two.close()
    assert AnswerCache(file).get("b") == "2"


async def test_it_is_the_same_for_async_code(file: Path) -> None:
    """The two faces read and write the same file."""
    cache = AnswerCache(file)
    await cache.aput({"a": "1"})
    assert (await cache.aget("a"), cache.get("a"), await cache.aget("b")) == ("1", "1", None)


def test_only_its_owner_can_read_it(file: Path) -> None:
    """Whatever the umask is, and also what SQLite adds beside it."""
    before = os.umask(0)
    try:
        cache = AnswerCache(file)
        cache.put({"a": "1"})
        assert {rights(path) for path in file.parent.iterdir()} == {0o600}
        assert len(list(file.parent.iterdir())) == 3
        assert rights(file.parent) == 0o700
    finally:
        os.umask(before)


def test_rights_that_others_have_are_taken_from_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file, and in the default place from its folder, too; not from a folder of the caller's."""
    AnswerCache(file).put({"a": "1"})
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert AnswerCache(file).get("a") == "1"
    assert (rights(file), rights(file.parent)) == (0o600, 0o755)

    monkeypatch.setenv("XDG_CACHE_HOME", str(file.parent))
    folder = file.parent / "langgraph-parallel"
    folder.mkdir(mode=0o755)
    cache = AnswerCache()
    cache.put({"a": "1"})
    assert cache.path == folder / "answers.sqlite"
    assert rights(folder) == 0o700


def test_a_link_is_refused(file: Path, tmp_path: Path) -> None:
    """It could lead to a file of others."""
    AnswerCache(file).put({"a": "1"})
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    with pytest.raises(PermissionError, match="is a link or no file; name the file itself"):
        AnswerCache(link).get("a")


def test_a_folder_that_everybody_can_write_to_is_refused(tmp_path: Path) -> None:
    """There, another user could put a file in place of one of ours."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)
    with pytest.raises(PermissionError, match="name a file in a folder of your own"):
        AnswerCache(folder / "a.sqlite").get("a")
    assert not list(folder.iterdir())


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers are theirs."""
    AnswerCache(file).put({"a": "1"})
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)
    with pytest.raises(PermissionError, match="belongs to another user"):
        AnswerCache(file).get("a")


@pytest.mark.parametrize(
    "content", [b"a text, and no database " * 100, b"SQLite format 3\0" + b"\xff" * 4000, b"\0" * 5000]
)
def test_a_file_of_something_else_stays_as_it_is(file: Path, content: bytes) -> None:
    """It is not overwritten, whatever it is."""
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(0o644)
    with pytest.raises(sqlite3.DatabaseError):
        AnswerCache(file).put({"a": "1"})
    assert file.read_bytes() == content
    assert rights(file) == 0o644


def test_a_database_of_something_else_stays_as_it_is(file: Path) -> None:
    """No table is added to it, and its mode is not changed."""
    file.parent.mkdir()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE mine (a)")
    database.close()
    before = file.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match="is a database of something else; name another file"):
        AnswerCache(file).put({"a": "1"})
    assert file.read_bytes() == before


def test_a_file_of_a_newer_version_is_refused(file: Path) -> None:
    """What its answers mean is not known here."""
    cache = AnswerCache(file)
    cache.put({"a": "1"})
    cache.close()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(sqlite3.DatabaseError, match="newer version"):
        AnswerCache(file).get("a")


def test_it_is_bounded_and_keeps_what_is_used(file: Path) -> None:
    """The answers that were not used for the longest time go first; the file stays below its bound."""
    cache = AnswerCache(file, most_bytes=512 * KIB)
    cache.put({"used": "1"})
    for number in range(600):
        cache.put({f"{number:04}": ANSWER})
        assert cache.get("used") == "1"
        assert file.stat().st_size <= 512 * KIB
    kept = [number for number in range(600) if cache.get(f"{number:04}")]
    assert kept == list(range(kept[0], 600))
    assert len(kept) * len(ANSWER) > 256 * KIB
    assert cache.count().answers == len(kept) + 1


def test_many_answers_at_once_and_one_too_large_are_bounded_too(file: Path) -> None:
    """One that leaves no room for others is not kept."""
    cache = AnswerCache(file, most_bytes=512 * KIB)
    cache.put({f"{number:04}": ANSWER for number in range(50)})
    cache.put({"large": "x" * 400 * KIB})
    assert cache.get("large") is None
    assert cache.count().answers == 50
    cache.put({f"more {number:04}": ANSWER for number in range(1000)})
    assert file.stat().st_size <= 512 * KIB
    cache.put({"after": "1"})
    assert cache.get("after") == "1"


@pytest.mark.parametrize("size", [10, 1600, 2150, 3000, 4300, 30_000])
def test_the_smallest_bound_evicts(size: int, file: Path) -> None:
    """Whatever part of their pages answers fill: the newest is kept, and the log is bounded, too."""
    cache = AnswerCache(file, most_bytes=256 * KIB)
    log = file.with_name(f"{file.name}-wal")
    for number in range(300):
        cache.put({f"{number}": "x" * size})
        assert cache.get(f"{number}") is not None
        assert file.stat().st_size <= 256 * KIB
        assert log.stat().st_size <= 256 * KIB
    assert cache.count().bytes > 64 * KIB


def test_what_leaves_no_room_is_counted(file: Path) -> None:
    """Of answers that were put or read since a moment, and of those that are too large."""
    cache = AnswerCache(file, most_bytes=256 * KIB)
    cache.put({f"{number}": ANSWER for number in range(20)})
    assert cache.dropped(0) == 0
    cache.put({"large": "x" * 400 * KIB})
    assert cache.dropped(0) == 1
    moment = time.time()
    for number in range(200):
        cache.put({f"later {number}": ANSWER})
    kept = cache.count().answers
    assert cache.dropped(0) == 1 + 220 - kept
    assert cache.dropped(moment) == 200 - kept
    assert AnswerCache(file).dropped(0) == 0


def test_a_full_bound_is_no_full_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing makes room, the error names the bound."""
    monkeypatch.setattr("langgraph_parallel.runtime.answer_file._evict", lambda *_: [])
    cache = AnswerCache(file, most_bytes=256 * KIB)
    with pytest.raises(sqlite3.OperationalError, match="its bound of 256 KiB is reached; raise most_bytes"):
        _put_many(cache)


def _put_many(cache: AnswerCache) -> None:
    for number in range(400):
        cache.put({f"{number}": ANSWER})


def test_a_lower_bound_shrinks_the_file(file: Path) -> None:
    """Once something is written to it."""
    large = AnswerCache(file, most_bytes=4096 * KIB)
    large.put({f"{number:04}": ANSWER for number in range(1000)})
    large.close()
    small = AnswerCache(file, most_bytes=512 * KIB)
    small.put({"a": "1"})
    assert small.get("a") == "1"
    assert small.count().bytes <= 512 * KIB
    small.close()
    assert file.stat().st_size <= 512 * KIB


def test_clearing_it_frees_the_disk(file: Path) -> None:
    """All answers go, and the file with them becomes small."""
    cache = AnswerCache(file)
    cache.put({f"{number:04}": ANSWER for number in range(500)})
    cache.clear()
    cache.close()
    assert AnswerCache(file).count() == (0, 0)
    assert file.stat().st_size < 64 * KIB


def test_old_answers_are_not_given(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `max_age` seconds an answer is missing, and is deleted when the file is opened."""
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    cache = AnswerCache(file, max_age=60)
    cache.put({"a": "1"})
    now[0] += 59
    assert cache.get("a") == "1"
    now[0] += 2
    assert cache.get("a") is None
    assert AnswerCache(file).get("a") == "1"
    assert AnswerCache(file, max_age=60).count().answers == 0


@pytest.mark.parametrize(
    ("options", "words"), [({"most_bytes": 10}, "at least"), ({"max_age": 0}, "more than")]
)
def test_numbers_out_of_range_are_refused(options: dict[str, int], words: str) -> None:
    """Before anything is opened."""
    with pytest.raises(errors.UsageError, match=words):
        AnswerCache("a.sqlite", **options)


def test_threads_share_it(file: Path) -> None:
    """All that eight threads put at the same time is there, and each reads what it has put."""
    cache, lost = AnswerCache(file), list[str]()

    def work(thread: int) -> None:
        for number in range(25):
            cache.put({f"{thread}/{number}": "1"})
            if cache.get(f"{thread}/{number}") is None:
                lost.append(f"{thread}/{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost
    assert cache.count().answers == 200


def _fill(path: str, name: str, begin: "threading.Barrier") -> None:
    begin.wait()
    cache = AnswerCache(path)
    for number in range(100):
        cache.put({f"{name}/{number}": ANSWER})


def test_processes_share_it_from_the_moment_that_it_is_made(file: Path) -> None:
    """Three processes make it at the same time, and no answer is lost."""
    context = multiprocessing.get_context("fork")
    begin = context.Barrier(3)
    processes = [context.Process(target=_fill, args=(str(file), str(number), begin)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert AnswerCache(file).count().answers == 300


def test_a_forked_process_opens_it_anew(file: Path) -> None:
    """A cache that was used before the fork works in both processes."""
    cache = AnswerCache(file)
    cache.put({"before": "1"})
    child = os.fork()
    if child == 0:  # pragma: no cover - in the other process
        cache.put({"child": cache.get("before") or ""})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    cache.put({"parent": "1"})
    assert [cache.get(key) for key in ("before", "child", "parent")] == ["1", "1", "1"]


_WRITING = """
import sys
from langgraph_parallel.runtime.answer_cache import AnswerCache
cache = AnswerCache(sys.argv[1], most_bytes=1024 * 1024)
for number in range(100_000):
    cache.put({f"{number}": "x" * 3000})
    print(number, flush=True)
"""


def test_a_process_that_is_killed_loses_nothing_that_was_kept(file: Path) -> None:
    """Whatever it was doing: what it said was kept last is there, and the file is sound."""
    for lines in (1, 40, 333):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITING, str(file)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            last = [process.stdout.readline() for _ in range(lines)][-1].strip()
            process.send_signal(signal.SIGKILL)
        cache = AnswerCache(file, most_bytes=KIB * KIB)
        assert cache.get(last) == "x" * 3000
        assert cache.count().answers > 0
        cache.close()
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert (
                database.execute("SELECT SUM(size) FROM answers").fetchone()
                == database.execute("SELECT bytes FROM sums").fetchone()
            )
        database.close()


async def test_a_reader_waits_for_no_writer(file: Path) -> None:
    """A process that holds the lock of writers delays no read."""
    cache = AnswerCache(file)
    cache.put({"a": "1"})
    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await asyncio.wait_for(cache.aget("a"), 60) == "1"
        other.execute("ROLLBACK")
    other.close()


def test_settings_name_a_cache(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """True, a path, and the same as text in the environment; graphs that name the same file share it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert as_cache(None) is None
    assert as_cache(False) is NO_CACHE
    assert as_cache(str(file)) is as_cache(file)
    default = tmp_path / "langgraph-parallel" / "answers.sqlite"
    assert AnswerCache().path == default
    for text, path in {"true": AnswerCache, "1": AnswerCache, " On ": AnswerCache, str(file): None}.items():
        monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", text)
        found = cache_of_environment()
        assert isinstance(found, AnswerCache)
        assert path is not None or found.path == file
    for text in ("", "false", "no", "0", "off", "OFF"):
        monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", text)
        assert cache_of_environment() is None


@pytest.mark.parametrize("word", ["none", "disabled", "yess", "answers"])
def test_a_word_alone_names_no_file(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the environment nor in Python: it is rather a switch that does not exist."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_CACHE", word)
    with pytest.raises(errors.UsageError, match=f"='{word}': write on, off, or a file as a path: ./{word}"):
        cache_of_environment()
    for text in (word, "yes"):
        with pytest.raises(errors.UsageError, match=f"'{text}'; write True, False, or a file as a path"):
            as_cache(text)
    assert as_cache(Path(word)) is as_cache(f"./{word}") is as_cache(f"{Path.cwd()}/{word}")


@pytest.mark.parametrize("wrong", [5, "", object(), ["a"]])
def test_what_names_no_cache_is_refused(wrong: object) -> None:
    """The error says what is expected."""
    with pytest.raises(errors.UsageError, match="expected True, False, a file, an AnswerCache"):
        as_cache(wrong)  # type: ignore[arg-type]
