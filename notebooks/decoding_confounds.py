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
# # What a verdict is made of
#
# {cite:t}`yu2018` compare two networks and find that [AlexNet's units are decoded better](fig4_decoding). Between their two columns
# of numbers, four things change besides the network:
#
# * **the output**: AlexNet is read before softmax, ResNet-50 after it;
# * **the hidden layers**: AlexNet is read after ReLU, ResNet-50 before batch normalisation and ReLU;
# * **the regression**: least squares, with up to 1001 parameters for 1200 trials, whichever network suffers more from that;
# * **the units themselves**: how many dimensions they fill, and how rarely they are active.
#
# None of these is the brain. This page varies them one at a time and together, in brains that were built so that the truth is known.

# %%
from lib import decoding_figures, explorers
from lib.decoding import MATCHED, PUBLISHED
from lib.participants.simulated_god import simulate_god_worlds
from lib.specifications import (
    both_directions,
    character,
    every_choice,
    every_study,
    every_unit,
    explained_by_character,
    one_at_a_time,
    read_as,
    read_units,
    sparse,
    specification_curve,
)

# %% tags=["parameters"]
weights = "miniature"  # of the networks: "miniature" or "untrained"
seed = 0  # of the simulation
n_images = 1200  # for training
voxels_per_roi = 100  # of a simulated participant
n_units = 100  # drawn from each layer; all of those that have fewer
n_units_sparse = 2  # the same for sparse regression, which takes longer

# %% [markdown]
# ```{admonition} Simulated data
# :class: warning
#
# Brains on this page are planted readouts of small networks, so that the truth is known. Nobody was scanned.
# ```
#
# ## Five brains
#
# In *as-published* AlexNet's output drives the voxels, without nine tenths of what ResNet-50's output says too, and the paper is right by
# construction.
# In *reversed* ResNet-50's layers drive the voxels, and what AlexNet's output says is taken out of the higher areas. Two more brains
# are ResNet-50's: *resnet-brain*, from its first layer to its last, without what AlexNet's output says too; and *resnet-deep*, its
# later layers, with nothing taken out. In *noise* nothing drives anything. Five participants live in each world, and all see the
# same pictures.

# %%
worlds = ("as-published", "reversed", "resnet-brain", "resnet-deep", "noise")
groups = simulate_god_worlds(worlds, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
for world, participants in groups.items():
    print(f"{world:13}", participants[0].source.description)

# %% [markdown]
# Every layer is read in every way: 17 places in AlexNet, 24 in ResNet-50.

# %%
choices = every_choice()
units = every_unit(groups["noise"][0], weights, choices, n_units)
print({name: len(found.layers) for name, found in units.items()}, "places;", len(choices), "sets of choices")

# %% [markdown]
# ## One choice at a time
#
# Each reading is decoded once by each regression; every analysis is then put together from these parts. **Look for** cells
# that differ from the first row of their column: that choice alone turns a claim. In brackets: AlexNet's lead.

# %%
studies = {world: every_study(participants, units) for world, participants in groups.items()}
found = {world: specification_curve(study, choices) for world, study in studies.items()}

# %% mystnb={"markdown_format": "myst"}
decoding_figures.choices_table(found, one_at_a_time())

# %% [markdown]
# In *as-published* Y1 survives every choice, as it should: this brain holds AlexNet's output and next to nothing of ResNet-50's. Y2 is gone
# when hidden layers are read before ReLU, Y2 and Y3 when AlexNet's output is read after softmax. In *reversed* and *resnet-brain* no choice puts
# AlexNet ahead. In *resnet-deep* one does: with the published reading of the hidden layers ResNet-50 is ahead, and with those
# that treat both networks alike AlexNet is level or ahead, though it drives nothing there.
#
# Two rows change nothing. Batch normalisation shifts and scales each unit, which a correlation does not see: its row
# equals that above it. Ridge moves AlexNet's lead by a few thousandths.

# %% [markdown]
# ## All choices together
#
# Thirty-two sets of choices, each a legitimate analysis, ordered by how far AlexNet comes out ahead. **Look for** two things: curves that cross
# zero, and rows below them whose ticks lie in blocks.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Five specification curves, one per simulated world: AlexNet's lead under 32 sets of choices with intervals, and below each a grid that says which choices were made."}, "figure": {"caption": "AlexNet's mean r minus ResNet-50's, over seven pairs of layers and ten areas, under each set of choices, with 95 % bootstrap intervals over participants. Circles: claim Y1 holds. Below: where hidden layers and output were read, and the regression. Dotted line: the published choices.", "name": "fig-specifications"}}
decoding_figures.specification_figure(found, simulated=True)

# %% [markdown]
# Make the choices yourself. **Look for** the one menu that moves AlexNet's lead across zero, and the world in which it does.

# %%
explorers.choice_explorer(found, simulated=True)

# %% [markdown]
# One curve crosses zero: that of *resnet-deep*, and its ticks say why. The eight analyses with the published reading of the
# hidden layers lie at its left end, those before ReLU at its right end. In every world but *noise* the published reading is the one that
# is unkind to AlexNet: after ReLU the negative half of what the brain may know of a unit is cut off, and only AlexNet was read there. So this choice
# worked against paper Y's verdict, not for it. Softmax at ResNet-50's output concerns one pair of seven and moves the mean by a hundredth
# at most. Least squares and ridge lie side by side everywhere.

# %% [markdown]
# ## Sparse regression
#
# {cite:t}`horikawa2017` describe a third regression, in which most voxels' weights end at zero. It takes long, so here are two units of each
# layer and one area, V4. **Look for** rows of the same reading that differ between regressions.

# %%
few = {world: sparse(groups[world], units, "V4", n_units_sparse) for world in ("as-published", "resnet-deep")}

# %% mystnb={"markdown_format": "myst"}
decoding_figures.sparse_table(few)

# %% [markdown]
# They do not, by much. Two units a layer give another lead than all of them do, in brackets a wide interval; but what the reading
# changes, it changes under all three regressions.

# %% [markdown]
# ## What the units alone predict
#
# A layer whose units fill few dimensions can be decoded from anything that shares one of them. A unit that is silent for most
# images has few images to be right about. Both can be computed without a brain. How much of the differences between sixteen
# layers do they predict?

# %%
published = read_units(units, PUBLISHED)
for world, study in studies.items():
    share = explained_by_character(read_as(study["ols"], PUBLISHED), published)
    print(f"{world:13} share of the variance between layers predicted by dimensions and tails: {share:.2f}")

# %% [markdown]
# Two numbers that vary at random would predict an eighth of the variance between sixteen layers. Here they predict about that in *noise*,
# a third in *reversed*, and around two thirds in the other three. Much of what a figure like paper Y's shows is there before
# anybody is scanned.

# %% [markdown]
# ## The arrow turned
#
# Now the same voxels are predicted from the same units of the same layers, as {cite:t}`wang2021` would: ridge regression per layer,
# [stacked](stacking). **Look for** worlds in which the two panels disagree about the sign.

# %%
matched = read_units(units, MATCHED)
turned = {world: both_directions(read_as(study["ridge"], MATCHED), matched) for world, study in studies.items()}

# %% mystnb={"image": {"alt": "Two panels of dots with intervals for five worlds: AlexNet's lead when decoding and when encoding."}, "figure": {"caption": "AlexNet's lead over ResNet-50 in both directions, from the same voxels and units, read alike. Decoding: mean r over units. Encoding: mean r over voxels of the stack of the eight layers. Intervals over participants.", "name": "fig-directions"}}
decoding_figures.directions_figure(turned, simulated=True)

# %% [markdown]
# They disagree in *resnet-deep*: its units say AlexNet, its voxels say ResNet-50, and the voxels are right. Encoding puts ResNet-50 ahead in all
# three brains that are ResNet-50's, and AlexNet ahead in the one that is AlexNet's. In *noise* both networks' r lies near zero.
#
# Encoding asks how much of the *brain* a network explains, and scores voxels: the same voxels for both networks. Decoding asks how much of the
# *network* the brain explains, and scores units: different ones for each network. A network with units of many dimensions
# is decoded less well for that alone.

# %% [markdown]
# ## Over twenty seeds
#
# One seed is one set of pictures, voxels and noise. This table is the only one that was not computed with this page: it takes an hour. It comes from
# `python -m lib claims --world WORLD --analysis ANALYSIS --claims Y1 Y2 Y3 --seeds 20 --json` and gives how often Y1, Y2 and
# Y3 held, in percent; *matched* reads both networks before ReLU and softmax, and regresses by ridge.
#
# | world | analysis | Y1 | Y2 | Y3 |
# |---|---|---|---|---|
# | as-published | as published | 100 | 65 | 90 |
# | reversed | as published | 0 | 5 | 0 |
# | reversed | matched | 0 | 0 | 0 |
# | resnet-brain | as published | 0 | 0 | 0 |
# | resnet-brain | matched | 0 | 0 | 0 |
# | resnet-deep | as published | 0 | 70 | 0 |
# | resnet-deep | matched | 80 | 50 | 0 |
# | noise | as published | 5 | 5 | 10 |
# | noise | matched | 5 | 0 | 5 |
#
# Three things stand out. In brains that are ResNet-50's, the published choices never let Y1 hold; choices that treat both networks alike let it hold
# in *resnet-deep* four times in five. Y2, that AlexNet's output is decoded best, holds as often in that brain, which has nothing of AlexNet,
# as in the one where it was planted: it is a statement about AlexNet's layers more than about the brain. And where it was planted it
# fails one time in three, on sets of 50 test images for which the layers before the output are decoded as well. So for Y2 these
# simulations are not the positive control they were meant to be.

# %% [markdown]
# ## In plain words
#
# Where a brain holds only what one of the two networks says, no choice and no combination of choices turns the verdict: AlexNet stays ahead in
# *as-published*, ResNet-50 in *reversed* and *resnet-brain*. Where a brain is ResNet-50's but holds what the two networks share, one choice alone turns
# it: where the hidden layers are read. As published, ResNet-50 is ahead; with both networks read before ReLU, AlexNet is, though it drives
# nothing. The regression turns nothing at this size. And a large part of the differences between layers was there before anybody was scanned, in how
# many dimensions a layer's units fill and how rarely they are active.
#
# So a network whose units are decoded less well need not be the worse model of a brain: in *resnet-deep* it is the brain. Removing the first three
# confounds does not help there, since the fourth remains. Encoding, which scores both networks on the same voxels, finds ResNet-50.

# %% [markdown]
# ## Exercises
#
# ```{exercise} What softmax does to a unit
# :label: ex-confound-softmax
#
# ResNet-50's output was read after softmax. Compare the dimensions and the tail of the same eight units as logits, after softmax and
# after its logarithm. Which would you rather have to predict, and why?
# ```

# %% [markdown]
# ```{solution-start} ex-confound-softmax
# :class: dropdown
# ```

# %%
for tap in ("fc", "fc|softmax", "fc|log_softmax"):
    print(f"{tap:15}", character(units["resnet50-object"].layers[tap]))

# %% [markdown]
# Softmax fills the most dimensions and has the longest tail of the three, its logarithm the fewest and the shortest. A weighted sum of
# voxels predicts best what rises and falls smoothly with a few properties of the picture, so one would rather have the logarithm.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Which could have been removed?
# :label: ex-confound
#
# Which of the four things could paper Y have removed without new data, and how? Which not? Compute what dimensions and tails predict
# once the others are gone.
# ```

# %% [markdown]
# ```{solution-start} ex-confound
# :class: dropdown
# ```

# %%
for world, study in studies.items():
    print(f"{world:13} {explained_by_character(read_as(study['ridge'], MATCHED), matched):.2f}")

# %% [markdown]
# The first three: read both networks before any non-linearity, and add a penalty. In *reversed* that leaves nothing for dimensions and tails to
# predict. In *as-published*, *resnet-brain* and *resnet-deep* they still predict more than half of what differs between layers. So the
# fourth stays. It cannot be removed, since the units of two networks are different units; one can only turn the arrow, so that both networks are
# scored on the same voxels.
# ```{solution-end}
# ```
