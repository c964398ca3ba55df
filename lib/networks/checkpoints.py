"""Weights from files: safetensors, and PyTorch checkpoints of any age, without running what may be pickled in them."""

import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

State = dict[str, torch.Tensor]  # parameters by name


def load_state(module: nn.Module, path: str | os.PathLike, read: Callable[[Path], State] | None = None) -> None:
    """Copy the weights in a file into `module`.

    Counts of batches (`num_batches_tracked`), which nothing here uses, may be missing: PyTorch before 0.4.1 had none.

    Parameters
    ----------
    module : torch.nn.Module
    path : path
    read : callable, optional
        Returns the file's parameters under the module's names; by default `read_state`.

    Raises
    ------
    ValueError
        The file cannot be read (see `read_state`), or parameters are missing, unknown or of another shape.
    """
    path = Path(path)
    state = (read or read_state)(path)
    expected = module.state_dict()
    counts = {key: tensor for key, tensor in expected.items() if key.endswith("num_batches_tracked")}
    state = counts | state
    does_not_fit = f"{path} does not fit {type(module).__name__}:"
    if missing := [key for key in expected if key not in state]:
        raise ValueError(f"{does_not_fit} it lacks {_some(missing)}.")
    if extra := [key for key in state if key not in expected]:
        raise ValueError(f"{does_not_fit} the network has no {_some(extra)}.")
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            found, wanted = tuple(state[key].shape), tuple(tensor.shape)
            raise ValueError(f"{does_not_fit} {key} has shape {found}, where the network has {wanted}.")
    module.load_state_dict(state)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def read_state(path: str | os.PathLike) -> dict[str, torch.Tensor]:
    """Parameters by name, from a safetensors file or a PyTorch checkpoint.

    A `state_dict` inside a dictionary of other things is found, the `module.` that parallel training leaves in names is
    taken out, and text pickled by Python 2 is read as Latin-1.

    Raises
    ------
    ValueError
        The file is truncated or something else, would run code while it is read, or holds anything but tensors by name.
    """
    path = Path(path)
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if isinstance(state, dict):
        state = state.get("state_dict", state)
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError(f"{path} holds no parameters: expected tensors by name, or a 'state_dict' of them.")
    return {_plain(name): tensor for name, tensor in state.items()}


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "module")


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}); get it again.") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            # It says that `encoding` does nothing here; files written by Python 2 say that it does.
            warnings.filterwarnings("ignore", "pickle_load_args only works")
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except OSError:
        raise
    except Exception as error:  # a damaged file is answered with a dozen types of exception
        raise ValueError(_why(path, error)) from error


def _why(path: Path, error: Exception) -> str:
    called = re.search(r"GLOBAL ([\w.]+)", str(error))
    if called:
        return f"{path} wants {called[1]} to run while it is read; only tensors are read, so nothing of it was run."
    return f"{path} is not a whole PyTorch checkpoint ({type(error).__name__}); it may be truncated: get it again."
