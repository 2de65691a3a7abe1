"""The process in which files are decoded, within limits: `python -m core.scans.worker BYTES SECONDS`.

It reads requests from standard input and answers on standard output (see core.scans.messages), until its
input ends, which it does when the program that started it ends.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any

from core.scans.decoding import decode_all
from core.scans.messages import read_message, write_message, write_outcome


def main(memory_limit: int, cpu_limit: int) -> None:
    """Answer until the input ends.

    Args:
        memory_limit: bytes that this process may take, libraries included.
        cpu_limit: seconds of the processor that each file may take.
    """
    # Decoders print on standard output: it is led away, and only this program writes to the pipe.
    answers = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    _limit_memory(memory_limit)
    while True:
        try:
            head, _ = read_message(sys.stdin.buffer)
        except EOFError:
            return
        _answer(sys.stdin.buffer.read(head["n_bytes"]), head, answers, cpu_limit)
        write_message(answers, {"kind": "end"})


def _answer(data: bytes, head: dict[str, Any], answers: IO[bytes], cpu_limit: int) -> None:
    for source, outcome in decode_all(
        data, head["source"], key=bytes.fromhex(head["key"]), skip=head["skip"]
    ):
        if outcome is None:
            _limit_time(cpu_limit)
            write_message(answers, {"kind": "begin", "source": source})
        else:
            write_outcome(answers, source, outcome)


def _limit_memory(n_bytes: int) -> None:
    """Let this process grow so far, where the system can be told (not on Windows, nor well on macOS)."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """End this process (SIGXCPU) when it computes for so long from now on, where the system can be told."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, resource.RLIM_INFINITY)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
