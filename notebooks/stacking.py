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
# # Stacking: layers that vote
#
# Each layer of a network makes its own prediction of a voxel. {term}`Stacking <stack>` {cite}`wolpert1992,breiman1996` mixes them:
# a weighted mean of the predictions, with weights that are not negative and sum to one, chosen per voxel to predict
# images that the layers' models were not fitted to. {cite:t}`wang2021` read these weights as what a brain area prefers;
# {cite:t}`lin2024` describe the method and what can be concluded from it.
#
# **In short:** the best mixture (star) lies where the error is smallest (dark), often on the border of the triangle: a mixture there leaves a layer out
# altogether, however well that layer predicts alone.
#
# You will see what the weights optimise, how to prove that they are optimal, and why they are not importances.
#
# | name | meaning |
# |---|---|
# | $\varepsilon_k$ | out-of-fold errors of layer $k$ for one voxel, $n$ numbers ([ridge](ridge)) |
# | $P$ | products of errors: $P_{ij} = \mathrm{mean}(\varepsilon_i \varepsilon_j)$ over images |
# | $w$ | stacking weights, $w_k \ge 0$, $\sum_k w_k = 1$ |

# %%
import numpy as np

from lib.analysis.encoding import contiguous_folds, fit_encoding
from lib.analysis.encoding_study import best_layer_score
from lib.analysis.loading import load_participant
from lib.core.scores import bootstrap_mean
from lib.core.tables import Table
from lib.figures.methods import errors_on_simplex, stack_against_best, stacking_explorer, weights_against_overlap
from lib.networks import load_network
from lib.solvers.ridge import decompose, fit_ridge
from lib.solvers.stacking import error_products, kkt_residual, simplex_weights

# %% tags=["parameters"]
seed = 0  # another seed, other layers and voxels
n_images = 400  # training images, and half as many for testing
n_features = 30  # per layer
n_voxels = 150  # simulated voxels
overlap = 0.5  # share of layer C that is made of layers A and B, 0 to 1

# %% [markdown]
# ```{admonition} Simulated data
# :class: warning
#
# The toy layers A, B and C and their voxels are random numbers, made so that the truth is known. The explorer further down uses layers of trained
# networks and voxels simulated from another one. Nobody was scanned.
# ```
#
# ## Three toy layers
#
# Layers of a network hold much of the same information. Here A and B have nothing in common, and C is made of both, to the
# share `overlap`, and of something of its own.


# %%
def toy_layers(overlap: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    A, B, own_1, own_2 = rng.standard_normal((4, n_images + n_images // 2, n_features))
    mixed = np.hstack([np.sqrt(overlap) * AB + np.sqrt(1 - overlap) * own for AB, own in ((A, own_1), (B, own_2))])
    return {"A": A, "B": B, "C": mixed}


# %% [markdown]
# Each voxel adds up readouts of the three, by shares of its own, and as much noise as signal.


# %%
def toy_voxels(layers: dict[str, np.ndarray], shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    parts = [X @ rng.standard_normal((X.shape[1], n_voxels)) for X in layers.values()]
    signal = sum(np.sqrt(s) * part / part.std(axis=0) for s, part in zip(shares.T, parts, strict=True))
    return signal / signal.std(axis=0) + rng.standard_normal(signal.shape)


rng = np.random.default_rng(seed)
layers, shares = toy_layers(overlap, rng), rng.dirichlet([0.5, 0.5, 0.5], n_voxels)
Y = toy_voxels(layers, shares, rng)
print("(n_voxels, n_layers) =", shares.shape, " (n_images, n_voxels) =", Y.shape)

# %% [markdown]
# ## Errors on images the models were not fitted to
#
# Weights learned on fitted values would prefer the layer with the most features, for it fits best. So every training image
# is predicted by models that did not see it; their errors are all that stacking needs to know.


# %%
def products(layers: dict[str, np.ndarray], Y: np.ndarray) -> np.ndarray:
    folds = contiguous_folds(n_images, 5)
    fits = [fit_ridge(decompose(X[:n_images]), Y[:n_images]) for X in layers.values()]
    return error_products([fit.out_of_fold(folds) for fit in fits])


P = products(layers, Y)
print("(n_voxels, n_layers, n_layers) =", P.shape)
print(P[0].round(2))

# %% [markdown]
# The diagonal of $P$ holds the squared errors of each layer alone; off the diagonal stands how much two layers err on the same images.
# The stack mixes the layers' errors as it mixes their predictions, because the weights sum to one. So its mean square is
#
# $$
# \mathrm{mean}\Bigl[\bigl(\textstyle\sum_k w_k \varepsilon_k\bigr)^2\Bigr] = w'Pw ,
# $$ (eq-stack)
#
# to be minimised over $w \ge 0$, $\sum_k w_k = 1$.
#
# ## The simplex
#
# All convex combinations of three layers form a triangle, the {term}`simplex`: a corner is one layer alone, an edge mixes two. **Look for**
# where the error is smallest (dark), and for voxels whose best mixture leaves a layer out.

# %%
w = simplex_weights(P)
n_used = (w > 1e-9).sum(axis=1)
examples = [np.flatnonzero(n_used == k)[0] for k in np.unique(n_used)]
titles = [f"{k} of 3 layers used" for k in np.unique(n_used)]
print(*(f"{title}: {np.sum(n_used == k)} voxels" for title, k in zip(titles, np.unique(n_used), strict=True)), sep="\n")

# %% mystnb={"image": {"alt": "Triangles with corners A, B and C, shaded by the stack's error, with a star at its minimum: on a corner, on an edge, or inside."}, "figure": {"caption": "Error of every convex combination of three layers, for simulated voxels whose best combination uses one, two or three of them. Dark: small error, each triangle on a scale of its own; star: the weights.", "name": "fig-stacking-simplex"}}
errors_on_simplex(P[examples], w[examples], list(layers), titles, simulated=True)

# %% [markdown]
# The error is a bowl, and the triangle cuts it out. Where the bowl's lowest point lies outside, the best combination sits on the
# border, and some layer gets exactly nothing. That is why lines of stacking weights are so spiky.

# %% [markdown]
# Now layers of real networks, for voxels driven by [a network that is not among them](unplanted_brain). **Look for** two
# layers with nearly the same row in $P$, such as Conv-5 and FC-6 (put them on two corners): along the edge between them the error hardly changes, so a
# little noise decides where the star lies.

# %%
networks = [load_network(name) for name in ("alexnet-object", "alexnet-place", "resnet50-object", "taskonomy-edge3d")]
participant = load_participant(world="unplanted", seed=seed, n_images=1000, voxels_per_roi=60)
stacking_explorer(participant, networks)

# %% [markdown]
# ## A certificate
#
# How does one know that a solver found the minimum? At the optimum no layer would lower the error if it got a little more
# weight (Karush, Kuhn and Tucker):
#
# $$
# (Pw)_k \ge w'Pw \quad \text{for every } k,
# $$
#
# with equality where $w_k > 0$. A layer left out errs too much along with the stack. `kkt_residual` is the largest violation, relative to the mean of
# $P$'s diagonal; twice that bounds what is left to gain. The table has the voxels of Figure A, in its order.

# %% mystnb={"markdown_format": "myst"}
print(f"largest violation over {n_voxels} voxels: {kkt_residual(P, w).max():.1e}")
rows = [
    (voxel, layer, w[voxel, k], (P[voxel] @ w[voxel])[k], w[voxel] @ P[voxel] @ w[voxel])
    for voxel in examples
    for k, layer in enumerate(layers)
]
Table(["voxel", "layer", "w", "(Pw)_k", "w'Pw"], rows)

# %% [markdown]
# ## At least as good as the best layer
#
# A corner is a combination too. So on the errors it was learned from, the stack *cannot* be worse than its best layer. On new
# images it can be. Claim W8 of this book says that it is better: "The result from stacking is a readily-interpretable combination of
# individual features that outperforms the performance of the best feature alone" {cite}`wang2021`.

# %%
train, test = slice(n_images), slice(n_images, None)
seen, unseen = ({name: X[part] for name, X in layers.items()} for part in (train, test))
result = fit_encoding(seen, Y[train], unseen, Y[test])
print("gain of the stack, test images:", bootstrap_mean(result.stacked_score - best_layer_score(result)))

# %% [markdown]
# **Look for** points below the line in either panel.

# %% mystnb={"image": {"alt": "R of the stack against R of the best layer: out of fold no point lies below the identity line, on test images some do."}, "figure": {"caption": "The stack against the best single layer of each simulated voxel: out of fold, and on test images, where the rival is the layer that was best out of fold.", "name": "fig-stacking-gain"}}
stack_against_best(result, simulated=True)

# %% [markdown]
# Out of fold no voxel lies below the line; that is arithmetic. On test images some do, and the mean gain (printed above with its 95 %
# interval) is what the claim is about.
#
# ## Weights are not importances
#
# ```{admonition} Misconception: the weight of a layer says how much it drives the voxel
# :class: tip
# A weight says how useful a layer's prediction is *beside the others in the stack*. A layer that drives nothing gets
# weight if it holds what others hold apart; a layer that drives much gets none if another says it better.
# ```
#
# To see it, let only A and B drive the voxels, half and half. C drives **nothing**. But let C take in more and more of A and B.

# %%
overlaps, half, found = np.linspace(0, 1, 9), np.tile([0.5, 0.5, 0], (n_voxels, 1)), []
for share in overlaps:
    layers_now = toy_layers(share, rng := np.random.default_rng(seed))
    found.append(products(layers_now, toy_voxels(layers_now, half, rng)))
weights = np.array([simplex_weights(P_now).mean(axis=0) for P_now in found])
alone = 1 - np.einsum("svkk->sk", found) / n_voxels / 2  # the responses' variance is 2: signal 1, noise 1

# %% [markdown]
# **Look for** the overlap at which the layer that drives nothing gets the largest weight.

# %% mystnb={"image": {"alt": "First: with growing overlap the weight of C rises from near zero to nearly one while those of A and B fall. Second: R2 of A and B alone stays, that of C rises above them."}, "figure": {"caption": "Simulated voxels driven half by A and half by B. As C, which drives nothing, is made of more of A and B, it takes over the weights.", "name": "fig-stacking-overlap"}}
drives = ["A (drives half)", "B (drives half)", "C (drives nothing)"]
weights_against_overlap(overlaps, weights, alone, drives, simulated=True)

# %% [markdown]
# Well before C holds all of A and B it has the largest weight, and it ends with nearly all of it. It is a good *predictor*, and no *cause*: it holds in one place what drives the voxel from
# two. An early layer of a network can be such a C for later ones. Hence the world *flat* of
# [Figure 1](fig1_alexnet), where every layer drives every area alike and the weights prefer one of them all the same.
#
# ## The same layer twice
#
# Put a copy of A into the stack. The minimum of {eq}`eq-stack` is then not unique: any split of A's weight is as good.
# `simplex_weights` splits it evenly, so that the order of layers does not matter. The table shows the first voxel.

# %% mystnb={"markdown_format": "myst"}
copy = [0, 0, 1, 2]  # A, A again, B, C
w_copy = simplex_weights(P[:, copy][:, :, copy])
same = np.allclose(w_copy[:, 0] + w_copy[:, 1], w[:, 0]) and np.allclose(w_copy[:, 2:], w[:, 1:])
print("same mixture for every voxel:", same)
Table(["", "A", "A again", "B", "C"], [("before", w[0, 0], "", *w[0, 1:]), ("after", *w_copy[0])])

# %% [markdown]
# The prediction is the same, and the weight of A has halved. A plot of weights over layers therefore depends on
# how finely a network was cut into layers.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} Layer A has the largest weight. Does it drive the voxel?
# Not necessarily. The weight says how useful the layer's prediction is beside the others in the stack. A layer that drives nothing
# can have nearly all of the weight if it holds what several others hold.
# ```
#
# ```{dropdown} Can the stack predict worse than its best layer?
# Not on the errors it was learned from: choosing that layer alone is one of its mixtures. On new images it can, since the weights
# were fitted to other images.
# ```
#
# ```{dropdown} A layer is put into the stack twice. What happens to the weights and to the prediction?
# The two copies share the weight of the one, and the prediction stays the same. So a profile of weights also depends on how finely
# a network is cut into layers.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} Two layers by hand
# :label: stacking-two
#
# *Level 2 of 3, 15 minutes. Against the belief that stacking weights need an optimiser.*
#
# For two layers, find the weight of the first that minimises $w'Pw$, and compare with `simplex_weights` for layers A and B.
# ```
#
# ```{hint}
# :class: dropdown
#
# With two layers there is one free number t. The error is a parabola in t.
# ```

# %% [markdown]
# ```{solution-start} stacking-two
# :class: dropdown
# ```
# Put $w = (t, 1 - t)$ and set the derivative to zero: $t = (P_{22} - P_{12}) / (P_{11} + P_{22} - 2 P_{12})$. If that lies outside
# $0 \ldots 1$, the nearer end is the minimum, as the error is a parabola in $t$.

# %%
P_two = P[:, :2, :2]
t = (P_two[:, 1, 1] - P_two[:, 0, 1]) / (P_two[:, 0, 0] + P_two[:, 1, 1] - 2 * P_two[:, 0, 1])
print(f"largest difference: {np.abs(np.clip(t, 0, 1) - simplex_weights(P_two)[:, 0]).max():.1e}")

# %% [markdown]
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Equally good
# :label: stacking-equal
#
# *Level 1 of 3, 10 minutes. Against the belief that layers that predict equally well get equal weights.*
#
# Two layers predict a voxel equally well. Which weights do they get? Does it matter how alike their errors are? Then add a
# third, equally good, whose errors have less in common with theirs.
# ```
#
# ```{hint}
# :class: dropdown
#
# Put ones on the diagonal of P and the agreement of errors beside it, and vary that agreement.
# ```

# %% [markdown]
# ```{solution-start} stacking-equal
# :class: dropdown
# ```

# %%
for alike in (0.3, 0.6, 0.9):
    two = np.array([[[1, alike], [alike, 1]]])
    three = np.array([[[1, alike, 0.3], [alike, 1, 0.3], [0.3, 0.3, 1]]])
    print(f"errors alike {alike}:", simplex_weights(two)[0].round(2), simplex_weights(three)[0].round(2))

# %% [markdown]
# Two equals share evenly, however alike. Of three equals, the more two of them err together, the more they count as one. The third then gets the
# larger weight, and is not more important for that.
# ```{solution-end}
# ```
