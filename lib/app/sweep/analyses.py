"""The analyses a sweep knows: one participant, one network, all numbers of the result as arrays by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from lib.analysis.decoding import Choices, DecodingResult, decode_participant
from lib.analysis.decoding_study import units_to_decode
from lib.analysis.encoding import MEMORY_BYTES, EncodingResult, encode
from lib.analysis.loading import load_participant
from lib.app.parameters import Value
from lib.core import choose
from lib.data import Participant
from lib.data.cortex import load_cortex
from lib.networks import load_network

Parameters = Mapping[str, Value]
Arrays = dict[str, np.ndarray]

VOXELS = ("rois", "cortex")
WHO: dict[str, Value] = {  # whose voxels
    "dataset": "simulated", "subject": 1, "data_root": None, "world": "as-published", "seed": 0, "n_images": None,
    "voxels_per_roi": None,
}  # fmt: skip
NETWORK: dict[str, Value] = {"network": "alexnet-object", "weights": "miniature"}
READ: dict[str, Value] = {"voxels": "rois", "split": "random", "zscore": "session"}  # how NSD is read
FIT: dict[str, Value] = {"protocol": "fast", "n_folds": 5, "device": "cpu", "memory_bytes": MEMORY_BYTES}
DECODE: dict[str, Value] = {
    "hidden": "as-published", "output": "as-published", "regression": "ols", "n_voxels": 500, "alpha": 100.0,
}  # fmt: skip


@dataclass(frozen=True)
class Analysis:
    """Something that can be done with a participant and a network.

    Attributes
    ----------
    defaults : mapping
        All parameters and their defaults.
    run : callable
        Maps the parameters, and a folder for what tasks share, to arrays by name.
    modules : tuple of str
        Whose code it is, besides what they import.
    """

    defaults: Parameters
    run: Callable[[Parameters, Path], Arrays]
    modules: tuple[str, ...]


def read_participant(parameters: Parameters, shared: Path) -> Participant:
    """The participant that an encoding task is about; whole cortex is kept in a file below `shared`."""
    who = {name: parameters[name] for name in WHO}
    reading = {name: parameters[name] for name in ("split", "zscore")}
    cortex, measured = choose("voxels", parameters["voxels"], VOXELS) == "cortex", who["dataset"] == "nsd"
    if cortex and not measured:
        raise ValueError(f"voxels = 'cortex' needs dataset = 'nsd', found {who['dataset']!r}.")
    if cortex:
        whose = {"subject": who["subject"], "data_root": who["data_root"]}
        return load_cortex(**whose, folder=shared / "responses", **reading)
    return load_participant(**who, **(reading if measured else {}))


def run_encoding(parameters: Parameters, shared: Path) -> Arrays:
    """`lib.analysis.encoding.encode` of one participant by one network."""
    network = load_network(parameters["network"], parameters["weights"])
    participant = read_participant(parameters, shared)
    result = encode(participant, network, **{name: parameters[name] for name in FIT})
    found = {field.name: np.asarray(getattr(result, field.name)) for field in fields(EncodingResult)}
    return found | _about(participant) | {"noise_ceiling": participant.noise_ceiling}


def run_decoding(parameters: Parameters, shared: Path) -> Arrays:
    """`lib.analysis.decoding.decode_participant` of one participant and one network."""
    participant = read_everybody_like(parameters)
    network, choices = parameters["network"], Choices(**{name: parameters[name] for name in DECODE})
    reading = {"n_units": parameters["n_units"], "data_root": parameters["data_root"]}
    units = units_to_decode(participant, [network], parameters["weights"], choices, **reading)
    results = decode_participant(participant, units, choices)
    found: Arrays = {"layers": np.array([r.layer for r in results]), "of_roi": np.array([r.roi for r in results])}
    for i, result in enumerate(results):
        found |= {f"unit_score_{i}": result.unit_score, f"agreement_{i}": result.agreement}
    return found | _about(participant)


def read_everybody_like(parameters: Parameters) -> Participant:
    """The participant that a decoding task is about, in the trial structure of GOD if simulated."""
    layout = {"layout": "god"} if parameters["dataset"] == "simulated" else {}
    return load_participant(**{name: parameters[name] for name in WHO}, **layout)


def decoding_results(arrays: Mapping[str, np.ndarray], parameters: Parameters) -> list[DecodingResult]:
    """What `run_decoding` put into arrays, as it was."""
    choices = Choices(**{name: parameters[name] for name in DECODE})
    return [
        DecodingResult(
            str(parameters["network"]),
            str(layer),
            str(roi),
            choices,
            arrays[f"unit_score_{i}"],
            arrays[f"agreement_{i}"],
        )
        for i, (layer, roi) in enumerate(zip(arrays["layers"], arrays["of_roi"], strict=True))
    ]


def encoding_result(arrays: Mapping[str, np.ndarray]) -> EncodingResult:
    """What `run_encoding` put into arrays, as it was."""
    found: dict[str, Any] = {field.name: arrays[field.name] for field in fields(EncodingResult)}
    texts = ("layers", "notes", "solvers", "precisions")
    return EncodingResult(**found | {name: tuple(map(str, found[name])) for name in texts})


def _about(participant: Participant) -> Arrays:
    """Whose voxels they are: ROIs as rows of a boolean array (n_rois, n_voxels), and the source."""
    source = participant.source
    words = [source.dataset, source.description, source.origin, source.licence, source.world or ""]
    return {
        "participant": np.array(participant.name),
        "rois": np.array(list(participant.rois)),
        "roi_masks": np.array(list(participant.rois.values())),
        "source": np.array(words),
        "simulated": np.array(source.simulated),
    }


ANALYSES: dict[str, Analysis] = {
    "encoding": Analysis(WHO | READ | NETWORK | FIT, run_encoding, ("lib.analysis.encoding", "lib.data.cortex")),
    "decoding": Analysis(
        WHO | NETWORK | {"n_units": 1000} | DECODE,
        run_decoding,
        ("lib.analysis.decoding", "lib.analysis.decoding_study"),
    ),
}
