"""One worker process, as its parent sees it: started, heard, marked, ended."""

import asyncio
import codecs
import contextlib
import json
import socket
import sys
import tempfile
from collections import deque
from typing import Self

from langgraph_parallel.scale.line.marks import Marks
from langgraph_parallel.scale.line.threaded import Address

WORKER = "langgraph_parallel.scale.worker"
_COMMAND = (sys.executable, "-P", "-m", WORKER)
_TAIL = 15
"""Lines of its output that are kept, for the error that its end may be."""
_MOST_OF_A_LINE = 8_192
"""Characters after which output without line ends is passed on."""


class Child:
    """A worker process."""

    def __init__(self, process: asyncio.subprocess.Process, marks: Marks) -> None:
        self.name = f"{socket.gethostname()}:{process.pid}"
        """As it calls itself on the line."""
        self._process = process
        self._marks = marks
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._ended = asyncio.create_task(self._follow())

    @classmethod
    async def start(cls, address: Address, siblings: int) -> Self:
        """Start a process that connects to a coordinator.

        It is in a process group of its own, so that an interrupt from a terminal reaches the parent alone.

        Args:
            address: of the coordinator.
            siblings: number of workers, itself included.

        Raises:
            OSError: the machine has no room for it.
        """
        with tempfile.TemporaryFile() as file:
            marks = Marks(file.fileno())
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[file.fileno()],
                process_group=0,
            )
            child = cls(process, marks)
            greeting = {
                "address": address,
                "worker": child.name,
                "siblings": siblings,
                "path": sys.path,
                "marks": file.fileno(),
            }
        assert process.stdin is not None
        process.stdin.write(json.dumps(greeting).encode() + b"\n")
        return child

    @property
    def running(self) -> list[tuple[int, int]]:
        """Part and place of the rows that it runs, or ran when it died."""
        return self._marks.running()

    async def end(self, timeout: float | None = None) -> str:
        """Wait until it has ended; return how, in words.

        Args:
            timeout: seconds after which it is killed; None to wait as long as it takes.
        """
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._ended)
        except TimeoutError:
            self.kill()
            await self._ended
        code = self._process.returncode
        assert code is not None
        if code < 0:
            hint = ", perhaps by the system for lack of memory" if code == -9 else ""
            return f"worker {self.name} was killed by signal {-code}{hint}"
        return f"worker {self.name} has ended with status {code}"

    @property
    def failed(self) -> bool:
        """Whether it has ended by itself with an error, and was not killed."""
        return (self._process.returncode or 0) > 0

    @property
    def tail(self) -> str:
        """The last lines of its output."""
        return "\n".join(self._tail)

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.kill()

    def close(self) -> None:
        """Let go of its marks, once it has ended and they were read."""
        self._marks.close()

    async def _follow(self) -> None:
        """Pass its output on, line by line, until it ends."""
        output = self._process.stdout
        assert output is not None
        reading = asyncio.create_task(self._pass_on(output))
        await self._process.wait()
        await asyncio.wait([reading], timeout=1)  # a process that it started may hold the pipe open
        reading.cancel()

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        decoder, rest = codecs.getincrementaldecoder("utf-8")("backslashreplace"), ""
        while data := await output.read(65_536):
            *lines, rest = (rest + decoder.decode(data)).split("\n")
            if len(rest) > _MOST_OF_A_LINE:
                lines.append(rest)
                rest = ""
            self._show(lines)
        if rest:
            self._show([rest])

    def _show(self, lines: list[str]) -> None:
        self._tail.extend(lines)
        if lines and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it, which is no reason to stop
                print(*lines, sep="\n", file=sys.stderr, flush=True)
