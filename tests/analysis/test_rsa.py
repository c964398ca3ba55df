"""RSA against scipy and rsatoolbox; the check values of the measured data."""

import numpy as np
import pytest
from rsatoolbox.data import Dataset
from rsatoolbox.inference import boot_noise_ceiling
from rsatoolbox.rdm import RDMs, calc_rdm
from rsatoolbox.rdm import compare as toolbox_compare
from scipy.stats import rankdata, spearmanr

from lib.analysis import rsa
from lib.analysis.images92 import load_images92


def random_rdms(n: int, n_images: int, seed: int = 0) -> np.ndarray:
    upper = np.triu(np.random.default_rng(seed).uniform(0, 2, (n, n_images, n_images)), 1)
    return upper + upper.swapaxes(1, 2)


def related_rdms(n_people: int, n_images: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Some truth, and people who see it through noise: (1 + n_people, n_images, n_images)."""
    truth = rsa.rdm(rng.normal(size=(n_images, 20)))
    upper = np.triu(rng.normal(0, noise, (n_people, n_images, n_images)), 1)
    return np.concatenate([truth[None], truth + upper + upper.swapaxes(1, 2)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(7, 3), (7, 2000), (2, 5)])
def test_rdm_is_rsatoolboxs(shape: tuple[int, int], dtype: type) -> None:
    features = (100 * np.random.default_rng(1).random(shape)).astype(dtype)
    expected = calc_rdm(Dataset(features.astype(float)), method="correlation").get_matrices()[0]
    got = rsa.rdm(features)
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert got.dtype == np.float64 and (np.diag(got) == 0).all() and (got >= 0).all()


@pytest.mark.parametrize("bad", [0.0, 5.0, np.nan, np.inf])
def test_image_without_correlation_is_named(bad: float) -> None:
    features = np.random.default_rng(0).normal(size=(4, 6))
    features[2] = bad
    with pytest.raises(ValueError, match=r"Images \[2\] have constant or undefined features"):
        rsa.rdm(features)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n_people", "n_images"), [(1, 4), (3, 12), (15, 40)])
def test_compare_is_spearmans_r(n_people: int, n_images: int, ties: bool) -> None:
    rdms = random_rdms(n_people + 1, n_images)
    rdms = np.round(rdms * 2) if ties else rdms
    i = np.triu_indices(n_images, 1)
    expected = [spearmanr(rdms[0][i], one[i]).statistic for one in rdms[1:]]
    np.testing.assert_allclose(rsa.compare(rdms[0], rdms[1:]), expected, atol=1e-12)
    pairs = rdms[(slice(None), *i)]
    toolbox = toolbox_compare(RDMs(pairs[:1]), RDMs(pairs[1:]), method="spearman")[0]
    np.testing.assert_allclose(rsa.compare(rdms[0], rdms[1:]), toolbox, atol=1e-12)


def test_several_models_are_compared_at_once_as_one_by_one() -> None:
    rng = np.random.default_rng(3)
    models, people = (np.stack([rsa.rdm(rng.normal(size=(9, 20))) for _ in range(n)]) for n in (3, 4))
    np.testing.assert_allclose(rsa.compare(models, people), [rsa.compare(one, people) for one in models])


def test_compare_is_blind_to_any_monotone_change() -> None:
    rdms = random_rdms(4, 10)
    np.testing.assert_allclose(rsa.compare(rdms[0] ** 3, np.expm1(rdms)), rsa.compare(rdms[0], rdms))


def uneven_rdms() -> np.ndarray:
    """People of whom one spreads the dissimilarities far more than the others."""
    rdms = related_rdms(6, 20, 0.3, np.random.default_rng(2))[1:]
    rdms[0] = np.expm1(4 * np.abs(rdms[0]))
    return rdms


def test_noise_ceiling_written_out() -> None:
    rdms = uneven_rdms()
    ranks = np.array([rankdata(one[np.triu_indices(20, 1)]) for one in rdms])
    upper = [spearmanr(one, ranks.mean(axis=0)).statistic for one in ranks]
    lower = [spearmanr(ranks[k], np.delete(ranks, k, axis=0).mean(axis=0)).statistic for k in range(6)]
    ceiling = rsa.rdm_noise_ceiling(rdms)
    assert ceiling.upper_r == pytest.approx(np.mean(upper))
    assert ceiling.upper_r2 == pytest.approx(np.mean(np.square(upper)))
    assert ceiling.lower_r == pytest.approx(np.mean(lower))
    assert ceiling.lower_r < ceiling.upper_r


def test_noise_ceiling_is_rsatoolboxs() -> None:
    rdms = uneven_rdms()
    ceiling = rsa.rdm_noise_ceiling(rdms)
    found = boot_noise_ceiling(RDMs(rdms[:, *np.triu_indices(20, 1)]), method="spearman")
    np.testing.assert_allclose((ceiling.lower_r, ceiling.upper_r), found, atol=1e-12)


def test_no_mean_of_dissimilarities_exceeds_the_upper_ceiling() -> None:
    rdms, rng = uneven_rdms(), np.random.default_rng(0)
    ceiling = rsa.rdm_noise_ceiling(rdms).upper_r
    assert rsa.compare(rdms.mean(axis=0), rdms).mean() < ceiling - 0.01
    for _ in range(50):
        assert rsa.compare(np.tensordot(rng.random(6), rdms, 1), rdms).mean() <= ceiling


@pytest.mark.parametrize("n", [0, 1])
def test_ceiling_of_fewer_than_two_people_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 participants, found {n}"):
        rsa.rdm_noise_ceiling(random_rdms(n, 5))


def test_other_images_than_the_participants_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model's RDM has shape \(5, 5\), the participants' \(3, 6, 6\)"):
        rsa.compare(random_rdms(1, 5)[0], random_rdms(3, 6))


def spoilt(change) -> np.ndarray:
    rdms = random_rdms(3, 9)
    change(rdms)
    return rdms


@pytest.mark.parametrize(
    ("rdms", "sentence"),
    [
        (
            spoilt(lambda r: r.__setitem__((1, [2, 4], [4, 2]), np.nan)),
            "matrix 1 holds NaN or infinite dissimilarities",
        ),
        (spoilt(lambda r: r.__setitem__((2, 0, 1), 5.0)), "matrix 2 is not symmetric"),
        (spoilt(lambda r: r.__setitem__(0, 1.0)), "matrix 0 is the same for all pairs"),
        (random_rdms(3, 9)[:, :, :8], r"expected square matrices of at least 3 images, found shape \(3, 9, 8\)"),
        (random_rdms(3, 9)[0], r"found shape \(9, 9\)"),
        (random_rdms(3, 2), r"at least 3 images, found shape \(3, 2, 2\)"),
    ],
)
def test_matrices_that_are_no_rdms_are_refused(rdms: np.ndarray, sentence: str) -> None:
    good = random_rdms(3, 9, seed=1)
    for work in (
        lambda: rsa.rdm_noise_ceiling(rdms),
        lambda: rsa.compare(good[0], rdms),
    ):
        with pytest.raises(ValueError, match=f"participants' RDMs: .*{sentence}"):
            work()


def test_what_differs_by_rounding_is_the_same_for_all_pairs() -> None:
    alike = rsa.rdm(np.eye(7) + 0.1)
    assert np.unique(alike[np.triu_indices(7, 1)]).size > 1  # in the last digits
    with pytest.raises(ValueError, match="the same for all pairs"):
        rsa.compare(alike, random_rdms(2, 7))


def test_symmetry_knows_the_size_of_dissimilarities() -> None:
    lopsided = 1e-9 * random_rdms(1, 5)[0]
    lopsided[0, 1] *= 2
    with pytest.raises(ValueError, match="not symmetric"):
        rsa.compare(lopsided, random_rdms(2, 5))


def test_the_diagonal_of_an_rdm_is_never_read() -> None:
    rdms = random_rdms(4, 9)
    expected = rsa.compare(rdms[0], rdms[1:])
    rdms[:, range(9), range(9)] = np.nan
    np.testing.assert_array_equal(rsa.compare(rdms[0], rdms[1:]), expected)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_the_size_of_features_does_not_change_dissimilarities(size: float) -> None:
    features = np.random.default_rng(0).normal(size=(6, 9))
    np.testing.assert_allclose(rsa.rdm(features * size), rsa.rdm(features), atol=1e-12)


def test_an_image_that_varies_by_rounding_only_is_named() -> None:
    features = np.random.default_rng(0).normal(size=(4, 6))
    features[1] = [0.1, 0.3 - 0.2, 0.1, 0.1, 0.1, 0.1]
    with pytest.raises(ValueError, match=r"Images \[1\] have constant"):
        rsa.rdm(features)


def test_check_values_of_the_measured_data() -> None:
    data = load_images92()
    if data.source.simulated:
        pytest.skip("the measured data are not in COMPANION_DATA: python -m lib fetch images92")
    means = (rsa.compare(data.rdms[roi].mean(axis=0), data.rdms[roi]) for roi in ("EVC", "IT"))
    assert [round(float(np.mean(r**2)), 4) for r in means] == [0.1589, 0.3075]  # as published, from the mean RDM
    evc, it = (rsa.rdm_noise_ceiling(data.rdms[roi]) for roi in ("EVC", "IT"))
    assert evc.upper_r2 > 0.1589 and it.upper_r2 > 0.3075
    assert (round(evc.lower_r, 3), round(it.lower_r, 3)) == (0.242, 0.453)
