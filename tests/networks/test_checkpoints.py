"""Weights from files of every published form; what does not fit is refused with a sentence, and code never runs."""

import argparse
import base64
import gzip
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lib.core import downloads
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


def prefixed(prefix: str, tensors: State) -> State:
    return {prefix + name: tensor for name, tensor in tensors.items()}


WRAPPERS = {
    "torch.compile": lambda s: prefixed("_orig_mod.", s),
    "a compiled part": lambda s: {name.replace("features.", "features._orig_mod."): t for name, t in s.items()},
    "Lightning": lambda s: {"state_dict": prefixed("model.", s), "epoch": 3, "hyper_parameters": {"lr": 0.1}},
    "two prefixes": lambda s: prefixed("model.backbone.", s),
    "parallel, compiled, wrapped": lambda s: {"model": prefixed("module._orig_mod.net.", s)},
    "model": lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}},
    "model_state_dict": lambda s: {"model_state_dict": s, "optimizer_state_dict": {}, "loss": torch.tensor(1.0)},
    "net": lambda s: {"net": s, "acc": 93.1, "epoch": 7},
    "network": lambda s: {"network": s, "scheduler": {"last_lr": [0.1]}},
    "nested": lambda s: {"checkpoint": {"best": {"state_dict": s}}, "date": "today"},
    "beside a moving average": lambda s: {"ema": {name: t + 1 for name, t in s.items()}, "state_dict": s},
    "one of an unknown name": lambda s: {"alexnet_v3": s, "epoch": 1},
    "numpy's number beside": lambda s: {"state_dict": s, "best": np.float64(47.6), "n": np.int64(3)},
    "arguments beside": lambda s: {"state_dict": s, "args": argparse.Namespace(lr=0.1, name="x")},
    "numpy's arrays": lambda s: {name: tensor.numpy() for name, tensor in s.items()},
    "half precision": lambda s: {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in s.items()
    },
}


@pytest.mark.parametrize("write", [torch.save, legacy])
@pytest.mark.parametrize("case", WRAPPERS)
def test_wrappers_and_prefixes_in_common_use(tmp_path: Path, case: str, write: Callable) -> None:
    write(WRAPPERS[case](state()), tmp_path / "x.pth")
    module = Small()
    load_state(module, tmp_path / "x.pth")
    for key, tensor in module.state_dict().items():
        assert torch.allclose(tensor, state()[key], atol=1e-3), key


def test_a_network_whose_own_names_are_those_of_wrappers(tmp_path: Path) -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module, self.model = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2))

    own = Inner()
    for i, content in enumerate((own.state_dict(), prefixed("model.", own.state_dict()))):
        torch.save(content, tmp_path / f"{i}.pth")
        module = Inner()
        load_state(module, tmp_path / f"{i}.pth")
        assert all(torch.equal(tensor, own.state_dict()[key]) for key, tensor in module.state_dict().items())


def test_safetensors_under_another_ending(tmp_path: Path) -> None:
    own, module = state(), Small()
    save_file(own, tmp_path / "x.bin")
    load_state(module, tmp_path / "x.bin")
    assert all(torch.equal(tensor, own[name]) for name, tensor in module.state_dict().items())


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


def scripted(folder: Path) -> Path:
    torch.jit.save(torch.jit.script(nn.Sequential(nn.Linear(2, 2))), folder / "x.pt")
    return folder / "x.pt"


def tarred(folder: Path) -> Path:
    torch.save(state(), folder / "x.pth")
    with tarfile.open(folder / "x.pth.tar", "w") as archive:
        archive.add(folder / "x.pth", "x.pth")
    return folder / "x.pth.tar"


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("readme.md", "The weights are elsewhere.")
    return folder / "x.zip"


def flipped(folder: Path) -> Path:
    torch.save(state(), folder / "x.pth")
    content, weight = bytearray((folder / "x.pth").read_bytes()), state()["features.0.weight"].numpy().tobytes()
    content[content.index(weight) + 9] ^= 1
    (folder / "x.pth").write_bytes(content)
    return folder / "x.pth"


def cut_tar(folder: Path) -> Path:
    whole = tarred(folder)
    with tarfile.open(whole, "a") as archive:
        archive.add(folder / "x.pth", "y.pth")
    content = whole.read_bytes()
    whole.write_bytes(content[: content.rindex(b"y.pth") + 700])
    return whole


def changed(offset: int, value: int) -> Callable[[Path], Path]:
    """A checkpoint, one byte of the first entry of whose list of files is another."""

    def make(folder: Path) -> Path:
        torch.save(state(), folder / "x.pth")
        content = bytearray((folder / "x.pth").read_bytes())
        content[content.index(b"PK\x01\x02") + offset] = value
        (folder / "x.pth").write_bytes(content)
        return folder / "x.pth"

    return make


def in_itself(tensors: State) -> dict[str, object]:
    content: dict[str, object] = {}
    return content | {"model": content.setdefault("model", content)}


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
    "empty": (raw(b""), "is no PyTorch checkpoint but an empty file: get it again"),
    "a text": (raw(b"hello"), "is no PyTorch checkpoint but a file that begins with b'hello'"),
    "GGUF": (raw(b"GGUF" + bytes(60)), "is no PyTorch checkpoint but a file that begins with b'GGUF"),
    "another pickle": (raw(pickle.dumps({}, 4)), "is no PyTorch checkpoint but a pickle that torch.save did not write"),
    "sparse": (holding(lambda s: s | {"fc.weight": s["fc.weight"].to_sparse()}), "fc.weight is sparse: save it as a"),
    "no values": (
        holding(lambda s: s | {"fc.weight": s["fc.weight"].to("meta")}), "fc.weight is without values: save it as a"),
    "NaN in eight bits": (
        holding(lambda s: s | {"fc.weight": (s["fc.weight"] * torch.nan).to(torch.float8_e4m3fn)}),
        "fc.weight holds 8 numbers that are NaN or infinite of 8"),
    "empty safetensors": (raw(b"", "x.safetensors"), "is not a whole safetensors file"),
    "a web page": (raw(b"<!DOCTYPE html><html>404</html>"), "is no PyTorch checkpoint but a web page"),
    "wrong ending": (cut("x.safetensors", torch.save, 1), "is not a whole safetensors file"),
    "a list": (holding(lambda s: list(s.values())), "holds no parameters"),
    "numbers": (holding(lambda s: {"epoch": 3}), "holds no parameters"),
    "several networks": (
        holding(lambda s: {"encoder": s, "decoder": s}),
        "or a 'state_dict' of them, found a dictionary of encoder (OrderedDict), decoder ("),
    "nothing": (holding(lambda s: {}), "found a dictionary of nothing"),
    "a number": (holding(lambda s: 3), "found a value of type int"),
    "NaN": (
        holding(lambda s: s | {"fc.weight": s["fc.weight"] * torch.nan}),
        "fc.weight holds 8 numbers that are NaN or infinite of 8: get another checkpoint"),
    "infinite": (
        holding(lambda s: s | {"features.1.running_var": torch.tensor([1, torch.inf, 1, 1])}),
        "features.1.running_var holds 1 numbers that are NaN or infinite of 4"),
    "integers": (
        holding(lambda s: s | {"fc.weight": (100 * s["fc.weight"]).to(torch.int8)}),
        "fc.weight holds torch.int8, where the network has torch.float32: get the weights before they were quantised"),
    "TorchScript": (scripted, "no PyTorch checkpoint but a TorchScript archive, code included: save the state_dict()"),
    "a tar archive": (tarred, "no PyTorch checkpoint but a tar archive of x.pth: unpack it, or get the original again"),
    "a cut tar archive": (cut_tar, "expected whole weights, found ReadError: unexpected end of data; get it again"),
    "nothing but zeros": (raw(bytes(2000)), "a tar archive of nothing: unpack it, or get the original again"),
    "encrypted": (changed(8, 1), "is encrypted, password required"),
    "compressed in another way": (changed(10, 99), "found NotImplementedError: That compression method"),
    "a name that is no text": (changed(46, 255), "get it again"),
    "a dictionary in itself": (holding(in_itself), "found RecursionError: maximum recursion depth exceeded"),
    "a zip archive": (zipped, "no PyTorch checkpoint but a zip archive of readme.md: unpack it"),
    "compressed": (
        raw(gzip.compress(b"x"), "x.pth.gz"), "no PyTorch checkpoint but a file compressed by gzip"),
    "HDF5": (raw(b"\x89HDF\r\n\x1a\n" + bytes(99), "x.h5"), "but an HDF5 file, as Keras writes it"),
    "an array": (raw(b"\x93NUMPY\x01\x00"), "but an array of NumPy"),
    "a pointer": (raw(b"version https://git-lfs.github.com/spec/v1\noid"), "but a pointer of Git LFS"),
    "a bit in the weights": (flipped, "is not as its checksum says: get it again"),
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
    assert "truncated" not in str(error.value) or "truncated" in case or "cut" in case or case == "empty"
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


@pytest.mark.slow("writes and reads files of full size")
@pytest.mark.parametrize("name", ["resnet50-place", "taskonomy-edge3d"])
def test_published_checkpoint_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A file of random weights where a download lies, written as the published one is, and unhashed."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"run: python -m lib fetch {name}"):
        load_network(name, "published")
    download = downloads.DATASETS[name][0]
    monkeypatch.setitem(downloads.DATASETS, name, (replace(download, sha256=None),))
    random = load_network(name, "untrained-full").module.state_dict()
    (tmp_path / download.path).parent.mkdir()
    legacy({"state_dict": parallel_whole({k: t + 1 for k, t in random.items()})}, tmp_path / download.path)
    network = load_network(name, "published")
    assert network.weights == "published" and network.input_size == (256 if "taskonomy" in name else 224)
    assert torch.equal(network.module.state_dict()["conv1.weight"], random["conv1.weight"] + 1)
    same = load_network(name, str(tmp_path / download.path))
    assert same.digest == network.digest
