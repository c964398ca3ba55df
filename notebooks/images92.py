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

# %% [markdown] tags=["if-measured"]
# # Measured brains: who predicts a face area?
#
# Which layers of which networks predict the responses of an area of the brain to photographs? Here anybody can ask the
# question of {cite:t}`wang2021` in a minute: on 92 photographs {cite}`kriegeskorte2008it`, with networks that were
# trained on photographs, and with the responses of a face area, FFA {cite}`kay2017`.
#
# **In short:** networks trained on photographs predict the face area better than untrained ones, and a single bit, *is it a face?*, predicts much of the same.

# %% [markdown] tags=["if-simulated"]
# # Measured brains: simulated here, the data are missing
#
# Which layers of which networks predict the responses of an area of the brain to pictures? This page asks the question of {cite:t}`wang2021` of measured
# responses to 92 photographs {cite}`kriegeskorte2008it,kay2017`. When it was computed these data were out of reach. So in all that follows scenes
# are drawn and areas are invented.
#
# **In short:** the analysis finds the invented face area, which was planted, and finds nothing in an area that answers to nothing.

# %%
import numpy as np

from lib.analysis.images92 import (
    PhotographStudy,
    available_networks,
    likeness,
    load_photograph_data,
    represent,
)
from lib.analysis.nested import encode_nested, mean_of_draws
from lib.analysis.rdm_stacking import stack_geometry
from lib.analysis.rsa import rdm_noise_ceiling
from lib.claims.measured import decide_sentences
from lib.figures.photographs import (
    accuracy_figure,
    asked_table,
    best_layers,
    geometry_table,
    layer_profiles,
    nested_table,
    photograph_explorer,
    raw_and_centred,
    sentence_table,
    trained_against_untrained,
)
from lib.figures.rsa import ceiling_table, contact_sheet, mean_rdms
from lib.figures.style import notice

# %% tags=["parameters"]
networks = ["lite0-object", "squeezenet-object", "mobilenet-object", "hed-edges", "alexnet-object"]  # as far as they are there; "squeezenet-place", without a licence, is another
n_twins = 3  # draws of each network's random weights: at least 1
n_folds = 8  # of the nested cross-validation: at least 2
n_orders = 3  # random orders of the images: at least 1
n_halves = 10  # random halves for stacked dissimilarities: at least 1
seed = 0  # of orders and halves

# %% mystnb={"markdown_format": "myst"}
data = load_photograph_data()
print("(n_images, height, width, 3) =", data.images.images.shape)
print("(n_participants, n_images, n_images) =", data.images.rdms["IT"].shape)
notice(data.areas.source)

# %% [markdown]
# Each image's response is predicted from the other images only. The best layer, too, is chosen on the other images
# (*nested cross-validation*): otherwise the largest of many noisy scores would be shown as if nobody had chosen it.
# Two yardsticks need no network: the label "is it a face?", and the pixels. An untrained network is a random draw, so we
# draw several and show their mean (*untrained-full*: a network of the published size). Of a layer we keep only what is needed: for ridge regression that is a
# matrix of images by images.

# %%
nets = available_networks(networks, n_twins)
shown = data.images.images
seen = {label: [represent(net, shown) for net in twins] for label, twins in nets.items()}
features = {label: [one.coordinates for one in twins] for label, twins in seen.items()}
features["is it a face?"] = [{"label": data.images.face[:, None].astype(float)}]
features["pixels"] = [{"pixels": shown.reshape(len(shown), -1) / 255}]

# %%
responses = np.column_stack([data.areas.betas[area] for area in ("FFA", "VWFA")])
options = {"n_folds": n_folds, "n_orders": n_orders, "seed": seed}
found = {
    label: mean_of_draws([encode_nested(layers, responses, **options) for layers in twins])
    for label, twins in features.items()
}

# %% [markdown]
# **Look for** three distances: from a trained network to its untrained twin, from a network to the label alone, and
# from everything to the noise ceiling.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Two panels of dots with error bars: correlation with FFA of each network's best layer, over all images and within images without a face, with the noise ceiling as a dashed line."}, "figure": {"caption": "How well each network's best layer predicts FFA. The layer is chosen and the model is fitted on other images. Bars: 95 % bootstrap interval over images. Empty: mean of untrained twins of the same architecture (in its colour), with a mark below it for each twin. Dashed: noise ceiling, from the standard errors of the measurement.", "name": "fig-images92"}} if-simulated={"caption": "How well each network's best layer predicts an invented face area that was planted from faces and animals. The layer is chosen and the model is fitted on other images. Bars: 95 % bootstrap interval over images. Empty: mean of untrained twins of the same architecture (in its colour), with a mark below it for each twin. Dashed: noise ceiling."}
best_layers(data, found)

# %% mystnb={"markdown_format": "myst"}
nested_table(data, found)

# %% [markdown] tags=["if-measured"]
# Networks that were trained on photographs predict FFA nearly to its ceiling, and clearly better than their untrained
# twins. But one bit, *is it a face?*, comes close. So most of what is predicted over all 92 photographs is that faces
# differ from the rest. The second panel asks for more: within the photographs that show no face the label can say
# nothing, and the trained networks still predict a part of what can be predicted. Their untrained twins predict less, one of them nothing for
# certain, with intervals that overlap those of the trained networks. (The label's own r there lies below zero: a model that predicts the mean of the other
# images is low where the image is high.) The word area beside it, VWFA, is
# not predicted here: no interval in the last column of the table lies above zero. A method that always finds something would have found
# something there. (The miniature network was trained
# on this book's drawn scenes, not on photographs.)

# %% [markdown] tags=["if-simulated"]
# What is predicted here was planted: an invented FFA that answers to faces, and a VWFA that answers to nothing. The
# figure shows that the analysis finds the one and does not find the other. It says nothing about people. To see the
# measured areas, run `python -m lib fetch images92 kay2017 squeezenet-object` (10 MB) and then `make book`.

# %% [markdown]
# Which pictures make these numbers? **Look for** points far from the others with the same mark: pictures without a
# face that are predicted as if they had one, or the other way round. Choose a network, its untrained twin, the label.

# %%
photograph_explorer(data, found)

# %% [markdown]
# ## Layer by layer
#
# The layout is that of Figures 1 to 3: how well each layer predicts by itself, and the weight it gets in the stack of
# all layers; one column per area. Networks have different numbers of layers, so the axis is depth, from the first
# layer to the last.

# %% mystnb={"image": {"alt": "Two rows by two columns of line plots: correlation of each layer with FFA and VWFA, and stacking weights, a line per network."}, "figure": {"caption": "Correlation of each layer with FFA and VWFA (above) and its weight in the stack (below), by depth. A colour is an architecture; untrained twins are dotted. Dashed: noise ceiling.", "name": "fig-images92-layers"}} if-simulated={"caption": "Correlation of each layer with two invented areas (above) and its weight in the stack (below), by depth. A colour is an architecture; untrained twins are dotted. Dashed: noise ceiling."}
layer_profiles(data, {label: result for label, result in found.items() if label in nets})

# %% [markdown] tags=["if-measured"]
# In networks trained on photographs the score rises from the first layers, is highest in the later half, and falls a little before the end; nearly
# all weight lies in that half. {cite:t}`wang2021`, too, report that late layers predict face areas best. In untrained twins the score changes little with depth; in the network trained
# on drawn scenes it falls.

# %% [markdown] tags=["if-simulated"]
# ## Two invented areas in fifteen invented participants
#
# In the measured data, early visual cortex (EVC) and inferior temporal cortex (IT) come as dissimilarities: how
# differently an area answers to any two images. Here both are invented: EVC was planted from pixels, IT from objects.

# %% [markdown] tags=["if-measured"]
# ## Two areas in fifteen people
#
# For early visual cortex (EVC) and inferior temporal cortex ({term}`IT`) of 15 people {cite}`cichy2014` there are no responses to
# predict, only dissimilarities: how differently an area answers to any two images {cite}`kriegeskorte2008rsa,cichy2019`. **Look for** dark blocks,
# images that an area answers to alike.

# %% mystnb={"image": {"alt": "92 small images in rows, one block of rows per category."}, "figure": {"caption": "The 92 images that participants and networks saw, one block of rows for each category.", "name": "fig-images92-sheet"}} if-simulated={"caption": "The 92 drawn scenes that networks saw, one block of rows for each category. Nobody else saw them."}
contact_sheet(data.images)

# %% mystnb={"image": {"alt": "Two square matrices of dissimilarities, for EVC and IT, with lines between categories."}, "figure": {"caption": "Mean dissimilarity over participants, as percentiles within each area; images ordered by category. Dark: the area answers to both images alike.", "name": "fig-images92-rdms"}} if-simulated={"caption": "Mean dissimilarity over invented participants, as percentiles within each invented area; images ordered by category."}
mean_rdms(data.images)

# %% mystnb={"markdown_format": "myst"}
ceiling_table(data.images.rdms)

# %% [markdown]
# The ceiling says how much alike people are: the upper value is the highest mean correlation that any dissimilarities can have with those of these
# people, the lower that of each person with the mean of the others.
#
# ## A choice that turns a verdict
#
# The dissimilarity of two images in a layer is 1 minus the correlation of its units' activations. There are two ways
# to correlate. *Raw*: the activations as they are. *Centred*: each unit's mean over the images is taken out first.

# %%
areas = data.images.rdms
alike = {
    way: {label: likeness(twins, areas, way) for label, twins in seen.items()}
    for way in ("raw", "centred")
}
ceilings = {area: rdm_noise_ceiling(people) for area, people in areas.items()}

# %% [markdown]
# **Look for** trained networks and their untrained twins changing places between raw and centred. The tables below give numbers, raw first; there
# each person's layer is the best of the other people's mean, so a number may lie below a line's highest point.

# %% mystnb={"image": {"alt": "Four panels: mean Spearman correlation of layers with dissimilarities of EVC and IT, raw above and centred below, a line per network and a grey noise ceiling."}, "figure": {"caption": "Likeness of each layer's dissimilarities to those of EVC and IT, mean over participants, by depth. Above: raw activations are correlated. Below: each unit is centred over the images first. Grey: lower to upper noise ceiling.", "name": "fig-images92-centred"}} if-simulated={"caption": "Likeness of each layer's dissimilarities to those of two invented areas, mean over invented participants, by depth. Above: raw activations are correlated. Below: each unit is centred over the images first. Grey: lower to upper noise ceiling."}
raw_and_centred(data, alike, ceilings)

# %% mystnb={"markdown_format": "myst"}
trained_against_untrained(alike["raw"])

# %% [markdown]
# With each unit centred:

# %% mystnb={"markdown_format": "myst"}
trained_against_untrained(alike["centred"])

# %% [markdown] tags=["if-measured"]
# With raw activations it depends on the network: untrained lite0 is more like EVC than its trained twin in nearly every person, while
# there SqueezeNet's trained twin is ahead in all; centred, training on photographs helps in
# nearly every person and in both areas. The reason is arithmetic: units that are active for every image make all
# images alike, and training changes how many such units there are. We chose to centre after we had seen both. So
# the centred result is a suggestion to be tested on other data, not a confirmed finding.

# %% [markdown]
# ## Sentences and verdicts
#
# What these data can be asked stands here in sentences, decided by [the rule of the ledger](claims). A sentence holds if, in every network that was
# trained to name objects in photographs, the interval lies above zero and the estimate reaches the smallest effect that matters. It is contradicted if in one of them the whole interval lies below that effect, even above zero, and undecided otherwise. The
# bootstrap resamples images; for M4, a mean over people, it resamples people. Intervals of verdicts come from the bootstrap's standard error, those of the first table are
# percentiles of the same bootstrap, so the two differ a little. The sentences are ours, and were written after a first look at the measured
# data. So verdicts on the measured data describe 92 photographs; they confirm nothing.

# %% mystnb={"markdown_format": "myst"}
verdicts = decide_sentences(PhotographStudy(data.images.face, found, alike["centred"]))
sentence_table(verdicts)

# %% [markdown]
# Paper W's own sentences are about other networks and about areas that these data lack: there is no place area here, so
# nothing can be said about PPA. What is left of each sentence, and by which of ours it is asked (M5 needs the edge network:
# `python -m lib fetch hed-edges`, 55 MB and a minute more for this page):

# %% mystnb={"markdown_format": "myst"}
asked_table(verdicts)

# %% [markdown] tags=["if-simulated"]
# All these verdicts are on invented areas, and say what was planted in them.

# %% [markdown]
# ## Stacked geometry
#
# Stacking can be carried over: non-negative weights for the layers' dissimilarities are learned on half of the images,
# and predict the other half.

# %% mystnb={"markdown_format": "myst"}
trained = [label for label in nets if "untrained" not in label]
stacked = {
    label: {
        area: stack_geometry(seen[label][0].rdms["centred"], people, n_halves=n_halves, seed=seed)
        for area, people in areas.items()
    }
    for label in trained
}
geometry_table(stacked)

# %% [markdown]
# A stack that is no better than its best layer says that the layers' geometries hold the same part of the area's geometry.
#
# ## Accuracy and likeness
#
# {cite:t}`yu2018` expect that beyond some accuracy better networks become less like the brain. To see that, one needs many networks; here stand only those
# of this page whose authors published an accuracy, and their architectures differ in more than accuracy.

# %% mystnb={"image": {"alt": "A few points with error bars: correlation with FFA against accuracy on ImageNet."}, "figure": {"caption": "Correlation of the best layer with FFA against the accuracy that the networks' authors published. Bars: 95 % bootstrap interval over images. Two or three points can show neither a rise nor a fall.", "name": "fig-images92-accuracy"}} if-simulated={"caption": "Correlation of the best layer with an invented face area against the accuracy that the networks' authors published. Bars: 95 % bootstrap interval over images."}
top1_percent = {"squeezenet-object": 57.5, "mobilenet-object": 71.9, "lite0-object": 75.1}
accuracy_figure(data, found, top1_percent)

# %% [markdown] tags=["if-measured"]
# ## What these data cannot be asked
#
# There is no place area here, so nothing about PPA; no network trained on places with a stated licence; one face area,
# of which it is not stated whether it is one person's or a mean. Of paper W's sentences about tasks only one could be asked
# here, with the edge network: whether a network trained to find edges predicts a face area less well. Paper W's edge networks were Taskonomy's. The one
# that can be fetched for this page, HED, was trained on objects first and then on edges, so edge and object networks may lie closer than in the paper.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A trained network predicts a face area well. Has it learned what the area computes?
# Not necessarily. One bit, whether the image shows a face, predicts nearly as well over these images. Look at the images without
# faces, where the label says nothing.
# ```
#
# ```{dropdown} Why is the best layer chosen on other images than those it is scored on?
# The largest of many noisy scores is too large. A layer chosen on the scored images would be shown at its luckiest.
# ```
#
# ```{dropdown} Why compare with an untrained twin and not only with chance?
# An untrained network keeps much of the image, so it predicts better than chance. What training adds is the difference between the
# two.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} One bit more
# :label: images92-one-bit
#
# *Level 2 of 3, 10 minutes. Against the belief that a network predicts a face area for reasons richer than one bit.*
#
# How much do the label and the network share? Add the label to the layers of the first network, and look at the stack.
# ```
#
# ```{hint}
# :class: dropdown
#
# If the last layers separate faces from other images already, what can a label still add to the stack?
# ```

# %% [markdown]
# ```{solution-start} images92-one-bit
# :class: dropdown
# ```

# %%
first = next(iter(nets))
both = encode_nested(features[first][0] | features["is it a face?"][0], responses, **options)
print(f"network: {found[first].r(found[first].stack)[0]:.3f}; with the label: {both.r(both.stack)[0]:.3f}")

# %% [markdown] tags=["if-measured"]
# With the label the stack gains little: the network's last layers hold it already.

# %% [markdown] tags=["if-simulated"]
# With the label the stack gains much: the network was not trained on drawn faces, and the invented area was planted from the label.

# %% [markdown]
# On other data it may be the other way round.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Without faces
# :label: images92-no-faces
#
# *Level 2 of 3, 10 minutes. Against the belief that what people share in IT is about faces alone.*
#
# Leave all faces out, the images that an area such as IT may treat most alike. How alike do participants' dissimilarities of IT remain?
# ```
#
# ```{hint}
# :class: dropdown
#
# Keep the rows and the columns of the images without a face, and compute the ceiling again.
# ```

# %% [markdown]
# ```{solution-start} images92-no-faces
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
keep = ~data.images.face
ceiling_table({area: people[:, keep][:, :, keep] for area, people in areas.items()})

# %% [markdown] tags=["if-measured"]
# The ceiling of IT falls and stays well above zero; that of EVC does not fall. A part of what people share about IT is
# faces, but not all.

# %% [markdown]
# ```{solution-end}
# ```
