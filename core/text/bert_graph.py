"""A BERT encoder's layers as a graph for ONNX Runtime, written from the weights of a sentence-transformers folder.

Post-norm BERT (Devlin et al. 2019) in ONNX Runtime's fused operators: one product for queries, keys and values, one
attention, one normalisation over sum and bias. Embeddings and pooling stay outside: they are a look-up and a mean.

In 8 bits each linear layer is a `DynamicQuantizeMatMul`: weights as unsigned numbers around 128, scaled by output
channel, inputs scaled by what they are at the time. Unsigned, because the signed product saturates on processors
without VNNI.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

FloatArray = npt.NDArray[np.float32]

INPUT, OUTPUT = "embedded", "hidden"  # (1, T, D) both
_FUSED = "com.microsoft"  # the domain of ONNX Runtime's own operators
_OPSET, _IR = 18, 10


def bert_graph(weights: Mapping[str, FloatArray], layers: int, heads: int, epsilon: float, *, eight_bit: bool) -> bytes:
    """The serialised model: `INPUT`, the sums of word and place embeddings, to `OUTPUT`, the last layer's states.

    Raises KeyError for weights that are not a BERT model's.
    """
    graph = _Graph(weights, epsilon, eight_bit)
    width = len(weights["embeddings.LayerNorm.weight"])
    norm = [graph.constant(weights[f"embeddings.LayerNorm.{name}"]) for name in ("weight", "bias")]
    states = graph.node("LayerNormalization", [INPUT, *norm], domain="", axis=-1, epsilon=epsilon)
    for layer in range(layers):
        states = graph.layer(f"encoder.layer.{layer}.", states, heads)
    graph.node("Identity", [states], domain="", outputs=[OUTPUT])
    shape = [1, "tokens", width]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "bert",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)],
        ir_version=_IR,
    )
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, named by their number as they are added."""

    def __init__(self, weights: Mapping[str, FloatArray], epsilon: float, eight_bit: bool) -> None:
        self._weights, self._epsilon, self._eight_bit = weights, epsilon, eight_bit
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: npt.NDArray[Any]) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(
        self, operator: str, inputs: list[str], domain: str = _FUSED, outputs: list[str] | None = None, **options: Any
    ) -> str:
        """Adds a node and returns the name of its first output."""
        outputs = outputs or [f"n{len(self.nodes)}"]
        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **options))
        return outputs[0]

    def layer(self, prefix: str, states: str, heads: int) -> str:
        """One transformer layer over `states`."""

        def weight(name: str) -> FloatArray:
            return self._weights[prefix + name]

        parts = [f"attention.self.{name}" for name in ("query", "key", "value")]
        projected = self._linear(states, np.concatenate([weight(f"{part}.weight") for part in parts]))
        bias = self.constant(np.concatenate([weight(f"{part}.bias") for part in parts]))
        projected = self.node("Add", [projected, bias], domain="")
        split = [f"{projected}.{part}" for part in ("query", "key", "value")]
        self.node("Split", [projected], domain="", outputs=split, axis=-1, num_outputs=3)
        attention = self.node("MultiHeadAttention", split, num_heads=heads)
        joined = self._linear(attention, weight("attention.output.dense.weight"))
        states = self._normalized(joined, states, f"{prefix}attention.output")
        inner = self._linear(states, weight("intermediate.dense.weight"))
        inner = self.node("BiasGelu", [inner, self.constant(weight("intermediate.dense.bias"))])
        return self._normalized(self._linear(inner, weight("output.dense.weight")), states, f"{prefix}output")

    def _linear(self, states: str, weight: FloatArray) -> str:
        """`states` times the transposed `weight` `(N, K)`, without the bias."""
        if not self._eight_bit:
            return self.node("MatMul", [states, self.constant(weight.T)], domain="")
        scale = np.maximum(np.abs(weight).max(1), 1e-12) / 127
        codes = (np.clip(np.rint(weight / scale[:, None]), -127, 127) + 128).astype(np.uint8)
        zero = np.full(len(weight), 128, np.uint8)
        constants = [self.constant(values) for values in (codes.T, scale.astype(np.float32), zero)]
        return self.node("DynamicQuantizeMatMul", [states, *constants])

    def _normalized(self, changed: str, states: str, prefix: str) -> str:
        names = ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
        constants = [self.constant(self._weights[f"{prefix}.{name}"]) for name in names]
        return self.node("SkipLayerNormalization", [changed, states, *constants], epsilon=self._epsilon)
