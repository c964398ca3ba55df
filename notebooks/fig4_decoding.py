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
# # Decoding: units of AlexNet and ResNet-50 from voxels
#
# {cite:t}`yu2018` turn the {ref}`arrow <idea>` around. They do not predict voxels from layers; they predict single *units* of a layer from the
# voxels of an area, as {cite:t}`horikawa2017` did with AlexNet, and ask whether ResNet-50, which names objects far better, is also
# closer to the brain. Their answer is no, and three of their sentences are put to the test on this page:
#
# * units of ResNet-50 are decoded less well than units of AlexNet, first layers excepted (claim Y1);
# * within AlexNet, the output layer is decoded best (claim Y2);
# * the output layer of ResNet-50 is decoded very poorly (claim Y3).
#
# The simulated brains of this page are planted so that AlexNet is ahead in every pair of layers but the first, and its output leads most;
# the figure shows how much of that is found. What such a verdict is made of has [a page of its own](decoding_confounds).

# %%
from dataclasses import replace

import numpy as np

from lib.analysis.decoding import permutation_scores
from lib.analysis.decoding_study import study_units, units_to_decode
from lib.analysis.loading import load_everybody
from lib.analysis.presets import decoding_preset, decoding_table
from lib.claims import evaluate
from lib.figures.decoding import decoding_figure, permutation_grid, pictures_shown, unit_table
from lib.figures.style import notice
from lib.figures.verdicts import verdict_table

# %% [markdown]
# With the Generic Object Decoding data at hand, `dataset` and `data_root` say where they are. Under the analysis *as-coded*, AlexNet needs no
# pictures then: what it made of them was published with the data. ResNet-50 needs all of them; if some are missing, the page shows AlexNet alone. The
# analysis *careful* reads both networks alike, and so needs the pictures for both.

# %% tags=["parameters"]
dataset = "simulated"  # where the participants come from: "simulated" or "god"
data_root = None  # folder of the measured data
analysis = None  # of the text, the code or this book, by default as-coded for a simulation, else careful: "as-published", "as-coded" or "careful"
weights = None  # of the networks, by default published ones for measured data, else miniature: "miniature", "untrained" or "published"
world = "as-published"  # of a simulation: "as-published", "reversed", "noise" or "resnet-brain"
regression = None  # by default that of the analysis; least squares, ridge or sparse: "ols", "ridge" or "slr"
n_voxels = None  # kept per unit, twice as many in LVC, HVC and VC; by default 500
n_units = 1000  # drawn from each layer
seed = 0  # of the simulation
n_images = 1200  # for training, of a simulation
voxels_per_roi = 100  # of a simulated participant; about 550 make the real size

# %% [markdown]
# ## Five participants, ten areas
#
# Each saw 1200 images once, and 50 others 35 times. LVC holds V1 to V3; HVC holds LOC, FFA, PPA and what lies between them; {term}`VC`
# holds everything, V4 too.

# %%
networks = ("alexnet-object", "resnet50-object")
preset = decoding_preset(analysis, dataset, weights, networks, regression=regression, n_voxels=n_voxels)
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
participants = preset.with_areas(load_everybody(dataset, data_root, world=world, seed=seed, **size))
print("(n_trials_train, n_voxels) =", participants[0].train.responses.shape)
print("(n_images_test, n_voxels) =", participants[0].test.responses.shape)
print({roi: int(mask.sum()) for roi, mask in participants[0].rois.items()})

# %% mystnb={"markdown_format": "myst"}
notice(participants[0].source)

# %% [markdown]
# The training pictures show eight examples of each of 150 categories, the test pictures one of each of 50 others. In the
# simulation a category is an invented object, so both networks are asked about things that they never learned to name.

# %% mystnb={"image": {"alt": "Rows of small pictures: the same odd object in eight different scenes, two objects in two rows, and eight test pictures with an object each."}, "figure": {"caption": "What the participants see. In a simulation: the same invented object in eight scenes, for two of 150 training categories, and eight of the 50 test pictures.", "name": "fig-decoding-pictures"}}
pictures_shown(participants[0])

# %% [markdown]
# ## Six steps
#
# Per participant, area and unit:
#
# 1. standardise the voxels by their training trials;
# 2. standardise the unit likewise;
# 3. keep the voxels with the largest correlation to the unit in training, 500 or, in LVC, HVC and VC, 1000;
# 4. add a constant and regress, by ordinary least squares;
# 5. predict the test images, and undo step 2;
# 6. correlate prediction and unit over the 50 test images.
#
# AlexNet's layers are read after ReLU, the last before softmax; ResNet-50's are read *before* batch normalisation and ReLU, the last
# *after* softmax. Some of this had to be inferred: the paper says neither at which stage a layer is read nor how the linear models are fitted;
# the places in ResNet-50 are those of the paper's code, which names two for the seventh. Three things differ from the paper. The paper used ResNet-50
# with Keras' weights and input, this page uses torchvision's. The paper's text counts V4 among the higher areas; the published data do not. And
# the paper speaks of 50 repeats of a test image, where the data hold 35.

# %%
choices = preset.choices
units = units_to_decode(participants[0], networks, preset.weights, choices, n_units=n_units, data_root=data_root)
study = study_units(participants, units, choices, preset.weights)
print(len(study.results[0]), "pairs of layer and area for each of", len(study.participants), "participants")

# %% mystnb={"markdown_format": "myst"}
unit_table(study)

# %% [markdown]
# In the table, *left out* are units that are constant over the test images, or whose prediction is constant: they have no correlation. After ReLU many units are silent, before it hardly any: so
# the rule spares AlexNet its worst units. Counted as r = 0 they would lower its mean. In VC, over the eight layers:

# %%
for network in study.networks:
    vc = [r for of_one in study.results for r in of_one if (r.network, r.roi) == (network, "VC")]
    counted = [r.mean * (1 - r.n_constant / len(r.unit_score)) for r in vc]
    print(f"{network}: left out {np.mean([r.mean for r in vc]):.3f}, counted as zero {np.mean(counted):.3f}")

# %% [markdown]
# This page is smaller than the paper's figure in two ways. A simulated area has 100 voxels, fewer than are kept, so step 3 keeps all;
# `-p voxels_per_roi 550` makes areas of the real size. And the miniature networks have smaller layers: where one has fewer than
# 1000 units, all are decoded, and both output layers have eight, one per kind of object.

# %% [markdown]
# What this run chose, read from what it did. [A page](../book/choices) lists the same choices of the paper, its code and this book.

# %% mystnb={"markdown_format": "myst"}
decoding_table(preset, study)

# %% [markdown]
# ## The figure
#
# **Look for** the order of the two networks from the second layer on, and at the last; then for areas that differ from the others.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "First, mean correlation of decoded units in the whole visual cortex over eight layers, a line with error bars for AlexNet and one for ResNet-50. Then two maps of all areas by layers with a number in each cell."}, "figure": {"caption": "Correlation of decoded and true units over test images, the quantity of paper Y's Figure 1: mean over the units of a layer, then over participants. First panel: all visual voxels (VC), 95 % t intervals over participants; a thin line is one participant. Maps: every area; bold numbers have intervals above zero.", "name": "fig-decoding"}}
decoding_figure(study)

# %% [markdown]
# In the world *as-published* all areas answer to a few properties of a picture, and single areas look alike up to the fifth layer. LVC, HVC and VC join
# several, have more voxels, and lie higher where much is decoded. We chose these properties so that AlexNet's
# layers vary with them, its output most, and from the second layer on those of ResNet-50 less. So AlexNet's lead is planted pair by pair; the
# figure shows how much of it is found. Half of a voxel's signal is its own and belongs to no network, so that AlexNet's output is decoded
# about as well as from people's brains: the [ledger](claims) lists what was published, and the next cell gives the numbers of this page. Over all areas AlexNet is
# ahead by most in the last three layers. ResNet-50's output is decoded poorly for another reason, too: faced with objects that neither can name,
# two networks say different things. An exercise below shows them familiar ones.

# %%
outputs = {network: study.layers(network)[-1] for network in study.networks}
for network, layer in outputs.items():
    print(f"{network}, {layer}: mean r in VC {study.scores(network, layer)[:, study.rois.index('VC')].mean():.2f}")

# %% [markdown]
# ## Above chance?
#
# The 50 predictions are assigned to the 50 images in 10,000 random orders. **Look for** gaps: layers not better than chance (p ≥ .01).
# At this level one square in a hundred is filled by chance.

# %% mystnb={"image": {"alt": "A grid of areas by layers for each network; a filled square where the permutation p-value is below one in a hundred."}, "figure": {"caption": "Where a layer's mean correlation, over units and participants, exceeds that of predictions assigned to wrong images: filled if p < .01 (one-sided, 10,000 permutations, not corrected for the number of squares).", "name": "fig-decoding-permutation"}}
permutation_grid(study)

# %% [markdown]
# AlexNet has no gap; ResNet-50's second layer and output are nowhere better than chance. A square may be filled where the number in the map above is
# not bold: bold asks whether other participants would show it, a square whether these predictions belong to these images. Units and layers are
# alike, so the squares are not independent findings. The units of a
# layer need not be decoded well for their mean to be above chance.

# %% [markdown]
# ## Do the claims hold?
#
# Each score is averaged over the ten areas; intervals allow for other participants and other test images.

# %% mystnb={"markdown_format": "myst"}
verdict_table(evaluate(study))

# %% [markdown]
# On simulated participants this says nothing about brains; it says what the analysis makes of a brain that was built from
# AlexNet. Run the page in a brain built from ResNet-50, `python -m lib run fig4_decoding -p world resnet-brain`, or see
# [what the verdict is made of](decoding_confounds).

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A unit is decoded well from an area. Does the unit drive the area?
# That does not follow. Decoding shows that the area holds information from which the unit can be predicted. Something that drives
# both would suffice for that.
# ```
#
# ```{dropdown} ResNet-50's output is decoded poorly. Is ResNet-50 unlike the brain?
# That does not follow. How well an output can be decoded also depends on whether it is read before or after softmax, and on whether
# the network knows the objects it is shown.
# ```
#
# ```{dropdown} A mean over many units is above chance. May each unit count as an observation?
# No. Units of a layer respond to the same few properties of the images, so their scores rise and fall together. The permutation
# test keeps them together.
# ```

# %% [markdown]
# ## Exercises
#
# ```{exercise} Where a penalty helps
# :label: ex-decoding-ols
#
# *Level 2 of 3, 10 minutes. Against the belief that least squares is good enough whenever there are more trials than
# voxels.*
#
# Least squares fits one weight per voxel to 1200 trials: a hundred in V1, eight hundred in VC. Decode one participant
# with ridge regression too. In which area do you expect the largest gain?
# ```
#
# ```{hint}
# :class: dropdown
#
# The error of least squares grows with the number of weights for each trial. Compare 100 and 800 weights with 1200
# trials.
# ```

# %% [markdown]
# ```{solution-start} ex-decoding-ols
# :class: dropdown
# ```

# %%
penalised = study_units(participants[:1], units, replace(choices, regression="ridge"), preset.weights)
for roi, ours, theirs in zip(study.rois, study.by_roi()[0], penalised.by_roi()[0], strict=True):
    print(f"{roi:4} mean r over all layers: {choices.regression} {ours:.3f}   ridge {theirs:.3f}")

# %% [markdown]
# In VC, the area with the most weights for the same number of trials, and hardly anywhere else. There least squares fits the noise of the
# trials, and a penalty keeps the weights small. The weights of the single areas are well determined by 1200 trials.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Familiar objects
# :label: ex-decoding-familiar
#
# *Level 3 of 3, 15 minutes. Against the belief that how well a unit is decoded depends on the brain alone.*
#
# Imagine a brain that *is* AlexNet's output, without noise, and decode ResNet-50's softmax from it. How well can that be done for the
# pictures of this page, and how well for pictures of the eight objects that both networks can name? What does that say of claim Y3?
# ```
#
# ```{hint}
# :class: dropdown
#
# What does softmax give for a picture whose object the network can name, and what for one that it has to guess?
# ```

# %% [markdown]
# ```{solution-start} ex-decoding-familiar
# :class: dropdown
# ```

# %%
from lib.analysis.decoding import decode
from lib.core.scores import correlation
from lib.data.participant import Images
from lib.networks import extract, load_network
from lib.simulation.god_like import god_pictures
from lib.simulation.nsd_like import scene_stimuli

shown = {"familiar": Images(scene_stimuli(seed), np.arange(1250)), "invented": god_pictures(seed, 1200)}
for objects, pictures in shown.items():
    alexnet = extract(load_network("alexnet-object", preset.weights), pictures, ["classifier.6"])["classifier.6"]
    resnet = extract(load_network("resnet50-object", preset.weights), pictures, ["fc|softmax"])["fc|softmax"]
    predicted = decode(alexnet[:1200], resnet[:1200], alexnet[1200:])
    print(f"{objects} objects: mean r {correlation(resnet[1200:], predicted).mean():.2f}")

# %% [markdown]
# Where both networks know the names, one output is decoded well from the other, and claim Y3 could not hold in this brain, however little
# of ResNet-50 is in it. Where neither does, ResNet-50's r is less than half of AlexNet's own, which is 1 in this brain, and Y3 holds. So Y3 depends on the pictures as much as on the brain: a network
# that is sure of its answer and right is another thing to decode than one that has to guess.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How sure is a mean over a thousand units?
# :label: ex-decoding-noise
#
# *Level 2 of 3, 10 minutes. Against the belief that a thousand units are a thousand observations.*
#
# If units were independent, the mean r of 1000 units over 50 images would have a standard deviation of 1/√(49 · 1000) where
# nothing can be decoded. Assign predictions to wrong images, and compare.
# ```
#
# ```{hint}
# :class: dropdown
#
# Units of a layer rise and fall together over images. `permutation_scores` mixes the images up and keeps the units
# together.
# ```

# %% [markdown]
# ```{solution-start} ex-decoding-noise
# :class: dropdown
# ```

# %%
network = list(study.networks)[-1]
layer = study.layers(network)[2]
wrong = permutation_scores(study.agreements(network, layer, "V1")[:1])
print(f"one participant, {layer} from V1, images assigned at random: standard deviation {wrong.std():.3f}")
print(f"if its {n_units} units were independent: {(49 * n_units) ** -0.5:.4f}")

# %% [markdown]
# Several times as large. The units of a layer answer to the same few properties of the pictures, so their scores rise and fall
# together, and a thousand of them are not a thousand observations. The permutation test above keeps the units together.
# ```{solution-end}
# ```
