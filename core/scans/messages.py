"""The messages between this process and the one that decodes: safetensors, each after its length.

Reading one runs no code and takes no more memory than its limit: the other side may have been taken over by a
hostile file.
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
# Pixels are sent in parts, so that neither process holds a large picture thrice.
PART_PIXELS = 2_000_000
# 100 million pixels: no kind of file may hold more.
MAX_ANSWER_BYTES = 400_000_000
# What reading an answer may raise, of a worker that ended or sends nonsense.
UNREADABLE = (OSError, EOFError, ValueError, LookupError, TypeError, RecursionError, SafetensorError)

_LENGTH = struct.Struct(">Q")
_NOTHING = np.empty(0, np.float32)
_PIXELS = (np.dtype(np.float32), np.dtype(np.int16))


def write_message(stream: IO[bytes], head: dict[str, Any], values: np.ndarray = _NOTHING) -> None:
    """Write a head, which JSON must be able to hold, and values."""
    text = np.frombuffer(json.dumps(head, allow_nan=False).encode("ascii"), np.uint8)
    message = save({"head": text, "values": values})
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[dict[str, Any], np.ndarray]:
    """Read a message: its head and its values.

    Raises:
        EOFError: the stream ended.
        ValueError, KeyError, RecursionError, SafetensorError: this is no message.
    """
    (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if length > MAX_MESSAGE_BYTES:
        raise ValueError("a message is too long")
    parts = load(_read(stream, length))
    head = json.loads(parts["head"].tobytes())
    if not isinstance(head, dict):
        raise ValueError("this is no message")
    return head, parts["values"]


def write_outcome(stream: IO[bytes], source: str, outcome: Piece | ScanError) -> None:
    """Write what came of a file: a refusal, or a piece and after it the pixels of every plane."""
    if isinstance(outcome, ScanError):
        texts = {name: getattr(outcome, name) for name in ("problem", "found", "remedy", "code")}
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
        # One by one: all planes packed beside all as they were decoded would not fit.
        plane = pack_plane(plane) if outcome.kind == "dicom" and outcome.unit == "hu" else plane
        values = np.ascontiguousarray(plane.pixels).reshape(-1)
        for start in range(0, len(values), PART_PIXELS):
            write_message(stream, {}, values[start : start + PART_PIXELS])


def read_outcome(stream: IO[bytes], head: dict[str, Any]) -> Piece | Refused:
    """Read what `write_outcome` wrote; `head` is of its first message. Raises what UNREADABLE lists."""
    if head["kind"] == "refused":
        error = ScanError(head["problem"], found=head["found"], remedy=head["remedy"], code=head["code"])
        return Refused(head["source"], error)
    planes = []
    left = MAX_ANSWER_BYTES
    for numbers in head["planes"]:
        height, width = numbers.pop("shape")
        left -= height * width * 4
        if min(height, width) < 1 or left < 0:
            raise ValueError("the worker's answer makes no sense")
        pixels = _read_pixels(stream, height * width).reshape(height, width)
        planes.append(Plane(pixels=pixels, **_freeze(numbers)))
    return Piece(**_freeze(head["piece"]), planes=tuple(planes))


def _freeze(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _read_pixels(stream: IO[bytes], n_pixels: int) -> np.ndarray:
    """Read (n_pixels,) float32 or int16, as `write_outcome` writes them."""
    whole = np.empty(0)
    for start in range(0, n_pixels, PART_PIXELS):
        part = read_message(stream)[1]
        if part.dtype not in _PIXELS or part.shape != (min(PART_PIXELS, n_pixels - start),):
            raise ValueError("these are not the pixels of the plane")
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
