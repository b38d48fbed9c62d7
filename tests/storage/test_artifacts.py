"""Artifacts in a folder, under file:// and under memory://; what must not show in errors does not."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from campaigns.domain.errors import UnusableEnvironment, WrongUsage
from campaigns.storage.artifacts import OWNER, ArtifactStore, without_secrets
from campaigns.storage.recs_shelf import KEPT, Shelf

RECORDS = [("pop:global", b"\x00\x01"), ("p:ü", b"x" * 300)]


@pytest.fixture(params=["folder", "file://", "memory://"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    addresses = {"folder": str(tmp_path / "a"), "file://": f"file://{tmp_path}/b", "memory://": f"memory://{uuid4()}"}
    return addresses[request.param]


@pytest.fixture
def store(address: str) -> ArtifactStore:
    return ArtifactStore(address)


def save(folder: Path) -> None:
    (folder / "scores").mkdir()
    (folder / "scores" / "array.bin").write_bytes(b"learned")


def test_a_version_comes_back_as_it_was_put(store: ArtifactStore) -> None:
    shelf = Shelf(store, "live")
    assert shelf.versions() == []
    shelf.put("v1", {"ranking": "blend"}, RECORDS, save)
    shelf.put_slates("v1", "all-0", [("s:7", b"slate")])
    assert dict(shelf.records("v1")) == {**dict(RECORDS), "s:7": b"slate"}
    assert shelf.manifest("v1")["ranking"] == "blend"
    with shelf.model_folder("v1") as folder:
        assert (folder / "scores" / "array.bin").read_bytes() == b"learned"


def test_a_version_without_its_manifest_is_not_there(store: ArtifactStore) -> None:
    shelf = Shelf(store, "live")
    shelf.put_records("live/v1/records.bin", RECORDS)
    assert not shelf.has("v1")
    assert not shelf.has_model("v1")
    with pytest.raises(WrongUsage, match="v1 is not readable"):
        shelf.manifest("v1")


def test_the_newest_versions_stay_and_those_asked_for(store: ArtifactStore) -> None:
    shelf = Shelf(store, "live")
    for number in range(KEPT + 3):
        shelf.put(f"v{number}", {}, RECORDS)
    shelf.tidy(["v0"])
    assert shelf.versions() == [*(f"v{n}" for n in range(KEPT + 2, 2, -1)), "v0"]


def test_a_cut_off_file_says_so(store: ArtifactStore) -> None:
    shelf = Shelf(store, "live")
    shelf.put("v1", {}, RECORDS)
    store.write("live/v1/records.bin", b"\x05\x00")
    with pytest.raises(WrongUsage, match="damaged"):
        dict(shelf.records("v1"))


def test_passwords_and_tokens_never_show() -> None:
    assert without_secrets("ftp://me:hush@host/models?token=hush") == "ftp://host/models"
    with pytest.raises(UnusableEnvironment) as caught:
        ArtifactStore("nosuch://me:hush@host/models")
    assert "hush" not in str(caught.value)
    assert "nosuch://host/models" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ArtifactStore(str(tmp_path / "file"))
    with pytest.raises(UnusableEnvironment, match="cannot be reached"):
        store.write("x/y", b"")


def test_a_place_belongs_to_the_shop_that_wrote_there_first(address: str) -> None:
    ArtifactStore(address, "lamps").write("live/v1/manifest.json", b"{}")
    other = ArtifactStore(address, "teapots")
    for change in (
        lambda: other.write("live/v1/manifest.json", b"[]"),
        lambda: other.remove("live"),
        lambda: Shelf(other, "live").put("v2", {}, RECORDS),
        other.claim,
        other.check_owner,
    ):
        with pytest.raises(UnusableEnvironment, match="those of the shop 'lamps', and this is 'teapots'") as caught:
            change()
        assert "\n" not in str(caught.value)
    again = ArtifactStore(address, "lamps")
    assert again.files("live/v1") == ["manifest.json"]
    again.remove("live/v1")
    assert not again.has("live/v1/manifest.json")
    assert again.check_owner()


@pytest.mark.parametrize("mark", [None, b"", b"[]", b'{"sh'])
def test_a_place_without_a_whole_mark_is_taken_over_once(address: str, mark: bytes | None) -> None:
    before = ArtifactStore(address)
    Shelf(before, "live").put("v1", {}, RECORDS)
    if mark is not None:
        before.write(OWNER, mark)
    heir = ArtifactStore(address, "lamps")
    assert not heir.check_owner()
    Shelf(heir, "live").put("v2", {}, RECORDS)
    assert Shelf(heir, "live").versions() == ["v2", "v1"]
    with pytest.raises(UnusableEnvironment, match="'lamps'"):
        ArtifactStore(address, "teapots").claim()


def test_reading_marks_nothing(address: str) -> None:
    store = ArtifactStore(address, "lamps")
    assert store.folders() == [] and not store.has("live") and not store.check_owner()
    ArtifactStore(address, "teapots").claim()
