"""The worker process that decodes files within limits: `python -m core.scans.worker BYTES SECONDS`.

It reads requests from standard input and answers on standard output (see core.scans.messages). It ends when
its input ends, at the latest with the program that started it.
"""

from __future__ import annotations

import os
import sys
from typing import IO, Any

from core.scans.decoding import decode_all
from core.scans.messages import read_message, write_message, write_outcome


def main(memory_limit: int, cpu_limit: int) -> None:
    """Answer requests until the input ends.

    Args:
        memory_limit: most memory of this process in bytes, libraries included.
        cpu_limit: most processor time for each file in seconds.
    """
    # Decoders may print to standard output, so it is redirected and only this module writes to the pipe.
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
    """Limit the memory of this process; on Linux only."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: int) -> None:
    """End this process (SIGXCPU) after this much more processor time; not on Windows."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, resource.RLIM_INFINITY)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
