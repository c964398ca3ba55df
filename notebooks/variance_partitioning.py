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
# # Why do edge networks predict face areas?
#
# The middle layer of a network that was only ever asked to draw edges predicts the responses of face and place areas, and better
# than its last layer does ([Figure 3](fig3_taskonomy)). {cite:t}`wang2021` take it as a hint that "a network could possibly represent
# more information than what is needed in a task among the intermediate layers. Further analysis would be needed to further support this
# point." Here is such an analysis. Three answers are possible:
#
# 1. the middle layer holds something that these areas respond to, and no network trained on objects or places holds it;
# 2. it holds what those networks hold too: the areas respond to something that any network must pass on from the image;
# 3. it holds nothing of its own even among the edge network's layers: what it says was said by the layers before it.
#
# **In short:** in both simulated brains of this page, wherever an edge network explains anything, it is the second: nearly all that an edge network's best layer explains (the highest
# grey bar), networks trained on objects and places explain as well (green symbols near zero).
#
# Prediction alone cannot tell the three apart. *Variance partitioning* can {cite}`lescroart2015`: it asks what a layer explains beyond others.
# With layers in the order of their network, "others" can be all layers before it, or all layers behind it {cite}`lin2024`. What a layer
# explains beyond others is the R$^2$ of a regression on all of them minus the R$^2$ of the regression without it. Both are *joint*: one
# regression on the features of several layers, with a penalty for each layer (banded ridge {cite}`nunez2019,dupre2022`).

# %%
import numpy as np

from lib.analysis import variance
from lib.analysis.encoding import fit_encoding
from lib.analysis.loading import load_participant
from lib.core.tables import Table
from lib.data.areas import FACE, PLACE
from lib.figures.follow_ups import partition_figure, shared_variance_table
from lib.figures.simulation import planted_worlds
from lib.figures.style import notice
from lib.networks import load_network
from lib.simulation.nsd_like import simulate_worlds
from lib.simulation.worlds import WORLDS

# %% tags=["parameters"]
dataset = "simulated"  # where the participant comes from: "simulated" or "nsd"
subject = 1  # number of the participant
data_root = None  # folder of the measured data
weights = "miniature"  # of the networks: "miniature", "untrained" or "published"
world = "as-published"  # of a simulation in which edge networks share what drives voxels: "as-published", "reversed" or "flat"
beside = "unplanted"  # of a simulation in which nobody planted that: "unplanted" or "noise"
seed = 0  # of the simulation
n_images = 1000  # seen by a simulated participant, at least 10; the real ones saw 10,000
voxels_per_roi = 100  # of a simulated participant

# %% [markdown]
# ## Why joint: three cases with a known answer
#
# Stacking, with which the papers' layers are compared, lets layers vote: it mixes their *predictions*, with weights that are
# not negative and sum to one. A weight is a share in this vote. It is neither the variance that a layer explains nor what would be lost
# without the layer. Three cases show it, with random feature spaces and voxels without noise:
#
# 1. A holds two signals mixed, $s + c$; B holds $c$ and C holds $s$; the voxel follows $s$. From A and B together $s$ can be had, so C
#    adds nothing to them. Neither does A add anything to B and C, nor B to A and C.
# 2. A and B are independent, and the voxel follows the sum of both: each explains half, and nobody else can.
# 3. B is A with its columns in another order: nothing is unique.


# %%
def three_cases(rng: np.random.Generator) -> dict[str, tuple[dict[str, np.ndarray], np.ndarray, float]]:
    """Feature spaces, voxels, and what is truly unique to each space."""
    s, c = rng.standard_normal((2, 3000, 5))
    from_s, from_c = (X @ rng.standard_normal((5, 30)) for X in (s, c))
    both = from_s / from_s.std(0) + from_c / from_c.std(0)
    return {
        "1": ({"A": s + c, "B": c, "C": s}, from_s, 0.0),
        "2": ({"A": s, "B": c}, both, 0.5),
        "3": ({"A": s, "B": s[:, rng.permutation(5)]}, from_s, 0.0),
    }


# %% [markdown]
# Each case is fitted twice: layers voting, and joint regressions. For both we take one space away, and see what is lost.


# %%
def stacked(features: dict[str, np.ndarray], y: np.ndarray) -> tuple[np.ndarray, float]:
    """Stacking weights and R2 of the stack, means over voxels."""
    train, test = ({name: X[rows] for name, X in features.items()} for rows in (slice(600), slice(600, None)))
    fit = fit_encoding(train, y[:600], test, y[600:])
    return fit.weights.mean(1), float(np.mean(np.sign(fit.stacked_score) * fit.stacked_score**2))


def joint(features: dict[str, np.ndarray], y: np.ndarray) -> variance.JointModels:
    """Joint regressions on all spaces, and on all but one."""
    named = {("toy", name): X for name, X in features.items()}
    spaces = variance.decompose_spaces({n: X[:600] for n, X in named.items()}, {n: X[600:] for n, X in named.items()})
    targets = variance.Targets(*(part / y.std(0) for part in (y[:600], y[600:])))
    every = list(named)
    models = [every, *([o for o in every if o != one] for one in every), *([one] for one in every)]
    return variance.joint_models(spaces, targets, models)


def compared(features: dict[str, np.ndarray], y: np.ndarray, unique: float) -> list[list[object]]:
    """For each space: alone, weight, what is lost without it by stacks and by joint regressions, the truth."""
    (weights, whole), models = stacked(features, y), joint(features, y)
    rows: list[list[object]] = []
    for name, weight in zip(features, weights, strict=True):
        others = {other: X for other, X in features.items() if other != name}
        added = models.unique(("toy", name), [("toy", other) for other in others]).mean()
        rows.append([name, models.r2([("toy", name)]).mean(), weight, whole - stacked(others, y)[1], added, unique])
    return rows


# %% mystnb={"markdown_format": "myst"}
header = ["case", "space", "R² alone", "stacking weight", "unique, by stacks", "unique, joint", "unique, truth"]
cases = three_cases(np.random.default_rng(seed))
Table(header, [[case, *row] for case, made in cases.items() for row in compared(*made)])

# %% [markdown]
# In case 1 the stack gives C the whole weight and says that much is lost without it, although A and B hold all of it: no mixture of A's
# and B's predictions is as good as a regression on the features of both. In case 2 the weights are right, but they sum to one: a stack
# of two halves cannot predict the whole, and so it undervalues both. In case 3 weights are split where nothing is unique. The joint regressions
# find the truth in all three. So a stacking weight tells which predictions to mix, and nothing about what a layer knows that others do not.
#
# ## Two brains of which the making is known
#
# In *as-published* the voxels of the place and face areas mix responses that all six networks of the paper share; each network predicts them best
# from one of its layers, the edge networks from Conv-3, and less well than the others. So an edge network predicts these areas, and what it predicts is shared by
# construction, except for the part of the mixture that one network alone can predict. In *unplanted* a network of another kind, trained on all tasks, drives the brain, and
# nobody chose what the edge networks share with it. **Look for** the edge networks, and for their absence. With
# `dataset="nsd"` the analysis below is of the measured participant instead, and the two simulated ones are what to compare it with.

# %%
if dataset == "simulated":
    size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
    people = simulate_worlds(dict.fromkeys((world, beside)), subject=subject, seed=seed, **size)
else:
    people = {dataset: load_participant(dataset, subject, data_root)}
anybody = next(iter(people.values()))

# %% mystnb={"markdown_format": "myst"}
notice(anybody.source)

# %% mystnb={"image": {"alt": "Two tables, one per brain: rows are visual areas, columns are networks, and a cell names the layers that predict the area best, or that drive it; the second has one column, a network that is not analysed."}, "figure": {"caption": "What drives two simulated brains: for each area the layers that it answers to, with their shares where there are two. The darker, the later in its network.", "name": "fig-variance-planted"}}
planted_worlds({name: WORLDS[name] for name in (world, beside)})

# %% [markdown]
# ## Taking it apart
#
# All participants saw the same images, so their voxels are fitted together. The similarity of images in a layer, its *kernel*, is all that ridge
# regression needs to know of it. A joint regression on several layers has the weighted sum of their kernels. The weights, and so the
# penalty of each layer, are drawn at random many times, and each voxel keeps the draw that predicts images it was not fitted to best.
# Everything is scored on the test images.

# %%
edges = ("taskonomy-edge2d", "taskonomy-edge3d")
others = ("resnet50-object", "resnet50-place")
spaces = variance.feature_spaces(anybody, [load_network(name, weights) for name in (*edges, *others)])
n, n_layers = len(anybody.train.stimulus_ids), len(spaces.layers)
print(f"{n_layers} kernels of {n} images: {4 * n_layers * n**2 / 1e9:.2f} GB; a draw takes {5 * n**3 / 1e9:.1f} billion operations")

# %%
areas = {"place": PLACE, "face": FACE}
y = {
    (brain, area): variance.standardised_responses(person, variance.usable_voxels(person, rois))
    for brain, person in people.items()
    for area, rois in areas.items()
}
for brain, person in people.items():
    ceiling = person.noise_ceiling[variance.usable_voxels(person, PLACE + FACE)]
    print(f"{brain}: mean noise ceiling of the voxels, R²: {np.nanmean(ceiling):.2f}")

# %%
parts = variance.partition(spaces, y, edges, others)
found = {
    brain: {f"{area} areas\n{edge}": parts[(brain, area), edge] for edge in edges for area in areas} for brain in people
}

# %% [markdown]
# **Look for** high bars whose green symbol is near zero: what such a layer predicts, the ResNet50s predict as well. (The ceilings printed above say how
# high a bar could be.)

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Panels of grey bars per layer of two edge networks, in place and face areas of two brains, with three symbols per bar: what the layer explains beyond the layers before it, beyond those behind it, and beyond other networks."}, "figure": {"caption": "Grey: R$^2$ of each layer alone. Symbols: what it adds to the layers before it (blue), to the layers behind it (orange), and to all layers of two ResNet50s trained on objects and on places (green). Before the first layer and behind the last there is none: there the symbol is the bar itself. Means over voxels, with 95 % bootstrap intervals.", "name": "fig-variance"}}
partition_figure(found, anybody.source.simulated, weights)

# %% mystnb={"markdown_format": "myst"}
shared_variance_table(found)

# %% [markdown]
# **Between networks**: the higher the last column of the table, the more of what an edge layer explains the ResNet50s explain as well; it is empty where the
# interval of what the layer explains reaches zero. Where it is
# near 100 (or above: then the edge layer made the prediction of new images worse), the answer is the second one: nothing is left that only edge networks
# hold. Where the green symbols stand clear of zero, something is left, and
# the first answer is right for that part. The first and the second answer do not exclude each other: a large shared part is no proof that nothing is unique.
#
# **Within a network**, compare the grey bar of a middle layer with its blue and orange symbols. Neighbouring layers hold much the same, and
# what they share belongs to none of them alone. The blue symbol of Conv-2 can lie above its bar: Conv-2 repairs a prediction that Conv-1 alone, below
# zero, made worse. In *as-published* Conv-3 keeps about half of what it explains beyond the layers before it, so the third
# answer is out. What is *not* found to be unique may be unique all the same: with few images it is lost in
# the error of the estimates.
#
# And the paper's question, which its reviewers asked too: why do edge networks predict FFA and PPA? The authors answered that these areas "do retain
# edge information", and that this does not explain why middle layers predict better than later ones. The orange symbols bear on that: what
# a middle layer explains beyond all layers behind it has been lost on the way to the network's own task. In *as-published* that is so of Conv-3. In
# *unplanted* its orange symbols stand near zero; in Edge3d the last layer predicts best, and Edge2d predicts hardly anything. There, no edge network drives a voxel, and
# layers of Edge3d predict these areas all the same. So such prediction alone is no evidence that the areas care about edges, or that the
# networks know faces or places. Green symbols far above zero would be a hint; those whose intervals just
# miss zero here add next to nothing. For a measured participant:
# `python -m lib run variance_partitioning -p dataset nsd -p data_root FOLDER -p weights published`; memory and time grow with the square and the
# cube of the number of images, as printed above.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A layer has unique variance. Is that a property of the layer?
# No. Unique means beyond the others that were included. With other others it changes.
# ```
#
# ```{dropdown} A layer's stacking weight is zero. Is nothing lost without it?
# From the stack, nothing. But a weight says nothing about what the layer knows that others do not: a joint regression may use what
# no mixture of predictions can.
# ```
#
# ```{dropdown} An edge network predicts face areas, and none of that is unique. Do face areas use edges?
# The prediction cannot say. All of it may be information that other networks hold as well.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} The order of the question
# :label: variance-order
#
# *Level 2 of 3, 15 minutes. Against the belief that the unique variance of a layer is one number.*
#
# What a layer adds depends on what is already there. For Edge3d in the face areas, compare what Conv-3 adds when it comes first, after
# Conv-1 and Conv-2, and last of all. Why can no single number be "the variance explained by Conv-3"?
# ```
#
# ```{hint}
# :class: dropdown
#
# Compare the same layer entering first, in the middle and last. What happened to the difference?
# ```

# %% [markdown]
# ```{solution-start} variance-order
# :class: dropdown
# ```

# %%
own = spaces.of(edges[1])
middle, last = own[2], own[3]
before = ([], own[:2], [*own[:2], last])
models = variance.joint_models(spaces, y[next(iter(people)), "face"], [*before, *([*given, middle] for given in before)])
for given in before:
    names = ", ".join(layer for _, layer in given) or "nothing"
    print(f"{middle[1]} beyond {names}: {models.unique(middle, given).mean():+.3f}")

# %% [markdown]
# The more layers are there already, the less is left for it. What is lost on the way is shared with the layers that came before, and
# belongs to none of them alone. (Penalties are drawn anew for these models, so the numbers differ a little from Figure B.) In these voxels the two ends bracket what a layer can be credited with. They need not: in case 1 above, B explains
# nothing alone and half of the variance beside A.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Other others
# :label: variance-others
#
# *Level 3 of 3, 15 minutes. Against the belief that unique variance is a property of the layer.*
#
# "Beyond the others" depends on who the others are. For Conv-3 of Edge3d in the face areas, let them be nobody, a single ResNet50, or
# both. When does the shared part shrink, and what would you have to add to `others` before you call the rest unique to edges?
# ```
#
# ```{hint}
# :class: dropdown
#
# Change who stands in `others`, and keep the layer and the voxels.
# ```

# %% [markdown]
# ```{solution-start} variance-others
# :class: dropdown
# ```

# %%
given = {", ".join(names) or "nobody": spaces.of(*names) for names in ((), others[:1], others)}
asked = [model for beyond in given.values() for model in (beyond, [*beyond, middle])]
for brain in people:
    models = variance.joint_models(spaces, y[brain, "face"], asked)
    print(brain, {f"beyond {names}": f"{models.unique(middle, beyond).mean():+.3f}" for names, beyond in given.items()})

# %% [markdown]
# If the second ResNet50 takes little that the first has left, the two know much the same. Take networks away, and the shared
# part usually shrinks. Penalties are drawn anew for other models, which moves the last digit or two. "Unique" is always short for "not in
# the networks I thought of": a network trained on all tasks drives the voxels of *unplanted*, and it is not in `others`. The result of this
# page is as strong as that list.
# ```{solution-end}
# ```
