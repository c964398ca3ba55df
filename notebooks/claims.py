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
# come down to, and the rule that decides between *holds*, *contradicted*, *undecided* and *cannot be asked here*. The same rule is
# applied to every participant. Of a simulated one the truth is known: a rule worth having says *holds* where the claim was
# planted, and does not where it was not.
#
# Where the claims were planted (the first column), most are found, W1 and W3 by luck: [other studies](claims-rates) of as few images seldom find
# them. Where the opposite was planted (the second) the same rules contradict all but W7 and W8, whose opposite was not.

# %%
from lib.claims import CLAIMS
from lib.claims.evidence import EVIDENCE
from lib.claims.rates import JUDGING_SEEDS, counted_studies, ledger
from lib.claims.studies import EVERY_WORLD
from lib.figures.judging import rate_table
from lib.figures.ledger import (
    claim_cards,
    evidence_figure,
    evidence_table,
    ledger_figure,
    ledger_table,
    photograph_verdicts,
)

# %% tags=["parameters"]
dataset = "simulated"  # "nsd" and "god" add a column of measured data: "simulated", "nsd" or "god"
subject = 1  # number of the measured participant
data_root = None  # folder of the measured data
sweep = None  # folder of a sweep, gathered by `python -m lib collect`: its participants get a column
weights = "miniature"  # of the networks: "miniature", "untrained" or "published"
seed = 0  # of the first simulated study in each world
n_seeds = 1  # simulated studies per world
n_images = None  # seen by a simulated participant; by default as many as a page has time for
voxels_per_roi = None  # of a simulated participant; the same

# %% [markdown]
# ```{admonition} Simulated data
# :class: warning
#
# Every column but those under *measured* is simulated, its truth known. Nobody was scanned.
# ```
#
# ## Claims and worlds
#
# W1 to W8 are claims of {cite:t}`wang2021` about encoding, Y1 to Y3 of {cite:t}`yu2018` about decoding. **Look for** a column of check marks where the claims were planted, and for none in *noise*, nor of W1 to W6
# in *reversed*.

# %%
size = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
measured = {"dataset": dataset, "subject": subject, "data_root": data_root}
found = ledger(EVERY_WORLD, range(seed, seed + n_seeds), weights, sweep=sweep, **measured, **size)

# %% tags=["thumbnail"] mystnb={"image": {"alt": "A grid of claims by worlds, each cell coloured and marked by its verdict: marks for holds fill most of the column of the world in which the claims were planted, crosses the column of its opposite."}, "figure": {"caption": "What became of each claim (rows) in each world (columns). Blue: the claim holds. Orange: it is contradicted. Yellow: the data leave it undecided. Grey: the participants of this world, or the networks that were analysed, cannot be asked.", "name": "fig-ledger"}}
ledger_figure(found)

# %% [markdown]
# In the table, cells lead to pages that compute them for one participant. On a wide screen the effect in the part that decides stands
# below the verdict, for R with its share of the largest R that the noise ceiling allows. With `-p n_seeds 5` a cell counts five studies.

# %%
ledger_table(found, photograph_verdicts())

# %% [markdown]
# [How a claim is judged](judging) takes one apart.
#
# ## What the worlds teach
#
# * In ***as-published*** every claim was planted.
# * In ***reversed*** the opposite was planted, in voxels that are predicted equally well. W7 may hold: nothing was planted that makes edge networks
#   better. W8 should hold: a stack beats its best layer in any brain to which more than one layer contributes.
# * In ***flat*** every layer drives every area alike, and still some layer is the best in each. A rule that asked only "which
#   layer is best?" would find a claim to confirm. These rules ask whether the named layers stand above the others in the named areas. The profile of *flat* is the analysis' own preference, the same in all areas, so claims about an order of
#   areas do not hold there. What W7 and W8 say there follows from the networks.
# * In ***noise*** nothing is predicted, and a preferred layer means nothing. So the rules also ask that the mean R of the stack,
#   or the mean correlation of AlexNet's units, lies above zero, and that an area has at least ten voxels that a model could explain.
# * In ***unplanted*** a network that nobody analyses drives the brain ([what follows](unplanted_brain)).
# * ***resnet-brain*** is a world of paper Y's participants, driven by the very network that is claimed to be the
#   worse model. [What a verdict is made of](decoding_confounds) takes these verdicts apart.
#
# (claims-rates)=
# ## How sure are these verdicts?
#
# The intervals allow for other test images, other blocks of cortex and, where there are several, other people ([how](judging)). Of one person they say what
# this brain would give again, not what another would. How often a rule errs is counted over many simulated brains:
#
#     python -m lib claims --world as-published --seeds 20 --first-seed 200
#     python -m lib claims --world noise --seeds 20 --first-seed 200
#
# Such counts take long, so `make verdicts` keeps them; those of paper Y stand [on another page](decoding_confounds). A cell says in how
# many seeds a claim held (✓), was contradicted (✗), stayed undecided (?) or could not be asked (–):

# %% mystnb={"markdown_format": "myst"}
counted = counted_studies("encoding", JUDGING_SEEDS)
print("seeds:", *sorted({one.seed for one in counted}))
rate_table(counted)

# %% [markdown]
# A claim that is *undecided* in *as-published* was planted and not found: it would take more images, voxels or people ([how many images](judging)). One
# *contradicted* there shows where planting or rule falls short.
#
# ## The sentences

# %% mystnb={"markdown_format": "myst"}
claim_cards(CLAIMS.values())

# %% [markdown]
# ## What is measured in this book
#
# The table below the ledger holds sentences of our own, M1 to M6, about 92 photographs and the data that anybody can fetch. They were written after
# a first look at these data, so they describe them and confirm nothing. [Measured brains](images92) decides them anew, by the same rule,
# with all networks; here stands what it found with four of them (EfficientNet-Lite0, SqueezeNet, MobileNetV2, HED). Where the data could
# not be fetched, it says *simulated stand-in*, and no verdict is shown. In the ledger's last column, *a part: M2* says that a sentence of
# ours asks a part of a paper's claim; [which part](images92) is said there.
#
# ## What others measured
#
# Numbers published independently, beside the claims they bear on. They were neither computed here nor used to tune anything.
# **Look for** where edge networks stand among the others (panels c, d and e), and for AlexNet beside ResNet50 (a, c and f).

# %% mystnb={"image": {"alt": "Panels of dots: scores that others published, a row for each network, area or layer."}, "figure": {"caption": "Scores that others measured and published, a panel for each source and the claims it bears on. A row is a network, an area or a layer; colours and marks are what was measured. Panels have scales of their own.", "name": "fig-evidence"}}
evidence_figure(EVIDENCE)

# %% mystnb={"markdown_format": "myst"}
evidence_table(EVIDENCE)

# %% [markdown]
# Networks trained on objects explain more of a scanned brain than edge networks do (W7) in panels d and e; in panel c Taskonomy's network for 3D edges is
# level with its network for objects. Where scores of encoding are compared (c, f), ResNet50 is not the worse model. Of AlexNet's layers, fc8 is decoded
# best in people (g), as Y2 says. Panel a bears on Y1 only from afar: the brain hierarchy score asks whether the order of a network's layers follows the order of areas, not how well
# units are decoded, and ResNet-50-v2 is another network. Brain-Score (b) bears on W1 only in part: each area is scored with one layer.

# %% [markdown]
# ## Three questions
#
# ```{dropdown} A claim is *undecided*. Is it false?
# No. The data do not say. More images, voxels or people might decide it.
# ```
#
# ```{dropdown} A claim *holds* in a simulated participant. Does it hold in brains?
# That does not follow. It says that the rule finds what was planted, with so many images. Only measured data speak about brains.
# ```
#
# ```{dropdown} Why does a claim about all areas hold so rarely?
# It must come out right in each of them, so it is as strong as its weakest area. A rule on the mean could hold because of a few
# areas.
# ```

# %% [markdown]
# ## Exercises

# %% [markdown]
# ```{exercise} The rule that W1 should not be
# :label: ex-ledger-argmax
#
# *Level 2 of 3, 15 minutes. Against the belief that the layer with the highest mean is a finding.*
#
# "In V1-V3 the layer with the highest mean R is Conv-2 or Conv-3." In which of the worlds do you expect this rule to hold? Write it, and
# look.
# ```
#
# ```{hint}
# :class: dropdown
#
# An argmax always names some layer, in noise as well. Print the best layer of each area in each world, and ask what a
# die would have named.
# ```

# %% [markdown]
# ```{solution-start} ex-ledger-argmax
# :class: dropdown
# ```

# %%
from lib.analysis.encoding_study import encoding_studies
from lib.simulation.nsd_like import simulate_worlds
from lib.simulation.worlds import WORLDS

people = simulate_worlds(WORLDS, seed=seed, n_images=n_images or 500, voxels_per_roi=voxels_per_roi or 100)
for world, study in encoding_studies(people, ["alexnet-object"], weights, n_best=33).items():
    result, areas = study.encoding["alexnet-object"], ("V1", "V2", "V3")
    means = [result.score[:, study.best("alexnet-object", roi)].mean(axis=1) for roi in areas]
    print(f"{world:13}", *(result.layers[mean.argmax()] for mean in means))

# %% [markdown]
# Some layer is named everywhere. With so few images the rule may fail in *as-published*, where it is true; in *flat* a layer is named too, though none is
# preferred; in *noise* a die decides. The rule does not say by how much the best layer leads, how sure that is, or whether anything is
# predicted at all. With other images or voxels it may hold in *flat* or *noise*, where it should not.
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The price of many areas
# :label: ex-ledger-weakest
#
# *Level 1 of 3, 10 minutes. Against the belief that a claim about ten areas is as easy to pass as a claim about one.*
#
# W6 must hold for two networks in ten areas. Suppose each of these twenty cases, alone, came out right nineteen times in twenty, and
# independently. How often would the claim hold where it is true? What would be wrong with asking for the *mean* over areas instead?
# ```
#
# ```{hint}
# :class: dropdown
#
# Twenty independent events that each come out right with probability .95: multiply.
# ```

# %% [markdown]
# ```{solution-start} ex-ledger-weakest
# :class: dropdown
# ```

# %%
print(f"holds in {0.95**20:.0%} of true brains")

# %% [markdown]
# A rule that asks for all areas misses true claims if the data are weak, and seldom lets a false one pass. A rule on the mean would
# hold when a few areas shout. The papers say "all ROIs", so all are asked; and the simulated brains must be measured well enough.
# ```{solution-end}
# ```
