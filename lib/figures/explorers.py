"""Figures that answer a pointer and keys, without a kernel: a table for everybody, and numbers for a small script.

Each function writes the HTML of one cell. book/assets/explorer.js draws it in the book; without the script (on paper,
in another viewer) the table stands alone. Plotting libraries that draw in a browser weigh more than a page of this
book may, and their lines cannot be reached by keys or heard.
"""

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from IPython.display import HTML
from PIL import Image

from lib.analysis.encoding import by_training, stacked_predictions
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.presets import EncodingRun
from lib.core.scores import correlation, signed_root
from lib.core.tables import Table
from lib.data import Brain, Participant
from lib.data.areas import ROIS
from lib.figures import style
from lib.figures.encoding import data_of
from lib.networks import Network, extract

_SHOWN = 20  # voxels of an ROI: an explorer stays small
_N_PICTURES, _N_BESIDE = 60, 12  # of one voxel in each ROI; of each voxel that is shown
_MOST_FITTED = 2000  # training images: with more, fitting the shown voxels again takes too long
_THUMBNAIL, SHEET_COLUMNS, _SHEET_QUALITY = 80, 10, 60  # pixels; pictures a row; of WebP: 90 kB for 92 photographs
_RESPONSE_DIGITS = 2
R_DIGITS = 3  # what a reader can see, and no more: a page is loaded over a network


def explorer(
    kind: str, data: Mapping[str, object], table: Table, caption: str, warning: str, picture: str = ""
) -> HTML:
    """The HTML of a figure that a script draws.

    Parameters
    ----------
    kind : "voxels", "stacking", "choices", "photographs" or "plant"
        Which part of the script.
    data : mapping
        Numbers and names for the script, as JSON has them.
    table : Table
        Shown where no script runs.
    caption : str
    warning : str
        Words on the data, see `lib.figures.style.data_warning`.
    picture : str
        HTML of a drawing above the table.
    """
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    stamp = f'<p class="explorer-stamp">{escape(warning)}</p>' if warning else ""
    return HTML(
        f'<figure class="explorer" data-explorer="{kind}">{stamp}'
        f'<div class="explorer-table">{picture}{table.html()}</div>'
        f'<script type="application/json">{numbers}</script><figcaption>{escape(caption)}</figcaption></figure>'
    )


def rounded(values: np.ndarray | float, digits: int) -> Any:
    """Numbers as JSON has them: lists of lists, and None for what is not finite."""
    if isinstance(values, np.ndarray):
        return [rounded(value, digits) for value in values]
    return round(float(values), digits) if np.isfinite(values) else None


def voxel_explorer(study: EncodingStudy, selection: str = "test", run: EncodingRun | None = None) -> HTML:
    """Every line of the papers' figures by itself: layer profile, stacking weights and noise ceiling of a voxel.

    Parameters
    ----------
    study : EncodingStudy
    selection : "test" or "out-of-fold"
        Which voxels of an ROI, as in `lib.figures.encoding.encoding_figure`.
    run : EncodingRun, optional
        The analysis that the study belongs to. The first test pictures are then shown with each voxel's response and
        what the stack predicts; not for the reference protocol or more than 2000 training images, as the shown voxels
        are fitted again.
    """
    best = {name: {roi: study.best(name, roi, selection) for roi in study.rois(ROIS)} for name in study.encoding}
    header = ("network", "ROI", "highest mean R", "largest mean weight", "mean R of the stack", "mean noise ceiling, R")
    rows = [(name, roi, *_summary(study, name, own)) for name, rois in best.items() for roi, own in rois.items()]
    networks: dict[str, dict[str, Any]] = {
        name: {
            "layers": study.encoding[name].layers,
            "rois": {roi: _voxels(study, name, own[:_SHOWN]) for roi, own in rois.items()},
        }
        for name, rois in best.items()
    }
    numbers: dict[str, object] = {"networks": networks}
    if run and run.choices.protocol == "fast" and len(run.participant.train) <= _MOST_FITTED:
        numbers["pictures"] = _test_pictures(run)
        for name, rois in best.items():
            responses = _responses(run, name, {roi: own[:_SHOWN] for roi, own in rois.items()})
            for roi, found in responses.items():
                networks[name]["rois"][roi] |= found
    caption = (
        f"The best voxels of the figure above, at most {_SHOWN} of an area, one at a time. Point at a line, or move "
        "the slider: the strong line is the chosen voxel, the dashed line its noise ceiling. The stack may lie below "
        "the highest R, for the best layer is picked here on the test images themselves."
        + " Below the lines stand test pictures, that of the highest predicted response first; responses are in"
        " standard deviations." * ("pictures" in numbers)
    )
    table = Table(header, rows, "Means over the best voxels of each ROI")
    return explorer("voxels", numbers, table, caption, style.data_warning(*data_of(study)))


def _first_pictures(run: EncodingRun) -> list[np.ndarray]:
    person = run.participant
    return [np.asarray(image) for image, _ in zip(person.images(person.test), range(_N_BESIDE), strict=False)]


def _test_pictures(run: EncodingRun) -> dict[str, object]:
    """The sheet of the pictures that stand beside responses, and the word for these."""
    pictures, simulated = _first_pictures(run), run.participant.source.simulated
    return {
        "sheet": picture_sheet(pictures), "columns": SHEET_COLUMNS, "n": len(pictures),
        "response": "simulated" if simulated else "measured",
    }  # fmt: skip


def _responses(run: EncodingRun, network: str, voxels: Mapping[str, np.ndarray]) -> dict[str, dict[str, list]]:
    """For each ROI some voxels' standardised responses to the first test pictures, and what the stack predicts."""
    person, every, pictures = run.participant, np.concatenate([*voxels.values()]), _first_pictures(run)
    train, test = (part.responses[:, every] for part in (person.train, person.test))
    X, X_test = (
        extract(run.networks[network], shown, preprocessing=run.preprocessing)
        for shown in (person.images(person.train), pictures)
    )
    seen = by_training(train, test[: len(pictures)])[1]
    found = {"predicted": stacked_predictions(X, train, X_test), "response": seen}  # (n_pictures, n_voxels)
    ends = np.cumsum([len(own) for own in voxels.values()])[:-1]
    parts = {what: np.split(values.T, ends) for what, values in found.items()}
    return {roi: {what: rounded(parts[what][i], _RESPONSE_DIGITS) for what in parts} for i, roi in enumerate(voxels)}


def _voxels(study: EncodingStudy, network: str, best: np.ndarray) -> dict[str, list]:
    result = study.encoding[network]
    values = {"score": result.score[:, best].T, "weights": result.weights[:, best].T}
    values |= {"stack": result.stacked_score[best], "ceiling": _ceiling(study.participant, best)}
    return {name: rounded(array, R_DIGITS) for name, array in values.items()}


def _ceiling(participant: Brain, voxels: np.ndarray) -> np.ndarray:
    """The largest R that any model could reach; the participant's ceiling is a share of variance."""
    return signed_root(participant.noise_ceiling[voxels])


def _summary(study: EncodingStudy, network: str, best: np.ndarray) -> tuple[object, ...]:
    result = study.encoding[network]
    means = [getattr(result, what)[:, best].mean(1) for what in ("score", "weights")]
    peaks = [f"{result.layers[mean.argmax()]} ({mean.max():.2f})" for mean in means]
    return *peaks, result.stacked_score[best].mean(), np.nanmean(_ceiling(study.participant, best))


def picture_explorer(participant: Participant, networks: Sequence[Network]) -> HTML:
    """Test pictures beside the measured and the predicted response to each, for the clearest voxel of each ROI.

    Parameters
    ----------
    participant : Participant
        The clearest voxel is that of the highest noise ceiling, whatever is predicted.
    networks : sequence of Network
        The stack of a network's layers predicts.
    """
    ceiling = np.nan_to_num(participant.noise_ceiling)
    voxels = {roi: int(np.argmax(np.where(mask, ceiling, -1))) for roi, mask in participant.rois.items()}
    train, test = (part.responses[:, [*voxels.values()]] for part in (participant.train, participant.test))
    test = test[:_N_PICTURES]
    pictures = [np.asarray(image) for image, _ in zip(participant.images(participant.test), test, strict=False)]
    predicted = {
        network.name: stacked_predictions(
            extract(network, participant.images(participant.train)), train, extract(network, pictures)
        )
        for network in networks
    }
    measured = by_training(train, test)[1]
    simulated = participant.source.simulated
    numbers = {
        "response": "simulated response" if simulated else "measured response",
        "unit": "standard deviations",
        "noun": "Picture",
        "areas": dict(zip(voxels, rounded(measured.T, R_DIGITS), strict=True)),
        "predicted": {name: dict(zip(voxels, rounded(y.T, R_DIGITS), strict=True)) for name, y in predicted.items()},
        "categories": [f"image {name}" for name in participant.test.stimulus_ids[: len(test)]],
        "filled": [True] * len(test),
        "sheet": picture_sheet(pictures),
        "columns": SHEET_COLUMNS,
    }
    r = [correlation(measured, one) for one in predicted.values()]
    rows = list(zip(voxels, signed_root(ceiling[[*voxels.values()]]), *r, strict=True))
    table = Table(
        ("ROI", "noise ceiling, R", *(f"r, {name}" for name in predicted)), rows, "Clearest voxel of each ROI"
    )
    caption = (
        f"Each point is one of the first {len(test)} test pictures: what the stack predicts of an area's clearest "
        "voxel, and its response. Point at one, or move the slider, to see the picture."
    )
    return explorer("photographs", numbers, table, caption, style.data_warning(simulated))


def picture_sheet(images: Iterable[np.ndarray]) -> str:
    """All pictures in small, SHEET_COLUMNS a row, as the address of one picture that a page can hold."""
    size = (_THUMBNAIL, _THUMBNAIL)
    small = [np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)) for image in images]
    sheet = Image.fromarray(style.montage(np.stack(small), SHEET_COLUMNS))
    sheet.save(file := io.BytesIO(), "WEBP", quality=_SHEET_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
