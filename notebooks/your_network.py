# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own network, your own participant
#
# A template for an hour of your own work: take a network that is not in this book, teach it, let it predict a participant's voxels,
# and decide a claim about it. Five cells are yours. Each is an exercise, whose solution, hidden here, takes ShuffleNet
# {cite}`ma2018`; in the [student's notebook](teaching) the solution is missing, and the cell fails until you have replaced it.
# What is not an exercise is there already and uses the names that you define: `module`, `layers` and `study`.
#
# The figure shows the solution, in which `own-object` is ShuffleNet. It predicts early areas better than place and face areas, and even
# these best from its first layers.
# Nothing is downloaded. The network begins with random weights and learns for a minute from [drawn scenes](miniature_world).

# %%
import torch
import torchvision

from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.loading import load_participant
from lib.claims import SMALLEST_EFFECTS, judge, wang2021
from lib.data.areas import EARLY, FACE, PLACE
from lib.figures.encoding import encoding_figure, network_scores
from lib.figures.style import notice
from lib.networks import extract, load_network, own_network
from lib.simulation import training
from lib.simulation.scenes import OBJECTS, render_many

# %% [markdown]
# Your participant is set here: a `subject`, a `seed`, and the [world](simulated_participant) that drives the voxels.

# %% tags=["parameters"]
subject = 1  # number of the participant
world = "as-published"  # of the simulation: "as-published", "reversed", "flat", "noise" or "unplanted"
seed = 0  # of the simulation, and of your network's weights
n_best_voxels = 15  # looked at per ROI
n_images = 1000  # seen by the participant, at least 10
voxels_per_roi = 200  # of the participant
n_training_scenes = 3000  # scenes that your network learns from
n_epochs = 6  # how often it sees them

# %%
size = {"seed": seed, "n_images": n_images, "voxels_per_roi": voxels_per_roi}
participant = load_participant("simulated", subject, world=world, **size)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)

# %% mystnb={"markdown_format": "myst"}
notice(participant.source)

# %% [markdown]
# ## A network
#
# ```{exercise} Choose a network
# :label: own-choose
#
# *Level 1 of 3, 10 minutes. Against the belief that any network can be compared once it is downloaded.*
#
# torchvision builds many networks by name: `torchvision.models.list_models(torchvision.models)` lists them. Choose a light one that
# is not in `lib.networks.ZOO` and call it `module`. It gets no weights and as many outputs as there are `OBJECTS`. Look at the
# parts it is made of.
# ```
#
# ```{hint}
# :class: dropdown
#
# `get_model(name, weights=None, num_classes=...)` builds a network; `named_children` lists its parts.
# ```

# %% [markdown]
# ```{solution-start} own-choose
# :class: dropdown
# ```

# %%
torch.manual_seed(seed)
module = torchvision.models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=len(OBJECTS))
print(*(f"{name}: {type(part).__name__}" for name, part in module.named_children()), sep="\n")
print(f"{sum(weight.numel() for weight in module.parameters()):,} weights")

# %% [markdown]
# A ShuffleNet is a convolution, three stages of blocks that mix their channels, another convolution, and a linear map. With half the
# usual channels (`x0_5`) it has about as many weights as the miniature AlexNet.
# ```{solution-end}
# ```

# %% [markdown]
# Now train it. An untrained network has layers too, and [they, too, predict voxels](unplanted_brain); so check that it has
# learned something. There are eight objects, so chance is one scene in eight.

# %%
scenes = render_many(training.TRAINING_WORLD, range(n_training_scenes))
held_out = render_many(training.HELD_OUT_WORLD, range(500))
for epoch in training.train_classifier(module, scenes, n_epochs):
    print(f"epochs: {epoch}; objects named in new scenes: {training.accuracy(module, held_out):.0%}")

# %% [markdown]
# ## Its layers
#
# ```{exercise} Choose its layers
# :label: own-layers
#
# *Level 2 of 3, 10 minutes. Against the belief that a layer is what the paper calls one.*
#
# Which places of your network do you want to read? Write a dictionary `layers` from names of your own to names of its parts, from the
# first to the last. Five or six will do, spread over its depth. A part's name is what `named_children` printed, and
# `"stage2.0"` is the first part of `stage2`. `own_network` makes a `Network` of it, and refuses a part that does not exist.
# ```
#
# ```{hint}
# :class: dropdown
#
# Take the end of each stage, in the order in which an image passes them.
# ```

# %% [markdown]
# ```{solution-start} own-layers
# :class: dropdown
# ```

# %%
layers = {
    "Conv-1": "conv1",
    "Stage-2": "stage2",
    "Stage-3": "stage3",
    "Stage-4": "stage4",
    "Conv-5": "conv5",
    "FC": "fc",
}

# %% [markdown]
# The first convolution, the end of each stage, and what comes after. The linear map at the end is a layer like any other: eight
# numbers, one for each object.
# ```{solution-end}
# ```

# %%
network = own_network("own-object", module, layers)
print("layer    (n_images, n_features)")
for layer, activations in extract(network, participant.images(participant.test)[:8]).items():
    print(f"{layer:8} {activations.shape}")

# %% [markdown]
# ## The voxels
#
# ```{exercise} Encode
# :label: own-encode
#
# *Level 1 of 3, 10 minutes. Against the belief that one score is enough to say that a network is good.*
#
# Predict the participant's voxels from your network and, to compare, from the miniature `alexnet-object`. `encode(participant, network)`
# does one network. Put both results into a dictionary by name, and make a `study` of it:
# `EncodingStudy(participant, results, n_best_voxels, "own")`, where "own" says whose weights the networks had.
# ```
#
# ```{hint}
# :class: dropdown
#
# Two networks, two calls of `encode`, one dictionary by name.
# ```

# %% [markdown]
# ```{solution-start} own-encode
# :class: dropdown
# ```

# %%
both = {one.name: one for one in (network, load_network("alexnet-object"))}
study = EncodingStudy(participant, {name: encode(participant, one) for name, one in both.items()}, n_best_voxels, "own")
print(study)

# %% [markdown]
# For each network: the activations of the pictures, a ridge regression per layer, and the stack of the layers. Scores are those of test images.
# ```{solution-end}
# ```

# %% [markdown]
# The figure, in the layout of [paper W's](fig1_alexnet). **Look for** the layer at which the lines of an area peak.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Two rows by ten columns of line plots: R and stacking weight of each layer of one's own network, one column per ROI, one line per voxel."}, "figure": {"caption": "A network of one's own predicts a simulated participant. A thin line is one of the best voxels of an ROI, chosen by out-of-fold score; the black line is their mean, the dashed line the mean of their noise ceilings. R: of each layer on test images, sign(R²) √|R²|. Weight: of each layer in the stack.", "name": "fig-own"}}
encoding_figure(study.only([network.name]), selection="out-of-fold")

# %% [markdown]
# And beside AlexNet. **Look for** the areas in which the two lie furthest apart.

# %% mystnb={"image": {"alt": "Mean R of the stack of two networks in each of ten areas, as symbols with 95 % intervals."}, "figure": {"caption": "Mean R of each network's stack on test images over all voxels of an ROI, with 95 % bootstrap intervals over voxels. Simulated participant.", "name": "fig-own-both"}}
network_scores(study)

# %% [markdown]
# AlexNet is ahead, as it should be: it is one of the six networks from whose common directions these voxels were planted, and
# ShuffleNet is not. What ShuffleNet predicts all the same is what it shares with the six, most of it in early areas. In Figure A its lines fall towards
# the last layers, in all areas, perhaps because it was trained for a minute only.
#
# ## A claim
#
# ```{exercise} Decide
# :label: own-claim
#
# *Level 3 of 3, 15 minutes. Against the belief that a sentence about layers is a test already.*
#
# "Its early layers predict V1 to V4 better, its late layers place and face areas." Write it as contrasts: `wang2021.preferences(study,
# [network.name], wanted, "score")` takes a dictionary from an area to the layers that should be preferred there, and gives for
# each area the margin by which they are, with its error. Call them `contrasts`. `judge("mine", contrasts, SMALLEST_EFFECTS)`
# decides: does the claim hold, is it contradicted, or undecided, and in which area?
# ```
#
# ```{hint}
# :class: dropdown
#
# For each area name the layers that should be ahead. The contrast is the best of them minus the best of all other layers.
# ```

# %% [markdown]
# ```{solution-start} own-claim
# :class: dropdown
# ```

# %%
names = list(layers)
wanted = dict.fromkeys(EARLY, names[:3]) | dict.fromkeys(PLACE + FACE, names[3:])
contrasts = wang2021.preferences(study, [network.name], wanted, "score")
verdict = judge("mine", contrasts, SMALLEST_EFFECTS)
print(*(f"{area}: {part.effect}" for area, part in verdict.parts.items()), sep="\n")
print(verdict.outcome, verdict.where)

# %% [markdown]
# It is undecided. Most of V1 to V4 come out right; in most place and face areas the early layers are ahead, too, within wide intervals. In an area
# that is missing the stack's mean R is not surely above zero, once other images are allowed for: these intervals count both other voxels and
# other images, those of the figure above other voxels only. The estimates leave out groups of images in turn, and so swing where R is near zero. Would you
# have reported the first half as a finding?
# ```{solution-end}
# ```

# %% [markdown]
# ## A control
#
# ```{exercise} Where nothing about layers is true
# :label: own-control
#
# *Level 3 of 3, 15 minutes. Against the belief that an analysis that finds the claim has shown it.*
#
# A contrast that comes out right says little until one knows that it can come out wrong. In the world *flat* every layer of six other
# networks drives every area alike. Simulate a participant of that world, decide the same claim, and call the contrasts `control`. Half the
# images will do.
# ```
#
# ```{hint}
# :class: dropdown
#
# Keep the claim word for word, and change the world only.
# ```

# %% [markdown]
# ```{solution-start} own-control
# :class: dropdown
# ```

# %%
flat = load_participant("simulated", subject, world="flat", **size | {"n_images": max(10, n_images // 2)})
other = EncodingStudy(flat, {network.name: encode(flat, network)}, n_best_voxels, "own")
control = wang2021.preferences(other, [network.name], wanted, "score")
verdict = judge("mine", control, SMALLEST_EFFECTS)
print(*(f"{area}: {part.effect}" for area, part in verdict.parts.items()), sep="\n")
print(verdict.outcome, verdict.where)

# %% [markdown]
# It is undecided again. In V1 to V4 the early layers are ahead here, too, in a brain that prefers none: they hold more of the
# image. They are ahead in place and face areas as well. In some of these the printed interval lies below zero, but it is that of the area taken
# by itself; to contradict the claim, it must lie below zero at a level that allows for all ten areas. So the first half of the claim says
# little about a brain; only the order of areas, with late layers ahead in the higher ones, would say something.
# ```{solution-end}
# ```

# %% [markdown]
# ## Three questions
#
# ```{dropdown} Your network predicts the voxels well. What may you conclude about brains?
# Here nothing: nobody was scanned. With a measured participant, that the layers hold information which the voxels hold too.
# ```
#
# ```{dropdown} Your claim holds. Why look at the world *flat* before you report it?
# In *flat* no layer is preferred. A claim that holds there as well follows from how layers are built, and says nothing about this
# brain.
# ```
#
# ```{dropdown} Half of a claim comes out right. May you report that half?
# Not as the finding you set out for. Choosing the half that came out right after looking is selection.
# ```

# %% [markdown]
# ## What may you conclude?
#
# About brains, nothing: nobody was scanned. About your network, that its layers share a progression from local to global with the networks
# from which these voxels were planted, or do not. About the analysis, whether it can tell this participant from one in whom no layer is
# preferred. Load a measured participant in place of the simulated one, with `load_participant("nsd", subject, "/data/nsd")` or
# [your lab's own](your_data), and the same five cells speak about a brain.
#
# Where to go from here: another task (`task="place"` for `train_classifier` and `accuracy`), [what your network explains beyond
# AlexNet](variance_partitioning), or the [ledger](claims) with a row of your own (`CONTRIBUTING.md` says how).
