"""Figures that answer a pointer and keys, without a kernel: a table for everybody, and numbers for a small script.

Each function writes the HTML of one cell. book/assets/explorer.js draws it in the book; without the script (on paper,
in another viewer) the table stands alone. Plotting libraries that draw in a browser weigh more than a page of this
book may, and their lines cannot be reached by keys or heard.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from IPython.display import HTML

from lib.analysis.decoding import PUBLISHED
from lib.analysis.encoding import out_of_fold_products
from lib.analysis.encoding_study import EncodingStudy, best_voxels
from lib.claims.specifications import HIDDEN, OUTPUT, Specification
from lib.core.scores import signed_root
from lib.data import Brain, Participant
from lib.data.areas import ROIS
from lib.networks import Network, extract
from lib.solvers.stacking import simplex_weights

R_DIGITS, P_DIGITS, LEAD_DIGITS = 3, 4, 4  # what a reader can see, and no more: a page is loaded over a network


def voxel_explorer(study: EncodingStudy, selection: str = "test") -> HTML:
    """Every line of the papers' figures by itself: layer profile, stacking weights and noise ceiling of a voxel.

    Parameters
    ----------
    study : EncodingStudy
    selection : "test" or "out-of-fold"
        Which voxels of an ROI, as in `lib.figures.papers.encoding_figure`.
    """
    rois = study.rois(ROIS)
    networks = {
        name: {
            "layers": result.layers,
            "rois": {roi: _voxels(study, name, study.best(name, roi, selection)) for roi in rois},
        }
        for name, result in study.encoding.items()
    }
    header = ("network", "ROI", "highest mean R", "largest mean weight", "mean R of the stack", "mean noise ceiling, R")
    rows = [(name, roi, *_summary(study, name, study.best(name, roi, selection))) for name in networks for roi in rois]
    table = _table("Means over the voxels of each ROI", header, rows)
    caption = (
        "The voxels of the figure above, one at a time. Point at a line, or move the slider: the dark line is the "
        "chosen voxel, the dashed line its noise ceiling."
    )
    return _explorer("voxels", {"networks": networks}, table, caption, study.participant.source.simulated)


def _voxels(study: EncodingStudy, network: str, best: np.ndarray) -> dict[str, list]:
    result = study.encoding[network]
    values = {"score": result.score[:, best].T, "weights": result.weights[:, best].T}
    values |= {"stack": result.stacked_score[best], "ceiling": _ceiling(study.participant, best)}
    return {name: rounded(array, R_DIGITS) for name, array in values.items()}


def _ceiling(participant: Brain, voxels: np.ndarray) -> np.ndarray:
    """The largest R that any model could reach; the participant's ceiling is a share of variance."""
    return signed_root(participant.noise_ceiling[voxels])


def _summary(study: EncodingStudy, network: str, best: np.ndarray) -> tuple[str, str, float, float]:
    result = study.encoding[network]
    means = [getattr(result, what)[:, best].mean(1) for what in ("score", "weights")]
    peaks = [f"{result.layers[mean.argmax()]} ({mean.max():.2f})" for mean in means]
    return *peaks, result.stacked_score[best].mean(), np.nanmean(_ceiling(study.participant, best))


def stacking_explorer(participant: Participant, networks: Sequence[Network], n_shown: int = 5) -> HTML:
    """Three layers of a voxel's stack: every mixture's error, the matrix P behind it, the weights.

    Parameters
    ----------
    participant : Participant
    networks : sequence of Network
    n_shown : int
        Voxels of each ROI: the best ones out of fold.
    """
    rois = [roi for roi in ROIS if roi in participant.rois]
    stacks = {network.name: _stack(participant, network) for network in networks}
    data = {name: one.as_data(participant, rois, n_shown) for name, one in stacks.items()}
    first, one = next(iter(stacks.items()))
    best = [one.best(participant, roi, 1)[0] for roi in rois]
    rows = [(roi, *one.weights[voxel], one.error[voxel]) for roi, voxel in zip(rois, best, strict=True)]
    table = _table(f"Weights and error of {first}'s stack, best voxel of each ROI", ("ROI", *one.layers, "w'Pw"), rows)
    caption = (
        "Mixtures of three layers of a network, for some of the best voxels of each ROI. Dark: small error; star: the "
        "best mixture; circle: yours. Point into the triangle or move the sliders; menus put other layers on its "
        "corners."
    )
    return _explorer("stacking", {"networks": data}, table, caption, participant.source.simulated)


@dataclass(frozen=True)
class _Stack:
    """What the stack of one network is decided by, in all voxels: P (n_voxels, n_layers, n_layers), and its weights."""

    layers: tuple[str, ...]
    P: np.ndarray
    weights: np.ndarray

    @property
    def error(self) -> np.ndarray:
        return np.einsum("vi,vij,vj->v", self.weights, self.P, self.weights)

    def best(self, participant: Participant, roi: str, n: int) -> np.ndarray:
        return best_voxels(-self.error, participant.roi(roi), n)

    def as_data(self, participant: Participant, rois: Iterable[str], n: int) -> dict[str, object]:
        return {"layers": self.layers, "rois": {roi: self._voxels(self.best(participant, roi, n)) for roi in rois}}

    def _voxels(self, voxels: np.ndarray) -> list[dict[str, list]]:
        return [{"P": rounded(self.P[v], P_DIGITS), "w": rounded(self.weights[v], R_DIGITS)} for v in voxels]


def _stack(participant: Participant, network: Network) -> _Stack:
    features = extract(network, participant.images(participant.train))
    P = out_of_fold_products(features, participant.train.responses)
    return _Stack(tuple(features), P, simplex_weights(P))


def choice_explorer(found: Mapping[str, Sequence[Specification]], simulated: bool) -> HTML:
    """AlexNet's lead and the claims that hold under each set of choices, and where it lies among all of them.

    Parameters
    ----------
    found : mapping of world to specifications, the same ones in every world
    simulated : bool
        Whether the participants are.
    """
    worlds = {world: [_specification(one) for one in specifications] for world, specifications in found.items()}
    first = next(iter(found.values()))
    fields = {
        "Hidden layers": list(HIDDEN),
        "Output": list(OUTPUT),
        "Regression": list(dict.fromkeys(one.choices.regression for one in first)),
    }
    rows = [
        (*_chosen(one), *(f"{s[i].ahead} {' '.join(_held(s[i]))}".rstrip() for s in found.values()))
        for i, one in enumerate(first)
    ]
    header = (*(name.lower() for name in fields), *found)
    table = _table("AlexNet's lead, and the claims that hold", header, rows)
    caption = (
        "AlexNet's mean r minus ResNet-50's under each set of choices, with 95 % bootstrap intervals over "
        "participants. Choose by menu or slider, or point at a curve. Filled: claim Y1 holds."
    )
    data = {"fields": fields, "claims": list(first[0].holds), "worlds": worlds}
    return _explorer("choices", data, table, caption, simulated)


def _chosen(one: Specification) -> tuple[str, str, str]:
    return one.choices.hidden, one.choices.output, one.choices.regression


def _held(one: Specification) -> list[str]:
    return [claim for claim, holds in one.holds.items() if holds]


def _specification(one: Specification) -> dict[str, object]:
    ahead = {"ahead": one.ahead.estimate, "low": one.ahead.low, "high": one.ahead.high}
    numbers = {name: rounded(value, LEAD_DIGITS) for name, value in ahead.items()}
    return {"choices": _chosen(one), "holds": _held(one), "published": one.choices == PUBLISHED, **numbers}


def rounded(values: np.ndarray | float, digits: int) -> list | float | None:
    """Numbers as JSON has them: lists of lists, and None for what is not finite."""
    if np.ndim(values):
        return [rounded(value, digits) for value in values]
    return round(float(values), digits) if np.isfinite(values) else None


def _explorer(kind: str, data: Mapping[str, object], table: str, caption: str, simulated: bool) -> HTML:
    stamp = '<p class="explorer-stamp">SIMULATED DATA: nobody was scanned</p>' if simulated else ""
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return HTML(
        f'<figure class="explorer" data-explorer="{kind}">{stamp}<div class="explorer-table">{table}</div>'
        f'<script type="application/json">{numbers}</script><figcaption>{escape(caption)}</figcaption></figure>'
    )


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(title)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | np.floating) else escape(str(value))
