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
# # A brain in which nothing was planted
#
# In the world [as-published](simulated_participant) the analysis can find what was put there. A brain is not made of the
# networks it is compared with. So here is a brain made of another one: a small network with an architecture of its own,
# trained on all four tasks at once, to name the object, to name the place, and to draw edges of both kinds. Its
# early layers drive V1 to V4, its late layers place and face areas. None of the networks that are analysed drives
# anything, and nobody knew beforehand what would be found.
#
# In both AlexNets and both ResNet50s (figure above) V1 prefers an earlier layer than most place and face areas do, although none of them is in the brain. So
# a progression alone says little about which network a brain resembles. That makes this page the nearest thing in the book to an experiment. The question is
# that of {cite:t}`wang2021`: do tasks move the preferred layer in AlexNet, and not in ResNet50?

# %%
from lib.analysis.encoding_study import encoding_studies
from lib.claims import evaluate
from lib.figures.encoding import network_scores, preferred_layers, task_shifts
from lib.figures.follow_ups import preferred_layer_table, task_summary
from lib.figures.schematic import area_schematic
from lib.figures.simulation import planted_layers
from lib.figures.style import notice
from lib.figures.verdicts import verdict_comparison
from lib.networks.zoo import PAPER_W
from lib.simulation.nsd_like import simulate_worlds
from lib.simulation.worlds import WORLDS

# %% tags=["parameters"]
subject = 1  # number of the participant
weights = "miniature"  # of the networks that are analysed: "miniature" or "untrained"
world = "unplanted"  # the brain to look at: "as-published", "reversed", "flat", "noise" or "unplanted"
beside = "as-published"  # a brain in which the claims were planted, to compare with: "as-published" or "reversed"
n_best_voxels = 200  # voxels looked at per ROI, as the ledger does
seed = 0  # of the simulation
n_images = 1000  # seen by the participants, at least 10; the real ones saw 10,000
voxels_per_roi = 600  # of the participants

# %% [markdown]
# ## What drives this brain
#
# **Look for** a network that is in none of the papers' figures.

# %% mystnb={"image": {"alt": "Table with one column, the multi-task network: rows are visual areas, and a cell names the layers that lead in the area."}, "figure": {"caption": "The layers of the multi-task network that drive each area, with their shares where there are two. The darker, the later in the network.", "name": "fig-unplanted-planted"}}
planted_layers(WORLDS[world])

# %%
people = simulate_worlds((world, beside), subject=subject, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
studies = encoding_studies(people, PAPER_W, weights, n_best_voxels)
study = studies[world]

# %% mystnb={"markdown_format": "myst"}
notice(people[world].source)

# %% [markdown]
# ## Which layer does an ROI prefer?
#
# **Look for** a progression from the upper left to the lower right, in each network, and for differences between the two
# AlexNets and between the two ResNet50s.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Heat maps, one per network: rows are ROIs, columns are layers, darkness is the share of voxels that prefer the layer."}, "figure": {"caption": "The layer that predicts each voxel best on test images, in a brain driven by none of these networks. Darkness: share of the ROI's best voxels, chosen by out-of-fold score. White dot and bar: median and middle half of the voxels' preferred layers.", "name": "fig-unplanted-preferred"}}
preferred_layers(study.only(PAPER_W[:4]))

# %% [markdown]
# The same as a drawing: early areas on the left, place areas above, face areas below. The arrangement is ours; it is not anatomy.
# **Look for** networks in which the boxes darken from left to right.

# %% mystnb={"image": {"alt": "Six drawings, one per network: boxes for visual areas, early ones on the left, place areas above and face areas below, each with the name of its median preferred layer and darker the later the layer."}, "figure": {"caption": "Schematic of the areas, one per network. Each box names the layer that predicts the median voxel best on test images, among the area's best voxels, chosen by out-of-fold score. The darker, the later in its network. The arrangement is drawn; nothing anatomical is meant.", "name": "fig-unplanted-schematic"}}
area_schematic(study)

# %% [markdown]
# ## Does the task move the weights?
#
# The figure shows by how many layers the centre of the stacking weights moves when the task changes, in the same voxels for
# both networks. Above zero, the network trained on places is weighted at later layers than the one trained on objects; below zero, at earlier
# ones. **Look for** areas in which the two architectures part, as they were made to in *as-published*.

# %% mystnb={"image": {"alt": "Two panels of dots with intervals over ten areas, one panel per brain: layers by which the stacking weights move with the task in AlexNet and in ResNet50."}, "figure": {"caption": "Layers by which the centre of the stacking weights moves when the task changes from objects to places, over the same voxels for both networks of an architecture, with 95 % intervals over blocks of cortex. No mark: the area's voxels are not predicted.", "name": "fig-unplanted-shift"}}
task_shifts(studies)

# %% [markdown]
# And the layers themselves, in this brain: for each area the layer with the highest mean R and the one with the largest mean
# weight, from the network trained on objects to the one trained on places. Bold where it moves.

# %% mystnb={"markdown_format": "myst"}
preferred_layer_table(study)

# %% mystnb={"markdown_format": "myst"}
task_summary(studies)

# %% [markdown]
# A move of the best layer by one can be chance: the neighbours of the best layer predict nearly as well. The moves in the figure, with
# their intervals, are the better evidence, and the two brains are to be read against each other. In *as-published* a move to later layers, in
# AlexNet alone, was planted in V1 to V4; in place and face areas both architectures move a little, though no move of ResNet50 was planted. In the brain
# in which nothing was planted the weights of both architectures move to *earlier* layers in V4 and in place and face areas. In V2 and V3 AlexNet's move to
# later ones, by a part of what was planted in the other brain; ResNet50's hardly move in V2, and move to earlier ones in V3. So a weak form of the contrast
# can come about by itself.
#
# ## The claims
#
# The rules of the [ledger](claims), applied to both brains, on as many voxels of each area as the ledger takes.

# %% mystnb={"markdown_format": "myst"}
verdict_comparison({name: evaluate(one) for name, one in studies.items()})

# %% [markdown]
# ## How to read this
#
# Only W8 holds here, and it needs no more than that several layers predict: their stack is better than the best of them. A claim that holds here was not planted: it follows from how networks and images are made. Layers of any two networks
# that were trained on the same pictures share a progression from local to global, and an area that reads out an early layer
# of one will be predicted best by an early layer of the other. Such a claim, found in a brain, says that the brain shares this
# progression, not that it resembles the network whose name is on the figure.
#
# A claim that is contradicted here needs more than this progression. Found in a brain, it says something about that brain. One that is
# undecided says neither: in *as-published*, where the claims were planted, so few images leave some undecided.
#
# One participant is one draw. `python -m lib claims --world unplanted --seeds 20` decides the claims for twenty, from more images than this page.
#
# ```{admonition} Misconception: the network that predicts best is the model of the brain
# :class: tip
# The stacks of all six networks predict all areas of this brain (Edge2d's only just from V4 on), and none of the networks is in it.
# ```

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A network predicts this brain best. Is the brain made of that network?
# No. None of the networks that are analysed drives this brain, and all of them predict it, since networks that are trained on the
# same images share much.
# ```
#
# ```{dropdown} A claim holds in this brain, where nobody planted it. What does the same claim say when it holds in a person?
# That the person's brain shares what brings it about here, a progression from local to global, say. It does not say that the brain
# resembles the network in the figure.
# ```
#
# ```{dropdown} The best layer moves by one from one network to the other. Is that a shift?
# Perhaps not. Neighbouring layers predict nearly as well, so the best of them changes by chance. Look at the shift of the weights
# and its interval.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Which network is nearest?
# :label: unplanted-nearest
#
# *Level 2 of 3, 10 minutes. Against the belief that the network that predicts best is the model of the brain.*
#
# The brain was trained on objects, places and edges. Which network predicts it best, and does the answer depend on the area?
# ```
#
# ```{hint}
# :class: dropdown
#
# The truth is known: the brain is a network of its own, which is not among the candidates. What can a ranking of the
# candidates still mean?
# ```

# %% [markdown]
# ```{solution-start} unplanted-nearest
# :class: dropdown
# ```

# %% mystnb={"image": {"alt": "Mean R of the stack of each of six networks in each of ten areas, as symbols with 95 % intervals."}, "figure": {"caption": "Mean R of each network's stack on test images over all voxels of an ROI, with 95 % bootstrap intervals over voxels.", "name": "fig-unplanted-networks"}}
network_scores(study)

# %% [markdown]
# In the place and face areas the networks that name objects lie above those that name places or draw edges; in V1 the architecture counts, not the task: both AlexNets lie below the other four. The brain's
# network had to name objects too, the hardest of its tasks; early layers hold much the same whatever the task.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Without training
# :label: unplanted-untrained
#
# *Level 3 of 3, 15 minutes. Against the belief that a claim that holds is evidence about the task.*
#
# Analyse this brain with the same networks before they were trained. Which claims can still hold? What would you conclude from one that
# does?
# ```
#
# ```{hint}
# :class: dropdown
#
# Sort the claims into those that need training and those that a progression from local to global would satisfy.
# ```

# %% [markdown]
# ```{solution-start} unplanted-untrained
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
small = {"n_images": max(10, n_images // 2), "voxels_per_roi": max(2, voxels_per_roi // 4)}
smaller = simulate_worlds([world], subject=subject, seed=seed, **small)
untrained = encoding_studies(smaller, PAPER_W, "untrained", max(2, n_best_voxels // 4))
verdict_comparison({f"{world}, networks untrained": evaluate(untrained[world])})

# %% [markdown]
# W8 can hold: a mixture of layers predicts better than the best one, whatever they have learned. Claims about tasks cannot, as the two networks of
# an architecture are hardly different before training. W4 and W6 need a progression from local to global, and that its layers are the right
# ones. (An interval beside *undecided* is that of one part alone; to contradict, it must lie as low at a level that allows for all parts.) A claim that held here would be no evidence about tasks, and
# hardly any about the brain.
# ```{solution-end}
# ```
