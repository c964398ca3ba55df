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
# # A simulated participant
#
# The Natural Scenes Dataset {cite}`allen2022` cannot be passed on in a book. So its place is held by simulated participants, who look
# at [drawn scenes](miniature_world) and whose voxels answer to what several small networks have in common. They come with what makes
# the real experiment hard: three trials per image, sessions that drift, voxels that are mostly noise.
#
# What was {term}`planted` is written down in small tables, {term}`worlds <world>`. This page shows them, and what becomes of what was planted on the way
# from signal to data.
#
# ```{admonition} Simulated data
# :class: warning
#
# All voxels of this page were planted and their noise was drawn at random. Nobody was scanned.
# ```

# %%
import numpy as np

from lib.analysis.encoding import encode
from lib.data import Responses
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.data.trials import ncsnr_of_repeats, standardise_runs
from lib.figures.plant import N_STORED, plant_explorer
from lib.figures.simulation import (
    ncsnr_histograms,
    planted_layers,
    planted_worlds,
    preference_maps,
    session_baselines,
)  # fmt: skip
from lib.networks import load_network
from lib.simulation.nsd_like import NCSNR_EARLY, NCSNR_HIGHER, draw_trials, shown_pictures, simulate
from lib.simulation.worlds import WORLDS, World

# %% tags=["parameters"]
seed = 0  # another seed: other images, voxels and noise
subject = 1  # participants share a tenth of their images
world = "as-published"  # what drives the voxels: "as-published", "reversed", "flat", "noise" or "unplanted"
n_images = 1000  # the real participants saw 10,000
voxels_per_roi = 100  # the real areas hold some hundreds to some thousands
area = "OPA"  # whose sheet is shown
network = "alexnet-object"  # whose layers the sheet shows

# %% [markdown]
# ## What is planted
#
# In the worlds that were planted for the papers' networks no single network drives a voxel. A cell names the layer from which a network predicts an
# area best; all networks predict *the same* voxels of an area. Where an area mixes two kinds of voxels, their shares stand beside the layers. **Look for** the layer that leads in V4 in each
# of the two AlexNets.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Table of planted layers: rows are visual areas, columns are networks, and a cell names layers; early areas are predicted best from middle convolutions, higher areas from late layers."}, "figure": {"caption": "From which layer each network was planted to predict the simulated voxels best, in one world. The darker, the later in its network. Areas with the same shares are shown once.", "name": "fig-simulated-planted"}}
planted_layers(WORLDS[world])

# %% [markdown]
# In *as-published* the early areas are predicted best from Conv-3 of the network that names objects and from Conv-4 of the one that names
# places, and place and face areas from FC-7: the world in which the sentences of {cite:t}`wang2021` about AlexNet are true.
#
# An analysis that finds what was planted deserves no praise unless it also *fails* to find what was not. For that there are other
# worlds.

# %% mystnb={"image": {"alt": "One table per world: areas in rows, networks in columns; a cell names the layers that lead in the area."}, "figure": {"caption": "From which layer each network was planted to predict each area best, in every world. The darker, the later in its network; white: an area that answers to nothing. In *unplanted* one network drives all areas.", "name": "fig-simulated-worlds"}}
planted_worlds(WORLDS)

# %% [markdown]
# ## From layers to voxels
#
# Layers of trained networks share most of what they hold, so a voxel that reads out Conv-3 of one network is often predicted
# best from Conv-1 of another. We therefore search for directions of image space, mixtures of what the layers hold, in which every
# network's named layer predicts better than its other layers, the farther away the more, and make the smallest of these leads as
# large as possible. Each voxel is a random mixture of some tens of such directions, and a tenth of its signal is its own, which no network
# predicts.
#
# The voxels of an area lie on a small sheet, 1.8 mm apart. Neighbours are tuned alike and share some of their noise, and the shares of the
# area's kinds of voxels change smoothly over the sheet.
#
# The sizes of all this were chosen on [seeds of their own](judging), before the seeds whose verdicts are counted were looked at: leads large enough that
# weights peak where they should and, given enough images, true claims hold; yet a stack still gains by taking several layers. The fewer the images, the
# fewer claims can be decided, true as they are here; the [ledger](claims) counts how many.
#
# Then every image is shown three times, in random order, in sessions of 750 trials. Each session has a gain and a
# baseline of its own.

# %%
trials = draw_trials(subject=subject, world=world, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
print("(n_trials, n_voxels) =", trials.betas.shape)
print("sessions:", trials.session.max(), "- ROIs:", ", ".join(trials.rois))
print("images shared by all participants:", np.sum(trials.images < n_images), "of", len(trials.images))

# %% [markdown]
# Which layer a voxel prefers makes a map. **Look for** patches of one colour in the planted map, and for what noise leaves of them in the one
# that was found.

# %%
participant = simulate(subject=subject, world=world, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
result = encode(participant, load_network(network))
planted = WORLDS[world].depth(trials.shares[area], network)
found = np.arange(len(result.layers)) @ result.weights[:, participant.roi(area)]

# %% mystnb={"image": {"alt": "Two maps of one area's sheet of voxels, coloured by the layer that each voxel prefers: as planted, in smooth patches, and as found, with more noise."}, "figure": {"caption": "The sheet of voxels of one area. Colour: mean position of the layers that a voxel was planted to prefer, then centre of the stacking weights that were found. Each map has a scale of its own.", "name": "fig-simulated-map"}}
maps = {f"{area}, {network}: planted": planted, "centre of the weights found": found}
preference_maps(trials.positions[trials.rois[area], 1:], maps, result.layers)

# %% [markdown]
# The planted map is smooth. The shares of a sheet are a random draw around those of the table above, and on so small a sheet may lie far from them. In the map that was found, each voxel's
# weights carry the noise of its own trials, which hides much. It also lies at earlier layers (read the scales), since a stack gives weight to the first
# layers as well. So the figures of this book average over the voxels of an area before they speak of its layer.
#
# ## One voxel's trials
#
# The steps that follow are those for real data. First, standardise each voxel within each session. **Look for** the steps
# between sessions, above, and what is left of them, below.

# %%
standardised = standardise_runs(trials.betas.copy(), trials.session)
baselines = [trials.betas[trials.session == s].mean(axis=0) for s in np.unique(trials.session)]
voxel = np.std(baselines, axis=0).argmax()
print(f"voxel {voxel}, ncsnr {trials.ncsnr[voxel]:.2f}")

# %% mystnb={"image": {"alt": "Trials of one voxel over time: above, means and spreads differ between sessions; below, after standardising, they are equal."}, "figure": {"caption": "The trials of the simulated voxel that drifts most, in the order of measurement. Black: mean of a session; coloured: plus and minus one standard deviation. Above as measured, below standardised within sessions; a few trials lie outside.", "name": "fig-simulated-sessions"}}
session_baselines(trials.betas[:, voxel], standardised[:, voxel], trials.session, trials.source.simulated)

# %% [markdown]
# Left in, the drift of sessions would look like noise, for the repeats of an image fall into different sessions.
#
# ## As noisy as measured
#
# The noise follows what was measured on the first NSD participant: the quartiles of the
# [signal-to-noise ratio](noise_ceiling), ncsnr, in early and in higher areas. It can be estimated back from the repeats alone.

# %%
repeats = Responses(trials.shown, standardised, np.ones_like(trials.shown))
estimated = ncsnr_of_repeats(repeats)
masks = {"V1 to V4": EARLY, "place and face areas": PLACE + FACE}
groups = {name: estimated[np.any([trials.rois[roi] for roi in rois], axis=0)] for name, rois in masks.items()}
quartiles = dict(zip(groups, (NCSNR_EARLY[1:4], NCSNR_HIGHER[1:4]), strict=True))

# %% [markdown]
# **Look for** whether the triangles, the quartiles of the simulation, stand on the lines, those of the measured participant.

# %% mystnb={"image": {"alt": "Histograms of ncsnr in early and in higher areas, with the measured quartiles as lines and those of the simulation as triangles beside them."}, "figure": {"caption": "Signal-to-noise ratios of the simulated voxels, estimated from their repeats. Lines: quartiles measured on NSD participant 1 (the median solid). Triangles: quartiles of the simulated voxels.", "name": "fig-simulated-ncsnr"}}
ncsnr_histograms(groups, quartiles, trials.source.simulated)

# %% [markdown]
# In V1 to V4 the triangles nearly stand on the lines, by construction, up to chance and the error of the estimate; in place and face areas the upper quartile lies above its
# line. About half of the voxels lie below the solid line, where the
# signal's standard deviation is well below the noise's: most of the variance of a single trial is noise.
#
# ## From trials to a participant
#
# Last, the three trials of each image are averaged, and a random 15 % of the images are kept for testing. `simulate` does
# all of the above in one call; real data take the same steps.

# %%
print(participant.name, "-", participant.source.description)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)
three = standardised[trials.shown == participant.test.stimulus_ids[0]]
print("mean of three trials:", np.allclose(three.mean(axis=0), participant.test.responses[0], atol=1e-5))

# %% [markdown]
# ## Plant it yourself
#
# Here you are the brain. Choose which layers drive an area, how noisy a trial is, and how much is measured; the page then does what this
# book does: ridge regression from each layer, stacking, the noise ceiling, and the verdict on a claim. The voxels are planted in the largest
# principal components of each layer, and every number is the one that `lib` computes.

# %%
pictures = shown_pictures(subject, seed, N_STORED)
parts = {"Conv-3": 6, "FC-7": 2, "no layer": 2}
plant_explorer(load_network("alexnet-object"), pictures, parts, claimed="Conv-3")

# %% [markdown]
# Four things to try:
#
# 1. Let FC-7 drive everything. FC-6 and Conv-5 drive nothing, and still predict nearly as well, since they hold much of the same. Then try Conv-3,
#    whose neighbours hold less of it. The claim about R is mostly undecided where the claim about weights holds.
# 2. Add repeats, then images. Repeats raise the {term}`noise ceiling`; images bring the {term}`stack` closer to it. What no layer holds stays
#    out of reach.
# 3. Let two layers drive alike and claim that one of them leads. The claim is false, yet most draws leave it *undecided*: undecided does not
#    mean true.
# 4. Set all parts to 0. Some layer still has the largest R and the largest weight. Only the verdict says that there is nothing to compare.

# %% [markdown]
# ## What a simulation can show, and what it cannot
#
# | can | cannot |
# |---|---|
# | whether an analysis finds what was planted, at measured noise | whether a brain holds it |
# | whether it finds things that were *not* planted (*noise*, *flat*) | which of its assumptions real voxels break |
# | how many images, repeats or voxels a claim needs | what the size of an effect in a brain is |
# | whether code that reads, averages and scores is right | anything about images unlike these scenes |
#
# ```{admonition} Misconception: the analysis recovers the simulation, so its findings on brains are right
# :class: tip
# A simulation is kind in all the ways its author did not think of. Here most of a voxel's signal *is* a linear readout of the very layers that predict
# it, noise is independent from trial to trial, nobody falls asleep, and areas are squares. Recovery
# is a test an analysis can fail, and must pass; nothing more.
# ```
#
# Two worlds are there against too much trust: in *noise* nothing should be found, and in *flat* no layer was favoured. See
# what [Figure 1](fig1_alexnet) makes of them.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} The analysis finds what was planted. Is it right about brains, then?
# That does not follow. A simulation shows whether the analysis can find what its author put in, under the author's assumptions.
# Real voxels may break them.
# ```
#
# ```{dropdown} Why does the book simulate worlds in which nothing can be found?
# Finding what is there is no merit unless the analysis also fails to find what is not. In *noise* nothing drives the voxels, and in
# *flat* no layer is favoured.
# ```
#
# ```{dropdown} What raises the noise ceiling: more images or more repeats?
# More repeats: averaging them removes noise. More images help the model to come closer to the ceiling.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Forget the sessions
# :label: simulated-sessions
#
# *Level 2 of 3, 10 minutes. Against the belief that standardising within sessions is cosmetic.*
#
# Skip the standardisation within sessions. What happens to the estimated ncsnr, and why?
# ```
#
# ```{hint}
# :class: dropdown
#
# The repeats of an image lie in different sessions. Where does a shift between sessions end up: in the signal or in the
# noise?
# ```

# %% [markdown]
# ```{solution-start} simulated-sessions
# :class: dropdown
# ```

# %%
careless = ncsnr_of_repeats(Responses(trials.shown, trials.betas, np.ones_like(trials.shown)))
print(f"median ncsnr: {np.nanmedian(estimated):.3f} standardised, {np.nanmedian(careless):.3f} not")

# %% [markdown]
# Baselines and gains differ between the sessions in which an image is repeated, so they count as noise, and the voxel seems
# noisier than it is.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} A world of your own
# :label: simulated-world
#
# *Level 3 of 3, 15 minutes. Against the belief that a simulated brain must look like a real one to be useful.*
#
# Write a world in which only face areas answer, to the last two layers of AlexNet-Object. Plot it. What should a claim
# about place areas come to in it?
# ```
#
# ```{hint}
# :class: dropdown
#
# A `World` needs a profile for each layer that drives something, and for each area the shares of the profiles; an empty
# dictionary means nothing.
# ```

# %% [markdown]
# ```{solution-start} simulated-world
# :class: dropdown
# ```

# %% mystnb={"image": {"alt": "Table of planted layers with one column: in the face areas FC-6 and FC-7 of AlexNet-Object drive all of the signal, in all other areas nothing."}, "figure": {"caption": "What drives each area in a world of one's own: the last two layers of AlexNet-Object drive the face areas, and nothing drives the others.", "name": "fig-simulated-own"}}
profiles = {layer: {"alexnet-object": layer} for layer in ("FC-6", "FC-7")}
areas = {roi: {"FC-6": 0.5, "FC-7": 0.5} if roi in FACE else {} for roi in ROIS}
faces = World("only face areas answer", profiles, areas)
planted_layers(faces)

# %% [markdown]
# Place areas answer to nothing, so no claim about them may hold. A new table in `lib/simulation/worlds.toml`
# makes it a world that every notebook knows by name.
# ```{solution-end}
# ```
