"""Weights from files: safetensors, and PyTorch checkpoints of any age, without running what may be pickled in them."""

import os
import re
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from lib.networks.tracing import first_line

State = dict[str, torch.Tensor]  # parameters by name

# Where training programs put the parameters among other things, the most telling names first.
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params")
_HARMLESS: list[Any] = [
    (SimpleNamespace, "argparse.Namespace"),
    np.ndarray,
    np.dtype,
    *map(type, map(np.dtype, "?bBhHiIlLqQefd")),
]
_HARMLESS += [value.__reduce__()[0] for value in (np.float64(0), np.zeros(0))]  # numpy's makers of numbers and arrays
_BEGINNINGS = {
    b"\x89HDF": "an HDF5 file, as Keras writes it",
    b"\x1f\x8b": "a file compressed by gzip",
    b"\x93NUMPY": "an array of NumPy",
    b"version https://git-lfs": "a pointer of Git LFS, which `git lfs pull` replaces by the file",
    b"<": "a web page or another text, not what its address promised",
}


def load_state(module: nn.Module, path: str | os.PathLike, read: Callable[[Path], State] | None = None) -> None:
    """Copy the weights in a file into `module`.

    Names may differ by what wrappers add to them: `module.` (parallel training), `_orig_mod.` (torch.compile), or one
    part in front of all names (`model.`, `net.`). Counts of batches (`num_batches_tracked`), which nothing here uses,
    may be missing: PyTorch before 0.4.1 had none.

    Parameters
    ----------
    module : torch.nn.Module
    path : path
    read : callable, optional
        Returns the file's parameters under the module's names; by default `read_state`.

    Raises
    ------
    ValueError
        The file cannot be read (see `read_state`), or parameters are missing, unknown, of another shape or kind, or not
        finite.
    """
    path, expected = Path(path), module.state_dict()
    counts = {name: tensor for name, tensor in expected.items() if name.endswith("num_batches_tracked")}
    state = counts | _named_like(_named_errors(read or read_state, path), expected)
    does_not_fit = f"{path} does not fit {type(module).__name__}:"
    if missing := [name for name in expected if name not in state]:
        raise ValueError(f"{does_not_fit} it lacks {_some(missing)}.")
    if extra := [name for name in state if name not in expected]:
        raise ValueError(f"{does_not_fit} the network has no {_some(extra)}.")
    for name, tensor in expected.items():
        if problem := _problem(state[name], tensor):
            raise ValueError(f"{does_not_fit} {name} {problem}.")
    module.load_state_dict(state)


def _named_errors(read: Callable[[Path], State], path: Path) -> State:
    """What a reader finds in a file; any error becomes one sentence that names it."""
    try:
        return read(path)
    except Exception as error:  # zip, tar and HDF5 answer damaged bytes with a dozen types of exception
        if str(path) in str(error):
            raise
        found = f"{type(error).__name__}: {first_line(error).removesuffix('; get it again')}"
        raise ValueError(f"{path}: expected whole weights, found {found}; get it again.") from error


def _named_like(state: State, expected: Iterable[str]) -> State:
    """The parameters by the names that the network has for them, as far as wrappers made them differ."""
    names, paths = {_plain(name): name for name in expected}, [_plain(name).split(".") for name in state]
    levels = zip(*(path[:-1] for path in paths), strict=False)
    n_shared = len(list(takewhile(lambda parts: len(set(parts)) == 1, levels)))  # parts in front of all names
    readings = [[".".join(path[n:]) for path in paths] for n in range(n_shared + 1)]
    best = max(readings, key=lambda reading: len(names.keys() & set(reading)))
    return {names.get(name, name): tensor for name, tensor in zip(best, state.values(), strict=True)}


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in ("module", "_orig_mod"))


def _problem(found: torch.Tensor, wanted: torch.Tensor) -> str:
    """Why one tensor cannot take the place of another; empty if it can."""
    if found.shape != wanted.shape:
        return f"has shape {tuple(found.shape)}, where the network has {tuple(wanted.shape)}"
    if found.is_floating_point() != wanted.is_floating_point():
        return f"holds {found.dtype}, where the network has {wanted.dtype}: get the weights before they were quantised"
    if found.is_meta or found.layout != torch.strided:
        return f"is {'without values' if found.is_meta else 'sparse'}: save it as a dense tensor"
    if n := int((~torch.isfinite(found.double())).sum()):
        return f"holds {n} numbers that are NaN or infinite of {found.numel()}: get another checkpoint"
    return ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def read_state(path: str | os.PathLike) -> State:
    """Parameters by name, from a safetensors file or a PyTorch checkpoint.

    Parameters inside a dictionary of other things, {"state_dict": ...} or {"model": ...}, are found; text pickled by
    Python 2 is read as Latin-1.

    Raises
    ------
    ValueError
        The file is truncated or something else, would run code while it is read, or holds anything but tensors by name.
    """
    return _named_errors(_read_any, Path(path))


def _read_any(path: Path) -> State:
    content = _read_safetensors(path) if _is_safetensors(path) else _read_pickle(path)
    state = _parameters(content)
    if state is None:
        raise ValueError(
            f"{path} holds no parameters of one network: expected tensors by name, or a 'state_dict' of them, "
            f"found {_kind(content)}."
        )
    return {_plain(name): tensor for name, tensor in state.items()}


def _parameters(content: Any) -> State | None:
    """The tensors by name in a dictionary, or in the likeliest of the dictionaries in it; None if there are none."""
    if not isinstance(content, dict):
        return None
    inside = {name: part for name, value in content.items() if (part := _parameters(value))}
    for name in _WRAPPERS:
        if name in inside:
            return inside[name]
    arrays = {name: value for name, value in content.items() if isinstance(value, torch.Tensor | np.ndarray)}
    tensors = {str(name): torch.as_tensor(value) for name, value in arrays.items()}
    return tensors or (next(iter(inside.values())) if len(inside) == 1 else None)


def _kind(content: Any) -> str:
    """What a file holds, in words."""
    if not isinstance(content, dict):
        return f"a value of type {type(content).__name__}"
    return "a dictionary of " + (
        _some([f"{key} ({type(value).__name__})" for key, value in content.items()]) or "nothing"
    )


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}); get it again.") from error


def _read_pickle(path: Path) -> Any:
    if other := _other_kind(path):
        raise ValueError(f"{path} is no PyTorch checkpoint but {other}.")
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
            # It says that `encoding` does nothing here; files written by Python 2 say that it does.
            warnings.filterwarnings("ignore", "pickle_load_args only works")
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except OSError:
        raise
    except Exception as error:  # a damaged file is answered with a dozen types of exception
        raise ValueError(_why(path, error)) from error


def _other_kind(path: Path) -> str:
    """What a file is that is often taken for a checkpoint, and the way out; empty if it may be one."""
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            return f"a tar archive of {_some(tar.getnames()) or 'nothing'}: unpack it, or get the original again"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [name.partition("/")[2] for name in archive.namelist()]
            damaged = archive.testzip()
        if "constants.pkl" in names:
            return "a TorchScript archive, code included: save the state_dict() of what torch.jit.load reads from it"
        if "data.pkl" not in names:
            return f"a zip archive of {_some(archive.namelist())}: unpack it"
        return f"one whose {damaged} is not as its checksum says: get it again" if damaged else ""
    with path.open("rb") as file:
        begin = file.read(64)
    if kind := next((kind for start, kind in _BEGINNINGS.items() if begin.lstrip().startswith(start)), ""):
        return kind
    if b"PK".startswith(begin[:2]) or begin.startswith(b"\x80\x02"):  # what torch.save writes, perhaps cut off
        return "" if begin else "an empty file: get it again"
    pickled = begin.startswith(b"\x80")
    return "a pickle that torch.save did not write" if pickled else f"a file that begins with {begin[:8]!r}"


def _why(path: Path, error: Exception) -> str:
    called = re.search(r"GLOBAL ([\w.]+)", str(error))
    if called:
        return (
            f"{path} wants {called[1]} to run while it is read; only tensors are read, so nothing of it was run: "
            "save the model's state_dict() where its code is at hand."
        )
    return f"{path} is not a whole PyTorch checkpoint ({type(error).__name__}); it may be truncated: get it again."
