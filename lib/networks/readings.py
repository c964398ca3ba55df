"""Where a layer's units are read: choices that paper Y's comparison of two networks made without saying so.

AlexNet was read as CaffeNet's blobs: after ReLU, the output before softmax. ResNet-50 was read by Keras's layer names:
convolutions before batch normalisation and ReLU, the output after softmax. Here either network can be read either way.
"""

from collections.abc import Mapping

from lib.core import choose
from lib.networks.zoo import ALEXNET_DECODING, RESNET50_DECODING

AS_PUBLISHED = "as-published"

# Where AlexNet's hidden layers are before ReLU; it has no batch normalisation.
_ALEXNET_BEFORE = {
    "cnn1": "features.0", "cnn2": "features.3", "cnn3": "features.6", "cnn4": "features.8", "cnn5": "features.10",
    "cnn6": "classifier.1", "cnn7": "classifier.4",
}  # fmt: skip

# What follows each of paper Y's convolutions. A third convolution and the shortcut beside it are added before ReLU.
_RESNET50_NORMALISED = {
    "resnet1": "bn1", "resnet2": "layer1.1.bn3", "resnet3": "layer2.1.bn2", "resnet4": "layer2.3.bn3",
    "resnet5": "layer3.2.bn1", "resnet6": "layer3.4.bn2", "resnet7": "layer4.0.downsample.1",
}  # fmt: skip
_RESNET50_RECTIFIED = {
    "resnet1": "relu", "resnet2": "layer1.1.relu_2", "resnet3": "layer2.1.relu_1", "resnet4": "layer2.3.relu_2",
    "resnet5": "layer3.2.relu", "resnet6": "layer3.4.relu_1", "resnet7": "layer4.0.relu_2",
}  # fmt: skip

HIDDEN: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "alexnet": {
        AS_PUBLISHED: ALEXNET_DECODING, "convolution": _ALEXNET_BEFORE, "normalised": _ALEXNET_BEFORE,
        "rectified": ALEXNET_DECODING,
    },
    "resnet50": {
        AS_PUBLISHED: RESNET50_DECODING, "convolution": RESNET50_DECODING, "normalised": _RESNET50_NORMALISED,
        "rectified": _RESNET50_RECTIFIED,
    },
}  # fmt: skip
OUTPUT = {"alexnet": "classifier.6", "resnet50": "fc"}
OUTPUTS = {"logits": "", "softmax": "|softmax", "log-softmax": "|log_softmax"}


def readings(network: str, hidden: str = AS_PUBLISHED, output: str = AS_PUBLISHED) -> dict[str, str]:
    """Taps of paper Y's eight layers of a network, in the network's order.

    Parameters
    ----------
    network : str
        "alexnet-object" or "resnet50-object", or the same trained on places.
    hidden : "as-published", "convolution", "normalised" or "rectified"
        Hidden layers as published, as they leave the convolution, batch normalisation (where there is one), or ReLU.
    output : "as-published", "logits", "softmax" or "log-softmax"
        As published: AlexNet before and ResNet-50 after softmax.
    """
    family = choose("network of paper Y", network.partition("-")[0], HIDDEN)
    table = HIDDEN[family][choose("reading of hidden layers", hidden, HIDDEN[family])]
    layers = HIDDEN[family][AS_PUBLISHED]
    last = list(layers)[-1]
    if choose("reading of the output", output, (AS_PUBLISHED, *OUTPUTS)) == AS_PUBLISHED:
        return {**table, last: layers[last]}
    return {**table, last: OUTPUT[family] + OUTPUTS[output]}
