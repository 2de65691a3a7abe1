"""Messages between this process and a decoding worker: safetensors, each preceded by its length.

Reading a message runs no code and allocates at most its limit, because a hostile file may control the worker.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, replace
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from core.errors import ScanError
from core.scans.scan import Piece, Plane, Refused, pack_plane

MAX_MESSAGE_BYTES = 32_000_000
# Pixels are sent in parts, so that neither process holds a large picture three times.
PART_PIXELS = 2_000_000
# 100 million float32 pixels, the most that any format allows.
MAX_ANSWER_BYTES = 400_000_000
# Errors while reading from a worker that ended or sends invalid data.
UNREADABLE = (OSError, EOFError, ValueError, LookupError, TypeError, RecursionError, SafetensorError)

_LENGTH = struct.Struct(">Q")
_NOTHING = np.empty(0, np.float32)
_PIXELS = (np.dtype(np.float32), np.dtype(np.int16))


def write_message(stream: IO[bytes], head: dict[str, Any], values: np.ndarray = _NOTHING) -> None:
    """Write a JSON-serialisable head and an array of values."""
    text = np.frombuffer(json.dumps(head, allow_nan=False).encode("ascii"), np.uint8)
    message = save({"head": text, "values": values})
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], np.ndarray]:
    """Read a message as (head, values).

    Raises:
        EOFError: the stream ended.
        ValueError, KeyError, RecursionError, SafetensorError: the data is not a message.
    """
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if length > MAX_MESSAGE_BYTES:
        raise ValueError("a message is too long")
    parts = load(_read(stream, length))
    head = json.loads(parts["head"].tobytes())
    if not isinstance(head, dict):
        raise ValueError("the head of a message is not an object")
    return head, parts["values"]


def write_outcome(stream: IO[bytes], source: str, outcome: Piece | ScanError) -> None:
    """Write the outcome of one file: a refusal, or a piece followed by the pixels of every plane."""
    if isinstance(outcome, ScanError):
        texts = {name: getattr(outcome, name) for name in ("problem", "found", "remedy", "code", "role")}
        write_message(stream, {"kind": "refused", "source": source, **texts})
        return
    numbers = []
    for plane in outcome.planes:
        fields = asdict(replace(plane, pixels=_NOTHING))
        del fields["pixels"]
        numbers.append({**fields, "shape": plane.pixels.shape})
    piece = asdict(replace(outcome, planes=()))
    del piece["planes"]
    write_message(stream, {"kind": "piece", "piece": piece, "planes": numbers})
    for plane in outcome.planes:
        # Packed one by one, because a second copy of all planes would not fit into memory.
        plane = pack_plane(plane) if outcome.kind == "dicom" and outcome.unit == "hu" else plane
        values = np.ascontiguousarray(plane.pixels).reshape(-1)
        for start in range(0, len(values), PART_PIXELS):
            write_message(stream, {}, values[start : start + PART_PIXELS])


def read_outcome(stream: IO[bytes], head: dict[str, Any]) -> Piece | Refused:
    """Read an outcome from `write_outcome`, given the head of its first message.

    Raises:
        Exception: one of UNREADABLE.
    """
    if head["kind"] == "refused":
        error = ScanError(head["problem"], found=head["found"], remedy=head["remedy"], code=head["code"])
        error.role = head["role"]
        return Refused(head["source"], error)
    planes = []
    n_bytes_left = MAX_ANSWER_BYTES
    for numbers in head["planes"]:
        height, width = numbers.pop("shape")
        n_bytes_left -= height * width * 4
        if min(height, width) < 1 or n_bytes_left < 0:
            raise ValueError("a plane is empty or the answer is too large")
        pixels = _read_pixels(stream, height * width).reshape(height, width)
        planes.append(Plane(pixels=pixels, **_freeze(numbers)))
    return Piece(**_freeze(head["piece"]), planes=tuple(planes))


def _freeze(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _read_pixels(stream: IO[bytes], n_pixels: int) -> np.ndarray:
    """Read (n_pixels,) float32 or int16 as written by `write_outcome`."""
    whole = np.empty(0)
    for start in range(0, n_pixels, PART_PIXELS):
        part = read_message(stream)[1]
        if part.dtype not in _PIXELS or part.shape != (min(PART_PIXELS, n_pixels - start),):
            raise ValueError("a part has the wrong type or number of pixels")
        if len(part) == n_pixels:
            return part
        if start == 0:
            whole = np.empty(n_pixels, part.dtype)
        whole[start : start + len(part)] = part
    return whole


def _read(stream: IO[bytes], n_bytes: int) -> bytes:
    data = stream.read(n_bytes)
    if len(data) < n_bytes:
        raise EOFError
    return data
