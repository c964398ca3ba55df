"""The analyses of a sweep: one participant and one network each, parameters as fields, results as arrays by name."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from lib.analysis.decoding import Choices, DecodingResult, decode_participant
from lib.analysis.decoding_study import units_to_decode
from lib.analysis.encoding import MEMORY_BYTES, PROTOCOLS, arrays_of, encode
from lib.analysis.loading import load_participant
from lib.app.parameters import Parameter
from lib.core.device import DEVICES
from lib.data import Brain, Participant, Source
from lib.data.cortex import load_cortex
from lib.data.nsd import SPLITS
from lib.data.sessions import ZSCORES
from lib.networks import load_network
from lib.networks.layers import AS_PUBLISHED, OUTPUTS, STAGES

_Arrays = dict[str, np.ndarray]


def _one_of(*choices: str) -> Any:
    """A parameter that is one of some texts, the first by default."""
    return field(default=choices[0], metadata={"comment": ", ".join(f'"{one}"' for one in dict.fromkeys(choices))})


def _at_least(least: int, default: float) -> Any:
    """A number that must not be smaller."""
    return field(default=default, metadata={"comment": f"at least {least}"})


@dataclass(frozen=True)
class Analysis:
    """Whose voxels, and which network: what all analyses share.

    Attributes
    ----------
    dataset, subject, data_root, world, seed, n_images, voxels_per_roi
        As of `lib.analysis.loading.load_participant`.
    network, weights : str
        As of `lib.networks.load_network`.
    """

    dataset: str = _one_of("simulated", "nsd", "god", "laion")
    subject: int = 1
    data_root: str | None = None
    world: str = "as-published"
    seed: int = 0
    n_images: int | None = None
    voxels_per_roi: int | None = None
    network: str = "alexnet-object"
    weights: str = "miniature"

    @classmethod
    def declared(cls) -> dict[str, Parameter]:
        """All parameters by name, to check their values with."""
        return {
            one.name: Parameter(one.name, repr(one.default), one.metadata.get("comment", "")) for one in fields(cls)
        }

    def _load(self, **options: Any) -> Participant:
        size: dict[str, Any] = {"n_images": self.n_images, "voxels_per_roi": self.voxels_per_roi}
        options |= {"world": self.world, "seed": self.seed, **size}
        return load_participant(self.dataset, self.subject, self.data_root, **options)


@dataclass(frozen=True)
class Encoding(Analysis):
    """`lib.analysis.encoding.encode` of one participant by one network.

    Attributes
    ----------
    voxels : "rois" or "cortex"
        The voxels of all ROIs, or all that NSD's masks call cortex, read from a file.
    split, zscore : str
        As of `lib.data.nsd.load_nsd`; of LAION-fMRI, images are split at random.
    protocol, n_folds, device, memory_bytes
        As of `lib.analysis.encoding.fit_encoding`.
    """

    voxels: str = _one_of("rois", "cortex")
    split: str = _one_of(*SPLITS)
    zscore: str = _one_of(*ZSCORES)
    protocol: str = _one_of(*PROTOCOLS)
    n_folds: int = _at_least(2, 5)
    device: str = _one_of("cpu", "auto", *DEVICES)
    memory_bytes: int = MEMORY_BYTES

    def __post_init__(self) -> None:
        if self.voxels == "cortex" and self.dataset != "nsd":
            raise ValueError(f"voxels = 'cortex' needs dataset = 'nsd', found {self.dataset!r}.")

    def participant(self, shared: Path) -> Participant:
        """Read or simulate the participant; whole cortex is kept in a file below `shared`."""
        reading: dict[str, Any] = {"split": self.split, "zscore": self.zscore}
        if self.voxels == "rois":
            return self._load(**(reading if self.dataset in ("nsd", "laion") else {}))
        return load_cortex(subject=self.subject, data_root=self.data_root, folder=shared / "responses", **reading)

    def run(self, shared: Path) -> _Arrays:
        """Arrays of an `EncodingResult` and of the participant's `Brain`; tasks share the folder `shared`."""
        participant, network = self.participant(shared), load_network(self.network, self.weights)
        fit = {name: getattr(self, name) for name in ("protocol", "n_folds", "device", "memory_bytes")}
        result = encode(participant, network, cache=shared / "features", **fit)
        return arrays_of(result) | _brain_arrays(participant)


@dataclass(frozen=True)
class Decoding(Analysis):
    """`lib.analysis.decoding.decode_participant` of one participant and one network.

    Attributes
    ----------
    n_units : int
        Units per layer.
    hidden, output, regression, n_voxels, alpha
        As of `lib.analysis.decoding.Choices`.
    """

    n_units: int = 1000
    hidden: str = _one_of(AS_PUBLISHED, *STAGES)
    output: str = _one_of(AS_PUBLISHED, *OUTPUTS)
    regression: str = _one_of("ols", "ridge", "slr")
    n_voxels: int = 500
    alpha: float = _at_least(0, 100.0)

    @property
    def choices(self) -> Choices:
        """What the analysis leaves open."""
        return Choices(self.hidden, self.output, self.regression, self.n_voxels, self.alpha)

    def run(self, shared: Path) -> _Arrays:
        """Scores of every layer and ROI, and the participant's `Brain`; simulated trials are ordered as GOD's."""
        participant = self._load(**({"layout": "god"} if self.dataset == "simulated" else {}))
        how: dict[str, Any] = {"n_units": self.n_units, "data_root": self.data_root, "cache": shared / "features"}
        units = units_to_decode(participant, [self.network], self.weights, self.choices, **how)
        results = decode_participant(participant, units, self.choices)
        found = {"layers": np.array([r.layer for r in results]), "of_roi": np.array([r.roi for r in results])}
        for i, result in enumerate(results):
            found |= {f"scores_{i}": result.unit_score, f"agreement_{i}": result.agreement}
            found[f"by_image_{i}"] = np.asarray(result.by_image)
        return found | _brain_arrays(participant)


ANALYSIS_TYPES: dict[str, type[Encoding] | type[Decoding]] = {"encoding": Encoding, "decoding": Decoding}


def decoding_results(arrays: Mapping[str, np.ndarray], task: Decoding) -> list[DecodingResult]:
    """Read back the results of a decoding task, one per layer and ROI."""
    names, found = zip(arrays["layers"], arrays["of_roi"], strict=True), []
    for i, (layer, roi) in enumerate(names):
        values = (arrays[f"{name}_{i}"] for name in ("scores", "agreement", "by_image"))
        found.append(DecodingResult(task.network, str(layer), str(roi), task.choices, *values))
    return found


def stored_brain(arrays: Mapping[str, np.ndarray]) -> Brain:
    """Read back whose voxels the arrays of a task are about."""
    rois = dict(zip(map(str, arrays["rois"]), arrays["roi_masks"], strict=True))
    source = Source(**json.loads(str(arrays["source"])))
    whose, positions = str(arrays["participant"]), arrays.get("coordinates")
    return Brain(whose, rois, arrays["noise_ceiling"], source, coordinates=positions)


def _brain_arrays(brain: Brain) -> _Arrays:
    """ROIs as rows of a boolean array (n_rois, n_voxels), noise ceiling, positions if known, the source as JSON."""
    known = {} if brain.coordinates is None else {"coordinates": brain.coordinates}
    return known | {
        "participant": np.array(brain.name),
        "rois": np.array(list(brain.rois)),
        "roi_masks": np.array(list(brain.rois.values())),
        "noise_ceiling": brain.noise_ceiling,
        "source": np.array(json.dumps(asdict(brain.source))),
    }
