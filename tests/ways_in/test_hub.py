"""`hf://owner/name[@revision]`: names that are right, names that are refused, and what the hub may answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.use.hub import HuggingFace, Reference, located, read_reference
from tests.use.stand_in import COMMIT, TOKEN, StandIn, stand_in

RIGHT = {
    "a name": ("hf://anna/cows", Reference("anna/cows")),
    "a branch": ("hf://anna/cows@main", Reference("anna/cows", "main")),
    "a commit": (f"hf://anna/cows@{COMMIT}", Reference("anna/cows", COMMIT)),
    "a pull request": ("hf://anna/cows@refs/pr/1", Reference("anna/cows", "refs/pr/1")),
    "dots and dashes": ("hf://an-na/cows_v1.2", Reference("an-na/cows_v1.2")),
    "one slash, as a path has": (str(Path("hf://anna/cows")), Reference("anna/cows")),
    "capitals": ("HF://Anna/Cows", Reference("Anna/Cows")),
    "no scheme": ("anna/cows", Reference("anna/cows")),
}
WRONG = {
    "nothing": "hf://",
    "no owner": "hf://cows",
    "an empty owner": "hf:///cows",
    "an empty name": "hf://anna/",
    "a slash at the end": "hf://anna/cows/",
    "three parts": "hf://anna/cows/model.safetensors",
    "two dots": "hf://anna/..",
    "two dots in front": "hf://../cows",
    "two dots inside": "hf://anna/co..ws",
    "two dashes": "hf://anna/co--ws",
    "a blank": "hf://anna/my cows",
    "a blank at the end": "hf://anna/cows ",
    "a dot in front": "hf://anna/.cows",
    "a dash at the end": "hf://anna/cows-",
    "the ending .git": "hf://anna/cows.git",
    "an umlaut": "hf://anna/kühe",
    "a question mark": "hf://anna/cows?x=1",
    "a percent sign": "hf://anna/%2e%2e",
    "a backslash": "hf://anna/cows\\..",
    "a line end": "hf://anna/cows\n",
    "an escape": "hf://anna/\x1b[31m",
    "a NUL": "hf://anna/cows\0",
    "97 characters": f"hf://anna/{'c' * 92}",
    "an empty revision": "hf://anna/cows@",
    "a revision upwards": "hf://anna/cows@../main",
    "a revision with a blank": "hf://anna/cows@my branch",
    "two revisions": "hf://anna/cows@a@b",
    "an option as revision": "hf://anna/cows@-x",
    "a page": "https://huggingface.co/anna/cows/tree/main",
}


@pytest.mark.parametrize(("text", "reference"), RIGHT.values(), ids=RIGHT.keys())
def test_a_name_is_read(text: str, reference: Reference) -> None:
    assert read_reference(text) == reference


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_what_is_no_name_is_refused_before_anything_is_asked(text: str) -> None:
    with pytest.raises(UserError, match=r"hf://OWNER/NAME") as caught:
        located(text)
    assert caught.value.reference == "hub-name"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("text", ["runs/quickstart", "/a/model.safetensors", "anna/cows", "hf", "", "./hf:/a/b"])
def test_anything_else_is_a_path(text: str) -> None:
    assert located(text) == Path(text)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between tries
    with stand_in() as hub:
        hub.repositories["anna/cows"] = {"model.safetensors": b"weights"}
        hub.repositories["anna/notes"] = {"README.md": b"notes"}
        hub.repositories["anna/own"] = {"model.safetensors": b"weights"}
        hub.private = {"anna/own"}
        yield hub


@pytest.mark.parametrize("name", ["hf://anna/cows", "hf://anna/cows@v1", f"hf://anna/cows@{COMMIT}", "hf://anna/own"])
def test_a_model_is_fetched_once(hub: StandIn, tmp_path: Path, name: str) -> None:
    of_anna = HuggingFace(hub.endpoint, tmp_path, TOKEN)
    assert located(name, of_anna).read_bytes() == b"weights"
    hub.asked.clear()
    assert located(Path(name), of_anna).name == "model.safetensors"
    assert not [line for line in hub.asked if line.startswith("GET")]


def test_what_was_fetched_is_used_where_the_hub_is_out_of_reach(hub: StandIn, tmp_path: Path) -> None:
    fetched = located("hf://anna/cows", HuggingFace(hub.endpoint, tmp_path))
    assert located("hf://anna/cows", HuggingFace("http://127.0.0.1:9", tmp_path)) == fetched


OTHER = "hf_another_token"
REFUSED = {
    "no such repository": ("anna/dogs", TOKEN, None, "hub-missing"),
    "a private one without a token": ("anna/own", None, None, "hub-missing"),
    "a private one with another's token": ("anna/own", OTHER, None, "hub-missing"),
    "no such revision": ("anna/cows@v9", TOKEN, None, "hub-missing"),
    "a repository without a model": ("anna/notes", TOKEN, None, "hub-missing"),
    "a busy hub": ("anna/cows", TOKEN, 429, "hub-failed"),
    "a broken hub": ("anna/cows", TOKEN, 500, "hub-failed"),
    "a hub that makes no sense": ("anna/cows", TOKEN, 418, "hub-failed"),
    "a token of two lines": ("anna/cows", f"{OTHER}\nb", None, "hub-token"),
    "a token with an umlaut": ("anna/cows", f"{OTHER}ö", None, "hub-token"),
}


@pytest.mark.parametrize(("name", "token", "answer", "reference"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_fetched_is_told_in_a_sentence_without_the_token(
    hub: StandIn, tmp_path: Path, name: str, token: str | None, answer: int | None, reference: str
) -> None:
    hub.answer = answer
    with pytest.raises(UserError) as caught:
        located(f"hf://{name}", HuggingFace(hub.endpoint, tmp_path, token))
    assert caught.value.reference == reference
    assert caught.value.hint or "@" in name or "notes" in name
    assert not any(secret in str(caught.value) for secret in (OTHER, TOKEN, "127.0.0.1"))


def test_a_hub_out_of_reach_is_told(hub: StandIn, tmp_path: Path) -> None:
    for endpoint in ("http://127.0.0.1:9", "http://[::1"):
        with pytest.raises(UserError) as caught:
            located("hf://anna/cows", HuggingFace(endpoint, tmp_path))
        assert caught.value.reference == "hub-unreachable"


def test_a_file_is_pushed_as_it_is_and_read_back(hub: StandIn, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"mine")
    of_anna = HuggingFace(hub.endpoint, tmp_path / "cache", TOKEN)
    files = {"README.md": b"card", "model.safetensors": tmp_path / "model"}
    assert of_anna.push(files, "anna/new", private=False) == f"{hub.endpoint}/anna/new"
    assert hub.repositories["anna/new"] == {"README.md": b"card", "model.safetensors": b"mine"}
    assert located("hf://anna/new", of_anna).read_bytes() == b"mine"
    of_anna.push({"README.md": b"private"}, "anna/more", private=True)
    assert "anna/more" in hub.private


PUSHES = {
    "without a token": (None, None, "hub-token"),
    "with another's token": (OTHER, None, "hub-token"),
    "without the right to write": (TOKEN, 403, "hub-token"),
    "to a broken hub": (TOKEN, 500, "hub-failed"),
}


@pytest.mark.parametrize(("token", "answer", "reference"), PUSHES.values(), ids=PUSHES.keys())
def test_a_push_that_is_refused_leaves_nothing(
    hub: StandIn, tmp_path: Path, token: str | None, answer: int | None, reference: str
) -> None:
    hub.answer = answer
    with pytest.raises(UserError) as caught:
        HuggingFace(hub.endpoint, tmp_path, token).push({"README.md": b"card"}, "anna/new", private=False)
    assert caught.value.reference == reference
    assert OTHER not in str(caught.value)
    assert "anna/new" not in hub.repositories


def test_what_is_to_be_private_does_not_come_into_a_public_repository(hub: StandIn, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        HuggingFace(hub.endpoint, tmp_path, TOKEN).push({"README.md": b"card"}, "anna/cows", private=True)
    assert caught.value.reference == "hub-public"
    assert hub.repositories["anna/cows"] == {"model.safetensors": b"weights"}


def test_without_the_package_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("puzzlecam_cli.use.hub.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"puzzlecam-cli\[hub\]"):
        located("hf://anna/cows")
