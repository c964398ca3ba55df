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
# # The best voxels, chosen how?
#
# Every line in the figures of {cite:t}`wang2021` is "one of the best 200 encoded voxels" of an area, best by the score
# on the test images, which is the score that the figure shows. Their response to reviewers says that they "picked top
# 200 voxels only for visualization purpose". A reader still sees numbers that are shown because they were high.
#
# Where nothing can be predicted (*noise*), the published choice still shows scores above zero; on fresh images the same voxels score below it.
# Where there is something to find (*as-published*), the choice lifts the scores. The reason: a score is what a voxel deserves plus luck. The best
# of many scores are those of good voxels, and of lucky ones {cite}`kriegeskorte2009`. This page measures by how much, and asks whether it
# can turn a claim.

# %%
from dataclasses import replace

from lib.analysis import selection
from lib.analysis.loading import load_participant
from lib.claims import evaluate
from lib.core.scores import signed_root
from lib.figures.follow_ups import selection_curves, selection_profiles, selection_table
from lib.figures.style import notice
from lib.figures.verdicts import verdict_comparison
from lib.simulation.nsd_like import simulate_worlds

# %% tags=["parameters"]
dataset = "simulated"  # where the participant comes from: "simulated" or "nsd"
subject = 1  # number of the participant
data_root = None  # folder of the measured data
weights = "miniature"  # of the networks: "miniature", "untrained" or "published"
world = "as-published"  # of a simulation, beside noise: "as-published", "reversed", "flat" or "unplanted"
n_fresh = 200  # training images set aside, to score voxels on images that had no part in the choice
n_best_voxels = 15  # called best, of each ROI
n_deciding = 200  # voxels of each ROI on which claims are decided, as in the ledger
seed = 0  # of the simulation
n_images = 1000  # seen by a simulated participant, at least 10; the real ones saw 10,000
voxels_per_roi = 600  # of a simulated participant

# %% [markdown]
# ## Three ways
#
# | voxels are chosen by | and shown by | |
# |---|---|---|
# | score on the test images | the same score | as published: circular |
# | score of the out-of-fold predictions, on training images | score on the test images | not circular |
# | score on the test images | score on fresh images | what the published choice is worth |
#
# Fresh images were taken out of the training set beforehand, so neither the fits nor the choice have seen them. The
# same fits are scored on both sets. This works for measured data too.

# %%
if dataset == "simulated":
    size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
    people = simulate_worlds(dict.fromkeys((world, "noise")), subject=subject, seed=seed, **size)
else:
    people = {dataset: load_participant(dataset, subject, data_root)}

# %% mystnb={"markdown_format": "myst"}
notice(next(iter(people.values())).source)

# %%
networks = ("alexnet-object", "alexnet-place")
studies = selection.retest(people, networks, n_fresh, weights, n_best_voxels)
for name, study in studies.items():
    print(name, "- (n_images_train, n_voxels) =", study.test.participant.train.responses.shape)

# %% [markdown]
# ## How much better do the chosen look?
#
# **Look for** the panel *noise*, where nothing can be predicted: an honest line does not rise above zero there, and the blue one, as
# published, does where few voxels are called best. Where there is something to find, compare the blue line with the green one, the same voxels on fresh images; the last
# column of the table below the figure gives the difference.

# %% tags=["thumbnail"] mystnb={"image": {"alt": "Curves of mean R against the share of voxels called best, one panel per world; the published choice lies highest on the left and all choices meet on the right."}, "figure": {"caption": "Mean R of the stack over the best voxels of an ROI, by the share of the ROI that is called best. Blue: chosen by test score and shown by it, as published. Orange: chosen out of fold. Green: the voxels of the blue line, on fresh images. Lines: mean over ROIs; bands: lowest to highest ROI.", "name": "fig-selection-curves"}}
selection_curves(studies, networks[0])

# %% mystnb={"markdown_format": "myst"}
selection_table(studies, networks[0])

# %% [markdown]
# The blue line lies above the green one wherever more than a few voxels are left out, the more the fewer are called best. Where all
# are, there is no choice, and blue meets orange. In *noise* the whole height of the blue line is luck; the others lie below zero, since
# predictions of nothing are worse than the mean, and R, the signed root of R², shows that large.
#
# In *as-published* the orange line stays near the green one: voxels that predict well out of fold also do so on other images. It
# lies below the blue one not because it finds worse voxels, but because it does not count their luck.
#
# Two consequences for reading the published figures. Areas differ in size: 200 voxels are a small part of V1 and may be
# all of a small face area, so the luck in the columns of one figure differs. And R, as the square root of R², makes
# small luck look large:

# %%
for share in (0.001, 0.01, 0.04):
    print(f"R² = {share:5.3f}  ->  R = {signed_root(share):.2f}")

# %% [markdown]
# ## Does the profile over layers change?
#
# A claim is about the shape of the profile, not its height. **Look for** lines that are not parallel.

# %% mystnb={"image": {"alt": "Line plots of mean R over AlexNet layers for three areas in each world, one line per way of choosing voxels."}, "figure": {"caption": "Mean R of each layer of AlexNet-Object over the best voxels of three ROIs, in each world. Blue: chosen by test score and shown by it, as published. Orange: chosen out of fold. Green: the voxels of the blue line, on fresh images.", "name": "fig-selection-profiles"}}
selection_profiles(studies, networks[0], ["V2", "PPA", "FFA"])

# %% [markdown]
# Where voxels are predicted, the choice lifts nearly all layers, by unequal amounts, and the best layers stay the best:
# the stack's luck on the test images is shared by its layers. In *noise* the profile as published rises above zero for nearly every
# layer. It has a shape, too, and the shape means nothing.
#
# ## Does a verdict change?
#
# The [ledger](claims) chooses voxels out of fold. Here the same rules decide with voxels chosen by test score, as many of each area as the ledger takes.

# %%
found = {}
for name, study in studies.items():
    test = replace(study.test, n_best=n_deciding)
    found[f"{name}, out of fold"] = evaluate(test, ["W1", "W2"])
    found[f"{name}, by test score"] = evaluate(selection.circular(test), ["W1", "W2"])

# %% mystnb={"markdown_format": "myst"}
verdict_comparison(found)

# %% [markdown]
# A rule asks, besides the order of layers, that the stack predicts at all: the interval of its mean R must lie above zero. The circular choice
# weakens that guard, for in a brain that answers to nothing the luckiest voxels lie above zero, the fewer the higher. So the rules have a second
# one, which does not look at the test score: an area needs enough reliable voxels, by their repeats, and in *noise* there are too few. In
# *as-published* neither verdict changes with the choice; the part that decides and its interval do.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} The best voxels are chosen by the scores that are shown. Why are these scores too high?
# A score is what a voxel deserves plus luck. Choosing the highest scores also chooses the luckiest ones.
# ```
#
# ```{dropdown} Choosing out of fold gives lower scores. Does it find worse voxels?
# No. On images that had no part in the choice, both choices score about the same: the orange and the green line. Choosing out of fold merely does not
# count the luck of the test images.
# ```
#
# ```{dropdown} Nothing can be predicted in *noise*. What do its best voxels look like?
# Predicted, if they are chosen by the scores that are shown. Chosen out of fold, they score below zero.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} How many test images?
# :label: selection-images
#
# *Level 2 of 3, 10 minutes. Against the belief that the luck of the best voxels does not depend on the number of test
# images.*
#
# NSD leaves about 1,500 images for testing. What happens to the gap between published and fresh when there are more
# test images? Draw the curves with a quarter and with all of the test images.
# ```
#
# ```{hint}
# :class: dropdown
#
# The error of a mean over n images falls with the square root of n.
# ```

# %% [markdown]
# ```{solution-start} selection-images
# :class: dropdown
# ```

# %% mystnb={"image": {"alt": "Two panels of curves of mean R against the share of voxels called best, with a quarter and with all of the test images: the published choice lies higher with fewer images."}, "figure": {"caption": "Mean R of the stack over the best voxels of an ROI, by the share of the ROI that is called best, with a quarter of the test images and with all, in the last world of this page. Blue: chosen by test score and shown by it. Orange: chosen out of fold. Green: the voxels of the blue line, on fresh images.", "name": "fig-selection-fewer"}}
last = list(people)[-1]
fewer = selection.retest({last: selection.thinned(people[last], 0.25)}, networks[:1], n_fresh, weights)
selection_curves({f"{last}, a quarter of the test images": fewer[last], last: studies[last]}, networks[0])

# %% [markdown]
# Luck is the error of a mean over test images: with four times as many it is about half as large in R². It never
# reaches zero, and with more voxels to choose from the best are luckier. At the right end, where nothing is chosen, fewer test images make R lower: it is
# the signed root, and shows the larger error of a small R² below zero as a worse prediction. Green is scored on other images.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Is choosing wrong?
# :label: selection-any
#
# *Level 3 of 3, 15 minutes. Against the belief that choosing voxels is always wrong.*
#
# Compare the left end of the orange line with its right end, where nothing is chosen. Which voxels does an out-of-fold score find?
# Why is it fair to show them, and what would you write into the caption?
# ```
#
# ```{hint}
# :class: dropdown
#
# Compare the noise ceilings of the chosen voxels with those of all voxels of the area.
# ```

# %% [markdown]
# ```{solution-start} selection-any
# :class: dropdown
# ```

# %%
first = next(iter(people))
known, ceiling = studies[first].test, studies[first].test.participant.noise_ceiling
for roi in ("V1", "PPA", "FFA"):
    curve = selection.mean_of_best(studies[first], selection.CHOICES["out of fold"], networks[0], roi)
    best, everywhere = known.best(networks[0], roi), known.participant.roi(roi)
    print(f"{roi}, best: mean R {curve[0]:.2f}, noise ceiling {ceiling[best].mean():.2f}")
    print(f"{roi}, all:  mean R {curve[-1]:.2f}, noise ceiling {ceiling[everywhere].mean():.2f}")

# %% [markdown]
# The left end is higher: some voxels are less noisy than others, and the out-of-fold score finds them without looking at the
# test images. Showing them is fair if the caption says so: "the 200 voxels of each area with the highest out-of-fold
# score", and that they stand for themselves, not for the area.
# ```{solution-end}
# ```
