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
# # A world in miniature, and networks that live in it
#
# The photographs, the trained networks and the brains of the two papers are large, and not all of them may be passed on. This book
# brings small stand-ins: drawn scenes of 64 x 64 pixels, and the networks of the papers with fewer channels, really trained
# on those scenes.
#
# The networks name nearly all objects and places in scenes that training never saw. This page is their *model card*: what they are, how they
# were made, how well they do, and what they are not for. It is executable: the accuracies below are computed here and stand beside those that
# were written down when the networks were trained.

# %%
import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from lib.core.tables import Table
from lib.figures.simulation import (
    card_score_table,
    confusion_matrices,
    drawn_edges,
    first_filters,
    four_views,
    labelled_scenes,
    loss_curves,
    model_card_table,
    task_accuracies,
)
from lib.networks import ZOO, extract, load_network
from lib.simulation.cards import read_card, scores
from lib.simulation.scenes import OBJECTS, SCENES, render_many
from lib.simulation.tasks import predicted_classes
from lib.simulation.training import TaskNetwork
from lib.solvers.ridge import decompose, fit_ridge, project

# %% tags=["parameters"]
networks = ["alexnet-object", "alexnet-place", "resnet50-object", "resnet50-place"]  # miniatures that name things
edge_networks = ["taskonomy-edge2d", "taskonomy-edge3d"]  # miniatures that draw edges
looked_into = ["alexnet-object", "alexnet-place"]  # miniatures whose filters and layers are shown
held_out_world = 1  # seed of the scenes; training took its own from 0
n_images = 1200  # scenes to test on
probe_layers = ["Conv-3", "FC-7"]  # layers whose activations are asked for both labels

# %% [markdown]
# ## Scenes
#
# A scene is one of six places with one of eight objects in it, and some clutter. Size, position, colour, light,
# texture and what hides what are drawn at random. Object and place are drawn independently: knowing one says nothing about the other.
# **Look for** what all pictures of one object share, and all of one place.

# %%
scenes = render_many(held_out_world, range(n_images))
names, truth = {"object": OBJECTS, "place": SCENES}, {"object": scenes.object_label, "place": scenes.scene_label}
print("(n_images, height, width, 3) =", scenes.image.shape)

# %% mystnb={"image": {"alt": "A grid of 48 drawn pictures: eight kinds of object in columns, six kinds of place in rows."}, "figure": {"caption": "The first held-out scene of every pair of object (column) and place (row). All pictures are computed; none is a photograph.", "name": "fig-world-scenes"}}
labelled_scenes(scenes)

# %% [markdown]
# No colour and no spot on the picture gives an object away: faces come pale and dark, houses stand left and right. Places differ in colour, forests are
# dark, but not always. Some objects are nearly hidden, so nobody can be right every time.
#
# Every scene also comes with its distance map, and so with the two kinds of edges that the Taskonomy networks
# {cite}`zamir2018` learn. *2D edges* are where brightness changes, *3D edges* where something nearer hides something farther. **Look
# for** edges of one kind without the other.

# %% mystnb={"image": {"alt": "Six scenes in columns, with the picture, its distance map, its 2D edges and its 3D edges in rows."}, "figure": {"caption": "Six computed scenes and what is known of them: distance (bright is far), edges of brightness (2D), edges of occlusion (3D).", "name": "fig-world-views"}}
four_views(scenes)

# %% [markdown]
# Texture and markings make 2D edges without 3D ones. Where a thing meets the ground it stands on, the distances agree and the 3D edge
# fades.
#
# ## The networks
#
# Three architectures of the papers, each with the blocks and the layer names of its model and fewer channels: AlexNet
# {cite}`krizhevsky2012`, five convolutions and three linear layers; ResNet50 {cite}`he2016`, sixteen blocks of three convolutions; and
# the encoder of the Taskonomy networks, a ResNet50 with other strides. One AlexNet and one ResNet50 learned to name the object, one of each the
# place. One encoder learned 2D edges, one 3D edges; a *decoder* that was trained with it draws them from its code, and is not
# among the layers that this book analyses. All networks learned from the same scenes, the ResNet50 that names objects from more of them.
#
# `multitask` learned all four tasks at once, in a plain stack of convolutions {cite}`simonyan2015` that neither paper
# used. No figure analyses it: it is the brain of a simulated participant in whom nobody knows beforehand what will be found.

# %% mystnb={"markdown_format": "myst"}
everyone = [*networks, *edge_networks, "multitask"]
model_card_table(everyone)

# %% [markdown]
# The last column is the time training took: of the AlexNets by the clock, on two threads, of the others in one processor's time.
#
# **Look for** what is learned soon and what late.

# %% mystnb={"image": {"alt": "Two panels of falling lines over epochs: networks that name things, and networks that draw edges."}, "figure": {"caption": "Mean training loss of every epoch, as the cards written at training record it. The two kinds of loss cannot be compared.", "name": "fig-world-loss"}}
loss_curves({"cross-entropy of the names": networks, "unexplained share of the edges": edge_networks})

# %% [markdown]
# Places are learned within a few epochs; objects take longer, for they are small, move about, and are partly hidden. A ResNet50 is
# deep, and was given more scenes to name objects from. What is left unexplained of the edges falls to the end, but slowly: a code of
# 32 maps of 4 x 4 pixels has no room for every grain of texture.
#
# ## Accuracy
#
# Now name the held-out scenes. The interval is for the share of all such scenes that would be named correctly (Wilson's, which allows for errors where
# none was seen); the last columns hold chance, and what the card recorded on held-out scenes of the same world, these among them.

# %% mystnb={"markdown_format": "myst"}
loaded = {name: load_network(name) for name in networks}
named = {name: predicted_classes(network, scenes) for name, network in loaded.items()}
correct = {name: binomtest(int((named[name] == truth[ZOO[name].task]).sum()), n_images) for name in networks}
intervals = [one.proportion_ci(method="wilson") for one in correct.values()]
on_card = [scores(read_card(name))[0] for name in networks]
shown = [f"{one.statistic:.3f} [{i.low:.3f}, {i.high:.3f}]" for one, i in zip(correct.values(), intervals, strict=True)]
rows = [(name, s, card.chance, card.value) for name, s, card in zip(networks, shown, on_card, strict=True)]
Table(["network", "correct [95 % interval]", "chance", "on its card"], rows)

# %% [markdown]
# **Look for** the pairs that are confused.

# %% mystnb={"image": {"alt": "Confusion matrices, one per network, nearly all on the diagonal."}, "figure": {"caption": "Answers of each network to held-out scenes, in percent of the scenes of a class; shares below half a percent are left out.", "name": "fig-world-confusions"}}
tasks = {name: ZOO[name].task for name in networks}
counts = {name: confusion_matrix(truth[task], named[name]) for name, task in tasks.items()}
confusion_matrices(counts, {name: names[task] for name, task in tasks.items()})

# %% [markdown]
# Nearly everything is on the diagonal; what is confused is mostly dogs, with chairs and trees. This world is easy: that these networks are nearly always right says
# little about what they would do with a photograph.
#
# ## Edges
#
# The edge networks answer with a picture, which their decoder draws. **Look for** what is blurred or left out, and for what the one
# that draws occlusions does with texture.

# %%
drawn = {name: TaskNetwork.trained(name).answer(scenes) for name in edge_networks}
drawn = {task: maps.numpy() for answers in drawn.values() for task, maps in answers.items()}
print("(n_images, height, width) =", {task: maps.shape for task, maps in drawn.items()})

# %% mystnb={"image": {"alt": "Six scenes in columns: the picture, its true 2D edges, those a network drew, its true 3D edges, those a network drew."}, "figure": {"caption": "Held-out scenes, their true edges, and what the miniature edge networks draw; r is the correlation of the two maps.", "name": "fig-world-edges"}}
drawn_edges(scenes, drawn)

# %% [markdown]
# Both draw most outlines of large things and blur what is fine; here and there a line is drawn that is not there. The 3D network
# leaves texture, markings and the border of sky and ground out, although they are in the picture: it has learned which
# changes of brightness come with a change of distance.
#
# ## First filters
#
# The first convolution sees 7 x 7 pixels. Filters of networks trained on photographs look like edges and colour blobs {cite}`krizhevsky2012`.
# **Look for** such filters, beside those of a network that was never trained.

# %% mystnb={"image": {"alt": "Grids of 7 by 7 colour filters of the trained networks and of an untrained one."}, "figure": {"caption": "Filters of the first convolution, each stretched to its own range: trained on objects, trained on places, and before training.", "name": "fig-world-filters"}}
untrained = load_network(looked_into[0], "untrained")
looked = {name: loaded[name] for name in looked_into}
first_filters([*looked.values(), untrained])

# %% [markdown]
# Some filters of the AlexNet that names objects have become smooth, oriented or of one colour. Those of the one that names places
# hardly differ from the untrained noise: its task was learned so soon that the first layer had no need to change. A good
# score does not prove that every layer has learned.
#
# ## What a network knows of what it was not taught
#
# ```{admonition} Misconception: a network trained to name objects knows nothing of places
# :class: tip
# Training rewards one label; it does not forbid the others. {cite:t}`wang2021` make the same point of the edge networks: they "could
# possibly represent more information than what is needed in a task".
# ```
#
# A linear {term}`probe` asks: how well can a label be read from a layer's activations by a linear classifier? Every card holds
# the answer for what stands just before the network's output (of an edge network, its code), from a probe that learned from
# scenes of the training world.

# %% mystnb={"image": {"alt": "Two panels, object and place labels, with a row per network: dots for trained networks, diamonds for linear probes, a line for chance."}, "figure": {"caption": "Share of held-out scenes named correctly, as the cards record it: by networks trained on the label, and by linear probes of networks that were not. Dashed: chance.", "name": "fig-world-probes"}}
task_accuracies(everyone)

# %% mystnb={"markdown_format": "myst"}
card_score_table(everyone)

# %% [markdown]
# Bold is what the network was trained for, italic what a probe finds; r is averaged over pictures, and its chance is what the mean
# of all training maps reaches. Every network but `multitask`, which was taught both, holds something of
# a label that it was not taught, and they are far from alike: at its end an AlexNet has kept less of the place than a ResNet50 has. The
# edge networks were taught neither label, and let the place be read in about nine of ten scenes (3D) or nearly all (2D). To draw what hides what, one must find
# the thing that stands in the scene: the 3D network knows objects better than the 2D network does.
#
# Where in the network does the other label fade? Now we probe layers ourselves, by
# [ridge regression](ridge) onto the classes. Half of the held-out scenes train it, the other half test it.


# %%
def probe(X: np.ndarray, label: str) -> float:
    design = decompose(X[: n_images // 2])
    readout = fit_ridge(design, np.eye(len(names[label]))[truth[label][: n_images // 2]])
    guesses = readout.predict(project(design, X[n_images // 2 :])).argmax(1)
    return float(np.mean(guesses.numpy() == truth[label][n_images // 2 :]))


activations = {name: extract(network, scenes.image) for name, network in {**looked, "untrained": untrained}.items()}

# %% [markdown]
# **Look for** the label each network was *not* trained on, in the middle and at the end, and for what the untrained network
# manages.

# %% mystnb={"markdown_format": "myst"}
asked = [(layer, label) for layer in probe_layers for label in truth]
rows = [(name, *(probe(X[layer], label) for layer, label in asked)) for name, X in activations.items()]
rows.append(("chance", *(1 / len(names[label]) for _, label in asked)))
Table(["", *(f"{label} from {layer}" for layer, label in asked)], rows)

# %% [markdown]
# In the middle, the label that was never rewarded can be read well above chance; at the end little of it is left. And the
# *untrained* network lets both labels be read too, the place even at its end: random filters keep much of the image. Being readable from a layer is
# no sign of having been learned, and a layer that predicts a voxel need not have been trained for what the voxel does.
#
# ## Limits
#
# * The miniatures have seen 64 x 64 drawings, eight objects, six places. What they say of photographs means nothing.
# * Their layers carry the names of the papers' networks, and are much narrower. A claim about the networks of the papers needs their published
#   checkpoints: `python -m lib fetch alexnet-object`.
# * They are there to run, test and teach the analyses of this book, and to drive [simulated participants](simulated_participant).
#   They are no models of a brain.
# * Faces here are ellipses with eyes. Nothing in this world is about people.
#
# Everything can be made again from the seed, within an hour on a laptop: `make miniatures`. Another version of PyTorch may give slightly
# different weights.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A network was trained to name objects. Does it know anything about places?
# Yes. Training rewards one label and does not forbid the others. A linear probe reads the place from its middle layers well above
# chance.
# ```
#
# ```{dropdown} A label can be read from a layer. Was it learned?
# Not necessarily. It can be read from untrained networks too, since random filters keep much of the image.
# ```
#
# ```{dropdown} These networks are nearly always right. Would they name objects in photographs?
# This page cannot say. They were trained and tested on the same kind of easy drawings; their accuracy there says little about
# photographs.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Without colour
# :label: world-grey
#
# *Level 1 of 3, 10 minutes. Against the belief that colour serves places most.*
#
# Show the networks the held-out scenes in grey. Which of them suffer more? Guess first.
# ```
#
# ```{hint}
# :class: dropdown
#
# Ask which of the two is small in the picture and has to be set apart from what is behind it.
# ```

# %% [markdown]
# ```{solution-start} world-grey
# :class: dropdown
# ```

# %%
from dataclasses import replace

weights = [0.299, 0.587, 0.114]  # of red, green and blue in brightness
grey = np.repeat((scenes.image @ weights)[..., None], 3, axis=3).astype(np.uint8)
for name, network in loaded.items():
    right = predicted_classes(network, replace(scenes, image=grey)) == truth[ZOO[name].task]
    print(f"{name}: {correct[name].statistic:.1%} in colour, {right.mean():.1%} in grey")

# %% [markdown]
# All were trained in colour only, and lose. One might expect it of places, told apart by sky, grass and sand. But the networks that
# name objects lose more, likely because colour sets a small thing apart from what is behind it, while a place fills the
# picture and can be known by its layout.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Where is the place?
# :label: world-layers
#
# *Level 2 of 3, 10 minutes. Against the belief that a network trained on objects knows nothing of places.*
#
# Probe the network that names objects for the *place*, layer by layer. Where does it fade? Is it training that makes it fade?
# ```
#
# ```{hint}
# :class: dropdown
#
# Compare with the untrained network layer by layer: what fades only in the trained one was lost by training.
# ```

# %% [markdown]
# ```{solution-start} world-layers
# :class: dropdown
# ```

# %%
for layer in untrained.layers:
    accuracies = [probe(activations[name][layer], "place") for name in (looked_into[0], "untrained")]
    print(f"{layer}: {accuracies[0]:.2f}, untrained {accuracies[1]:.2f}")

# %% [markdown]
# The early convolutions keep the whole picture, and the place with it. From there on the trained network lets go of what does not
# serve the object, and the untrained one keeps more of it: forgetting the place was learned.
# ```{solution-end}
# ```
