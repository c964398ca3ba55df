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
# # Better at the task, closer to the brain?
#
# {cite:t}`yu2018` end with a plan. Take many networks, measure how well each names objects and how similar it is to the brain by
# representational similarity, and plot one against the other. They expect "an inverted-U shaped relation": similarity first rises with
# performance, then falls.
#
# In a simulated brain, encoding and similarity in higher cortex rise with accuracy, similarity in V1 does not, and no line falls for certain. This page carries the plan out in small:
# networks of several depths and widths, each at several points of its training, against a simulated brain, where the truth is known, and
# against people who looked at [92 images](images92), if their data are there.

# %%
from lib.analysis.images92 import load_images92
from lib.analysis.loading import load_everybody
from lib.analysis.rsa import rdm_noise_ceiling
from lib.analysis.training_curves import Shape, brain_rdms, encoding_likeness, rsa_likeness, train_networks
from lib.core.tables import Table
from lib.figures.style import notice
from lib.figures.training_curves import (
    first_and_last_epoch_table,
    half_correlations_table,
    performance_figure,
    training_correlations_table,
)

# %% tags=["parameters"]
world = "resnet-brain"  # what drives the simulated brain: "as-published", "reversed", "noise" or "resnet-brain"
seed = 0  # of the simulation and the networks
depths = [3, 5]  # convolutions of the networks
widths = [4, 12]  # channels of their first convolution
n_training_scenes = 2000  # scenes to learn from
epochs = [0, 1, 2, 4, 8]  # kept; training goes on to the last
n_images = 800  # seen in training by a simulated participant
voxels_per_roi = 60  # of a simulated participant

# %% [markdown]
# ## The networks
#
# All learn to name the objects in the [miniature world](miniature_world).

# %% mystnb={"markdown_format": "myst"}
shapes = [Shape(depth, width) for depth in depths for width in widths]
snapshots = train_networks(shapes, n_images=n_training_scenes, keep=epochs, seed=seed)
accuracies = [[shape, *(one.accuracy for one in snapshots if one.shape == shape)] for shape in shapes]
Table(["accuracy on held-out scenes", *(f"epoch {epoch}" for epoch in epochs)], accuracies)

# %% [markdown]
# ## A simulated brain
#
# Five participants of the kind of [the decoding page](fig4_decoding). Similarity is measured on the 50 test images, each network by its best layer; encoding on all voxels of the
# area by the stack of all layers.

# %%
participants = load_everybody(world=world, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
rdms = brain_rdms(participants, ["V1", "HVC"])
images = participants[0].images(participants[0].test)

# %% mystnb={"markdown_format": "myst"}
notice(participants[0].source)

# %%
likeness = {f"similarity, {roi}": r for roi, r in rsa_likeness(snapshots, images, rdms).items()}
likeness["encoding, HVC"] = encoding_likeness(snapshots, participants, "HVC")
ceilings = {f"similarity, {roi}": rdm_noise_ceiling(matrices) for roi, matrices in rdms.items()}

# %% [markdown]
# **Look for** lines that turn down at their right end by more than their intervals. Each panel has a scale of its own; where the noise ceiling
# lies above that scale, only the panel's title gives it: of similarity, how much alike the participants' own dissimilarities are.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Three panels: similarity in V1 and in HVC and encoding in HVC against accuracy, a line per network."}, "figure": {"caption": "Likeness to a simulated brain against accuracy on held-out scenes, at five points of training. Similarity: Spearman r of the best layer's dissimilarities with a participant's. Encoding: mean r over voxels. Mean and 95 % bootstrap interval over participants. Grey: noise ceiling, as far as the lines reach; dotted: chance accuracy.", "name": "fig-performance"}}
performance_figure(snapshots, likeness, ceilings, simulated=True)

# %% [markdown]
# In numbers: the rank correlation of likeness with accuracy, over the worse half of these networks and over the better half. An inverted U gives
# a plus and a minus. So do networks that differ in more than accuracy; an exercise below tells the two apart.

# %% mystnb={"markdown_format": "myst"}
half_correlations_table(snapshots, likeness)

# %% [markdown]
# No measure in HVC shows an inverted U. This brain was built from a network trained on the same task: its higher areas from a late layer, V1 from
# the first. Encoding of HVC rises with accuracy, and so does similarity, which stays far below
# the noise ceiling. A layer of a small network holds what drives the voxels, since a weighted sum finds it there, but other things
# too, and similarity counts those as well. In V1 the lines go sideways within their intervals: what a first layer holds of edges and colours
# need not be learned. The table's numbers for flat lines are ranks of small differences.
#
# ## People
#
# The same networks have never seen a photograph; they see the 92 images squeezed to 64 pixels. If the measured data are not there, a simulated
# stand-in takes their place, and the box says so. **Look for** the same again: a line that turns down.

# %%
data = load_images92()
measured = {f"similarity, {roi}": r for roi, r in rsa_likeness(snapshots, list(data.images), data.rdms).items()}
people = {f"similarity, {roi}": rdm_noise_ceiling(matrices) for roi, matrices in data.rdms.items()}

# %% mystnb={"markdown_format": "myst"}
notice(data.source)

# %% mystnb={"image": {"alt": "Two panels: similarity in early visual and inferior temporal cortex against accuracy, a line per network."}, "figure": {"caption": "Likeness against accuracy on held-out scenes, along the training of networks of several sizes: Spearman r of the best layer's dissimilarities with fifteen people's dissimilarities of 92 images, or the simulated stand-in where the data are not there. Mean and 95 % bootstrap interval over people; dotted: chance accuracy.", "name": "fig-performance-people"}}
performance_figure(snapshots, measured, people, data.source.simulated)

# %% mystnb={"markdown_format": "myst"}
half_correlations_table(snapshots, measured)

# %% [markdown]
# With the measured data all lines stay far below the noise ceiling. From epoch 0, before training, to the last all rise, in EVC more than in IT, where
# most rises lie within the intervals. From
# one epoch to the next a line may fall by more than its intervals, but none ends lower than it began. A plus and a minus in the table come from comparing
# networks: of those with equal training a wider one mostly names more objects, and may lie lower. (In the stand-in, IT was planted from objects and EVC
# from pixels, so the lines of IT rise while those of EVC do not.)
#
# What such a curve can show, and what not. The rising part is easy to find. The falling part, if there is one, belongs to networks better than
# any on this page: paper Y thinks of those that exceed people. That *similarity* falls while *encoding* does not would
# be no contradiction: encoding fits a weight to every unit, similarity takes all units as they are.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} Networks that name objects better are more like the brain in a plot. Does accuracy cause the likeness?
# That does not follow. The networks differ in depth, width and training too. Follow one network along its own training to see what
# learning changes.
# ```
#
# ```{dropdown} Likeness falls in the better half of the networks. Is that an inverted U?
# Not yet. A few points in one half have a slope by chance, and the networks in it differ in more than accuracy.
# ```
#
# ```{dropdown} Encoding says that a network became more like the brain, similarity says that it did not. Can both be right?
# Yes. Encoding fits a weight to each unit and can ignore those that do not help. Similarity takes all units as they are.
# ```

# %% [markdown]
# ## Exercises
#
# ```{exercise} Halves
# :label: ex-turning
#
# *Level 3 of 3, 15 minutes. Against the belief that a trend over networks is a trend over performance.*
#
# The table splits the networks in halves by accuracy. Why is a negative number in the second column alone not yet an inverted U? Follow
# each network through its own training.
# ```
#
# ```{hint}
# :class: dropdown
#
# Networks differ in depth and width as well. Along the training of one network only the weights change.
# ```

# %% [markdown]
# ```{solution-start} ex-turning
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
training_correlations_table(snapshots, likeness)

# %% [markdown]
# The networks of the better half differ in depth and width, too, and ten points can give a rank correlation far from zero by chance. Along its
# own training a network gains in HVC, by encoding and by similarity. For similarity in V1 there is no common direction.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Before training
# :label: ex-untrained
#
# *Level 2 of 3, 10 minutes. Against the belief that a network that learned nothing predicts nothing.*
#
# An untrained network knows no object. How like the brain is it, by each measure, compared with the same network at the end?
# ```
#
# ```{hint}
# :class: dropdown
#
# An untrained convolution still keeps edges, colours and where things are. Compare epoch 0 with the last epoch.
# ```

# %% [markdown]
# ```{solution-start} ex-untrained
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
first_and_last_epoch_table(snapshots, likeness)

# %% [markdown]
# An untrained network is like the brain already, since its layers, too, hold edges, colours and places in the picture. In HVC training adds
# a large share, by similarity as by encoding; in V1 it adds little.
# ```{solution-end}
# ```
