"""Where a network is read: the layers that each paper names, and their taps, which stand in `layers.toml`.

A tap is the name of a module or, where a module is used more than once, of a node of the traced network; `|softmax` or
`|log_softmax` behind it is applied over units.

Paper Y read AlexNet after ReLU and before softmax (as CaffeNet's blobs: ReLU works in place there), and ResNet-50
before batch normalisation and ReLU and after softmax (by Keras's layer names), without saying so. `decoding_taps` can
read both networks either way.
"""

import tomllib
from pathlib import Path

from lib.core import choose

_FILE = tomllib.loads(Path(__file__).with_name("layers.toml").read_text(encoding="utf-8"))
ENCODING_TAPS: dict[str, dict[str, str]] = _FILE["encoding"]  # by kind of network, then paper W's name of the layer
_DECODING = _FILE["decoding"]

AS_PUBLISHED = "as-published"
STAGES = ("convolution", "normalised", "rectified")  # activations of a hidden layer, in the order of computation
OUTPUTS = {"logits": "", "softmax": "|softmax", "log-softmax": "|log_softmax"}
FUNCTIONS = tuple(suffix.removeprefix("|") for suffix in OUTPUTS.values())


def decoding_taps(network: str, hidden: str = AS_PUBLISHED, output: str = AS_PUBLISHED) -> dict[str, str]:
    """Taps of paper Y's eight layers of a network, in the network's order.

    Parameters
    ----------
    network : str
        "alexnet-object" or "resnet50-object", or the same trained on places.
    hidden : "as-published", "convolution", "normalised" or "rectified"
        Which activation of the hidden layers: as published, or what leaves the convolution, batch normalisation (where
        there is one), or ReLU.
    output : "as-published", "logits", "softmax" or "log-softmax"
        As published: AlexNet before and ResNet-50 after softmax.

    Raises
    ------
    ValueError
        A network that paper Y does not have, or an unknown choice.

    Examples
    --------
    >>> decoding_taps("resnet50-object", hidden="rectified")["resnet1"]
    'relu'
    >>> decoding_taps("resnet50-object", output="logits")["resnet8"]
    'fc'
    """
    family = _DECODING[choose("network of paper Y", network.partition("-")[0], _DECODING)]
    choose("reading of hidden layers", hidden, (AS_PUBLISHED, *STAGES))
    choose("reading of the output", output, (AS_PUBLISHED, *OUTPUTS))
    stage = STAGES.index(family["published"]["hidden"] if hidden == AS_PUBLISHED else hidden)
    suffix = OUTPUTS[family["published"]["output"] if output == AS_PUBLISHED else output]
    taps = {layer: places[stage] for layer, places in family["hidden"].items()}
    return taps | {last: place + suffix for last, place in family["last"].items()}
