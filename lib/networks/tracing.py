"""A network as a graph of operations: the places where it can be read, and a digest of all that it computes."""

import copy
import hashlib
import math
import re
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from operator import attrgetter

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

_LIBRARIES = ("torch", "torchvision", "math", "operator", "_operator", "builtins")  # told by their version
_PLAIN = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.memory_format)


class _Tracer(fx.Tracer):
    """Names every operation as torchvision's feature extraction does, and remembers the part in which it failed.

    torchvision itself takes as long to load as PyTorch does; a network made of its parts has loaded it already.
    """

    def __init__(self) -> None:
        operations = [sys.modules[name] for name in ("torchvision.ops",) if name in sys.modules]
        super().__init__(autowrap_modules=(math, *operations))  # type: ignore[arg-type]
        found = [part for module in operations for part in vars(module).values() if isinstance(part, type)]
        self.leaves = tuple(part for part in found if issubclass(part, nn.Module))
        self.inside = ""  # of which module
        self.places: dict[str, fx.Node] = {}
        self.failed = ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is not looked into: PyTorch's own and torchvision's operations."""
        return isinstance(m, self.leaves) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: object, args: object, kwargs: object) -> object:
        """Trace a module, and remember which one is at work or failed."""
        around, self.inside = self.inside, self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)  # type: ignore[arg-type]
        except Exception:
            self.failed = self.failed or self.inside
            raise
        finally:
            self.inside = around

    def create_proxy(self, *args: object, **kwargs: object) -> fx.Proxy:
        """Trace an operation, and remember its place."""
        proxy: fx.Proxy = super().create_proxy(*args, **kwargs)  # type: ignore[arg-type]
        node = proxy.node
        parts = [self.inside] if node.op == "call_module" else [self.inside, str(node)]
        self.places[self._name(".".join(filter(None, parts)))] = node
        return proxy

    def _name(self, place: str) -> str:
        """Like places count from the second on: "relu", "relu_1", "relu_2"."""
        first = re.sub(r"(?<=.)_[0-9]+$", "", place)
        names = (f"{first}_{i}" if i else first for i in count())
        return next(name for name in names if name not in self.places)


@dataclass(frozen=True)
class Traced:
    """A network in evaluation mode, operation by operation.

    Attributes
    ----------
    root : Module
        The network.
    graph : torch.fx.Graph
        Its operations, none of which overwrites its input.
    places : mapping of names to nodes of the graph, in the order of computation
        As torchvision's feature extraction names them: "layer1.0.conv1", "layer1.0.relu_1".
    """

    root: nn.Module
    graph: fx.Graph
    places: Mapping[str, fx.Node]

    @classmethod
    def of(cls, module: nn.Module, name: str = "This network") -> "Traced":
        """Trace a network; one that cannot be traced is refused by ValueError, with the part that is to blame."""
        tracer, root = _Tracer(), copy.copy(module)  # tracing may add constants to it
        try:
            graph = tracer.trace(root)
            _overwrite_nothing(graph, root)
        except Exception as error:  # whatever a forward answers to stand-ins for tensors
            where = f"its part {tracer.failed!r}" if tracer.failed else "its forward"
            raise ValueError(
                f"{name} cannot be read layer by layer, because {where} cannot be traced "
                f"({type(error).__name__}: {first_line(error)}); write it without conditions and loops on tensors."
            ) from error
        return cls(root, graph, tracer.places)

    def node(self, place: str) -> fx.Node | None:
        """The last operation of a module, or the one of this name; None if there is none."""
        found = [node for name, node in self.places.items() if f"{name}.".startswith(f"{place}.")]
        return found[-1] if found else None

    def modules(self) -> list[str]:
        """Names of the places and of the modules that hold them: "stage2.0.conv1", "stage2.0", "stage2"."""
        parts = [place.split(".") for place in self.places]
        return list(dict.fromkeys(".".join(p[: i + 1]) for p in parts for i in range(len(p))))

    def reading(self, places: Iterable[str]) -> fx.GraphModule:
        """A module that answers with {place: activations} and computes nothing behind the last place."""
        graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
        graph.graph_copy(self.graph, copies)
        graph.output({place: copies[node] for place in places if (node := self.node(place))})
        return self._module(graph)

    def whole(self) -> fx.GraphModule:
        """A module that answers as the network does."""
        graph = fx.Graph()
        graph.output(graph.graph_copy(self.graph, {}))
        return self._module(graph)

    def _module(self, graph: fx.Graph) -> fx.GraphModule:
        module = fx.GraphModule(self.root, graph)
        graph.eliminate_dead_code()
        module.recompile()
        module.delete_all_unused_submodules()
        for node in graph.nodes:
            if node.op == "call_module" and getattr(part := module.get_submodule(node.target), "inplace", False):
                twin = copy.copy(part)
                twin.inplace = False  # type: ignore[assignment]
                parent, _, own = node.target.rpartition(".")
                setattr(module.get_submodule(parent), own, twin)
        return module

    def digest(self) -> str:
        """SHA-256 of all that activations depend on besides the images.

        That is the graph, the configuration of the modules that it calls, all parameters, buffers and constants, and
        the versions of PyTorch and torchvision, which hold the rest of the code.

        Raises
        ------
        ValueError
            A part has code or configuration that cannot be told from another: a hook, a function of one's own.
        """
        digest = hashlib.sha256()
        for part in self._parts():
            for piece in _pieces(part):
                digest.update(piece)
        return digest.hexdigest()

    def _parts(self) -> Iterator[object]:
        yield torch.__version__, version("torchvision"), self.graph.python_code("self").src
        for node in self.graph.nodes:
            if node.op == "call_function":
                yield node.target
            elif node.op == "get_attr":
                yield attrgetter(node.target)(self.root)
            elif node.op == "call_module":
                for name, part in self.root.get_submodule(node.target).named_modules():
                    yield name, type(part), type(part).forward
                    yield {key: value for key, value in vars(part).items() if key != "_modules"}


def _overwrite_nothing(graph: fx.Graph, root: nn.Module) -> None:
    """Replace each operation in place by its twin, whose result all later operations take instead of the input."""
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if _in_place(node, root):
            overwritten = node.all_input_nodes[0]
            if isinstance(node.target, str) and node.op == "call_method":
                node.target = node.target.removesuffix("_")
            elif node.op == "call_function" and node.target.__name__.endswith("_"):
                name = node.target.__name__.removesuffix("_")
                node.target = getattr(functional, name, None) or getattr(torch, name)
            node.kwargs = {key: False if key == "inplace" else value for key, value in node.kwargs.items()}
            for user in [user for user in overwritten.users if order[user] > order[node]]:
                user.replace_input_with(overwritten, node)


def _in_place(node: fx.Node, root: nn.Module) -> bool:
    if node.op == "call_module":
        return bool(getattr(root.get_submodule(str(node.target)), "inplace", False))
    if node.op not in ("call_function", "call_method"):
        return False
    name = node.target if isinstance(node.target, str) else node.target.__name__
    return bool(node.kwargs.get("inplace")) or (name.endswith("_") and not name.endswith("__"))


def _pieces(value: object) -> Iterator[bytes | memoryview]:
    """Bytes that tell a value from any other; ValueError if there are none."""
    yield f"{type(value).__qualname__} ".encode()
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        yield f"{value.dtype} {tuple(value.shape)} ".encode()
        yield value.reshape(-1).view(torch.uint8).numpy().data
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype} {value.shape} ".encode() + value.tobytes()
    elif isinstance(value, Mapping):
        yield from _pieces([part for item in value.items() for part in item])
    elif isinstance(value, list | tuple | set | frozenset):
        yield f"{len(value)} ".encode()
        for part in value if isinstance(value, list | tuple) else sorted(value, key=repr):
            yield from _pieces(part)
    elif isinstance(value, _PLAIN):
        yield f"{value!r} ".encode()
    elif isinstance(value, types.BuiltinFunctionType) or _module_of(value).partition(".")[0] in _LIBRARIES:
        yield f"{_module_of(value)} {getattr(value, '__qualname__', value)} ".encode()
    else:
        raise ValueError(f"it holds {value!r}, whose code and configuration cannot be told")


def _module_of(value: object) -> str:
    """Where a class or a function is defined; empty for anything else."""
    return str(getattr(value, "__module__", "")) if isinstance(value, type | types.FunctionType) else ""


def first_line(error: Exception) -> str:
    """What an exception says, as part of a sentence."""
    return next(iter(str(error).strip().splitlines()), "").rstrip(".")
