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
# # Your lab's data
#
# A person looked at pictures in your scanner, and the data are neither the Natural Scenes Dataset nor Generic Object Decoding. All that the
# figures of this book need is a `Participant`, and two dozen lines make one of what every such experiment has:
#
# * **responses**: an array of trials by voxels, one estimated response each (percent signal change, say);
# * **events**: which picture each trial showed, and in which run or session;
# * **masks**: for each area, which of the voxels belong to it;
# * **pictures**: a folder of files.
#
# With them you get the figure above: the score and the stacking weight of each layer in each of your areas. This page writes such a folder
# first, from a simulated participant, since it has no lab. From [there](your-data-read) on, every line is one
# that you could run on your own.

# %%
import tempfile
from pathlib import Path

import numpy as np

from lib.analysis.encoding_study import encoding_study
from lib.data import Source
from lib.data.arrays import participant_from_trials
from lib.figures.encoding import encoding_figure, stack_against_ceiling
from lib.figures.explorers import picture_explorer
from lib.figures.style import notice
from lib.networks import load_network
from lib.simulation.arrays_layout import write_arrays
from lib.simulation.nsd_like import draw_trials

# %% tags=["parameters"]
folder = None  # a folder with your data, laid out as below; by default this page writes a simulated one
subject = 1  # number of the simulated participant
world = "as-published"  # of the simulation: "as-published", "reversed", "flat", "noise" or "unplanted"
seed = 0  # of the simulation
weights = "miniature"  # of the network: "miniature", "untrained" or "published"
n_best_voxels = 15  # voxels shown per area
n_images = 1000  # seen by the simulated participant, at least 10
voxels_per_roi = 200  # of the simulated participant

# %% [markdown]
# ## What lies on the disk
#
# With a folder of your own, name it in `folder`, and this cell writes nothing.

# %%
if folder is None:
    trials = draw_trials(subject=subject, world=world, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
    temporary = tempfile.TemporaryDirectory()  # gone when this page is done
    folder = Path(temporary.name, "lab")
    write_arrays(trials, folder)

# %%
for pattern in ("*.*", "masks/*.npy", "pictures/*.png"):
    found = sorted(Path(folder).glob(pattern))
    print(f"{len(found):4} {pattern:15}", ", ".join(path.name for path in found[:4]), "..." if len(found) > 4 else "")

# %% [markdown]
# `events.tsv` has a line per trial. It is named after the file of the Brain Imaging Data Structure {cite}`gorgolewski2016`, which also holds each
# trial's onset and duration:

# %%
for line in Path(folder, "events.tsv").read_text().splitlines()[:5]:
    picture, session, part = line.split("\t")
    print(f"{picture:18} {session:8} {part}")

# %% [markdown]
# (your-data-read)=
# ## Two dozen lines
#
# Read what is there:

# %%
lab = Path(folder)
betas = np.load(lab / "betas.npy")
events = np.genfromtxt(lab / "events.tsv", delimiter="\t", names=True, dtype=None, encoding="utf-8")
masks = {path.stem: np.load(path) for path in sorted(lab.glob("masks/*.npy"))}
pictures = {path.name: path for path in sorted(lab.glob("pictures/*.png"))}
held_out = np.unique(events["picture"][events["part"] == "test"])
print("(n_trials, n_voxels) =", betas.shape)

# %% [markdown]
# Say what the data are. Every figure made from them says in the picture whether anybody was scanned:

# %%
source = Source(
    dataset="our lab",
    description="pictures shown three times each, in sessions of 750 trials",
    origin="written by this page",
    licence="whatever the lab and its participants agreed on",
    simulated=True,  # False if these are people who were scanned
)

# %% [markdown]
# And hand everything over. Pictures in `test` are held out from every fit; here the column `part` says which. With `run`, each voxel is standardised within
# each run or session, whose baselines and gains differ. Repeats of a picture are averaged, and the [noise
# ceiling](noise_ceiling) is estimated from the repeats of the test pictures.

# %%
participant = participant_from_trials(
    betas,
    events["picture"],
    pictures,
    masks,
    source,
    test=held_out,
    run=events["session"],
    name="our first participant",
)
print("(n_images_train, n_voxels) =", participant.train.responses.shape)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)

# %% mystnb={"markdown_format": "myst"}
notice(participant.source)

# %% [markdown]
# That is all. What does not fit together is refused in a sentence that names what was expected and what was found.
#
# ## Figures out
#
# From here on it is a participant like any other.

# %%
study = encoding_study(participant, ["alexnet-object"], weights, n_best_voxels)
print(study)

# %% [markdown]
# **Look for** peaks that move to the right from the early areas to the place and face areas.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Two rows by ten columns of line plots: R and stacking weight of each AlexNet layer, one column per area, one line per voxel."}, "figure": {"caption": "Encoding results of AlexNet-Object for a participant read from arrays, masks and PNG files. A thin line is one of the best voxels of an area, chosen by out-of-fold score; the black line is their mean, the dashed line the mean of their noise ceilings. R: of each layer on test images, sign(R²) √|R²|. Weight: of each layer in the stack.", "name": "fig-own-data"}}
encoding_figure(study, selection="out-of-fold")

# %% [markdown]
# In the world *as-published* R peaks at Conv-3 in V1 to V4 and at FC-7 in place and face areas: what was planted came back through arrays and PNG files.
# The weights peak there, too, but in V1 to V4 Conv-1 takes nearly as much: it makes errors of its own, and a stack weighs them.
#
# **Look for** the distance of the lines from the dashed one, and for grey beyond it, near the lower left corner.

# %% mystnb={"image": {"alt": "Grey density of voxels by noise ceiling and variance explained by the stack, a line of medians for each group of areas, and the identity line."}, "figure": {"caption": "Variance of the test responses explained by the stack of all layers, against the noise ceiling estimated from the repeats of the test pictures. The darker, the more voxels (logarithmic); a coloured line is the median of a group's voxels in ten steps of the ceiling, the dashed line a perfect model.", "name": "fig-own-data-ceilings"}}
stack_against_ceiling(study)

# %% [markdown]
# Most voxels lie well below the line: part of a voxel's signal is its own and belongs to no network, and from so few pictures ridge regression
# learns only part of the rest. Those above the line have a ceiling near zero, and are no miracle: it was estimated from three presentations of
# each test picture, and an estimate can err in either direction.
#
# Look at single pictures before you believe a mean. **Look for** points far from the others: which picture is it, and could the
# response belong to another one?

# %%
picture_explorer(participant, [load_network("alexnet-object", weights)])

# %% [markdown]
# To use your participant in the figure notebooks too, put these lines into a module and add its name to `SOURCES`: `CONTRIBUTING.md` says where.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} The folder is read without an error. Are the events right?
# That does not follow. Events of the right length in the wrong order are not noticed. Look at the noise ceilings: they are near
# zero if events and responses do not belong together.
# ```
#
# ```{dropdown} Why are whole pictures held out, and not single trials?
# Trials of one picture share its signal. If some of them were used for fitting, the test would be about pictures that the model has
# seen.
# ```
#
# ```{dropdown} Why standardise within runs or sessions?
# Their baselines and gains differ. Left in, these differences would count as noise.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} An area of your own
# :label: own-data-area
#
# *Level 1 of 3, 10 minutes. Against the belief that an area must be fitted again when its mask changes.*
#
# Masks are arrays, so areas can be joined and cut. Make one area of all place areas (OPA, PPA, RSC) and one of all face areas, draw
# the figure with these two alone, and say which layer each prefers.
# ```
#
# ```{hint}
# :class: dropdown
#
# Scores belong to voxels. Join masks with `|` and give the study another participant with `replace`.
# ```

# %% [markdown]
# ```{solution-start} own-data-area
# :class: dropdown
# ```

# %%
from dataclasses import replace

joined = {
    "places": masks["OPA"] | masks["PPA"] | masks["RSC"],
    "faces": masks["FFA"] | masks["OFA"] | masks["aTLfaces"],
}
regrouped = replace(study, participant=replace(participant, rois=joined))

# %% mystnb={"image": {"alt": "Two rows by two columns of line plots: R and stacking weight of each AlexNet layer in places and faces; all peak at the last layer."}, "figure": {"caption": "Encoding results of AlexNet-Object in two areas joined from masks, places and faces. A thin line is one of the best voxels of an area, chosen by out-of-fold score; the black line is their mean, the dashed line the mean of their noise ceilings. R: of each layer on test images. Weight: of each layer in the stack.", "name": "fig-own-data-joined"}}
encoding_figure(regrouped, selection="out-of-fold")

# %% [markdown]
# FC-7, both of them. Nothing was fitted again: scores belong to voxels, and an area is only a way to look at them. Areas whose names the
# papers do not use are drawn in grey, after the others.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} What is refused
# :label: own-data-refused
#
# *Level 2 of 3, 15 minutes. Against the belief that an analysis that runs has read the right files.*
#
# Hand over masks of another brain, with ten voxels more, and events of which the last is missing. What do you learn from the answers? What
# mistake would *not* be found?
# ```
#
# ```{hint}
# :class: dropdown
#
# Try each mistake in turn, and look at the noise ceilings of the one that is not refused.
# ```

# %% [markdown]
# ```{solution-start} own-data-refused
# :class: dropdown
# ```

# %%
larger = {area: np.append(mask, np.zeros(10, bool)) for area, mask in masks.items()}
for shown, rois in ((events["picture"], larger), (events["picture"][:-1], masks)):
    try:
        participant_from_trials(betas, shown, pictures, rois, source, test=held_out)
    except ValueError as error:
        print(error)

# %%
mixed_up = np.random.default_rng(seed).permutation(events["picture"])
wrong = participant_from_trials(betas, mixed_up, pictures, masks, source, test=held_out, run=events["session"])
for name, person in {"as shown": participant, "mixed up": wrong}.items():
    print(f"{name}: median noise ceiling {np.nanmedian(person.noise_ceiling):.2f}")

# %% [markdown]
# Each sentence names the culprit and both numbers. Not found are events of the right length in the wrong order, and masks of another brain
# that happens to have as many voxels. So look at the noise ceilings first. They need no network, and are near zero where the events do
# not belong to the responses. Against wrong masks they do not help.
# ```{solution-end}
# ```
