"""Messages between processes arrive as sent, and invalid data raises a known error."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from core.errors import ScanError
from core.scans import decoding, messages
from core.scans.messages import read_message, read_outcome, write_message, write_outcome
from tests.scan_files import write_dicom


def _write(*messages: tuple[dict[str, Any], np.ndarray]) -> bytes:
    stream = io.BytesIO()
    for head, values in messages:
        write_message(stream, head, values)
    return stream.getvalue()


def _wrap(message: bytes) -> bytes:
    return struct.pack(">Q", len(message)) + message


_NONE = np.empty(0, np.float32)
_PLANE = {"kind": "piece", "piece": {}, "planes": [{"shape": [2, 3]}]}
NONSENSE = {
    "noise": b"\xff" * 64,
    "nothing": b"",
    "too long": struct.pack(">Q", messages.MAX_MESSAGE_BYTES + 1) + bytes(100),
    "cut off": _write(({"kind": "end"}, _NONE))[:-1],
    "no safetensors": _wrap(b'{"kind": "end"}'),
    "no head": _wrap(save({"values": _NONE})),
    "no JSON": _wrap(save({"head": np.frombuffer(b"end", np.uint8), "values": _NONE})),
    "no object": _wrap(save({"head": np.frombuffer(b"[]", np.uint8), "values": _NONE})),
    "deep": _wrap(save({"head": np.frombuffer(b"[" * 100_000, np.uint8), "values": _NONE})),
    "no kind": _write(({}, _NONE)),
    "no piece": _write(({"kind": "piece"}, _NONE)),
    "foreign fields": _write((_PLANE, _NONE), ({}, np.zeros(6, np.float32))),
    "few pixels": _write((_PLANE, _NONE), ({}, np.zeros(5, np.float32))),
    "foreign pixels": _write((_PLANE, _NONE), ({}, np.zeros(6, np.float64))),
    "empty plane": _write(({**_PLANE, "planes": [{"shape": [0, 3]}]}, _NONE)),
    "odd shape": _write(({**_PLANE, "planes": [{"shape": "ab"}]}, _NONE)),
}


def test_answers_survive_the_pipe() -> None:
    """A piece and a refusal are the same after writing and reading."""
    piece = decoding.decode_file(write_dicom(z=3), "a")
    error = ScanError("Wrong", found="this", remedy="that", code="truncated")
    stream = io.BytesIO()
    for outcome in (piece, error):
        write_outcome(stream, "a", outcome)
    stream.seek(0)
    again = read_outcome(stream, read_message(stream)[0])
    np.testing.assert_array_equal(piece.planes[0].pixels, again.planes[0].pixels)
    assert (piece.sha256, piece.patient, piece.planes[0].corner_mm, piece.window) == (
        again.sha256, again.patient, again.planes[0].corner_mm, again.window
    )  # fmt: skip
    refused = read_outcome(stream, read_message(stream)[0])
    assert ("truncated", str(error)) == (refused.error.code, str(refused.error))


@pytest.mark.parametrize("part", [1000, 4096, 5000])
def test_large_planes_come_in_parts(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """A plane sent in any number of parts has the same pixels; integer values are sent as int16."""
    monkeypatch.setattr(messages, "PART_PIXELS", part)
    piece = decoding.decode_file(write_dicom(), "a")
    stream = io.BytesIO()
    write_outcome(stream, "a", piece)
    stream.seek(0)
    (plane,) = read_outcome(stream, read_message(stream)[0]).planes
    assert np.dtype(np.int16) == plane.pixels.dtype
    np.testing.assert_array_equal(piece.planes[0].pixels, plane.pixels)
    assert b"" == stream.read()


def test_a_changed_byte_raises_only_known_errors() -> None:
    """A message with any one byte changed is read, or raises one of the errors that end a worker."""
    message = _write(({"kind": "piece"}, np.arange(4, dtype=np.float32)))
    outcomes = set()
    for place in range(len(message)):
        changed = bytearray(message)
        changed[place] ^= 0x15
        try:
            read_message(io.BytesIO(changed))
            outcomes.add("read")
        except messages.UNREADABLE as error:
            outcomes.add(type(error).__name__)
    assert {"read", "EOFError", "SafetensorError"} <= outcomes


def test_a_message_beyond_its_limit_is_not_read() -> None:
    """A message that is too long is refused from its length; nothing more is read from the pipe."""
    stream = io.BytesIO(NONSENSE["too long"])
    with pytest.raises(ValueError, match="too long"):
        read_message(stream)
    assert 8 == stream.tell()
