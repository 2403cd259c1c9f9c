"""Reads the compressed weights of an OpenVINO model by the structure of its graph: Constant, Convert, Subtract, Multiply, Reshape, Convert
before a MatMul or a Gather. Names differ between exporters."""

import dataclasses
import re

import numpy as np
import openvino as ov

PASSED = ("Convert", "Reshape")


@dataclasses.dataclass
class Quantized:
    """Codes are unsigned, whatever the file's type: a signed one is shifted by half the range."""

    bits: int
    symmetric: bool
    codes: np.ndarray  # (rows, columns) uint8
    scales: np.ndarray  # (rows, groups) float16
    zero_points: np.ndarray | None  # (rows, groups) uint8


def above(node, passed):
    while node.get_type_name() in passed:
        node = node.input_value(0).get_node()
    return node


def integers(constant):
    """(values, signed, bits) of an integer constant, in its own shape."""
    kind, shape = constant.get_element_type(), tuple(constant.get_output_shape(0))
    bits, signed = {ov.Type.i4: (4, True), ov.Type.u4: (4, False), ov.Type.i8: (8, True), ov.Type.u8: (8, False)}[kind]
    raw = np.array(constant.data).view(np.uint8).reshape(-1)
    if bits == 4:
        raw = np.stack([raw & 15, raw >> 4], axis=1).reshape(-1)[: int(np.prod(shape))]
    return raw.reshape(shape), signed, bits


def quantized_at(node):
    """The compressed weight that ends in this Multiply, and the name of its constant; None where it is none."""
    if node.get_type_name() != "Multiply":
        return None
    scales = above(node.input_value(1).get_node(), PASSED)
    codes, zero_points = above(node.input_value(0).get_node(), PASSED), None
    if codes.get_type_name() == "Subtract":
        zero_points = above(codes.input_value(1).get_node(), PASSED)
        codes = above(codes.input_value(0).get_node(), PASSED)
    if codes.get_type_name() != "Constant" or scales.get_type_name() != "Constant" or not codes.get_element_type().is_integral():
        return None
    values, signed, bits = integers(codes)
    rows = values.shape[0]
    values = values.reshape(rows, -1)
    if signed:
        values = values ^ (8 if bits == 4 else 128)
    if scales.get_element_type() != ov.Type.f16 or (zero_points is None) != signed:
        raise ValueError(f"{codes.get_friendly_name()}: {codes.get_element_type()} codes with {scales.get_element_type()} scales "
                         f"and {'no' if zero_points is None else 'some'} zero points: not a form that NNCF wrote so far")
    return codes.get_friendly_name(), Quantized(bits, signed, values, np.array(scales.data).reshape(rows, -1),
                                                None if zero_points is None else integers(zero_points)[0].reshape(rows, -1))


def checkpoint_name(constant):
    """"self.model.layers.0.mlp.down_proj._openvino_orig_weight" is "model.layers.0.mlp.down_proj"."""
    found = re.search(r"(model\.layers\.\d+\.(?:self_attn|mlp)\.\w+_proj|model\.embed_tokens|lm_head)", constant)
    if not found:
        raise ValueError(f"the IR has a compressed constant {constant}, which is no weight of Phi-3")
    return found.group(1)


def quantized(model):
    """Compressed weights of the model by the names of their constants."""
    found = {}
    for operation in model.get_ordered_ops():
        port = {"MatMul": 1, "Gather": 0}.get(operation.get_type_name())
        if port is not None:
            one = quantized_at(above(operation.input_value(port).get_node(), PASSED))
            if one:
                found[one[0]] = one[1]
    return found


def uncompressed(model):
    """Names of the constants that a MatMul or a Gather multiplies with or looks up in as they are, two dimensions each."""
    found = []
    for operation in model.get_ordered_ops():
        port = {"MatMul": 1, "Gather": 0}.get(operation.get_type_name())
        if port is not None:
            weight = above(operation.input_value(port).get_node(), PASSED)
            if weight.get_type_name() == "Constant" and weight.get_element_type().is_real() and len(weight.get_output_shape(0)) == 2:
                found.append(weight.get_friendly_name())
    return found
