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
# # Ridge regression for many voxels
#
# An {term}`encoding <encoding>` model says what a voxel would answer to an image it has not been shown {cite}`naselaris2011`. Ours is
# linear: describe every image by the activations of one layer of a network, and let the voxel be a weighted sum of them. If
# that predicts new images, information the layer holds is present in the voxel. Nothing more follows.
#
# **In short:** a *direction* is a weighted sum of units, one number per image. Ridge regression {cite}`hoerl1970` keeps the directions along which
# images differ most and shrinks the others (first panel): they would need large weights, and large weights cost. A voxel with little
# noise varies mostly along the leading ones, a noisy one along all alike (second), so the noisy one needs a larger penalty.
#
# A layer has thousands of units, a participant saw hundreds or thousands of images, and there are thousands of voxels, each
# with a penalty of its own.
#
# | name | meaning |
# |---|---|
# | $n, p, v$ | numbers of images, features and voxels |
# | $X$ | features of the training images, the activations of the layer's units, $n \times p$, centred, divided by one number |
# | $y$ | responses of one voxel to the training images, $n$ numbers, centred |
# | $\alpha$ | penalty of the voxel, $> 0$ |
# | $U, e$ | eigenvectors and eigenvalues of the Gram matrix: $XX' = U \,\mathrm{diag}(e)\, U'$ |
# | $Z$ | the voxel along the eigenvectors, $U'y$ |
# | $H$ | hat matrix, from responses to fitted values: $\hat y = Hy$ |
# | $R$ | signed root of the variance explained ([scores](noise_ceiling)) |

# %%
import numpy as np
import torch
from sklearn.linear_model import Ridge

from lib.analysis.encoding import contiguous_folds, fit_encoding
from lib.core import scores
from lib.figures.methods import penalty_curves, rare_units, shrinkage_curves
from lib.solvers import ridge

# %% tags=["parameters"]
seed = 0  # another seed, other features, voxels and noise
n_images = 200  # training images, and as many for testing
n_features = 600  # more than images, as in most layers
n_voxels = 60  # simulated voxels, from noisy to clear

# %% [markdown]
# ```{admonition} Simulated data
# :class: warning
#
# Layer and voxels of this page are random numbers, made so that the truth is known. Nobody was scanned.
# ```
#
# ## A toy layer, toy voxels
#
# The units of a real layer are correlated, so that a few directions carry most of the variance. Those of the toy layer are
# independent, and the $k$-th has variance $1/k.$ Each voxel is a random weighted sum of them plus noise; the
# first voxel has the most noise, the last the least.

# %%
rng = np.random.default_rng(seed)
layer = rng.standard_normal((2 * n_images, n_features)) / np.sqrt(np.arange(1, n_features + 1))
signal = layer @ rng.standard_normal((n_features, n_voxels))
noise = rng.standard_normal(signal.shape) * np.linspace(3, 0.3, n_voxels)
responses = signal / signal.std(axis=0) + noise
(X, X_test), (Y, Y_test) = np.split(layer, 2), np.split(responses, 2)
print("(n_images, n_features) =", X.shape, " (n_images, n_voxels) =", Y.shape)

# %% [markdown]
# ## What ridge does
#
# Ridge regression minimises the squared error plus $\alpha$ times the squared weights. Seen along the eigenvectors of the
# {term}`Gram matrix` it shrinks each direction by its own factor:
#
# $$
# \hat y = U \,\mathrm{diag}\!\left(\frac{e}{e + \alpha}\right) Z = Hy
# $$ (eq-ridge)
#
# Directions with $e \gg \alpha$, along which images differ a lot, pass; the others are shrunk,
# on the bet that the voxel shows mostly noise there.
# One decomposition serves all voxels and all penalties.

# %%
design = ridge.decompose(X)
fit = ridge.fit_ridge(design, Y)
print(f"solver {design.solver}, (n_images, rank) =", tuple(design.U.shape))
print("penalties chosen:", *(f"{alpha:g} (voxels: {(fit.alphas == alpha).sum()})" for alpha in fit.alphas.unique()))

# %% [markdown]
# **Look for** how far the factor falls, and how much of each voxel lies in the directions that it shrinks.

# %% mystnb={"image": {"alt": "First: the shrinkage factor over principal directions, for four penalties, falling earlier for larger ones. Second: cumulative share of variance of a clear and a noisy voxel."}, "figure": {"caption": "First panel: the factor e / (e + alpha) for four penalties. Second: the share of a clear and of a noisy simulated voxel's variance in the leading directions of the layer, summed up.", "name": "fig-ridge-shrinkage"}}
shrinkage_curves(design.e.numpy(), fit.Z[:, [-1, 0]].numpy(), [1e0, 1e2, 1e3, 1e4], simulated=True)

# %% [markdown]
# The clear voxel follows the layer, whose variance lies in the leading directions. Noise is as large in one direction as in
# another, so the sum of the noisy voxel is nearly a straight line. A penalty that shrinks the tail rids the noisy voxel of much noise and the clear one
# of signal (Figure B).
#
# ```{admonition} Misconception: with more features than images, regression must fail
# :class: tip
# Without a penalty it does: any responses are fitted perfectly, noise included. With one it need not. Ridge shrinks most
# directions towards zero, so that far fewer than there are images are in effect fitted: the penalty decides how many count.
# ```

# %%
coordinates = ridge.project(design, X_test)
train_coordinates = ridge.project(design, X)
for name, alphas in {"1e-6": np.array([1e-6]), "chosen": ridge.ALPHAS}.items():
    model = ridge.fit_ridge(design, Y, alphas)
    R2 = [scores.r2(y, model.predict(c).numpy()) for y, c in ((Y, train_coordinates), (Y_test, coordinates))]
    print(f"penalty {name}: median R2 of training images {np.median(R2[0]):.2f}, test images {np.median(R2[1]):.2f}")

# %% [markdown]
# ## Only the Gram matrix matters
#
# Equation {eq}`eq-ridge` knows the features by $U$ and $e$ alone, and these come from $XX'$. So any features with the same
# Gram matrix, $\tilde X \tilde X' = XX'$, give the same answer. Rotate all units into one another, so that none means what
# it meant:

# %%
rotation = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
rotated = ridge.fit_ridge(ridge.decompose(X @ rotation), Y)
difference = fit.predict(coordinates) - rotated.predict(ridge.project(rotated.design, X_test @ rotation))
print(f"largest difference between predictions: {difference.abs().max():.1e}")

# %% [markdown]
# The predictions are the same. Hence the *dual*: with more features than images, decompose the $n \times n$ Gram matrix and never
# form the $p \times v$ weights. Hence also a warning: such models compare what layers *hold* up to rotation, not what
# single units stand for.
#
# ## One penalty per voxel
#
# A clear voxel deserves a small penalty, a noisy one a large one. {term}`Generalised cross-validation <generalised cross-validation>` {cite}`golub1979` scores a
# penalty by the squared residuals over the squared degrees of freedom that are left,
#
# $$
# \mathrm{GCV}(\alpha) = \frac{\lVert y - Hy \rVert^2}{(n - 1 - \mathrm{trace}\, H)^2},
# $$
#
# an estimate of the error on new images that needs no new images. Along the eigenvectors, with $p \ge n$, it is two lines:


# %%
def gcv(e: np.ndarray, Z: np.ndarray, alphas: np.ndarray = ridge.ALPHAS[:, None]) -> np.ndarray:
    left = alphas / (e + alphas)  # (n_alphas, rank), what the penalty removes
    return left**2 @ Z**2 / left.sum(axis=1, keepdims=True) ** 2


e, Z = design.e.numpy(), fit.Z.numpy()
print("same choice as lib.solvers.ridge:", np.array_equal(ridge.ALPHAS[gcv(e, Z).argmin(axis=0)], fit.alphas.numpy()))

# %% [markdown]
# Here we do have new images: score every penalty on them.

# %%
voxels, names = [0, n_voxels // 2, n_voxels - 1], ["noisy voxel", "middling voxel", "clear voxel"]
fits = [ridge.fit_ridge(design, Y, np.array([alpha])) for alpha in ridge.ALPHAS]
errors = np.array([np.mean((Y_test - one.predict(coordinates).numpy()) ** 2, axis=0) for one in fits])
print("(n_alphas, n_voxels) =", errors.shape)

# %% [markdown]
# **Look for** whether the two curves have their minimum at the same penalty, and where it moves from the noisy voxel to the
# clear one.

# %% mystnb={"image": {"alt": "Three panels, a noisy, a middling and a clear voxel: generalised cross-validation and held-out error over penalties, with nearly the same minima."}, "figure": {"caption": "Generalised cross-validation on training images, and squared error on as many held-out images, over penalties. Each curve is relative to its value at the largest penalty, where the prediction is the mean; circle and square mark its minimum.", "name": "fig-ridge-gcv"}}
curves = {"GCV": gcv(e, Z)[:, voxels], "held-out error": errors[:, voxels]}
penalty_curves(ridge.ALPHAS, curves, names, simulated=True)

# %% [markdown]
# Both minima of a voxel agree within a power of ten. Those of the clear voxel lie furthest left. For the other two the best penalty
# hardly beats the mean on held-out images.
#
# ## A trap: the direction that centring removes
#
# Centred features sum to zero over images, so the Gram matrix has rank $n - 1$ at most: one eigenvalue is zero, up to
# rounding, and so is every voxel along its eigenvector. `decompose` drops it. Suppose we had kept it, and
# with it $n$ in place of $n - 1$:

# %%
e_all, Z_all = np.append(1e-12, e), np.vstack([np.zeros(n_voxels), Z])
trapped = ridge.ALPHAS[gcv(e_all, Z_all).argmin(axis=0)]
print(f"penalties chosen for all {n_voxels} voxels:", np.unique(trapped))
spoilt = ridge.fit_ridge(design, Y, trapped[:1])
print(f"R2 of the noisy voxel: {scores.r2(Y_test, spoilt.predict(coordinates).numpy())[0]:.2f}")

# %% mystnb={"image": {"alt": "The same three voxels: with the null direction kept, the criterion falls to zero at the smallest penalty, far from the minimum of the held-out error."}, "figure": {"caption": "Generalised cross-validation and held-out squared error over penalties, for a noisy, a middling and a clear voxel, with the null direction left in: the criterion falls towards zero at the smallest penalty, whatever the voxel. Circle and square mark the minima.", "name": "fig-ridge-trap"}}
curves = {"GCV, trapped": gcv(e_all, Z_all)[:, voxels], "held-out error": errors[:, voxels]}
penalty_curves(ridge.ALPHAS, curves, names, simulated=True)

# %% [markdown]
# One direction among all sends every voxel to the smallest penalty. As the penalty vanishes, the residual goes to zero, but the
# degrees of freedom that are left only to one. The noisy voxel is then predicted much worse than by its mean.
#
# ## Predictions for left-out images, without refitting
#
# [Stacking](stacking) needs to know how well each training image is predicted by a model that never saw it. For a fold $F$ of
# images, the errors of that model follow from the fit to *all* images,
#
# $$
# \varepsilon_F = (I - H_{FF})^{-1} (y - Hy)_F ,
# $$ (eq-fold)
#
# where $H$ now includes the intercept. This is an identity, not an approximation. Compare with scikit-learn, refitted on
# each fold's complement, for three voxels:

# %%
some, refitted = [0, n_voxels // 2, n_voxels - 1], np.empty((n_images, 3))
for fold in (folds := contiguous_folds(n_images, 5)):
    others = np.delete(np.arange(n_images), fold)
    model = Ridge(alpha=fit.alphas.numpy()[some]).fit(X[others] / design.scale, Y[others][:, some])
    refitted[fold] = Y[fold][:, some] - model.predict(X[fold] / design.scale)
print(f"largest difference: {np.abs(fit.out_of_fold(folds).numpy()[:, some] - refitted).max():.1e}")

# %% [markdown]
# ## One scale per layer
#
# Should each unit be brought to unit variance first? After a ReLU, some units are silent for nearly every image. Make such
# units, scale them both ways, and **look for** the largest values on test images.

# %%
rare = np.maximum(rng.standard_normal((2 * n_images, n_features)) - rng.uniform(1, 3, n_features), 0)
train, test = np.split(rare, 2)
train, test = train[:, train.any(axis=0)], test[:, train.any(axis=0)]
scaling = {"one scale per unit": train.std(axis=0), "one scale per layer": np.sqrt(train.var(axis=0).mean())}
largest = {name: ((test - train.mean(axis=0)) / scale).max(axis=0) for name, scale in scaling.items()}

# %% mystnb={"image": {"alt": "Largest test activation of each unit against how often it is active: with one scale per unit, rarely active units reach very large values; with one per layer they do not."}, "figure": {"caption": "Units that most images leave silent, by the share of training images that drive them: the largest value on test images, after scaling each unit by its own standard deviation, or all by one number. Units that no test image drives are not shown.", "name": "fig-ridge-scale"}}
rare_units((train > 0).mean(axis=0), largest, simulated=True)

# %% [markdown]
# A unit that one training image drove faintly has a tiny standard deviation; divided by it, the next image that drives the unit
# becomes an outlier in the prediction. One number per layer keeps rare units as small as the network made them.
#
# ## Two protocols
#
# The package of {cite:t}`wang2021`, paper W of this book, made other choices. They are kept as `protocol="reference"` and tested against that
# package; ours is the default, `protocol="fast"`.
#
# | | `fast` | `reference` |
# |---|---|---|
# | scale of features | one per layer, from training images | one per unit; test images by their own statistics |
# | responses | by training mean and standard deviation | test responses by their own |
# | intercept | yes | no, all parts are z-scored |
# | penalty per voxel | GCV on all training images | inner five-fold, smallest summed $1 - R^2$ |
# | penalty within a fold | the same for all folds, so chosen with the left-out images too | chosen anew without the fold |
# | left-out predictions | identity {eq}`eq-fold` | refitted, parts z-scored again |
# | decompositions per layer | one | thirty-six |
#
# Test images never influence `fast` in any way. Do the two agree?

# %%
for protocol in ("fast", "reference"):
    result = fit_encoding({"toy": X}, Y, {"toy": X_test}, Y_test, protocol=protocol)
    print(f"{protocol}: median R {np.median(result.score):.3f}, clearest voxel {result.score[0, -1]:.3f}")

# %% [markdown]
# Here they do not: with one scale per unit, the many quiet units of the toy layer drown the few loud ones, and the
# loud ones are what its voxels listen to. That was planted. Which scale suits a real layer is a question about the layer, and
# the protocol a choice to report.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A layer has more features than there are images. Must the regression overfit?
# No. Without a penalty it fits any responses perfectly, noise included. The penalty shrinks the directions along which images
# hardly differ, so that few directions count.
# ```
#
# ```{dropdown} Two layers have the same Gram matrix. Can ridge regression tell them apart?
# No. Its predictions depend on the features through their Gram matrix alone. An encoding model says what a layer holds up to
# rotation, not what single units stand for.
# ```
#
# ```{dropdown} Should every voxel get the same penalty?
# No. A noisy voxel needs a larger penalty than a clear one. Generalised cross-validation chooses one for each voxel.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} A louder layer
# :label: ridge-louder
#
# *Level 1 of 3, 10 minutes. Against the belief that features must be standardised one by one before ridge regression.*
#
# Multiply all features by 100. Predict what happens to the penalties and to the predictions, then try.
# ```
#
# ```{hint}
# :class: dropdown
#
# Before the fit the layer is divided by one number. What is left of a factor that all features share?
# ```

# %% [markdown]
# ```{solution-start} ridge-louder
# :class: dropdown
# ```

# %%
louder = ridge.fit_ridge(ridge.decompose(100 * X), Y)
difference = louder.predict(ridge.project(louder.design, 100 * X_test)) - fit.predict(coordinates)
print("same penalties:", torch.equal(louder.alphas, fit.alphas), f"- largest difference {difference.abs().max():.1e}")

# %% [markdown]
# Nothing happens: the layer is divided by one number first. Multiply only half of the units, and the answer changes. A scale
# is a statement about which units matter.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Every unit twice
# :label: ridge-twice
#
# *Level 2 of 3, 10 minutes. Against the belief that more features always mean more information.*
#
# Give ridge every unit twice. What becomes of the Gram matrix, and which penalties give the old predictions?
# ```
#
# ```{hint}
# :class: dropdown
#
# Write out the Gram matrix of the features placed side by side with themselves: $[X, X][X, X]' = 2XX'$.
# ```

# %% [markdown]
# ```{solution-start} ridge-twice
# :class: dropdown
# ```

# %%
twice = ridge.fit_ridge(ridge.decompose(np.hstack([X, X])), Y, 2 * ridge.ALPHAS)
difference = twice.predict(ridge.project(twice.design, np.hstack([X_test, X_test]))) - fit.predict(coordinates)
print(f"eigenvalues: {float(twice.design.e[-1] / design.e[-1]):.3f} times as large")
print(f"largest difference with twice the penalties: {difference.abs().max():.1e}")

# %% [markdown]
# The Gram matrix doubles, so twice the penalty does what the old one did. Repeating features adds no information. It
# only weakens the penalty.
# ```{solution-end}
# ```
