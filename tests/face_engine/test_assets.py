"""Where models come from, and what counts as one."""

import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from importlib import resources
from pathlib import Path

import onnx
import pytest

from face_engine import InstallFailed, ManifestInvalid, asset_status, install_models, load_engine
from face_engine.__main__ import main
from face_engine._files import is_intact, sha256_of, write_atomically
from face_engine._manifest import AssetFile, Manifest, Source, load_manifest
from face_engine.assets import ensure_files


def _manifest(*sources: Source, contents: bytes = b"contents") -> Manifest:
    asset = AssetFile("thing.bin", hashlib.sha256(contents).hexdigest(), len(contents))
    return Manifest(
        kind="pictures",
        name="things",
        version="1",
        variant="",
        licence="none",
        origin="a test",
        files=(asset,),
        sources=sources,
        graph_input=None,
        graph_shape=None,
        detector=None,
        descriptor=None,
    )


FOLDER = Source(kind="folder", environment="TEST_FOLDER")
URL = Source(kind="url", environment="TEST_URL")


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A web server on this machine; its folder."""
    folder = tmp_path / "web"
    folder.mkdir()

    class NoProgress(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(NoProgress, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("TEST_URL", f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_models_come_from_a_folder_without_any_network(
    empty_cache: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An installation that never sees an index: pip is not even asked."""
    offered = tmp_path / "offered"
    offered.mkdir()
    for path in model_dir.glob("*/*_int8bq.onnx"):
        shutil.copy(path, offered)
    monkeypatch.setenv("MENJIN_MODEL_DIR", str(offered))
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    lines: list[str] = []

    folder = install_models(lines.append)

    assert folder == empty_cache / "models"
    assert load_engine().dimension == 128
    assert any("MENJIN_MODEL_DIR" in line for line in lines)


def test_what_is_installed_is_not_fetched_again(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    lines: list[str] = []

    install_models(lines.append, model_dir=model_dir)

    assert lines == []


def test_a_url_delivers(web: Path, tmp_path: Path) -> None:
    (web / "thing.bin").write_bytes(b"contents")

    paths = ensure_files(_manifest(URL), tmp_path / "target")

    assert paths["thing.bin"].read_bytes() == b"contents"


def test_the_next_source_is_asked_when_one_has_the_wrong_file(
    web: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "thing.bin").write_bytes(b"CONTENTS")
    (web / "thing.bin").write_bytes(b"contents")
    monkeypatch.setenv("TEST_FOLDER", str(wrong))
    lines: list[str] = []

    paths = ensure_files(_manifest(FOLDER, URL), tmp_path / "target", lines.append)

    assert paths["thing.bin"].read_bytes() == b"contents"
    assert "thing.bin: wrong digest, not used" in lines


@pytest.mark.parametrize("answer", [b"", b"contents and more", b"c0ntents"])
def test_a_file_with_another_digest_is_never_kept(web: Path, tmp_path: Path, answer: bytes) -> None:
    (web / "thing.bin").write_bytes(answer)

    with pytest.raises(InstallFailed, match=r"no source delivered thing\.bin"):
        ensure_files(_manifest(URL), tmp_path / "target")

    assert list((tmp_path / "target").iterdir()) == []


def test_a_missing_page_and_a_silent_server_are_told_apart(
    web: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    with pytest.raises(InstallFailed):
        ensure_files(_manifest(URL), tmp_path / "target", lines.append)
    assert "thing.bin: answer 404" in lines

    monkeypatch.setenv("TEST_URL", "http://127.0.0.1:9")
    with pytest.raises(InstallFailed, match="TEST_URL cannot be reached"):
        ensure_files(_manifest(URL), tmp_path / "target")


def test_only_web_addresses_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_URL", f"file://{tmp_path}")

    with pytest.raises(InstallFailed, match="not an http or https address"):
        ensure_files(_manifest(URL), tmp_path / "target")


@pytest.mark.slow
def test_an_index_that_lacks_the_archive_says_so(tmp_path: Path) -> None:
    source = Source(
        kind="index-wheel",
        distribution="pip",
        version="0.0.0.dev0",
        archive_sha256="0" * 64,
    )

    with pytest.raises(InstallFailed, match=r"pip could not download pip 0\.0\.0\.dev0"):
        ensure_files(_manifest(source), tmp_path / "target")


def test_damaged_files_are_seen_and_repaired(web: Path, tmp_path: Path) -> None:
    (web / "thing.bin").write_bytes(b"contents")
    target = tmp_path / "target"
    manifest = _manifest(URL)
    path = ensure_files(manifest, target)["thing.bin"]
    path.write_bytes(b"contentz")

    assert not is_intact(path, manifest.files[0])
    ensure_files(manifest, target)

    assert is_intact(path, manifest.files[0])


def test_status_of_an_empty_cache(empty_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {entry.state for entry in asset_status()} == {"missing"}
    assert main(["status"]) == 1
    assert capsys.readouterr().out.count("missing") == 7


def test_status_tells_damaged_from_missing(empty_cache: Path) -> None:
    path = empty_cache / "models" / "yunet-2023mar" / "face_detection_yunet_2023mar_int8bq.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")

    states = {entry.name: entry.state for entry in asset_status()}

    assert states[path.name] == "damaged"


def test_install_command_fails_with_a_reason(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(empty_cache))

    assert main(["install"]) == 1

    assert capsys.readouterr().err.startswith("install_failed: yunet-2023mar: no source delivered")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    with pytest.raises(TypeError):
        write_atomically(path, "new")  # type: ignore[arg-type]

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["yunet-2023mar", "sface-2021dec", "demo-portraits"])
def test_packaged_manifests_are_complete(name: str) -> None:
    manifest = load_manifest(name)

    assert manifest.licence
    for asset in manifest.files:
        assert any(source.has(asset.name) and source.archive_sha256 for source in manifest.sources)


@pytest.mark.slow
def test_another_model_plugs_in_by_a_manifest(
    tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch, web: Path
) -> None:
    """A copy of the packaged descriptor under another name and digest: its own contract."""
    original = load_manifest("sface-2021dec")
    model = onnx.load(str(model_dir / original.name / original.files[0].name))
    model.doc_string = "another"
    other = web / "other.onnx"
    other.write_bytes(model.SerializeToString())
    text = (resources.files("face_engine") / "manifests" / "sface-2021dec.toml").read_text()
    text = (
        text.replace('name = "sface-2021dec"', 'name = "other"')
        .replace(original.files[0].name, "other.onnx")
        .replace(original.files[0].sha256, sha256_of(other))
        .replace(f"size = {original.files[0].size}", f"size = {other.stat().st_size}")
        .replace("MENJIN_MODEL_URL", "TEST_URL")
        .replace("threshold = 0.456", "threshold = 0.5")
    )
    path = tmp_path / "other.toml"
    path.write_text(text)
    monkeypatch.setenv("MENJIN_DESCRIPTOR", str(path))

    engine = load_engine(install_models(model_dir=tmp_path / "models"))

    assert engine.contract_id.startswith("other-int8bq-")
    assert engine.threshold == 0.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "KeyError"),
        ("kind = 3", "kind"),
        ("this is not toml", "TOML"),
    ],
)
def test_impossible_manifests_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ManifestInvalid, match=reason):
        load_manifest(path)


def test_an_unknown_manifest_is_refused() -> None:
    with pytest.raises(ManifestInvalid, match="no manifest nobody"):
        load_manifest("nobody")
