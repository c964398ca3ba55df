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
# of numbers, three things change besides the network, and a fourth may favour one:
#
# * **the output**: AlexNet is read before softmax, ResNet-50 after it;
# * **the hidden layers**: AlexNet is read after ReLU, ResNet-50 before batch normalisation and ReLU;
# * **the units themselves**: how many dimensions they fill, and how rarely they are active;
# * **the regression**, the same for both: least squares, with up to 1001 parameters for 1200 trials, whichever network suffers more from that.
#
# None of the four is about the brain. This page varies output, hidden layers and regression, one at a time and together, and asks what the units alone
# predict, in four brains that were built so that the truth is known. In
# none of them does a choice reverse the order of the two networks. How far they lie apart depends most on where the hidden layers are read.

# %%
import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

from lib.analysis.decoding import MATCHED, PUBLISHED, decode
from lib.analysis.directions import both_directions
from lib.claims.rates import JUDGING_SEEDS, counted_studies
from lib.claims.specifications import (
    character,
    every_choice,
    every_study,
    every_unit,
    explained_by_character,
    one_at_a_time,
    read_as,
    read_units,
    sparse_specifications,
    specification_curve,
)
from lib.core.scores import correlation
from lib.figures.judging import rate_table
from lib.figures.specifications import (
    choice_explorer,
    choices_table,
    directions_figure,
    sparse_table,
    specification_figure,
)
from lib.simulation.god_like import simulate_god_worlds

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
# ## Four brains
#
# In *as-published* the voxels answer to what AlexNet's layers vary with, and ResNet-50's vary with less, so the paper is right by construction.
# Two brains are ResNet-50's. In *reversed* the networks change places: the voxels answer to what ResNet-50's layers vary with, and AlexNet's vary with less; a
# part of what drives them is best predicted from AlexNet's Conv-3, so that AlexNet's hidden units are decoded, too, but its output hardly. In *resnet-brain* nothing is of AlexNet: ResNet-50's
# Conv-1 drives V1 to V3, Conv-4 drives V4, Conv-5 the higher areas. In *noise* nothing drives anything. Five participants live in each world, and all see the same pictures, of
# [objects that neither network can name](fig4_decoding).

# %%
worlds = ("as-published", "reversed", "resnet-brain", "noise")
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
# Each reading is decoded once by each regression; analyses are put together from these parts. **Look for** cells
# that name other claims than the first row of their column. A cell names the claims of Y1, Y2 and Y3 that hold and,
# in brackets, AlexNet's lead: its mean r minus ResNet-50's.

# %%
studies = {world: every_study(participants, units) for world, participants in groups.items()}
found = {world: specification_curve(study, choices) for world, study in studies.items()}

# %% mystnb={"markdown_format": "myst"}
choices_table(found, one_at_a_time())

# %% [markdown]
# No choice turns the sign of AlexNet's lead: it is ahead in the brain planted for it, and behind in ResNet-50's. Y1 asks for more, a lead in every pair
# of layers, and can be lost with the reading of the hidden layers. Y2, that AlexNet's output is decoded best, hangs on the reading of the output,
# even in a brain planted so that it holds: it is gone after softmax or its logarithm. After softmax Y3 is gone as well.
#
# Two steps change little here. Batch normalisation shifts and scales each unit, which a correlation does not see: its row
# equals that above it. And ridge regression hardly moves AlexNet's lead, with so few voxels; [at the real size](real-size) both softmax and
# least squares cost more.

# %% [markdown]
# ## All choices together
#
# Thirty-two sets of choices, ordered by how far AlexNet comes out ahead. **Look for** two things: a curve that
# crosses zero, and rows below whose ticks lie in blocks.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Four specification curves, one per simulated world: AlexNet's lead under 32 sets of choices with intervals, and below each a grid that says which choices were made."}, "figure": {"caption": "AlexNet's mean r minus ResNet-50's, over seven pairs of layers and ten areas, under each set of choices, with 95 % t intervals over participants. Filled: claim Y1 holds. Below: where hidden layers and output were read, and the regression. Dotted line: the published choices.", "name": "fig-specifications"}}
specification_figure(found, simulated=True)

# %% [markdown]
# Make the choices yourself. **Look for** the choice that moves AlexNet's lead most.

# %%
choice_explorer(found, simulated=True)

# %% [markdown]
# No curve crosses zero; that of *noise* lies at it, and all its intervals hold zero. The ticks say what moves the lead: where the hidden layers were read, and in *as-published* the output nearly as much. In both of ResNet-50's brains
# the eight analyses with the published reading lie at the left end, those before ReLU at the right end, nearer to zero. After
# ReLU the negative half of what a brain may know of a unit is cut off, and only AlexNet was read there. So this choice
# worked against paper Y's verdict, not for it. The ticks of least
# squares and ridge are mixed along the curve.
#
# (real-size)=
# ## What this page is too small to show
#
# Two of the choices cost little here because the brains and networks are small. An output of ImageNet has a thousand units, not eight: with more
# classes, softmax leaves a unit near zero for nearly all images. Suppose that a brain tells each logit at $r = .9$. How well is the same
# unit predicted after softmax?

# %%
rng = np.random.default_rng(seed)


def after_softmax(n_classes: int, top: float) -> float:
    """Mean r of softmax outputs with logits known at r = .9; `top` is the mean probability of the first choice."""
    logits, noise = rng.standard_normal((2, 1000, n_classes))
    sharpness = brentq(lambda scale: softmax(scale * logits, axis=1).max(1).mean() - top, 0.01, 100)
    return correlation(softmax(sharpness * logits, axis=1), 0.9 * logits + 0.19**0.5 * noise).mean()


for n_classes in (8, 1000):
    print(n_classes, "classes:", {f"first choice at {top:.0%}": f"r = {after_softmax(n_classes, top):.2f}" for top in (0.5, 0.8)})

# %% [markdown]
# And an area of a person has many hundred voxels, of which up to a thousand are kept. Least squares then has nearly as many weights as
# there are trials, and fits their noise.


# %%
def regressions(n_voxels: int) -> dict[str, str]:
    """Mean r of twenty units of fifty dimensions, decoded from noisy voxels by 1200 single trials and 50 means of 35."""
    signal, readout, noise = (rng.standard_normal(size) for size in ((1250, 50), (50, n_voxels), (1250, n_voxels)))
    noise[1200:] /= 35**0.5
    voxels, units = 0.025 * signal @ readout + noise, signal @ rng.standard_normal((50, 20))
    parts = voxels[:1200], units[:1200], voxels[1200:]
    return {how: f"{correlation(units[1200:], decode(*parts, how, n_voxels)).mean():.3f}" for how in ("ols", "ridge")}


print({f"{n_voxels} voxels": regressions(n_voxels) for n_voxels in (100, 1000)})

# %% [markdown]
# So at the real size Y3, that ResNet-50's output is decoded very poorly, is to be expected of softmax alone. Least squares lowers the scores of
# both networks; that they are lowered alike is an assumption.

# %% [markdown]
# ## Sparse regression
#
# {cite:t}`horikawa2017` describe a third regression, in which most voxels' weights end at zero. It takes long, so here are two units of each
# layer and one area, V4. **Look for** rows of the same reading that differ between regressions.

# %%
few = {
    world: sparse_specifications(groups[world], units, "V4", n_units_sparse)
    for world in ("as-published", "resnet-brain")
}

# %% mystnb={"markdown_format": "myst"}
sparse_table(few)

# %% [markdown]
# The regressions barely differ. Two units a layer in one area give another lead than all units in ten areas do; but what the reading changes, it changes under all
# three regressions.

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
    print(f"{world:13} {share:.2f} of the variance between layers predicted by dimensions and tails")

# %% [markdown]
# Two numbers drawn at random would predict about an eighth of the variance between sixteen scores drawn at random. But neighbouring layers resemble each other,
# in their units as in their scores, and even in *noise* far more is predicted. So the shares of the other brains
# look like more than they are: that units of many dimensions are decoded less well may be true, but sixteen layers of two
# networks cannot tell it from chance.

# %% [markdown]
# ## The arrow turned
#
# Now the same voxels are predicted from the same units of the same layers, as {cite:t}`wang2021` would: ridge regression per layer,
# [stacked](stacking). **Look for** worlds in which the two panels disagree about the sign.

# %%
matched = read_units(units, MATCHED)
turned = {world: both_directions(read_as(study["ridge"], MATCHED), matched) for world, study in studies.items()}

# %% mystnb={"image": {"alt": "Two panels of dots with intervals for four worlds: AlexNet's lead when decoding and when encoding."}, "figure": {"caption": "AlexNet's lead over ResNet-50 in both directions, from the same voxels and units, read alike. Decoding: mean r over the units of all layers but the first. Encoding: mean r over voxels of the stack of all eight layers. Intervals over participants.", "name": "fig-directions"}}
directions_figure(turned, simulated=True)

# %% [markdown]
# In the three brains that answer to a network both arrows point the same way; in *noise* both intervals hold zero. They ask different things, though. Encoding asks how much of the *brain* a
# network explains, and scores voxels: the same voxels for both networks. Decoding asks how much of the *network* the brain explains, and
# scores units: different ones for each network. A network that knows more than the brain does pays for it in decoding, not in encoding.

# %% [markdown]
# ## Over several seeds
#
# One seed is one set of pictures, voxels and noise. Many take long, so these rates were computed with
# `make verdicts`: in how many seeds Y1, Y2 and Y3 held (✓), were contradicted (✗), stayed undecided (?) or could not be asked (–). *Matched* reads both networks before ReLU and softmax, and
# regresses by ridge. For one world alone there is `python -m lib claims --world reversed --analysis matched --seeds 20`.

# %% mystnb={"markdown_format": "myst"}
counted = counted_studies("decoding", JUDGING_SEEDS)
print("seeds:", *sorted({one.seed for one in counted}))
rate_table(counted)

# %% [markdown]
# Y1 is asked pair by pair, as the paper's sentence has it, so that one pair in which AlexNet does not lead leaves it undecided or contradicts it.
# Y3 depends on the reading of both outputs: compare the two rows of *as-published* (*matched* has few seeds), which differ in ResNet-50's. For
# AlexNet's, on which Y2 depends, see the row *softmax* of the first table. About Y2 nothing was planted in *resnet-brain*. In *noise*, where AlexNet's units are not
# decoded either, hardly any claim can be asked.

# %% [markdown]
# ## In plain words
#
# No choice and no combination of choices turns the sign of AlexNet's lead. In the brain planted for it AlexNet is ahead, in ResNet-50's brains
# ResNet-50, and the published reading of the hidden layers moves the lead most. That is no proof that paper Y's figure
# owes nothing to its choices: two brains made from one small network are too few to say what the choices would do in others.
#
# The claims are softer than the lead. That AlexNet's output is decoded best needs the published reading of the output, before softmax, even in a
# brain planted so that it holds. That ResNet-50's output is decoded poorly owes something to
# pictures of things the network cannot name: an {ref}`exercise <ex-decoding-familiar>` shows it others. With a thousand
# classes softmax would do it alone. The regression changes no verdict at this size; at the real one least squares fits noise.
#
# What four invented brains cannot say is whether a real one is like any of them. In people, paper Y decodes ResNet-50's units less well than
# AlexNet's, while several of the encoding scores that the [ledger](claims) lists do not put ResNet50 behind. Here encoding and decoding agree, and none of these
# choices explains why they should not.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} Two columns of numbers differ. Is the network the cause?
# Only if nothing else differs. Between the published columns the output and the place of reading differ, and so do the units.
# ```
#
# ```{dropdown} One set of choices gives the published verdict. Why show all of them?
# Each is a legitimate analysis. If the verdict changes with a choice, it says as much about the choice as about the brain.
# ```
#
# ```{dropdown} Batch normalisation changes every activation. Why does it hardly change the scores here?
# It shifts and scales each unit, and a correlation does not notice shift and scale.
# ```

# %% [markdown]
# ## Exercises
#
# ```{exercise} What softmax does to a unit
# :label: ex-confound-softmax
#
# *Level 2 of 3, 10 minutes. Against the belief that an output is the same thing to decode before and after softmax.*
#
# ResNet-50's output was read after softmax. Compare the dimensions and the tail of the same eight units as logits, after softmax and
# after its logarithm. Which would you rather have to predict, and why?
# ```
#
# ```{hint}
# :class: dropdown
#
# Softmax is large for one class and nearly zero for all others. What does that do to the tail of a unit over images?
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
# *Level 3 of 3, 15 minutes. Against the belief that a re-analysis can repair every confound.*
#
# Which of the four things could paper Y have removed without new data, and how? Which not? Compute what dimensions and tails predict
# once the others are gone.
# ```
#
# ```{hint}
# :class: dropdown
#
# Go through the four one by one: can it be undone with the same voxels and the same network, by reading another stage
# or by another regression?
# ```

# %% [markdown]
# ```{solution-start} ex-confound
# :class: dropdown
# ```

# %%
for world, study in studies.items():
    print(f"{world:13} {explained_by_character(read_as(study['ridge'], MATCHED), matched):.2f}")

# %% [markdown]
# Output, hidden layers and regression: read both networks before any non-linearity, and add a penalty. How much dimensions and tails still predict differs from
# brain to brain, but even in *noise* it is more than an eighth, so that this share says little. The units cannot be removed, since those of
# two networks are different units; one can only turn the arrow, so that both networks are scored on the same voxels.
# ```{solution-end}
# ```
