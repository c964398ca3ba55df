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
# # The ledger of claims
#
# A paper makes its case in sentences. Here each sentence is an object: the words, where they stand, the statistic they
# come down to, and the rule that decides between *holds*, *does not hold* and *cannot be tested here*. The same rule is
# applied to every participant. This page applies the rules to simulated participants, of whom the truth is known:
# a rule worth having says *holds* where the claim was planted, and does not where it was not.

# %%
from lib import figures
from lib.claims import CLAIMS, evaluate, study
from lib.participants import load_participant
from lib.participants.worlds import WORLDS

# %% tags=["parameters"]
dataset = "simulated"  # "simulated" or "nsd"; measured data make one column
subject = 1  # number of the participant
data_root = None  # folder of the measured data
weights = "miniature"  # "miniature" or "published"
seed = 0  # of the simulation
n_images = 1000  # seen by a simulated participant; fewer than in Figure 1, to be quick
voxels_per_roi = 100  # of a simulated participant

# %% [markdown]
# ## The sentences
#
# So far the ledger holds the claims of {cite:t}`wang2021` about AlexNet.

# %% mystnb={"markdown_format": "myst"}
figures.claim_cards(CLAIMS.values())

# %% [markdown]
# ## Claims and worlds
#
# **Look for** a column of *holds* where the claims were planted, and for none anywhere else.

# %%
simulated = dataset == "simulated"
columns = list(WORLDS) if simulated else [dataset]
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi} if simulated else {}

# %%
found = {}
for column in columns:
    participant = load_participant(dataset, subject, data_root, world=column, seed=seed, **size)
    found[column] = evaluate(study(participant, weights))

# %% mystnb={"image": {"alt": "A grid with one row per claim and one column per world; each cell says holds, does not hold or cannot be tested here, and gives the effect."}, "figure": {"caption": "What becomes of each claim in each world. The number is the effect in the weakest ROI with its 95 % bootstrap interval over voxels: a margin of R for W1, of stacking weight for W2.", "name": "fig-ledger"}}
figures.ledger(found, simulated)

# %% [markdown]
# In *flat*, every layer drives every ROI alike, and still some layer is the best in each ROI. A rule that asked only
# "which layer is best?" would find a claim to confirm. These rules ask whether the layers that are named stand above the
# others in the ROIs that are named, and in *flat* the same early layers stand out everywhere: W1 fails in the place and face
# areas, W2 because the weights peak at Conv-1.
#
# In *noise* nothing is predicted, and a preferred layer means nothing. The rules therefore also ask that the stack's mean R
# lies above zero.

# %% [markdown]
# ## How sure are these verdicts?
#
# The intervals resample the voxels of one participant, and neighbouring voxels look at the same images. They say what
# other voxels of the same brain would give, not what another brain would. For that, one looks at more participants: change
# `subject` or `seed` and count. The tests of this book do so for several seeds of each world.
#
# ```{exercise}
# :label: ex-ledger-argmax
# Write the rule that W1 should *not* be: "in V1-V3 the layer with the highest mean R is Conv-2 or Conv-3". In which of the
# three worlds does it hold?
# ```
#
# ````{solution} ex-ledger-argmax
# :class: dropdown
# In *as-published*, and in *flat* as well, where Conv-2 lies a little ahead in every ROI. In *noise* it is a matter of
# chance. So the bare best layer cannot tell a brain in which the claim is true from one in which it is not.
# ````
