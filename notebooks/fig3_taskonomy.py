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
# # Figure 3: networks that only find edges
#
# What does a network know that was never asked about objects or places? {cite:t}`wang2021` end with two encoders of Taskonomy
# {cite}`zamir2018`: one draws the edges of textures (Edge2d), the other the edges where one surface hides another (Edge3d). Their
# architecture is nearly that of ResNet50; Conv-4 is left out, as in the paper. Two sentences are put to the test:
#
# * early layers predict better than late ones in *every* area, and Conv-3 is preferred in all areas but V1 (claim W6);
# * edge networks predict less well than networks that name objects or places (claim W7).
#
# We read the first so: Conv-3 leads every other layer in all areas but V1, and there the better of Conv-1 and Conv-2 leads. It cannot mean every early
# layer: in place and face areas Conv-1 predicts worst.
#
# **In short:** in the world *as-published* one middle layer leads in nearly every area, and both edge
# networks predict less well than the others.
#
# That Conv-3 leads nearly everywhere surprised the authors: edges are what early visual cortex is known for, and here a middle layer of an edge network is the
# best of its layers for face and place areas too.

# %%
import numpy as np

from lib.analysis.encoding_study import best_layer_score, encoding_study
from lib.analysis.loading import load_participant
from lib.analysis.presets import analyse, encoding_choices
from lib.analysis.results import write_results
from lib.claims import evaluate
from lib.figures.encoding import encoding_figure, network_scores, planted_and_recovered, preferred_layers
from lib.figures.explorers import voxel_explorer
from lib.figures.style import notice
from lib.figures.verdicts import reliability_table, verdict_table

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
# ## One participant, two networks, and four to compare with
#
# Claim W7 compares with the networks of Figures [1](fig1_alexnet) and [2](fig2_resnet50), so they are fitted too.

# %%
networks = ("taskonomy-edge2d", "taskonomy-edge3d")
others = ("alexnet-object", "alexnet-place", "resnet50-object", "resnet50-place")
choices = encoding_choices(analysis, dataset, weights, n_best_voxels, networks + others, split)
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
participant = load_participant(dataset, subject, data_root, world=world, seed=seed, **size, **choices.reading)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)

# %% mystnb={"markdown_format": "myst"}
notice(participant.source)

# %%
run = analyse(participant, networks + others, choices)
study = run.study
shown = study.only(networks)
print(shown)

# %% [markdown]
# ## The figure
#
# **Look for** the layer at which the lines peak, in V1 and in the other areas; and for the height of the lines, whose scale the areas
# share.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Four rows by ten columns of line plots: R and stacking weight of four layers of two edge networks, one column per ROI, one line per voxel."}, "figure": {"caption": "Encoding results of the edge networks in the layout of paper W's Figure 3. A thin line is one of the best voxels of an ROI, chosen by test score as published; the black line is their mean, the dashed line the mean of their noise ceilings. R: score of each layer on test images, sign(R²) √|R²|, then the stacking weights. Areas are columns; on a phone, they are rows.", "name": "fig-taskonomy"}}
encoding_figure(shown)

# %% [markdown]
# The same lines, one at a time, and test pictures beside the voxel's response and what the stack predicts of it. R stays well below the noise ceiling in
# every voxel shown: a voxel also answers to what these networks do not hold, or to what so few images do not suffice to learn. **Look for** the
# one that comes closest, and for its area.

# %%
voxel_explorer(shown, run=run)

# %% [markdown]
# Lines rise to Conv-3 in every area but V1, where Conv-2 is the best layer of both networks. So Conv-3 wins in face areas as it wins in V2: these
# networks show no progression along the visual hierarchy. That is as planted. The lines are lower in place and face areas than in V2 to V4.

# %% [markdown]
# ## Which layer does an ROI prefer?
#
# **Look for** a column of dark cells: it says that the same layer is preferred from early to late areas.

# %% mystnb={"image": {"alt": "Two heat maps, one per network: rows are ROIs, columns are layers, darkness is the share of voxels that prefer the layer; a dot and bar mark median and middle half."}, "figure": {"caption": "The layer that predicts each voxel best on test images. Darkness: share of the ROI's best voxels, chosen by out-of-fold score. White dot and bar: median and middle half of the voxels' preferred layers.", "name": "fig-taskonomy-preferred"}}
preferred_layers(shown)

# %% [markdown]
# From V2 down, Conv-3 is the darkest cell of the rows. Compare the [preferred layers of ResNet50](fig2_resnet50), a network of nearly the same shape, where
# the dark cells move to the right from early to late areas.
#
# ## What was planted, and what was found
#
# **Look for** dots where there is no grey bar.

# %% mystnb={"image": {"alt": "Bars of planted shares and dots of recovered stacking weights over layers, for each network and group of ROIs."}, "figure": {"caption": "Grey bars: share of the voxels that were planted to be predicted best from a layer. Dots: mean stacking weight of an ROI's best voxels, chosen by out-of-fold score. For measured data there are no bars.", "name": "fig-taskonomy-planted"}}
planted_and_recovered(shown)

# %% [markdown]
# The planted layer gets the largest weight: Conv-3, in V1 (the dot apart) Conv-2. Conv-1, which holds the most of the image, also gets
# weight: for the other networks the same voxels were planted in other layers, and what those share with an edge network is spread over its layers, so
# Conv-1 adds to Conv-3.
#
# ## All six networks
#
# **Look for** the two lowest symbols of each area.

# %% mystnb={"image": {"alt": "Mean R of the stack of each of six networks in each of ten areas, as symbols with 95 % intervals."}, "figure": {"caption": "Mean R of each network's stack on test images over all voxels of an ROI, with 95 % bootstrap intervals over voxels.", "name": "fig-taskonomy-all"}}
network_scores(study)

# %% [markdown]
# Edge networks are compared with networks of more layers, and from more layers a stack can be made better. In how many areas are both of
# them the lowest?

# %%
means = {
    roi: {name: np.nanmean(result.stacked_score[participant.roi(roi)]) for name, result in study.encoding.items()}
    for roi in study.rois()
}
lowest = [roi for roi, scores in means.items() if set(sorted(scores, key=scores.get)[:2]) == set(networks)]
print(f"both edge networks are the lowest in {len(lowest)} of {len(means)} areas: {', '.join(lowest) or 'in none'}")

# %% [markdown]
# ## How much of what could be explained?
#
# Areas differ in noise. Beside each mean R stands its share of the largest that any model could reach, the root of the
# [noise ceiling](noise_ceiling) {cite}`schoppe2016`, over reliable voxels that the networks of the table together predict best.

# %% mystnb={"markdown_format": "myst"}
reliability_table(study)

# %% [markdown]
# ## Do the claims hold?
#
# The rules are those of the [ledger](claims). An effect in R is also given as a share of the largest R that any model could reach, the root of the
# ceiling; one in R² as a share of the ceiling itself.

# %% mystnb={"markdown_format": "myst"}
verdict_table(evaluate(study, ["W6", "W7", "W8"]))

# %% [markdown]
# In the world *as-published* W6 is true, and so few images leave it undecided: Conv-3 is ahead on average, but in the weakest area its interval
# reaches below zero. [How many images](judging) are needed to decide it is counted elsewhere. W7 compares the best of equally many layers of each network, which is
# fairer than the figure. W8 is about all networks: wherever a stack was fitted, it should predict better than the layer that is best out of fold. Why the middle layers of an
# edge network predict face and place areas at all is the question of [a page of its own](variance_partitioning).

# %% [markdown]
# ## What this run chose
#
# The table is read from what the run did. [A page](../book/choices) lists the same choices of the paper, its code and this book.

# %% mystnb={"markdown_format": "myst"}
saved = write_results(run, results, unique=unique)
run.table()

# %% [markdown]
# ## Three questions
#
# ```{dropdown} An edge network predicts face areas. Do these areas respond to edges?
# That does not follow. The edge network's layers hold much that other networks hold too. What only they hold is the question of
# [variance partitioning](variance_partitioning).
# ```
#
# ```{dropdown} Conv-3 is the best layer in early and in late areas. What does that say about the network?
# It shows no progression from V2 on: the same layer serves all areas but V1 best. It does not say that the areas are
# alike.
# ```
#
# ```{dropdown} The edge networks have fewer layers in their stacks. Why does this matter for comparing stacks?
# A stack of more layers has more to choose from. Part of its lead may come from the number of layers and not from the task.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} What does stacking add?
# :label: ex-edge-stack
#
# *Level 1 of 3, 10 minutes. Against the belief that a stack of few layers cannot gain much over the best one.*
#
# By how much does each network's stack predict better than its best layer? Before you look, say whether you expect a small or a large number for the
# edge networks, and why.
# ```
#
# ```{hint}
# :class: dropdown
#
# Stacking gains when layers err on different images. Does the number of layers say anything about that?
# ```

# %% [markdown]
# ```{solution-start} ex-edge-stack
# :class: dropdown
# ```

# %%
for name, result in study.encoding.items():
    print(f"{name}: stack minus best layer, mean R: {np.nanmean(result.stacked_score - best_layer_score(result)):+.3f}")

# %% [markdown]
# Every stack gains, even those of the edge networks with only four layers. Voxels answer to mixtures of features, and
# no single layer holds them all: the stack puts them together from several.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Without training
# :label: ex-edge-untrained
#
# *Level 3 of 3, 15 minutes. Against the belief that only a trained network can satisfy claims about layers.*
#
# Predict the same voxels, which trained networks drive, from Edge3d and from ResNet50-Object before they were trained. What is left of the
# three claims: of Conv-3's lead in face areas (W6), of ResNet50's lead over the edge network (W7), and of the gain by stacking (W8)?
# ```
#
# ```{hint}
# :class: dropdown
#
# Give `encoding_study` the weights "untrained", and compare the same three numbers: the profile in FFA, the mean R, and
# the gain of the stack.
# ```

# %% [markdown]
# ```{solution-start} ex-edge-untrained
# :class: dropdown
# ```

# %%
pair = ("taskonomy-edge3d", "resnet50-object")
untrained = encoding_study(participant, pair, "untrained", choices.n_best)
for training, found in {"trained": study, "untrained": untrained}.items():
    for name in pair:
        result, best = found.encoding[name], found.best(name, "FFA")
        layers = dict(zip(result.layers, result.score[:, best].mean(axis=1).round(2).tolist(), strict=True))
        gain = np.nanmean(result.stacked_score - best_layer_score(result))
        mean = np.nanmean(result.stacked_score)
        print(f"{training} {name}: mean R {mean:+.3f}, of it by stacking {gain:+.3f}; in FFA {layers}")

# %% [markdown]
# Conv-3's lead is gone: before training, hardly any layer of the edge network predicts FFA, so Conv-3 owes its place to training (of the
# edge networks, and of those that drive the voxels). ResNet50's lead is gone too: untrained, it has nothing that an untrained edge network, nearly
# the same architecture, lacks. What is left is W8: whatever the layers hold, a good combination of them predicts better than one.
# ```{solution-end}
# ```
