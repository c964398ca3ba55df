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
# # Measured brains: 92 photographs, 15 people
#
# {cite:t}`yu2018` end with a forecast. Measured by *representational similarity analysis*
# {cite}`kriegeskorte2008rsa`, the likeness of networks and brains should first rise and then fall as
# networks get better at their task: "an inverted-U shaped relation". This page does not settle that. It
# shows the measurement, on people who were scanned and with networks that run on any laptop.
#
# The photographs are those of {cite:t}`kriegeskorte2008it`, the responses those of {cite:t}`cichy2014`,
# as {cite:t}`cichy2019` shared them: for each person, and for early visual cortex (EVC) and inferior
# temporal cortex (IT), one matrix that says how differently the area answers to any two photographs.
#
# You will see what the two areas take for alike, how well people agree about it, and how near the layers
# of a network come.

# %%
from lib.analysis import rsa
from lib.analysis.images92 import available_networks, layer_rdms, load_images92
from lib.figures.rsa import (
    best_layer_table,
    ceiling_table,
    contact_sheet,
    layers_against_areas,
    mean_rdms,
    participants_against_areas,
)
from lib.figures.style import notice

# %% tags=["parameters"]
networks = ["alexnet-object", "alexnet-place"]  # whose layers are compared with the brain
weights = "miniature"  # of the networks: "miniature", "untrained" or "published"
n_bootstrap = 1000  # samples behind each interval
seed = 0  # of the bootstrap

# %% [markdown]
# ## The data
#
# The two files are small and free, but one of them states no licence, so the repository holds neither:
# `python -m lib fetch images92` downloads and checks them. Without them the page runs on a simulated
# stand-in, and the box below says so, as does every picture.

# %% mystnb={"markdown_format": "myst"}
data = load_images92()
print("(n_images, height, width, 3) =", data.images.shape)
print("(n_participants, n_images, n_images) =", data.rdms["IT"].shape)
notice(data.source)

# %% [markdown]
# **Look for** categories that are easy to tell apart by shape or colour alone, and for pairs of
# categories that are not.

# %% mystnb={"image": {"alt": "92 small images in rows, one block of rows per category."}, "figure": {"caption": "The 92 photographs that people and networks saw, one block of rows for each category.", "name": "fig-images92-sheet"}}
contact_sheet(data)

# %% [markdown]
# The photographs are cut out and put on grey, so no background gives an object away. Some categories
# share a look (faces, of people or not, are round), others share only a meaning (a lake and a carrot are
# both "natural").
#
# ## What two areas take for alike
#
# A {term}`representational dissimilarity matrix` (RDM) has a row and a column per image. Dark: the area answers
# to both images with nearly the same pattern of voxels. **Look for** dark squares on the diagonal, and
# ask which categories they join.

# %% mystnb={"image": {"alt": "Two square matrices of dissimilarities, for EVC and IT, with lines between categories."}, "figure": {"caption": "Mean dissimilarity over participants, as percentiles within each area; images ordered by category.", "name": "fig-images92-rdms"}}
mean_rdms(data)

# %% [markdown]
# In the measured IT, faces form one dark block whether they are human or not, and animate and inanimate
# things fall apart into two halves. EVC shows stripes instead: single images that look unlike most
# others.
#
# ## How well people agree
#
# No model can predict noise, or what is peculiar to one person. The *noise ceiling* brackets the best
# possible score {cite}`nili2014`: each person's RDM is correlated (Spearman) with the mean of everybody
# (upper bound, because the mean has seen that person) and with the mean of the others (lower bound).

# %% mystnb={"markdown_format": "myst"}
ceiling_table(data.rdms)

# %% [markdown]
# People agree better about IT than about EVC. That is a statement about these measurements, not about
# what people see: the small receptive fields of EVC make its patterns depend on where exactly somebody
# looked.
#
# ## Yardsticks
#
# Before any network: how far do models get that need none? Pixels; whether the image shows an animal
# (people included); and the category.

# %% mystnb={"markdown_format": "myst"}
options = {"n_bootstrap": n_bootstrap, "seed": seed}
yardsticks = {"pixels": rsa.rdm(data.images.reshape(len(data.images), -1))}
yardsticks["animal"] = rsa.label_rdm(data.animal)
yardsticks["category"] = rsa.label_rdm(data.category)
simple = rsa.compare_areas(yardsticks, data.rdms, **options)
best_layer_table({"yardsticks": simple})

# %% [markdown]
# One yes-or-no question, *is it an animal?*, goes about half the way to the lower ceiling of the measured
# IT. A network that wants to be called a model of IT should do better than that.
#
# ## The networks
#
# Each image runs through each network; each layer gets an RDM, 1 - Pearson r between its responses to two
# images. Beside the networks named in the parameters stands one that was never trained, and whichever of
# their published checkpoints are in the cache.

# %%
nets = available_networks(networks, weights)
rdms = {label: layer_rdms(net, data.images) for label, net in nets.items()}
print(*(f"{label}: {', '.join(layers)}" for label, layers in rdms.items()), sep="\n")

# %% [markdown]
# Now each layer is compared with each person. The intervals say what would happen with other people *and*
# other images: both are drawn again, with replacement {cite}`schutt2023`, and pairs of an image with
# itself are left out.

# %%
results = {name: rsa.compare_areas(rdms[name], data.rdms, **options) for name in rdms}

# %% [markdown]
# **Look for** three things. Does any layer reach the grey band? Do early layers do better in EVC and late
# ones in IT? And does training help: is a trained network above the untrained one?

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Two panels, EVC and IT: Spearman correlation of each network layer with people's dissimilarities, with error bars, and a grey band that marks the noise ceiling."}, "figure": {"caption": "Every layer against every person. Points: mean over people; bars: 95 % bootstrap interval over people and images; grey: lower to upper noise ceiling.", "name": "fig-images92"}}
layers_against_areas(results, data.source.simulated)

# %% mystnb={"markdown_format": "myst"}
best_layer_table(results)

# %% [markdown]
# The last column answers the first question: an interval above zero says that people predict each other
# better than that network's best layer predicts them. With the miniatures and the measured data it is
# above zero in every row. They learned from drawn scenes of 64 x 64 pixels and never saw a photograph,
# and being trained does not set them clearly apart from being untrained. That is a result about these
# miniatures, and none about the networks of the papers: for those, fetch a published checkpoint (`python
# -m lib fetch alexnet-object`) and run the page again. It then stands beside the miniatures.
#
# ## Person by person
#
# A mean can hide that people differ. **Look for** how many people share the best layer of the mean.

# %% mystnb={"image": {"alt": "Two panels, EVC and IT: one thin line per person over the layers of one network, the best layer of each marked."}, "figure": {"caption": "Spearman r of each layer of one network with every person's dissimilarities. A grey line is a person, orange marks that person's best layer, black is the mean.", "name": "fig-images92-people"}}
first = next(iter(results))
participants_against_areas(results[first], first, data.source.simulated)

# %% [markdown]
# Where the lines lie near zero, the best layer of a person is mostly chance, and so is "the preferred
# layer of the area". A claim about layers needs a difference between two areas or two networks, not a
# largest value.
#
# ## What the forecast would need
#
# The inverted U is about many networks of rising performance, on one measurement. Everything on this page
# but the list of networks is ready for it: any network of the zoo adds one line to the figure. Two
# cautions belong to it. The ceiling has to leave room for the fall. And the intervals, over people and
# images, have to be narrower than the differences among the networks.
#
# ## Exercises

# %% [markdown]
# ```{exercise} Whose variation?
# :label: images92-people-only
#
# The intervals above draw people and images again. Draw only the people, for the yardstick *animal* in
# IT. Which interval is narrower, and which question does each of them answer?
# ```

# %% [markdown]
# ```{solution-start} images92-people-only
# :class: dropdown
# ```
# `simple["IT"].r` holds one r per yardstick and person.

# %%
import numpy as np

r = simple["IT"].r[1]  # of the second yardstick
people = np.random.default_rng(seed).integers(len(r), size=(n_bootstrap, len(r)))
print("people:           ", np.quantile(r[people].mean(axis=1), [0.025, 0.975]).round(3))
print("people and images:", np.round([simple["IT"].low[1], simple["IT"].high[1]], 3))

# %% [markdown]
# Drawing people alone is narrower: it asks what *other people* would show with *these 92 images*. Whoever
# speaks of objects, and not of these photographs, needs the wider one.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Without faces
# :label: images92-no-faces
#
# Faces are the darkest block of the measured IT. Leave all faces out. How much is left of people's
# agreement about IT?
# ```

# %% [markdown]
# ```{solution-start} images92-no-faces
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
keep = ~data.face
ceiling_table({roi: rdms[:, keep][:, :, keep] for roi, rdms in data.rdms.items()})

# %% [markdown]
# With the measured data, the ceiling of IT falls and stays well above zero; that of EVC does not fall. Much of what people
# share about IT is faces, but not all.
# ```{solution-end}
# ```
