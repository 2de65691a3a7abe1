"""The process in which files are decoded, under a limit of memory: `python -m core.scans.worker LIMIT`.

It reads requests from standard input and answers on standard output (see core.scans.isolation), until its
input ends, which it does when the program that started it ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from core.scans.decoding import decode_all
from core.scans.isolation import describe, read_head, read_into, write_message


def main(memory_limit: int) -> None:
    """Answer until the input ends; decoding may take `memory_limit` bytes beside what is loaded now."""
    # Decoders print on standard output: it is led away, and only this program writes to the pipe.
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    _limit_memory(memory_limit)
    while True:
        try:
            head = read_head(sys.stdin.buffer)
        except EOFError:
            return
        data = bytearray(head["sizes"][0])
        read_into(sys.stdin.buffer, memoryview(data))
        _answer(bytes(data), head, answers)
        write_message(answers, {"kind": "end"}, [])


def _answer(data: bytes, head: dict[str, Any], answers: BinaryIO) -> None:
    for source, outcome in decode_all(
        data, head["source"], key=bytes.fromhex(head["key"]), skip=head["skip"]
    ):
        if outcome is None:
            write_message(answers, {"kind": "begin", "source": source}, [])
        else:
            message, parts = describe(source, outcome)
            write_message(answers, message, parts)


def _limit_memory(n_bytes: int) -> None:
    """Let this process grow by so much, where the system can be told (not on Windows, nor well on macOS)."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + n_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
