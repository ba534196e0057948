"""ONNX Runtime as this program uses it: on the thread that asks, because searches run beside each other."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def session_of(model: bytes) -> "InferenceSession":
    """A session on one thread; it may be run by several at a time. Raises ValueError for what is no model."""
    # Imported here: a service without a catalogue runs none.
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, InvalidProtobuf

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf) as error:
        raise ValueError(f"no ONNX model: {error}") from error
