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
# # Figure 2: ResNet50, trained on objects or on places
#
# In [Figure 1](fig1_alexnet) the task moved the layer that the brain prefers. Is that a fact about tasks, or about AlexNet?
# {cite:t}`wang2021` repeat the analysis with a network of fifty layers, ResNet50 {cite}`he2016`, trained on the same two tasks. From it
# they take the first convolution, the last layer of each of its four blocks (Conv-2 to Conv-5), and the average over the
# last maps (Avgpool). Three sentences are put to the test:
#
# * the layers that the brain prefers, and their weights, are the same for both tasks, unlike AlexNet's (claim W3);
# * early layers predict early visual areas better, late layers place and face areas (claim W4);
# * place and face areas give the largest weight to Conv-5, not to the last layer; in AlexNet it was the last (claim W5).
#
# **In short:** in the world *as-published* the two networks look alike: early
# layers lead in V1-V4 and late ones in the place and face areas, whatever the task.
#
# The third sentence says "layer 4". Paper W numbers its layers from Conv-1, so the fourth in its list would be Conv-4; but the code
# of ResNet50 that everybody uses calls its last block `layer4`, and that block is Conv-5. We read it so: the sentence goes on to
# say that the *last* layer is not the best, and Avgpool is the mean of that block's maps.

# %%
from lib.analysis.encoding_study import encoding_study
from lib.analysis.loading import load_participant
from lib.analysis.presets import analyse, encoding_choices
from lib.analysis.results import write_results
from lib.claims import evaluate
from lib.data.areas import FACE, PLACE
from lib.figures.encoding import encoding_figure, planted_and_recovered, preferred_layers, task_shifts
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
# ## One participant, two networks, and two to compare with
#
# The participant is the one of Figure 1. Claims W3 and W5 compare with AlexNet, so its two networks are fitted too; of the figures
# only the one that compares the architectures shows them.

# %%
networks = ("resnet50-object", "resnet50-place")
others = ("alexnet-object", "alexnet-place")
choices = encoding_choices(analysis, dataset, weights, n_best_voxels, (*networks, *others), split)
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
participant = load_participant(dataset, subject, data_root, world=world, seed=seed, **size, **choices.reading)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)

# %% mystnb={"markdown_format": "myst"}
notice(participant.source)

# %%
run = analyse(participant, (*networks, *others), choices)
study = run.study
shown = study.only(networks)
print(shown)

# %% [markdown]
# ## The figure
#
# **Look for** the layer at which the lines peak, from the early areas to the place and face areas. Then compare the networks: does
# the peak lie at the same layer for both tasks? (Each network shows its own best voxels; a comparison over the same voxels follows
# below.)

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Four rows by ten columns of line plots: R and stacking weight of six ResNet50 layers, one column per ROI, one line per voxel."}, "figure": {"caption": "ResNet50 encoding results in the layout of paper W's Figure 2. A thin line is one of the best voxels of an ROI, chosen by test score as published; the black line is their mean, the dashed line the mean of their noise ceilings. R: score of each layer on test images, sign(R²) √|R²|, then the stacking weights. Areas are columns; on a phone, they are rows.", "name": "fig-resnet50"}}
encoding_figure(shown)

# %% [markdown]
# The same lines, one at a time, and test pictures beside the voxel's response and what the stack predicts of it. **Look for**
# voxels of a face area in which Avgpool has the higher R and Conv-2 the larger weight.

# %%
voxel_explorer(shown, run=run)

# %% [markdown]
# In the world *as-published* V1 to V4 peak at Conv-2, the place and face areas at Conv-5, and the weights peak where R does. Both networks
# look alike. In [Figure 1](fig1_alexnet) the peak of R in V1 to V4 moved by a layer.
#
# R falls gently around its peak, since neighbouring layers say much the same. The weights fall faster: stacking gives most to the layer that
# explains what its neighbours cannot.

# %% [markdown]
# ## Which layer does an ROI prefer?
#
# **Look for** areas in which the two panels differ.

# %% mystnb={"image": {"alt": "Two heat maps, one per network: rows are ROIs, columns are layers, darkness is the share of voxels that prefer the layer; a dot and bar mark median and middle half."}, "figure": {"caption": "The layer that predicts each voxel best on test images. Darkness: share of the ROI's best voxels, chosen by out-of-fold score. White dot and bar: median and middle half of the voxels' preferred layers.", "name": "fig-resnet50-preferred"}}
preferred_layers(shown)

# %% [markdown]
# Both panels go from an early layer in V1-V4 to a late one in the place and face areas, where the voxels of an area agree less. Where the panels
# differ, by a shade or by a median, the same layers were planted for both tasks: neighbouring layers predict nearly alike, so a little decides which of them is ahead.
#
# ## What was planted, and what was found
#
# **Look for** Conv-2 and Avgpool in the place and face areas: which of the two gets the larger weight?

# %% mystnb={"image": {"alt": "Bars of planted shares and dots of recovered stacking weights over layers, for each network and group of ROIs."}, "figure": {"caption": "Grey bars: share of the voxels that were planted to be predicted best from a layer. Dots: mean stacking weight of an ROI's best voxels, chosen by out-of-fold score. For measured data there are no bars.", "name": "fig-resnet50-planted"}}
planted_and_recovered(shown)

# %% [markdown]
# The planted layer gets by far the largest weight, but never all of it. In the place and face areas Conv-2 gets more than its planted share: an earlier
# layer holds what a later one has lost. Avgpool gets less than Conv-2, although alone it predicts these areas better: it is the mean of Conv-5's maps,
# and knows nothing that Conv-5 does not know.
#
# ## Does the task matter less than in AlexNet?
#
# A profile of weights that moves is one thing; whether it moves *less* is a comparison. The figure shows, in each area, by how many
# layers the centre of the stacking weights moves when the task changes, in the same voxels for both tasks. **Look for** areas in which the two
# architectures part.

# %% mystnb={"image": {"alt": "Pairs of dots with intervals over ten areas: layers by which the stacking weights move with the task in AlexNet and in ResNet50."}, "figure": {"caption": "Layers by which the centre of the stacking weights moves when the task changes from objects to places, over the same voxels for both networks of an architecture, with 95 % intervals over blocks of cortex.", "name": "fig-resnet50-shift"}}
task_shifts({participant.name: study})

# %% [markdown]
# An interval that excludes zero says that the weights move. In this world only AlexNet's were planted to move, in V1 to V4, and there the two architectures
# part most clearly. Many other intervals exclude zero as well: the network for objects and the one for places differ in all that their layers hold, and the
# weights' centre notices any of it. So a claim needs more
# than an interval, namely [a size that matters](judging). [The brain in which nothing was planted](unplanted_brain) asks whether a shift comes about by itself.
#
# ## How much of what could be explained?
#
# Areas differ in noise. Beside each mean R stands its share of the largest that any model could reach, the root of the
# [noise ceiling](noise_ceiling) {cite}`schoppe2016`, over reliable voxels that the networks of the table together predict best.

# %% mystnb={"markdown_format": "myst"}
reliability_table(shown)

# %% [markdown]
# ## Do the claims hold?
#
# The rules are those of the [ledger](claims). An effect in R is also given as a share of the largest R that any model could reach, the root of the
# ceiling. W3 says that something stays the same in ResNet50: that part holds where the whole interval lies within half a layer of zero.

# %% mystnb={"markdown_format": "myst"}
verdict_table(evaluate(study, ["W3", "W4", "W5"]))

# %% [markdown]
# On a simulated participant this says which of the planted claims are found in this one; [in how many others](judging) is counted elsewhere. On a
# measured one the same cells decide the same claims: `python -m lib run fig2_resnet50 -p dataset nsd -p data_root FOLDER`.

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
# ```{dropdown} No difference between the two tasks was found. Are their preferred layers the same?
# That does not follow: noise may hide a difference. Sameness must be shown too, by an interval that lies wholly within what is too
# small to matter.
# ```
#
# ```{dropdown} Avgpool predicts a face area better than Conv-2, and gets less weight. Why?
# It is the mean of Conv-5's maps and knows nothing that Conv-5 does not know. Beside Conv-5 it adds little, Conv-2 more.
# ```
#
# ```{dropdown} The shift is significant in AlexNet and not in ResNet50. Does it differ between them?
# That does not follow. The difference between the two shifts needs an interval of its own.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Which layer is "layer 4"?
# :label: ex-resnet-layer4
#
# *Level 1 of 3, 10 minutes. Against the belief that a layer's name in a paper says which module was read.*
#
# Claim W5 reads "layer 4" as Conv-5. How large are the mean weights of Conv-4 and of Conv-5 in place and face areas, and would the
# claim hold under the other reading?
# ```
#
# ```{hint}
# :class: dropdown
#
# The voxels shown are `shown.best(name, roi)`; average their weights over the place and face areas, layer by layer.
# ```

# %% [markdown]
# ```{solution-start} ex-resnet-layer4
# :class: dropdown
# ```

# %%
for name, result in shown.encoding.items():
    best = [voxel for roi in shown.rois(PLACE + FACE) for voxel in shown.best(name, roi)]
    print(name, dict(zip(result.layers, result.weights[:, best].mean(axis=1).round(2).tolist(), strict=True)))

# %% [markdown]
# In *as-published* Conv-5 has by far the largest weight and Conv-4 little, so under the other reading the claim would fail. The
# simulation was planted under the first reading, and cannot say which one the authors meant. Their released weights could.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The world upside down
# :label: ex-resnet-reversed
#
# *Level 2 of 3, 15 minutes. Against the belief that a claim that holds once would hold in any brain.*
#
# In the world *reversed*, the early areas are predicted best from Avgpool of ResNet50-Object and from Conv-4 of ResNet50-Place, the higher
# ones from Conv-1 and Conv-3. Which of the three claims fail, and which contrast breaks each? Guess, then evaluate them on a
# participant of that world.
# ```
#
# ```{hint}
# :class: dropdown
#
# Write down for each network which layer drives V1 and which drives FFA in this world. Then read each claim with those
# layers in mind.
# ```

# %% [markdown]
# ```{solution-start} ex-resnet-reversed
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
# Half of the images, a third of the voxels and of those that are called best: seconds instead of a minute.
small = {"n_images": max(10, n_images // 2), "voxels_per_roi": max(2, voxels_per_roi // 3)}
opposite = load_participant("simulated", subject, world="reversed", seed=seed, **small)
reverse = encoding_study(opposite, study.networks, n_best=max(2, choices.n_best // 3))
verdict_table(evaluate(reverse, ["W3", "W4", "W5"]))

# %% [markdown]
# All three are false. W3: with the task, ResNet50's preference moves (in V1 to V4 from Avgpool to Conv-4) and AlexNet's was planted to stay. The interval
# in the table is that of one part alone; the claim is contradicted only if a wider one, which allows for all its parts, lies beyond half a layer, so
# on few images it may stay undecided. W4: late layers now predict V1 to V4 best. W5: in place and face areas Conv-5 is not planted to lead, neither in
# the network that names objects, where Conv-1 is, nor in the one that names places, where Conv-3 is; nor is FC-7 in AlexNet.
# ```{solution-end}
# ```
