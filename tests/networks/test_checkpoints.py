"""Weights from files of every published form; what does not fit is refused with a sentence, and code never runs."""

import base64
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lib.core import fetch
from lib.networks import load_network
from lib.networks.checkpoints import load_state, read_state
from lib.networks.zoo import MINIATURES

# Written by Python 2.7's own pickle, 529 bytes in the form of PyTorch 0.2: text as bytes (one of them an e with an
# acute accent in Latin-1), storages on a graphics card, `module.` in both places, tensors 0, .5, 1, ...
PYTHON_2 = base64.b64decode(
    "gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoVRBwcm90b2NvbF92ZXJzaW9ucQFN6QNVCnR5cGVfc2l6ZXNxAn1xAyhVA2ludHEESwRVBXNob"
    "3J0cQVLAlUEbG9uZ3EGSwR1VQ1saXR0bGVfZW5kaWFucQeIdS6AAn1xAChVCnN0YXRlX2RpY3RxAWNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdAp"
    "xAl1xAyhdcQQoVRNtb2R1bGUuY29udjEud2VpZ2h0cQVjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3RlbnNvcgpxBigoVQdzdG9yYWdlcQdjdG9yY"
    "2gKRmxvYXRTdG9yYWdlCnEIVQU5NDAwMXEJVQZjdWRhOjBxCksGTnRxC1FLAEsCSwOGcQxLA0sBhnENdHEOUnEPZV1xEChVFmZlYXR1cmVzLm1"
    "vZHVsZS4wLmJpYXNxEWgGKChoB2gIVQU5NDAwMnESaApLBE50cRNRSwBLBIVxFEsBhXEVdHEWUnEXZWWFcRhScRlVBWVwb2NocRpLWlUEYXJja"
    "HEbVQRjYWbpcRxVCmJlc3RfcHJlYzFxHUdASyZmZmZmZnUugAJdcQAoVQU5NDAwMXEBVQU5NDAwMnECZS4GAAAAAAAAAAAAAAAAAAA/AACAPwA"
    "AwD8AAABAAAAgQAQAAAAAAAAAAAAAAAAAAD8AAIA/AADAPw=="
)

State = dict[str, torch.Tensor]


class Small(nn.Module):
    """A convolution, its normalisation and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 2)


class Runs:
    """Unpickled by an ordinary reader, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


def state() -> State:
    torch.manual_seed(1)
    return Small().state_dict()


def legacy(content: object, path: Path) -> None:
    torch.save(content, path, _use_new_zipfile_serialization=False, pickle_protocol=2)


def without_counts(tensors: State) -> State:
    return {name: tensor for name, tensor in tensors.items() if "num_batches" not in name}


def parallel_whole(tensors: State) -> State:
    return OrderedDict((f"module.{name}", tensor) for name, tensor in without_counts(tensors).items())


def parallel_features(tensors: State) -> State:
    return OrderedDict(
        (name.replace("features.", "features.module."), t) for name, t in without_counts(tensors).items()
    )


FORMATS: dict[str, Callable[[State, Path], None]] = {
    "torchvision.pth": torch.save,
    "torchvision-old.pth": legacy,
    "resnet50_places365.pth.tar": lambda s, path: legacy({"epoch": 90, "state_dict": parallel_whole(s)}, path),
    "alexnet_places365.pth.tar": lambda s, path: legacy({"best": 5.0, "state_dict": parallel_features(s)}, path),
    "taskonomy.pth": lambda s, path: torch.save({"state_dict": OrderedDict(s)}, path),
    "ours.safetensors": save_file,
}


@pytest.mark.parametrize("name", FORMATS)
def test_published_formats(tmp_path: Path, name: str) -> None:
    FORMATS[name](state(), tmp_path / name)
    module = Small()
    load_state(module, tmp_path / name)
    loaded = module.state_dict()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in state().items())


@pytest.mark.filterwarnings("error")
def test_written_by_python_2(tmp_path: Path) -> None:
    path = tmp_path / "old.pth.tar"
    path.write_bytes(PYTHON_2)
    found = read_state(path)
    assert list(found) == ["conv1.weight", "features.0.bias"]
    assert torch.equal(found["conv1.weight"], 0.5 * torch.arange(6.0).reshape(2, 3))
    assert torch.equal(found["features.0.bias"], 0.5 * torch.arange(4.0))


def cut(name: str, write: Callable[[State, Path], None], share: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(state(), folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(share * len(whole))])
        return folder / name

    return make


def holding(change: Callable[[State], object], write: Callable = torch.save) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(change(state()), folder / "x.pth")
        return folder / "x.pth"

    return make


def raw(content: bytes, name: str = "x.pth") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def without(tensors: State, *names: str) -> State:
    return {name: tensor for name, tensor in tensors.items() if name not in names}


BAD = {
    "extra key": (holding(lambda s: s | {"fc2.bias": s["fc.bias"]}), "does not fit Small: the network has no fc2.bias"),
    "missing key": (holding(lambda s: without(s, "fc.bias")), "does not fit Small: it lacks fc.bias"),
    "many missing": (holding(lambda s: {"fc.bias": s["fc.bias"]}), "features.1.weight and 4 more"),
    "misshapen": (
        holding(lambda s: s | {"fc.weight": torch.zeros(3, 4)}),
        "fc.weight has shape (3, 4), where the network has (2, 4)",
    ),
    "transposed": (holding(lambda s: s | {"fc.weight": s["fc.weight"].T.contiguous()}), "has shape (4, 2)"),
    "truncated zip": (cut("x.pth", torch.save, 0.6), "is not a whole PyTorch checkpoint"),
    "truncated legacy": (cut("x.pth", legacy, 0.98), "is not a whole PyTorch checkpoint"),
    "cut in the pickle": (cut("x.pth", legacy, 0.3), "is not a whole PyTorch checkpoint"),
    "truncated safetensors": (cut("x.safetensors", save_file, 0.9), "is not a whole safetensors file"),
    "empty": (raw(b""), "is not a whole PyTorch checkpoint"),
    "empty safetensors": (raw(b"", "x.safetensors"), "is not a whole safetensors file"),
    "a web page": (raw(b"<!DOCTYPE html><html>404</html>"), "is not a whole PyTorch checkpoint"),
    "wrong ending": (cut("x.safetensors", torch.save, 1), "is not a whole safetensors file"),
    "a list": (holding(lambda s: list(s.values())), "holds no parameters"),
    "numbers": (holding(lambda s: {"epoch": 3}), "holds no parameters"),
    "a whole module": (holding(lambda s: Small()), "to run while it is read"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_refused_with_a_sentence(tmp_path: Path, case: str) -> None:
    make, sentence = BAD[case]
    path, module = make(tmp_path), Small()
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    with pytest.raises(ValueError) as error:
        load_state(module, path)
    assert sentence in str(error.value) and str(path) in str(error.value)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    "write", [torch.save, legacy, lambda content, path: path.write_bytes(pickle.dumps(content, 2))]
)
def test_code_is_refused_and_does_not_run(tmp_path: Path, write: Callable) -> None:
    path, trace = tmp_path / "x.pth", tmp_path / "trace"
    write({"state_dict": state(), "extra": Runs(trace)}, path)
    with pytest.raises(ValueError, match=r"nothing of it was run|not a whole PyTorch checkpoint"):
        read_state(path)
    assert not trace.exists()


def test_the_code_would_have_run(tmp_path: Path) -> None:
    """The proof above needs a checkpoint that does harm where code is let run."""
    path, trace = tmp_path / "x.pth", tmp_path / "trace"
    legacy({"extra": Runs(trace)}, path)
    with pytest.raises(ValueError, match=r"wants (posix|nt)\.mkdir to run"):
        read_state(path)
    torch.load(path, weights_only=False)
    assert trace.is_dir()


@pytest.mark.parametrize("name", ["alexnet-object", "alexnet-place"])
def test_miniatures_load_bit_for_bit(name: str) -> None:
    network = load_network(name)
    saved = read_state(MINIATURES / f"{name}.safetensors")
    assert all(torch.equal(saved[key], tensor) for key, tensor in network.module.state_dict().items())


@pytest.mark.parametrize("name", ["resnet50-place", "taskonomy-edge3d"])
def test_published_checkpoint_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A file of random weights where a download lies, written as the published one is, and unhashed."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"run: python -m lib fetch {name}"):
        load_network(name, "published")
    download = fetch.DATASETS[name][0]
    monkeypatch.setitem(fetch.DATASETS, name, (replace(download, sha256=None),))
    random = load_network(name, "untrained-full").module.state_dict()
    (tmp_path / download.path).parent.mkdir()
    legacy({"state_dict": parallel_whole({k: t + 1 for k, t in random.items()})}, tmp_path / download.path)
    network = load_network(name, "published")
    assert network.weights == "published" and network.input_size == (256 if "taskonomy" in name else 224)
    assert torch.equal(network.module.state_dict()["conv1.weight"], random["conv1.weight"] + 1)
    same = load_network(name, str(tmp_path / download.path))
    assert same.digest == network.digest
