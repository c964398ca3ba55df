"""Where a network is read: the layers that each paper names, and the taps at which their activations are taken.

A tap is the name of a module or, where a module is used more than once, of a node of the traced network; `|softmax` or
`|log_softmax` behind it is applied over units.

Paper Y read AlexNet after ReLU and before softmax (as CaffeNet's blobs: ReLU works in place there), and ResNet-50
before batch normalisation and ReLU and after softmax (by Keras's layer names), without saying so. `decoding_taps` can
read both networks either way.
"""

from lib.core import choose

# Paper W's taps: convolutions after ReLU (1, 2 and 5 also after pooling), linear layers before ReLU.
ALEXNET_LAYERS = {
    "Conv-1": "features.2", "Conv-2": "features.5", "Conv-3": "features.7", "Conv-4": "features.9",
    "Conv-5": "features.12", "FC-6": "classifier.1", "FC-7": "classifier.4",
}  # fmt: skip

# Paper W: the first convolution itself (before batch normalisation), the end of each block, the pooled maps.
RESNET50_LAYERS = {
    "Conv-1": "conv1", "Conv-2": "layer1", "Conv-3": "layer2", "Conv-4": "layer3", "Conv-5": "layer4",
    "Avgpool": "avgpool",
}  # fmt: skip

# Paper W: "exactly as what we do in ResNet50 but excluded Conv-4 blocks"; these encoders have no average pooling.
TASKONOMY_LAYERS = {"Conv-1": "conv1", "Conv-2": "layer1", "Conv-3": "layer2", "Conv-5": "layer4"}

# In neither paper, trained on photographs: the end of each stage, after pooling where that follows, and the output.
LITE0_LAYERS = {
    "Stage-1": "blocks.0", "Stage-2": "blocks.2", "Stage-3": "blocks.4", "Stage-4": "blocks.7", "Stage-5": "blocks.10",
    "Stage-6": "blocks.14", "Stage-7": "blocks.15", "Avgpool": "avgpool", "Output": "fc",
}  # fmt: skip
SQUEEZENET_LAYERS = {
    "Conv-1": "features.2", "Fire-2": "features.3", "Fire-3": "features.4", "Fire-4": "features.6",
    "Fire-5": "features.7", "Fire-6": "features.8", "Fire-7": "features.9", "Fire-8": "features.11",
    "Fire-9": "features.12", "Output": "classifier.3",
}  # fmt: skip
# SqueezeNet 1.1 pools earlier than 1.0, and was trained on places with batch normalisation.
PLACE_SQUEEZENET_LAYERS = {
    "Conv-1": "features.1", "Fire-2": "features.2", "Fire-3": "features.3", "Fire-4": "features.5",
    "Fire-5": "features.6", "Fire-6": "features.8", "Fire-7": "features.9", "Fire-8": "features.10",
    "Fire-9": "features.11", "Output": "avgpool",
}  # fmt: skip
HED_LAYERS = {**{f"Block-{i}": f"block{i}" for i in range(1, 6)}, "Edges": "fuse"}
MOBILENET_LAYERS = {
    "Stage-1": "features.1", "Stage-2": "features.3", "Stage-3": "features.6", "Stage-4": "features.10",
    "Stage-5": "features.13", "Stage-6": "features.16", "Stage-7": "features.17", "Head": "features.18",
    "Output": "classifier.1",
}  # fmt: skip

# In neither paper: convolutions after ReLU (1 to 4 after pooling), the linear layer before ReLU.
MULTITASK_LAYERS = {
    "Conv-1": "features.3", "Conv-2": "features.7", "Conv-3": "features.11", "Conv-4": "features.15",
    "Conv-5": "features.18", "FC-6": "classifier.0",
}  # fmt: skip

AS_PUBLISHED = "as-published"
STAGES = ("convolution", "normalised", "rectified")  # activations of a hidden layer, in the order of computation
OUTPUTS = {"logits": "", "softmax": "|softmax", "log-softmax": "|log_softmax"}
FUNCTIONS = tuple(suffix.removeprefix("|") for suffix in OUTPUTS.values())

# Paper Y's layers at each of `STAGES`. AlexNet has no batch normalisation. In ResNet-50 a third convolution and the
# shortcut beside it are added before ReLU. Paper Y's two lists disagree about resnet7: the other has layer4.0.conv3.
_HIDDEN = {
    "alexnet": {
        "cnn1": ("features.0", "features.0", "features.1"),
        "cnn2": ("features.3", "features.3", "features.4"),
        "cnn3": ("features.6", "features.6", "features.7"),
        "cnn4": ("features.8", "features.8", "features.9"),
        "cnn5": ("features.10", "features.10", "features.11"),
        "cnn6": ("classifier.1", "classifier.1", "classifier.2"),
        "cnn7": ("classifier.4", "classifier.4", "classifier.5"),
    },
    "resnet50": {
        "resnet1": ("conv1", "bn1", "relu"),
        "resnet2": ("layer1.1.conv3", "layer1.1.bn3", "layer1.1.relu_2"),
        "resnet3": ("layer2.1.conv2", "layer2.1.bn2", "layer2.1.relu_1"),
        "resnet4": ("layer2.3.conv3", "layer2.3.bn3", "layer2.3.relu_2"),
        "resnet5": ("layer3.2.conv1", "layer3.2.bn1", "layer3.2.relu"),
        "resnet6": ("layer3.4.conv2", "layer3.4.bn2", "layer3.4.relu_1"),
        "resnet7": ("layer4.0.downsample.0", "layer4.0.downsample.1", "layer4.0.relu_2"),
    },
}
_LAST = {"alexnet": ("cnn8", "classifier.6"), "resnet50": ("resnet8", "fc")}
_PUBLISHED = {"alexnet": ("rectified", "logits"), "resnet50": ("convolution", "softmax")}


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
    family = choose("network of paper Y", network.partition("-")[0], _HIDDEN)
    choose("reading of hidden layers", hidden, (AS_PUBLISHED, *STAGES))
    choose("reading of the output", output, (AS_PUBLISHED, *OUTPUTS))
    published_hidden, published_output = _PUBLISHED[family]
    stage = STAGES.index(published_hidden if hidden == AS_PUBLISHED else hidden)
    last, place = _LAST[family]
    suffix = OUTPUTS[published_output if output == AS_PUBLISHED else output]
    return {layer: taps[stage] for layer, taps in _HIDDEN[family].items()} | {last: place + suffix}
