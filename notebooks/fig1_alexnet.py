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
# # Figure 1: AlexNet, trained on objects or on places
#
# {cite:t}`wang2021` ask how much the *task* a network was trained on matters for how well it predicts the brain. They take
# one architecture, AlexNet {cite}`krizhevsky2012`, trained once to name objects and once to name places, and predict
# every voxel of a person looking at photographs from each of its seven layers, and from the best weighted mean of all
# seven predictions. Two sentences of theirs are put to the test on this page:
#
# * early visual areas are predicted best by Conv-2 and Conv-3 of the network that names objects, place and face areas by FC-7 (claim W1);
# * from the network that names objects to the one that names places, the peak of the stacking weights in V1-V4 moves from
#   Conv-3 to Conv-4 (claim W2).
#
# **In short:** in the world *as-published*, where both are true by construction, the lines show the first clearly, the second less so.
#
# The steps are one call each: [ridge regression](ridge) per layer, [stacking](stacking) over layers,
# [scores](noise_ceiling) on images that no fit has seen.

# %%
import numpy as np

from lib.analysis.encoding_study import encoding_study
from lib.analysis.loading import load_participant
from lib.analysis.presets import analyse, encoding_choices
from lib.analysis.results import write_results
from lib.claims import evaluate
from lib.figures.encoding import (
    encoding_figure,
    planted_and_recovered,
    preferred_layer_maps,
    preferred_layers,
    stack_against_ceiling,
)
from lib.figures.explorers import voxel_explorer
from lib.figures.style import notice
from lib.figures.verdicts import reliability_table, verdict_table

# %% [markdown]
# `world` says [what drives the voxels](simulated_participant) of a simulated participant. `dataset`, `subject` and `data_root` put
# measured data in its place; `world`, `seed`, `n_images` and `voxels_per_roi` then have no effect.

# %% tags=["parameters"]
dataset = "simulated"  # where the participant comes from: "simulated", "nsd" or "laion"
subject = 1  # number of the participant
data_root = None  # folder of the measured data
analysis = "careful"  # what the text says, what the authors' code does, or this book's: "as-published", "as-coded" or "careful"
weights = None  # of the networks, by default published ones for measured data, else miniature: "miniature", "untrained" or "published"
world = "as-published"  # of a simulation: "as-published", "reversed", "flat", "noise" or "unplanted"
split = "random"  # of measured images; of NSD also shared1000, of LAION-fMRI the name of an official one, such as ood
n_best_voxels = None  # voxels shown per ROI, and looked at by the claims; by default 200, as in paper W
seed = 0  # of the simulation
n_images = 1000  # seen by a simulated participant, at least 10; the real ones saw 10,000
voxels_per_roi = 600  # of a simulated participant
results = None  # a new or empty folder in which to keep arrays, tables and maps of the voxels
unique = False  # whether to keep the variance, too, that each network explains beyond the others: minutes to hours

# %% [markdown]
# ## One participant, two networks

# %%
networks = ("alexnet-object", "alexnet-place")
choices = encoding_choices(analysis, dataset, weights, n_best_voxels, networks, split)
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
participant = load_participant(dataset, subject, data_root, world=world, seed=seed, **size, **choices.reading)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)

# %% mystnb={"markdown_format": "myst"}
notice(participant.source)

# %% [markdown]
# For each network: show it the pictures, fit every voxel from every layer, learn the stacking weights from predictions of
# images that were left out, and score the predictions of the test images.

# %%
run = analyse(participant, networks, choices)
study = run.study
print(study)

# %% [markdown]
# ## The figure
#
# **Look for** the layer at which the lines of an area peak, and whether it is a later layer in the place and face areas than in
# the early ones. Then compare the networks: does the peak lie at the same layer for both tasks? (Each network shows its own
# best voxels.)

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Four rows by ten columns of line plots: R and stacking weight of each AlexNet layer, one column per ROI, one line per voxel."}, "figure": {"caption": "AlexNet encoding results in the layout of paper W's Figure 1. A thin line is one of the best voxels of an ROI, chosen by test score as published; the black line is their mean, the dashed line the mean of their noise ceilings. R: score of each layer on test images, sign(R²) √|R²|, then the stacking weights. Areas are columns; on a phone, they are rows.", "name": "fig-alexnet"}}
encoding_figure(study)

# %% [markdown]
# The same lines, one at a time, and test pictures beside the voxel's response and what the stack predicts of it.
# **Look for** layers whose R comes close to the highest and whose weight is zero.

# %%
voxel_explorer(study, run=run)

# %%
for name, result in study.encoding.items():
    best = np.concatenate([study.best(name, roi, "test") for roi in study.rois()])
    elsewhere = result.weights[:, best].argmax(0) != result.score[:, best].argmax(0)
    print(f"{name}: the largest weight lies on another layer than the highest R in {elsewhere.sum()} of {len(best)} voxels")

# %% [markdown]
# In the world *as-published* the lines of V1-V4 peak at the middle convolutions and those of the place and face areas at the
# last layer. The weights of V1-V4 have a peak at Conv-3 for objects and at Conv-4 for places, and another at Conv-1, which holds the most of
# the image: lower in V1 and V2 (for places in V3 too), elsewhere about as high. R falls slowly around its peak, the weights steeply; stacking gives most
# to layers that explain what their neighbours cannot.

# %% [markdown]
# ## Which layer does an ROI prefer?
#
# Overlapping lines hide how many of them peak where. **Look for** rows in which one cell is dark (the voxels agree) and
# for rows in which several are grey (they do not).

# %% mystnb={"image": {"alt": "Two heat maps, one per network: rows are ROIs, columns are layers, darkness is the share of voxels that prefer the layer; a dot and bar mark median and middle half."}, "figure": {"caption": "The layer that predicts each voxel best on test images. Darkness: share of the ROI's best voxels, chosen by out-of-fold score. White dot and bar: median and middle half of the voxels' preferred layers.", "name": "fig-alexnet-preferred"}}
preferred_layers(study)

# %% [markdown]
# Each row has one cell darker than the others. In V1-V4 the layers before it are grey, too: there voxels differ. A statement such as
# "V2 prefers Conv-3" is a statement about a median.
#
# Where do the voxels of a preferred layer lie? A simulated area is a small sheet of cortex, whose neighbours answer alike. **Look for**
# patches of one colour in an area.

# %% mystnb={"image": {"alt": "For each network a row of small maps, one per ROI: each voxel is a square where it lies, its colour is the layer that predicts it best."}, "figure": {"caption": "The layer that predicts each voxel best on test images, where the voxel lies. Voxels whose stack predicts nothing are left out. A simulated area is a sheet, no part of anybody's brain; a measured one is seen along the axis in which it is narrowest.", "name": "fig-alexnet-maps"}}
preferred_layer_maps(study)

# %% [markdown]
# In the place and face areas about half of the squares or more show FC-7. Other colours are scattered: nearly all voxels
# were planted alike. Patches of a simulation say nothing about a cortex. [Maps of your own run](results) are files that viewers of brains open.

# %% [markdown]
# ## What was planted, and what was found
#
# Of a simulated participant the truth is known. **Look for** dots where there is no grey bar: weight given to layers that were not
# planted to lead.

# %% mystnb={"image": {"alt": "Bars of planted shares and dots of recovered stacking weights over layers, for each network and group of ROIs."}, "figure": {"caption": "Grey bars: share of the voxels that were planted to be predicted best from a layer. Dots: mean stacking weight of an ROI's best voxels, chosen by out-of-fold score. For measured data there are no bars.", "name": "fig-alexnet-planted"}}
planted_and_recovered(study)

# %% [markdown]
# The layer that most voxels were planted in gets the largest weight, but never all of it. A layer that predicts best on average does not predict
# every direction best that a voxel answers to; the first layers, which hold the most of the image, take up what is left.
# Weights of a layer are evidence about that layer *given the others in the stack*, not a measure of what drives the voxel.

# %% [markdown]
# ## How much could be explained at all?
#
# The [noise ceiling](noise_ceiling) of a voxel is the variance that even the true model could explain of its averaged
# responses. **Look for** the distance of the coloured lines from the dashed line.

# %% mystnb={"image": {"alt": "One panel per network: grey density of voxels by noise ceiling and variance explained by the stack, a line of medians for each group of areas, and the identity line."}, "figure": {"caption": "Variance of the test responses explained by the stack of all layers, against the noise ceiling. The darker, the more voxels (logarithmic); a coloured line is the median of a group's voxels in ten steps of the ceiling, the dashed line a perfect model.", "name": "fig-alexnet-ceilings"}}
stack_against_ceiling(study)

# %% [markdown]
# The medians rise with the ceiling and stay below the dashed line; the higher the ceiling, the further below. The rest no layer predicts, or
# it is too fine to be learned from this many images.
#
# A voxel of low ceiling cannot score high. So a score is also given as a share of the largest R that any model could reach, the root of
# the ceiling {cite}`schoppe2016`, and voxels whose ceiling is too low to say anything are left out. **Look for** areas of low raw score: is
# their share low, too?

# %% mystnb={"markdown_format": "myst"}
reliability_table(study)

# %% [markdown]
# It is: about half, against three fifths in V1 to V4. These are the voxels on which claims are decided: the reliable ones that all networks together predict best out of fold. An
# area of fewer than ten decides nothing.

# %% [markdown]
# ## Do the claims hold?
#
# A claim holds when, in every ROI it speaks about, the layers it names stand above all others by a margin whose 95 %
# interval lies above zero and whose size matters; it is contradicted when an interval lies below what matters; else it stays
# undecided ([how](judging)). It is as strong as its weakest ROI (see
# the [ledger](claims)).

# %% mystnb={"markdown_format": "myst"}
verdict_table(evaluate(study, ["W1", "W2"]))

# %% [markdown]
# On a simulated participant this says nothing about brains. It shows whether the analysis finds what was planted
# (*as-published*); runs in *flat* and *noise*, whether it finds what was not. W2 wants Conv-3 ahead of *every*
# other layer, so Conv-1 can leave it undecided, until there are [more images](judging). Run
# `python -m lib run fig1_alexnet -p world flat` and look again.

# %% [markdown]
# ## What this run chose
#
# [A page](../book/choices) lists the same choices of the paper, its code and this book.

# %% mystnb={"markdown_format": "myst"}
saved = write_results(run, results, unique=unique)
run.table()

# %% [markdown]
# ## Three questions
#
# ```{dropdown} In every area some layer predicts best. Does every area prefer a layer?
# No. Of several numbers one is always the largest, even in a world where every layer drives every area alike. A claim needs a lead,
# its interval, and a size that matters.
# ```
#
# ```{dropdown} R of two neighbouring layers is nearly equal, but their weights differ a lot. Is that a contradiction?
# No. Neighbours hold much the same, so each predicts well alone. The stack needs only one of them, and gives it the weight of both.
# ```
#
# ```{dropdown} Each network shows its own best voxels. Why is that a problem for comparing networks?
# The lines then belong to different voxels, and a difference between networks may come from the choice. Claims are decided on the same voxels
# for both networks.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Every layer alike
# :label: ex-flat
#
# *Level 2 of 3, 15 minutes. Against the belief that a layer's weight says how much that layer drives the voxel.*
#
# In the world *flat*, every layer drives every area alike. Before you look: which layer do you expect to get the largest stacking
# weight, and in which areas? Draw planted and recovered shares for a participant of that world, and explain the profile.
# ```
#
# ```{hint}
# :class: dropdown
#
# The stack compares layers by what each explains beyond the others. Which layer holds most of what the others hold?
# ```

# %% [markdown]
# ```{solution-start} ex-flat
# :class: dropdown
# ```

# %%
small = {"n_images": max(10, n_images // 2), "voxels_per_roi": max(2, voxels_per_roi // 4)}
n_best = max(2, choices.n_best // 4)  # a quarter of the voxels, and of those that are called best
flat = load_participant("simulated", subject, world="flat", seed=seed, **small)
alike = encoding_study(flat, networks, n_best=n_best)

# %% mystnb={"image": {"alt": "Grey bars of equal height over all layers, and dots that stand highest over the first layer, in each network and each group of areas."}, "figure": {"caption": "World flat: no layer was planted to lead. Grey bars: an equal share for each layer of the network. Dots: mean stacking weight of an area's best voxels, chosen by out-of-fold score.", "name": "fig-alexnet-flat"}}
planted_and_recovered(alike)

# %% [markdown]
# Conv-1 gets the largest weight, in all areas. Layers share most of what they hold; what a later layer keeps of the image, an earlier
# one holds too, but not the other way round. Where no layer was planted to lead, the layer that also explains what its neighbours explain gets their
# weight. The weights show the analysis' own preference, not the brain's. So claims are contrasts.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The luckiest voxels of nobody
# :label: ex-selection
#
# *Level 2 of 3, 10 minutes. Against the belief that the best voxels show what an area does.*
#
# The figure shows the best voxels by test score, which is also the score on its axis. In the world *noise* nothing can be
# predicted. What is the mean R of the stack over the best voxels of an area, chosen by test score, and what if they are chosen by
# out-of-fold score?
# ```
#
# ```{hint}
# :class: dropdown
#
# Choosing by the number that is reported keeps the voxels whose noise happened to agree with the prediction.
# ```

# %% [markdown]
# ```{solution-start} ex-selection
# :class: dropdown
# ```

# %%
noise = load_participant("simulated", subject, world="noise", seed=seed, **small)
nothing = encoding_study(noise, networks[:1], n_best=n_best)
score = nothing.encoding[networks[0]].stacked_score
for selection in ("test", "out-of-fold"):
    means = {roi: score[nothing.best(networks[0], roi, selection)].mean() for roi in ("V1", "PPA", "FFA")}
    print(f"chosen by {selection} score:", {roi: f"{mean:+.2f}" for roi, mean in means.items()})

# %% [markdown]
# A fit has learned noise, so where nothing can be predicted R is negative on average. Chosen by test score, voxels come out just above zero all the
# same: the luckiest were picked by the very number that is shown. Chosen out of fold they do not. How large the effect is where there is something to find is the subject of
# [The best voxels, chosen how?](selection).
# ```{solution-end}
# ```
