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
# # Fast, and how good
#
# A participant of the Natural Scenes Dataset is 10,000 images, 15,000 voxels, and 20,000 features in each of seven layers.
# The code behind {cite:t}`wang2021` inverts a matrix of features by features for every penalty, fold and inner fold. The
# default of this book, `protocol="fast"`, computes [one eigendecomposition per layer](ridge), out-of-fold predictions by an
# exact identity, and [the stacking weights of all voxels at once](stacking).
#
# From most layers the fast protocol predicts held-out responses about as well (points near the line), from FC-6, from FC-7 and by the stack better.
# Speed that is paid for with worse predictions is worth nothing, so this page shows that first. Then it asks what either costs.

# %%
from lib.analysis.encoding import encode
from lib.analysis.loading import load_participant
from lib.core.tables import Table
from lib.figures.benchmarks import (
    benchmark,
    benchmark_table,
    gain_by_ceiling,
    growth_curves,
    machine_note,
    r2_gain,
    shape_ratios,
)
from lib.figures.style import notice
from lib.networks import load_network

# %% tags=["parameters"]
subject = 1  # number of the participant
network = "alexnet-object"  # which layers predict
weights = "miniature"  # of the networks: "miniature" or "untrained"
world = "as-published"  # of the simulation: "as-published", "reversed", "flat", "noise" or "unplanted"
seed = 0  # of the simulation
few = 200  # images seen by the first participant
many = 720  # and by the second
voxels_per_roi = 40  # of each participant

# %% [markdown]
# ## Is it as good?
#
# Two simulated participants differ in how many images they saw. With few, every layer has more features than there are
# training images; with more, Conv-5, FC-6 and FC-7 have fewer. Their voxels differ in signal-to-noise ratio as those of a real person do.

# %%
size = {"world": world, "seed": seed, "voxels_per_roi": voxels_per_roi}
participants = {f"{n} images": load_participant("simulated", subject, n_images=n, **size) for n in (few, many)}
layers = load_network(network, weights)

# %% mystnb={"markdown_format": "myst"}
notice(participants[f"{many} images"].source)

# %% [markdown]
# A fair comparison needs one more protocol. The published code standardises the responses to the test images by *their own*
# mean and standard deviation, which no prediction could have known. `protocol="reference-forward"` differs from it in this
# alone: test responses are standardised by the training images, as everywhere else in this book.

# %%
protocols = ("fast", "gcv", "k-fold", "reference-forward")
studies = {
    title: {protocol: encode(someone, layers, protocol=protocol) for protocol in protocols}
    for title, someone in participants.items()
}


# %%
def gain_table(pairs):
    """Mean difference in held-out R², per layer and then of the stack, a row for each pair of results."""
    rows = [(title, *(f"{round(gain, 3) + 0:+.3f}" for gain in r2_gain(*pair).mean(axis=1))) for title, pair in pairs.items()]
    return Table(["", *layers.layers, "stack"], rows)


# %% mystnb={"markdown_format": "myst"}
title, someone = next(iter(participants.items()))
published = encode(someone, layers, protocol="reference")
gain_table({title: (published, studies[title]["reference-forward"])})

# %% [markdown]
# In every layer a part of the published score, of the order of one over the number of test images, comes from standardising the test
# responses by themselves.
# From here on both are judged as predictions. **Look for** points below the line: there the
# published protocol predicts new images better.

# %% mystnb={"image": {"alt": "Two panels, one per number of images. Each shows, for every layer and the stack, the mean difference in held-out R squared between the fast and the published protocol against the voxels' noise ceiling, with error bars."}, "figure": {"caption": "R$^2$ on held-out images under the fast protocol minus R$^2$ under the published one, both with test responses standardised by the training images. A quarter of the voxels to a point, ordered by noise ceiling; bars: 95 % bootstrap intervals over voxels. The vertical axis is linear up to 0.1 and logarithmic beyond.", "name": "fig-gains"}}
gain_by_ceiling({title: (participants[title], r["fast"], r["reference-forward"]) for title, r in studies.items()})

# %% mystnb={"markdown_format": "myst"}
gain_table({title: (found["fast"], found["reference-forward"]) for title, found in studies.items()})

# %% [markdown]
# Where a point lies below the line, its interval reaches above it. From FC-6, from FC-7 and by the stack the fast protocol predicts better.
#
# The protocols differ in three ways: one scale per layer or one per feature, an intercept or none, penalties by generalised
# cross-validation, by the folds, or by an inner cross-validation. Generalised cross-validation costs least. Here it is compared with penalties by the
# folds:

# %% mystnb={"markdown_format": "myst"}
gain_table({title: (found["gcv"], found["k-fold"]) for title, found in studies.items()})

# %% [markdown]
# * Generalised cross-validation estimates the error from the residuals of a single fit, divided by the degrees of freedom
#   they have left. Where few images meet many features hardly any are left, and too small a penalty wins too often. The
#   fast protocol therefore chooses penalties over the five folds where a layer has more features than images *and* there
#   are fewer than 600 images (`FEW_IMAGES` in `lib/analysis/encoding.py`); that is cheap there. With more images the two agree.
# * The published protocol scales every unit by itself, and test images by their own statistics. Units that hardly vary then weigh as much as the
#   others. That may be why FC-7, in which a few directions hold nearly all of the variance, loses most by it. One scale per layer, from the training images, keeps
#   small units small.

# %% [markdown]
# ```{exercise} Eighty images
# :label: ex-speed-few
#
# *Level 3 of 3, 20 minutes. Against the belief that a fast shortcut for choosing the penalty is wrong everywhere or
# nowhere.*
#
# Let a participant see 80 images. In which layers do `fast` and `gcv` differ most, and why in those?
# ```
#
# ```{hint}
# :class: dropdown
#
# Print the worst single voxel beside the mean. What do the residual degrees of freedom do when images are few?
# ```

# %% [markdown]
# ```{solution-start} ex-speed-few
# :class: dropdown
# ```

# %% mystnb={"markdown_format": "myst"}
someone = load_participant("simulated", subject, n_images=80, **size)
found = {protocol: encode(someone, layers, protocol=protocol) for protocol in ("fast", "gcv")}
for protocol, result in found.items():
    worst = dict(zip(layers.layers, (result.score * abs(result.score)).min(axis=1).round(1).tolist(), strict=True))
    print(f"{protocol}, R² of the worst voxel:", worst)
gain_table({"fast minus gcv": (found["fast"], found["gcv"])})

# %% [markdown]
# In the deepest layers the *mean* of `fast` is ahead most. Single voxels weigh heavily in it: the worst one of `gcv` lies far below the
# worst one of `fast` there, as printed above.
# The fewer the images, the fewer residual degrees of freedom are left to divide by, and the estimated error at a small penalty becomes a ratio of
# two small numbers; now and then too small a penalty wins. In deep layers a few directions hold nearly all of the variance. A small penalty
# lets in the others, in which training images hardly differ, and a test image that differs there is predicted far off.
# ```{solution-end}
# ```

# %% [markdown]
# ## What does it cost?
#
# The tables and figures below come from the last `make bench`, `python -m benchmarks shapes` and `make rehearsal`; each job and its peers ran in turns,
# on two cores, unless said otherwise. The *arithmetic limit* is the time the same operations would take if each ran at the speed of a large
# matrix product.

# %% mystnb={"markdown_format": "myst"}
ridge = benchmark("ridge")
machine_note(ridge)

# %% mystnb={"markdown_format": "myst"}
columns = {"job": "job", "seconds": "seconds", "ours is faster by": "ours is faster by (times)"}
columns |= {"R2 of ours minus this": "R² of ours minus this"}
benchmark_table(
    ridge["rows"]["jobs"], columns | {"penalties as himalaya": "same penalty as himalaya", "peak GB": "peak GB"}
)

# %% [markdown]
# That was one layer with 2,000 images, 8,000 features and 6,000 voxels: penalties, out-of-fold predictions, refit, test
# predictions; medians of five data sets, but for the two slowest, which ran on the first alone. R² is compared on the same data. himalaya
# {cite}`dupre2022` is the field's fast solver.
#
# One shape may suit one solver, and a kernel can be computed once for all folds. So here are twelve shapes drawn at random (1,000 to 3,000
# images, 2,000 to 20,000 features and voxels, decaying and flat spectra), against himalaya given kernels. Our penalties are chosen by
# generalised cross-validation in the first row, by cross-validation over the folds in the second. **Look for** the ringed dot of each row, the
# shape that suits us least: right of the line we are faster, left of it lies the arithmetic limit.

# %% mystnb={"image": {"alt": "Three rows of twelve dots on a logarithmic axis, one dot per random shape: the time of himalaya over this book's with fast penalties, the same with penalties over the folds, and the arithmetic limit over this book's. A line marks 1, a ring the worst shape of each row."}, "figure": {"caption": "One layer of twelve random shapes: the time that himalaya given kernels takes, and the arithmetic limit, as multiples of the time that this book takes. Rings: the shape for which this book compares worst.", "name": "fig-shapes"}}
shapes = benchmark("shapes")
shape_ratios(shapes["rows"]["shapes"])

# %% mystnb={"markdown_format": "myst"}
machine_note(shapes)

# %% [markdown]
# Now one size grows and the others stay. **Look for** the part whose time grows with the features, and the one whose time does not.

# %% mystnb={"image": {"alt": "Three panels with logarithmic axes: seconds against the number of images, of features and of voxels, for the whole job, the products over features, and the rest, beside the arithmetic limit."}, "figure": {"caption": "One layer, one size at a time (otherwise 2,000 images, 4,000 features, 4,000 voxels). The rest does not touch the features, and does not grow with their number; with many voxels, time grows nearly in proportion to them.", "name": "fig-growth"}}
growth = benchmark("growth")
growth_curves(growth["rows"])

# %% mystnb={"markdown_format": "myst"}
machine_note(growth)

# %% mystnb={"markdown_format": "myst"}
columns = {
    "job": "job",
    "seconds": "seconds",
    "ours is faster by": "ours is faster by (times)",
    "mean stacked R2": "stacked R²",
}
difference = {"R2 of a layer differs by at most": "R² of any voxel and layer differs by at most"}
benchmark_table(benchmark("protocols")["rows"], columns | difference)

# %% [markdown]
# That was the whole analysis of five layers (600 images, 400 features each, 300 voxels) against the authors' package. The last
# column is the largest difference from the package's R² of one voxel and layer: rounding for our copy of its protocol, more for the fast one, which
# scales features and chooses penalties otherwise. Next, the stacking weights alone, against one quadratic program per voxel (timed on a twentieth of the voxels and scaled up):

# %% mystnb={"markdown_format": "myst"}
columns = {"layers": "layers", "voxels": "voxels", "ours (s)": "ours (s)", "cvxopt (s)": "cvxopt (s)"}
checks = {"ours is faster by": "ours is faster by (times)", "KKT residual": "distance from optimal"}
benchmark_table(benchmark("stacking")["rows"], columns | checks)

# %% [markdown]
# The other direction: [units decoded from voxels](fig4_decoding), at the size of Generic Object Decoding, 1,200 trials and 4,000 voxels, of which
# each of 1,000 units keeps its own 500. Ridge regression against FastL2LiR, which the authors of these data use; sparse regression against
# a loop that takes a pseudo-inverse in every iteration, as their first code does (timed on a few units and scaled up;
# the table calls them slr and pinv loop, and nobody counted their arithmetic limit).

# %% mystnb={"markdown_format": "myst"}
columns = {"regression": "regression", "peer": "peer", "ours (s)": "ours (s)", "peer (s)": "peer (s)"}
checks = {"ours is faster by": "ours is faster by (times)", "predictions apart by (SD of units)": "predictions apart by (SD)"}
benchmark_table(benchmark("decoding")["rows"], columns | {"limit (s)": "arithmetic limit (s)"} | checks)

# %% [markdown]
# ## One participant of NSD in size
#
# Seven layers of 20,000 features on disk, 8,500 training and 1,500 test images, 15,000 voxels: random numbers, but as many.

# %% mystnb={"markdown_format": "myst"}
rehearsal = benchmark("rehearsal")
whole = rehearsal["rows"]
print(f"{whole['seconds'] / 60:.1f} minutes; arithmetic limit {whole['limit'] / 60:.1f} minutes")
benchmark_table(whole["phases"], {"phase": "phase", "seconds": "seconds", "peak GB": "peak GB"})

# %% mystnb={"markdown_format": "myst"}
machine_note(rehearsal)

# %% [markdown]
# ```{exercise} By pencil
# :label: ex-speed-limit
#
# *Level 2 of 3, 10 minutes. Against the belief that the time of an analysis cannot be known before it runs.*
#
# Before you read the rehearsal's table again: estimate by pencil how many operations the Gram matrix of one layer takes,
# and how long that is at the speed of the machine.
# ```
#
# ```{hint}
# :class: dropdown
#
# The Gram matrix has one entry for each pair of images, and each entry is a sum over features.
# ```

# %% [markdown]
# ```{solution-start} ex-speed-limit
# :class: dropdown
# ```

# %%
speed = rehearsal["machine"]["flops32"]  # operations a second, in single precision
operations = 2 * 8500**2 * 20_000  # one product and one sum for each pair of images and feature
print(f"{operations:.1e} operations: {operations / speed:.0f} s, and half of it by symmetry")

# %% [markdown]
# The matrix has 8,500 x 8,500 entries, each a sum of 20,000 products, and symmetry saves half of them. `benchmarks/rehearsal.py` writes
# down the same for every phase in the function `work`. Seven layers take seven times as long, and the eigenvectors come on top.
# ```{solution-end}
# ```

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A method is faster. What must be asked first?
# Whether it predicts held-out images as well. Speed that costs accuracy has to be weighed against it.
# ```
#
# ```{dropdown} Why do the published scores come out higher when test responses are standardised by themselves?
# The standardisation uses the mean of the very responses that are to be predicted, which no prediction could have known.
# ```
#
# ```{dropdown} Why can many penalties be tried at little cost?
# One decomposition of the Gram matrix serves all of them. For each penalty only the shrinkage of the directions changes.
# ```
