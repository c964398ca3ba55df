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
# Prediction alone cannot tell them apart. *Variance partitioning* can {cite}`lescroart2015`: it asks what a layer explains beyond others.
# With layers in the order of their network, "others" can be all layers before it, or all layers behind it {cite}`lin2024`.

# %%
from lib.analysis import variance
from lib.analysis.loading import load_participant
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
world = "as-published"  # of a simulation in which edge networks drive voxels: "as-published", "reversed" or "flat"
beside = "unplanted"  # of a simulation in which they drive none: "unplanted" or "noise"
seed = 0  # of the simulation
n_images = 1000  # seen by a simulated participant, at least 10; the real ones saw 10,000
voxels_per_roi = 100  # of a simulated participant

# %% [markdown]
# ## Two brains of which the answer is known
#
# In *as-published*, some voxels of every place and face area listen to Conv-3 of an edge network, others to late layers of the networks
# that name things. In *unplanted* no voxel listens to an edge network: a network of another kind, trained on all tasks, drives the brain.
# **Look for** the columns of the edge networks, and for their absence. With `dataset="nsd"` the analysis below is of the measured
# participant instead, and the two simulated ones are what to compare it with.

# %%
if dataset == "simulated":
    size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
    people = simulate_worlds(dict.fromkeys((world, beside)), subject=subject, seed=seed, **size)
else:
    people = {dataset: load_participant(dataset, subject, data_root)}
anybody = next(iter(people.values()))

# %% mystnb={"markdown_format": "myst"}
notice(anybody.source)

# %% mystnb={"image": {"alt": "Two tables, one per brain: rows are visual areas, columns are networks, and a cell names the layers that drive the area; the second has one column, a network that is not analysed."}, "figure": {"caption": "What drives each area in two simulated brains: the layers of each network, and the share of the voxels' signal that they contribute. The darker, the later in its network.", "name": "fig-variance-planted"}}
planted_worlds({name: WORLDS[name] for name in (world, beside)})

# %% [markdown]
# ## Taking it apart
#
# All participants saw the same images, so layers are decomposed once. What the other layers can say of a layer is taken out of it, and the
# rest predicts what they left unexplained of each voxel; everything is scored on test images.

# %%
edges = ("taskonomy-edge2d", "taskonomy-edge3d")
others = ("resnet50-object", "resnet50-place")
spaces = variance.feature_spaces(anybody, [load_network(name, weights) for name in (*edges, *others)])

# %%
areas = {"place": PLACE, "face": FACE}
y = {
    (brain, name): variance.standardised_responses(person, variance.usable_voxels(person, rois))
    for brain, person in people.items()
    for name, rois in areas.items()
}

# %%
found = {
    brain: {
        f"{name} areas\n{edge}": variance.partition(spaces, y[brain, name], edge, others)
        for edge in edges
        for name in areas
    }
    for brain in people
}

# %% [markdown]
# **Look for** bars that are high while the symbols below them are near zero: layers that predict, and say nothing of their own.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Panels of grey bars per layer of two edge networks, in place and face areas of two brains, with three symbols per bar: what the layer explains beyond the layers before it, beyond those behind it, and beyond other networks."}, "figure": {"caption": "Grey: R$^2$ of each layer alone. Symbols: what it adds to the layers before it (blue), to the layers behind it (orange), and to all layers of two ResNet50s trained on objects and on places (green). Means over voxels, with 95 % bootstrap intervals.", "name": "fig-variance"}}
partition_figure(found, anybody.source.simulated, weights)

# %% mystnb={"markdown_format": "myst"}
shared_variance_table(found)

# %% [markdown]
# **Between networks**, the two brains come out differently, as they should. In *unplanted* nearly all that an edge layer explains is
# explained by the ResNet50s too: the second answer. Only Edge3d has a little of its own, and the network that drives this brain did
# learn to draw such edges. In *as-published* Conv-3 says something that no ResNet50 says: the first answer, and the true one. Even
# there most of what it explains is shared. A large shared part is no proof that nothing is unique.
#
# **Within a network** the analysis is less sharp. Conv-1 and Conv-2 add something, what comes behind them hardly does; asked from
# behind, Conv-5 stands for all. In *as-published* it was Conv-3 that drove the voxels, but Conv-2 alone explains nearly as much, and with this
# many images the rest is lost in the error of the estimates. What is *not* found to be unique may be unique all the same.
#
# And the paper's question? In *unplanted*, no voxel listens to an edge network, and the layers of edge networks predict its face
# areas all the same. So their prediction alone is no evidence that these areas care about edges, or that the networks know faces. The
# green symbols are what would be. For a measured participant:
# `python -m lib run variance_partitioning -p dataset nsd -p data_root FOLDER -p weights published`.
#
# ## Exercises

# %% [markdown]
# ```{exercise} The order of the question
# :label: variance-order
#
# What a layer adds depends on what is already there. For Edge3d in the face areas, compare what Conv-3 adds when it comes first, after
# Conv-1 and Conv-2, and last of all. Why can no single number be "the variance explained by Conv-3"?
# ```

# %% [markdown]
# ```{solution-start} variance-order
# :class: dropdown
# ```

# %%
own = spaces.of(edges[1])
middle, last = own[2], own[3]
for given in ([], own[:2], [*own[:2], last]):
    steps = variance.added_singly(spaces, y[next(iter(people)), "face"], [middle], given)
    names = ", ".join(layer for _, layer in given) or "nothing"
    print(f"{middle[1]} beyond {names}: {steps.added.mean():+.3f}")

# %% [markdown]
# Once Conv-1 and Conv-2 are there, nothing is left for it. What is lost on the way is shared with the layers that came before, and
# belongs to none of them alone. The two ends bracket the truth: beyond everything is the least that a layer can be credited with, alone
# is the most.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Other others
# :label: variance-others
#
# "Beyond the others" depends on who the others are. For Conv-3 of Edge3d in the face areas, let them be nobody, a single ResNet50, both,
# or two AlexNets. When does the shared part shrink?
# ```

# %% [markdown]
# ```{solution-start} variance-others
# :class: dropdown
# ```

# %%
alexnets = ("alexnet-object", "alexnet-place")
more = variance.feature_spaces(anybody, [load_network(name, weights) for name in alexnets])
wider = variance.FeatureSpaces({**spaces.layers, **more.layers})
for names in ((), others[:1], others, alexnets):
    given = wider.of(*names)
    beyond = {brain: variance.added_singly(wider, y[brain, "face"], [middle], given).added.mean() for brain in people}
    print("beyond", ", ".join(names) or "nobody", {brain: f"{value:+.3f}" for brain, value in beyond.items()})

# %% [markdown]
# A single ResNet50 shares as much with Conv-3 as two do. Two AlexNets share a little less, and leave more for Conv-3. Take networks away, and the shared
# part can only shrink, up to the error of the estimates. "Unique" is always short for "not in the networks I thought of", and the result of this page is as
# strong as the list in `others`.
# ```{solution-end}
# ```
