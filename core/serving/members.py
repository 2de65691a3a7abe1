"""The single networks inside an ONNX file that serves the mean of several, one per fold.

An export names their values as outputs. In older files these are inner values of the graph; they are found by
walking back from the mean, and made outputs in memory. The walk reads the few fields of the format that it
needs, so that serving does not need the `onnx` library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

# Protocol Buffers: a field starts with its number and the kind of its value.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Fields of onnx.proto: ModelProto.graph; GraphProto.node and .output; NodeProto.input, .output and .op_type;
# ValueInfoProto.name.
_GRAPH = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_KIND = 1, 2, 4
_NAME = 1
# What joins features, and what a mean is made of.
_JOINING = frozenset({"Concat", "Identity"})
_AVERAGING = _JOINING | {"Add", "Div", "Mean", "Mul", "ReduceMean", "Sum", "Unsqueeze"}


class Member(NamedTuple):
    """The names of one network's probability and heat map in the graph."""

    probability: str
    heat: str


class _Node(NamedTuple):
    kind: str
    inputs: tuple[str, ...]


def name_members(n_members: int) -> list[Member]:
    """Return the names that an export gives to the outputs of each network, in the order of the folds."""
    if n_members == 1:
        return [Member("probability", "heat")]
    return [Member(f"probability_{k}", f"heat_{k}") for k in range(n_members)]


def expose_members(model: bytes, n_members: int) -> tuple[bytes, list[Member]]:
    """Return the model with the values of each network among its outputs, and their names.

    Args:
        model: the bytes of an ONNX file with the outputs "probability", "heat" and "features".
        n_members: the number of networks.

    Raises:
        ValueError: the graph is not the mean of this many networks.
    """
    named = name_members(n_members)
    graphs = list(_read_fields(memoryview(model), _GRAPH))
    outputs = {name for graph in graphs for name in _read_names(graph)}
    if outputs.issuperset(name for member in named for name in member):
        return model, named
    members = find_members(_read_nodes(graphs), n_members)
    # Every reader of Protocol Buffers merges two parts of one message, so the outputs are appended.
    added = b"".join(_pack(_OUTPUT, _pack(_NAME, name.encode())) for member in members for name in member)
    return model + _pack(_GRAPH, added), members


def find_members(producers: dict[str, _Node], n_members: int) -> list[Member]:
    """Return the members of a mean, in the order of the folds.

    Features tell the members: those of fold k are the k-th part of the output "features", and what only they
    are computed from belongs to member k.

    Args:
        producers: the node that computes each value, by the value's name.
        n_members: 2 or more.

    Raises:
        ValueError: the graph is not the mean of this many networks.
    """
    parts = _list_parts(producers, "features", _JOINING)
    size, rest = divmod(len(parts), n_members)
    if rest or not size:
        raise ValueError(f"the features have {len(parts)} parts")
    behind = [
        set().union(*(_list_ancestors(producers, part) for part in parts[k * size : (k + 1) * size]))
        for k in range(n_members)
    ]
    own = [
        found.difference(*(other for j, other in enumerate(behind) if j != k))
        for k, found in enumerate(behind)
    ]
    probabilities, heats = (_sort_by_member(producers, name, own) for name in ("probability", "heat"))
    return list(map(Member, probabilities, heats))


def _sort_by_member(producers: dict[str, _Node], output: str, own: list[set[str]]) -> list[str]:
    """Return the averaged values of an output, the k-th computed from values of `own[k]` and of no other."""
    found: dict[int, str] = {}
    for part in _list_parts(producers, output, _AVERAGING):
        ancestors = _list_ancestors(producers, part)
        owners = [k for k, values in enumerate(own) if ancestors & values]
        if len(owners) != 1 or owners[0] in found:
            raise ValueError(f"the output {output} is not a mean of one value of each network")
        found[owners[0]] = part
    if len(found) != len(own):
        raise ValueError(f"the output {output} is a mean of {len(found)} values")
    return [found[k] for k in range(len(own))]


def _list_parts(producers: dict[str, _Node], name: str, through: frozenset[str]) -> list[str]:
    """Return the computed values that nodes of these kinds put a value together from, in order."""
    found: list[str] = []
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in seen or one not in producers:
            continue
        seen.add(one)
        node = producers[one]
        # A mean multiplies and divides by constants only; a member divides its heat map by the maximum.
        is_scaling = node.kind in ("Div", "Mul") and sum(value in producers for value in node.inputs) > 1
        if node.kind in through and not is_scaling:
            waiting += reversed(node.inputs)
        else:
            found.append(one)
    return found


def _list_ancestors(producers: dict[str, _Node], name: str) -> set[str]:
    """Return the names of all computed values that a value depends on, and its own."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in producers and one not in found:
            found.add(one)
            waiting += producers[one].inputs
    return found


def _read_nodes(graphs: Iterable[memoryview]) -> dict[str, _Node]:
    """Return the node that computes each value, by the value's name."""
    producers: dict[str, _Node] = {}
    for graph in graphs:
        for data in _read_fields(graph, _NODE):
            inputs = tuple(_read_texts(data, _NODE_INPUT))
            node = _Node("".join(_read_texts(data, _NODE_KIND)), inputs)
            producers |= dict.fromkeys(_read_texts(data, _NODE_OUTPUT), node)
    return producers


def _read_names(graph: memoryview) -> Iterator[str]:
    """Yield the names of a graph's outputs."""
    for output in _read_fields(graph, _OUTPUT):
        yield from _read_texts(output, _NAME)


def _read_texts(message: memoryview, number: int) -> Iterator[str]:
    for data in _read_fields(message, number):
        yield str(data, "utf-8")


def _read_fields(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the values of a field that holds bytes, text or a message.

    Raises:
        ValueError: these are not the bytes of a message.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _read_varint(message, at)
        elif kind == _BYTES:
            size, at = _read_varint(message, at)
            if key >> 3 == number:
                yield message[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("the file is not in ONNX's format")


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a number, in groups of seven bits with the lowest first, and where the next field begins."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("the file is cut off")


def _pack(number: int, data: bytes) -> bytes:
    """Return a field that holds bytes."""
    return _pack_varint(number << 3 | _BYTES) + _pack_varint(len(data)) + data


def _pack_varint(value: int) -> bytes:
    packed = bytearray()
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*packed, value])
