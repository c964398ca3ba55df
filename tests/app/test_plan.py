"""`python -m lib plan`: sizes agree with what is known, what is there is not counted, the rest is fetched."""

import os
import re
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest

from lib.__main__ import main
from lib.app import plan
from lib.app.plan import PLANS, fetch_free, parts_of, still_missing
from lib.core.fetch import FetchError
from lib.data.nsd import BRICK, VOLUMES
from lib.data.trials import TRIALS_PER_SESSION

GLM = "derivatives/glmsingle-tedana/sub-01"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(plan, "speed", lambda: 1e11)


def data_only(parts: list[plan.Part]) -> list[plan.Part]:
    return [part for part in parts if not part.what.startswith("weights")]


def test_nsd_takes_42_and_39_6_gigabytes(tmp_path: Path) -> None:
    parts = {part.what: part for part in parts_of("nsd", 1, tmp_path)}
    assert len(parts["betas, a file per session"].paths) == 40
    assert 40 * parts["betas, a file per session"].most == pytest.approx(42e9, rel=0.05)
    assert parts["photographs"].most == np.prod(BRICK) == pytest.approx(39.6e9, rel=0.05)
    for subject, volume in VOLUMES.items():
        betas = parts_of("nsd", subject, tmp_path)[0]
        assert betas.least == betas.most == 2 * TRIALS_PER_SESSION * np.prod(volume)


def test_what_only_checks_nsds_design_is_shown_and_not_counted(tmp_path: Path) -> None:
    parts = parts_of("nsd", 1, tmp_path)
    (table,) = [part for part in parts if part.optional]
    assert table.paths == ("nsddata/experiments/nsd/nsd_stim_info_merged.csv",)
    assert still_missing(parts) == still_missing([part for part in parts if part is not table])


def test_laion_takes_10_to_30_gigabytes_and_the_pictures_3(tmp_path: Path) -> None:
    parts = parts_of("laion", 3, tmp_path)
    betas, pictures = parts[0], next(part for part in parts if part.form)
    assert 30 * betas.least == pytest.approx(10e9, rel=0.05) and 30 * betas.most == pytest.approx(30e9, rel=0.05)
    assert pictures.most == pytest.approx(3.2e9, rel=0.05)
    amount = still_missing(data_only(parts), form=False)
    assert (amount.least, amount.most) == pytest.approx((10.2e9, 30.2e9), rel=0.05)


def test_god_says_what_nobody_publishes(tmp_path: Path) -> None:
    parts = parts_of("god", 1, tmp_path)
    assert parts[0].most == pytest.approx(123e6, rel=0.05)
    assert still_missing(data_only(parts)).unknown == 2
    raw = next(part for part in parts if part.optional)
    assert raw.most == pytest.approx(3.97e9, rel=0.05) and raw not in [p for p in parts if not p.optional]


@pytest.mark.parametrize("dataset", PLANS)
def test_of_what_is_all_there_nothing_is_to_be_downloaded(dataset: str, tmp_path: Path) -> None:
    for part in parts_of(dataset, 1, tmp_path):
        for path in part.paths:
            file = (tmp_path / "cache" if part.what.startswith("weights") else tmp_path) / path.replace("*", "x")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    assert str(still_missing(data_only(parts_of(dataset, 1, tmp_path)))) == "0.0 GB"


@pytest.mark.parametrize("subject", range(1, 6))
def test_raw_data_of_god_are_as_large_as_their_manifest(subject: int, tmp_path: Path) -> None:
    manifest = Path(os.environ.get("OPENNEURO_MANIFEST", tmp_path / "none"))
    if not manifest.exists():
        pytest.skip("OPENNEURO_MANIFEST names no manifest")
    sizes = re.findall(rf"^sub-{subject:02d}/.* MD5E-s(\d+)--", manifest.read_text(), re.M)
    assert parts_of("god", subject, tmp_path)[3].most == sum(map(int, sizes))


def test_what_is_there_is_not_counted(tmp_path: Path) -> None:
    before = still_missing(parts_of("nsd", 1, tmp_path))
    betas = tmp_path / "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR"
    betas.mkdir(parents=True)
    for name in ("betas_session01.hdf5", "betas_session07.nii.gz"):
        (betas / name).touch()
    parts = parts_of("nsd", 1, tmp_path)
    assert sum(parts[0].there) == 2
    assert before.most - still_missing(parts).most == 2 * parts[0].most


def test_report_names_figures_forms_and_the_next_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "laion", "--root", str(tmp_path), "--sessions", "1", "2"]) == 0
    out = capsys.readouterr().out
    assert "0 of 2" in out and "short form: https://laion-fmri.hebartlab.com/request" in out
    assert all(figure in out for figure in PLANS["laion"]["figures"]) and "GB free in" in out
    assert f"python -m lib plan laion --subject 1 --root {tmp_path} --fetch" in out


BAD = {
    "data set": (["plan", "bold"], "Unknown dataset 'bold'; choose one of nsd, laion, god"),
    "participant": (["plan", "laion", "--subject", "2"], "LAION-fMRI has participants 1, 3, 5, 6, 7, found subject 2"),
    "session": (["plan", "nsd", "--sessions", "41"], "has sessions 1 to 40, not 41"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, sentence = BAD[case]
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


# Downloads from a bucket

FIRST = f"{GLM}/ses-01/func/sub-01_ses-01_task-images"
FILES = {
    f"{GLM}/ses-01/func/sub-01_ses-01_task-images_space-T1w_stat-effect_desc-SingletrialBetas_statmap.nii.gz": b"betas"
    * 99,
    f"{GLM}/ses-01/func/sub-01_ses-01_task-images_desc-SingletrialBetas_trials.tsv": b"label\n",
    f"{GLM}/ses-01/func/sub-01_ses-01_task-images_space-T1w_desc-GLMsingle_model.h5": b"several GB",
    f"{GLM}/sub-01_task-images_space-T1w_stat-rsquare_desc-R2mean_statmap.nii.gz": b"R2",
    f"{GLM}/sub-01_task-images_space-T1w_desc-Noiseceiling4rep_statmap.nii.gz": b"NC",
    "derivatives/rois/sub-01/face/sub-01_space-T1w_res-1pt8_label-FFA-1_mask.nii.gz": b"FFA",
    "derivatives/rois/sub-01/place/sub-01_space-T1w_res-1pt8_label-PPA_mask.nii.gz": b"PPA",
    "derivatives/rois/sub-01/place/sub-01_space-T1w_res-1pt5_label-PPA_mask.nii.gz": b"other grid",
    "stimuli/task-images_metadata.csv": b"image_name\n",
    "stimuli/task-images_desc-CLIP_embeddings.h5": b"CLIP",
}
WANTED = {key for key in FILES if not re.search("model.h5|1pt5", key)}


class Bucket(BaseHTTPRequestHandler):
    """Lists two keys on a page, and serves files."""

    def __init__(self, files: dict[str, bytes], asked: list[str], *words: object) -> None:
        self.files, self.asked = files, asked
        super().__init__(*words)  # type: ignore[arg-type]

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        query = {name: value[0] for name, value in parse_qs(split.query).items()}
        body = self.page(query) if query else self.files[unquote(split.path[1:])]
        if not query:
            self.asked.append(split.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self, query: dict[str, str]) -> bytes:
        keys, start = (
            sorted(key for key in FILES if key.startswith(query["prefix"])),
            int(query.get("continuation-token", 0)),
        )
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(FILES[key])}</Size></Contents>" for key in keys[start : start + 2]
        )
        more = f"<NextContinuationToken>{start + 2}</NextContinuationToken>" if start + 2 < len(keys) else ""
        space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
        return f"<ListBucketResult {space}>{entries}{more}</ListBucketResult>".encode()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, bytes], list[str]]]:
    """The files that the bucket sends, to be changed, and the paths that were asked for."""
    files, asked = dict(FILES), list[str]()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Bucket, files, asked))
    Thread(target=server.serve_forever, daemon=True).start()
    for part in PLANS["laion"]["parts"]:
        if "bucket" in part:
            monkeypatch.setitem(part, "bucket", f"http://127.0.0.1:{server.server_port}")
    yield files, asked
    server.shutdown()


def needed(root: Path) -> list[plan.Part]:
    return data_only(parts_of("laion", 1, root, [1]))


def test_what_is_free_is_fetched_once(served: tuple[dict[str, bytes], list[str]], tmp_path: Path) -> None:
    root = tmp_path / "laion"
    fetch_free("laion", 1, root, needed(root))
    found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*") if "sha256" not in path.name}
    assert found == {key: FILES[key] for key in WANTED}
    assert [part.what for part in needed(root) if part.missing] == ["photographs"]
    served[1].clear()
    fetch_free("laion", 1, root, needed(root))
    assert served[1] == []


def test_a_list_that_does_not_end_is_refused(
    served: tuple[dict[str, bytes], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = b"<ListBucketResult><NextContinuationToken>same</NextContinuationToken></ListBucketResult>"
    monkeypatch.setattr(Bucket, "page", lambda self, query: again)
    with pytest.raises(FetchError, match=r"^http://127.*: its list of files does not end: a page is followed by one"):
        fetch_free("laion", 1, tmp_path / "laion", needed(tmp_path / "laion"))


def test_file_of_another_size_is_refused(served: tuple[dict[str, bytes], list[str]], tmp_path: Path) -> None:
    served[0]["stimuli/task-images_metadata.csv"] = b"image_name\nand more"
    with pytest.raises(FetchError, match=r"metadata.csv: expected 11 bytes as in the bucket, found 19: remove it"):
        fetch_free("laion", 1, tmp_path / "laion", needed(tmp_path / "laion"))


def test_a_key_that_leads_out_of_the_folder_is_not_written(
    served: tuple[dict[str, bytes], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "derivatives/rois/sub-01/../../../../x/sub-01_space-T1w_res-1pt8_label-PPA_mask.nii.gz"
    monkeypatch.setitem(FILES, key, b"PPA")
    served[0][key.replace("derivatives/rois/sub-01/../../../../", "")] = b"PPA"
    served[0][key] = b"PPA"
    fetch_free("laion", 1, tmp_path / "laion", needed(tmp_path / "laion"))
    assert not list(tmp_path.rglob("x/*"))


@pytest.mark.parametrize("answer", [b"<html>", b"<a><Contents><Key>x</Key><Size>many</Size></Contents></a>"])
def test_a_list_of_files_that_is_none_is_said(
    served: tuple[dict[str, bytes], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(Bucket, "page", lambda self, query: answer)
    with pytest.raises(FetchError, match=r"127.0.0.1:\d+: its list of files could not be read \((Parse|Value)Error\)"):
        fetch_free("laion", 1, tmp_path / "laion", needed(tmp_path / "laion"))


def test_nothing_like_it_in_the_bucket(
    served: tuple[dict[str, bytes], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_listing", lambda bucket, prefix: iter([("other", 3)]))
    with pytest.raises(FetchError, match=r"expected files such as .*ses-01/func/.*SingletrialBetas.*found none"):
        fetch_free("laion", 1, tmp_path / "laion", needed(tmp_path / "laion"))
