"""Open ONNX files in ONNX Runtime, and name its errors."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors

# ONNX Runtime has no common base class for its errors.
RUNTIME_ERRORS = (
    onnxruntime_errors.EPFail,
    onnxruntime_errors.EngineError,
    onnxruntime_errors.Fail,
    onnxruntime_errors.InvalidArgument,
    onnxruntime_errors.InvalidGraph,
    onnxruntime_errors.InvalidProtobuf,
    onnxruntime_errors.NoModel,
    onnxruntime_errors.NoSuchFile,
    onnxruntime_errors.NotFound,
    onnxruntime_errors.NotImplemented,
    onnxruntime_errors.RuntimeException,
)


def open_session(source: Path | bytes, n_threads: int) -> onnxruntime.InferenceSession:
    """Return a session on the CPU that leaves cores and memory to others.

    Raises:
        RUNTIME_ERRORS: the file cannot be loaded.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Waiting threads sleep: networks share the cores, and spinning threads would block each other.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The arena never returns the memory of the largest batch, and a dashboard runs for days.
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(source, sess_options=options, providers=["CPUExecutionProvider"])


def quote_first_line(error: BaseException) -> str:
    """Return the first line of ONNX Runtime's message, at most 200 characters."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
