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
# # Scores and noise ceilings
#
# Show somebody the same photograph three times, and a voxel answers differently each time. What differs is noise, and no
# model can predict it. So before asking how good a model is, ask how good it could be.
#
# **In short:** the noisier a voxel, the less of its response any model can predict, and its repeats say how much. (ncsnr is the
# strength of the signal over that of the noise.)
#
# You will learn to read a voxel's {term}`noise ceiling` from its repeats, to tell three scores apart that papers call by similar
# names, and to see what happens when the voxels in a figure are chosen by the number the figure shows.
#
# | name | meaning |
# |---|---|
# | $y$ | responses of a voxel to $n$ images; $\hat y$ their prediction |
# | ncsnr | noise ceiling signal-to-noise ratio: standard deviation of the signal over that of a single trial's noise |
# | $R^2$ | variance explained, $1 - \mathrm{mean}\bigl((y - \hat y)^2\bigr) / \mathrm{var}(y)$ |
# | $R$ | signed root, $\mathrm{sign}(R^2)\sqrt{\lvert R^2\rvert}$ |
# | $r$ | Pearson correlation of $y$ and $\hat y$ |

# %%
import numpy as np

from lib.analysis.encoding import encode
from lib.analysis.encoding_study import EncodingStudy
from lib.core import scores
from lib.core.tables import Table
from lib.data.trials import standardise_runs
from lib.figures.methods import ceiling_check, repeated_responses, score_against_scale, selection_effect
from lib.networks import load_network
from lib.simulation.nsd_like import run_sessions, simulate

# %% tags=["parameters"]
seed = 0  # another seed, other voxels and noise
n_images = 1000  # images, each shown three times
n_voxels = 400  # voxels with a known signal
world = "noise"  # what drives the participant of the last section: "as-published", "reversed", "flat", "noise" or "unplanted"
n_best_voxels = 200  # voxels per ROI that are shown, as in paper W

# %% [markdown]
# ```{admonition} Simulated data
# :class: warning
#
# Voxels of this page are random numbers, so that signal and noise are known apart. Nobody was scanned.
# ```
#
# ## Voxels whose signal is known
#
# Voxels range from almost pure noise (ncsnr near 0) to
# the clearest of the first participant of the Natural Scenes Dataset {cite}`allen2022`. Trials come in sessions, each with a gain and a baseline
# of its own; standardising within sessions removes both.

# %%
rng = np.random.default_rng(seed)
signal = rng.standard_normal((n_images, n_voxels), np.float32)
ncsnr = np.linspace(0.02, 1.42, n_voxels)
betas, trial, session = run_sessions(rng, signal, ncsnr)
standardise_runs(betas, session)
print("(n_trials, n_voxels) =", betas.shape, "in", session.max(), "sessions")

# %% [markdown]
# Sorted by image, the three trials of an image stand side by side.

# %%
repeats = betas[np.argsort(trial, kind="stable")].reshape(n_images, -1, n_voxels)
print("(n_images, n_repeats, n_voxels) =", repeats.shape)

# %% [markdown]
# **Look for** how far the grey points of one image lie apart, compared with how far the black line rises over all images.

# %% mystnb={"image": {"alt": "Three panels, one per voxel from noisy to clear: grey dots for each repeat of 40 images, their mean in blue, the known signal in black."}, "figure": {"caption": "Forty images, three trials each, seen by three simulated voxels of rising signal-to-noise ratio. Black: the signal that was planted.", "name": "fig-ceiling-repeats"}}
repeated_responses(repeats, signal, ncsnr, [n_voxels // 10, n_voxels // 3, n_voxels - 1], simulated=True)

# %% [markdown]
# In the first voxel, three trials of one image disagree about as much as trials of different images. In the last, the mean of three
# follows the signal closely. The second is typical of measured voxels.
#
# ## From repeats to a ceiling
#
# Repeats differ by noise only, so the variance *among the repeats of an image*, averaged over images, estimates the noise.
# The images' means vary by the signal and a third of the noise; subtract that, and the signal is left. No model is needed, and
# no knowledge of what was planted:

# %%
noise_variance = repeats.var(axis=1, ddof=1).mean(axis=0)
signal_variance = np.maximum(repeats.mean(axis=1).var(axis=0, ddof=1) - noise_variance / 3, 0)
estimated = np.sqrt(signal_variance / noise_variance)
print(f"mean absolute error of the estimated ncsnr: {np.abs(estimated - ncsnr).mean():.3f}")

# %% [markdown]
# The mean of $m$ repeats has the signal's variance and an $m$-th of the noise's. A model that predicts the signal exactly explains
#
# $$
# \text{noise ceiling} = \frac{\mathrm{ncsnr}^2}{\mathrm{ncsnr}^2 + 1/m}
# $$ (eq-ceiling)
#
# of the variance of that mean {cite}`allen2022,lage2019`. The simulation can check the formula, since here the signal is known:
# the *true model* predicts the planted signal itself.

# %%
truth = signal * (ncsnr / np.sqrt(1 + ncsnr**2))
reached = {m: scores.r2(repeats[:, :m].mean(axis=1), truth) for m in (1, 2, 3)}
for m, of_truth in reached.items():
    print(f"repeats: {m}; largest excess of R² over the ceiling: {(of_truth - scores.noise_ceiling(ncsnr, m)).max():.3f}")

# %% [markdown]
# **Look for** two things: whether the points follow the lines, and how low the lines are where half of the measured voxels lie
# (ncsnr about .3 to .6).

# %% mystnb={"image": {"alt": "First: estimated ncsnr against planted ncsnr, on the diagonal. Second: R2 of the true model against ncsnr, points around three rising curves for one, two and three repeats."}, "figure": {"caption": "First panel: ncsnr estimated from repeats against the planted one; the line is identity. Second: variance the true model explains (points) and the noise ceiling by its formula (lines), for one, two and three repeats averaged.", "name": "fig-ceiling-check"}}
ceiling_check(ncsnr, estimated, reached, simulated=True)

# %% [markdown]
# The formula holds: points scatter around the lines, and some lie above. A ceiling is an expectation, not a wall: luck can pass it, by more
# the fewer the images. At the lower end the estimate scatters, and is exactly zero where the
# estimated variance of the signal was negative.
#
# ```{admonition} Misconception: a model with R = .4 is a poor model
# :class: tip
# It depends on the voxel. The next cell prints the largest $R$ that the *true* model reaches in expectation. For many voxels of a
# measured brain, perfection looks like a mediocre score. Compare a score with its ceiling, and with the right one: equation
# {eq}`eq-ceiling` is a share of variance, so it belongs to $R^2$, and its root to $R$ or $r$.
# ```

# %% mystnb={"markdown_format": "myst"}
levels = np.array([0.1, 0.3, 0.4, 0.48, 0.63, 1.42])
ceilings = [scores.noise_ceiling(levels, m) for m in (1, 3)]
columns = list(zip(levels, *ceilings, *np.sqrt(ceilings), strict=True))
Table(["ncsnr", "R2, 1 repeat", "R2, 3 repeats", "R, 1 repeat", "R, 3 repeats"], columns)

# %% [markdown]
# ## Three scores
#
# {cite:t}`wang2021` name two scores. Their Methods say: "Model performances are reported as correlations between predicted
# responses and true responses." Their Results say: "we calculated *R*, the square root of the *coefficient of
# determination*". These are not the same. Take a middling voxel and the true model's prediction, and spoil the prediction in
# simple ways:

# %% mystnb={"markdown_format": "myst"}
voxel = slice(n_voxels // 3, n_voxels // 3 + 1)
y, best = repeats[:, :, voxel].mean(axis=1), truth[:, voxel]
spoilt = {"true": best, "half": best / 2, "triple": 3 * best, "shifted": best + 0.5, "negated": -best}
score = {name: scores.r2(y, y_pred)[0] for name, y_pred in spoilt.items()}
rows = [(name, R2, scores.signed_root(R2), scores.correlation(y, spoilt[name])[0]) for name, R2 in score.items()]
Table(["prediction", "R2", "R", "r"], rows)

# %% [markdown]
# **Look for** the positive factor at which $R$ and $r$ agree, and which of the three scores notice that a prediction is too large.

# %% mystnb={"image": {"alt": "Scores of one voxel's prediction against the factor it is multiplied with: r is a step at zero, R2 a parabola with its top at one, R its signed root."}, "figure": {"caption": "The true model's prediction of one simulated voxel, multiplied by a factor from -1 to 3, and its three scores.", "name": "fig-ceiling-scores"}}
score_against_scale(y, best, np.linspace(-1, 3, 201), simulated=True)

# %% [markdown]
# At the right size, $R$ and $r$ nearly agree. Correlation forgives every size and shift, and only minds the sign; $R^2$ and
# $R$ punish a prediction that is too large. Ridge regression chooses the size of its predictions so that, where
# there is something to predict, the two lie close; with too small a penalty they do not. The root also magnifies what is near zero: $R^2 = .01$ is $R = .1$,
# and $R^2 = -.01$ is $R = -.1$.
#
# This book shows $R$, as the figures of the paper do, and keeps $r$ beside it (`EncodingResult.correlation`).
#
# ## The best 200 voxels
#
# The figures of {cite:t}`wang2021` show the 200 best voxels of each area. If *best* means the highest score on the test
# images, then the number that chooses is the number that is shown. How much does that alone lift a score? We ask it of
# a simulated brain in which nothing can be predicted.

# %%
participant = simulate(world=world, seed=seed, n_images=600, voxels_per_roi=800)
network = load_network("alexnet-object")
study = EncodingStudy(participant, {network.name: encode(participant, network)}, n_best_voxels)
print(participant.source.description)
print("(n_images_test, n_voxels) =", participant.test.responses.shape)

# %% [markdown]
# The alternative chooses by the *out-of-fold* score: how well each training image was predicted by a model fitted without it
# (see [ridge](ridge)). **Look for** the distance between circles and squares, and for which of the two lies near the dashes of all voxels.

# %% mystnb={"image": {"alt": "Mean R on test images per ROI: points for the voxels chosen by test score lie above zero, those chosen out of fold lie with all voxels below zero."}, "figure": {"caption": "A simulated brain that answers to nothing: mean test score of the stack of AlexNet-Object's layers, for the best voxels of each ROI by test score, for the best by out-of-fold score, and for all voxels.", "name": "fig-ceiling-selection"}}
selection_effect(study, network.name)

# %% [markdown]
# Chosen by the score that is shown, voxels that respond to nothing look predicted, a little, in every area. Chosen out of fold, they score no
# better than all voxels do, even a little lower: below zero, as a model that was fitted to noise predicts worse than the mean. Our figures still follow the paper's choice where they reproduce its figures; claims about
# voxels are decided on voxels chosen out of fold.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A perfect model predicts a voxel with a low R. How can that be?
# The voxel is noisy: trials of the same image differ, and no model predicts noise. Compare R with the root of the noise ceiling,
# not with one.
# ```
#
# ```{dropdown} A voxel's score lies above its noise ceiling. Is something wrong?
# Not necessarily. The ceiling is an expectation, estimated from few repeats, and the score is measured on few images. Both vary by
# chance.
# ```
#
# ```{dropdown} A prediction has the right order but is twice too large. Which scores notice?
# R² and R do, since they count squared errors. The correlation r does not: it forgives any scale and shift.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} How many repeats?
# :label: ceiling-repeats
#
# *Level 1 of 3, 10 minutes. Against the belief that a correlation of .4 is a poor model.*
#
# In higher areas of the first NSD participant the median ncsnr is .40. How often would one have to show each image for
# half of the variance to be explainable? And for a voxel at .30?
# ```
#
# ```{hint}
# :class: dropdown
#
# Write the ceiling as a function of the ncsnr and of m repeats, set it to one half, and solve for m.
# ```

# %% [markdown]
# ```{solution-start} ceiling-repeats
# :class: dropdown
# ```
# Set equation {eq}`eq-ceiling` to one half: $m = 1 / \mathrm{ncsnr}^2$.

# %%
for level in (0.40, 0.30):
    m = int(np.ceil(1 / level**2))
    print(f"ncsnr {level}: {m} repeats, ceiling {scores.noise_ceiling(level, m):.2f}")

# %% [markdown]
# Scanner time is better spent on new images: for fitting a model, a new image brings signal *and* averages noise.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Fewer, luckier
# :label: ceiling-luck
#
# *Level 2 of 3, 10 minutes. Against the belief that the best voxels show what an area does.*
#
# What happens to the selection effect in V1 if only the best 20 voxels are shown, and what if all are?
# ```
#
# ```{hint}
# :class: dropdown
#
# Both ways choose voxels by a score. Only one of the two scores is also the one that is reported.
# ```

# %% [markdown]
# ```{solution-start} ceiling-luck
# :class: dropdown
# ```

# %%
stacked = study.encoding[network.name].stacked_score
for n_best in (20, 200, 800):
    few = EncodingStudy(participant, study.encoding, n_best)
    means = [stacked[few.best(network.name, "V1", way)].mean() for way in ("test", "out-of-fold")]
    print(f"best {n_best}: by test score {means[0]:+.3f}, by out-of-fold score {means[1]:+.3f}")

# %% [markdown]
# Chosen by test score, the fewer are picked, the luckier they are. Chosen out of fold, nothing lifts them on test images; the fewest even score
# lowest. With all voxels there is nothing to choose, and both ways agree.
# ```{solution-end}
# ```
