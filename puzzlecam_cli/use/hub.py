"""The model hub: the only door to the network. What comes from it is data, a `model.safetensors` and nothing that runs.

Messages are our own words: a library's may hold a token.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

MODEL = "model.safetensors"
FORM = "a model of the hub is named hf://OWNER/NAME, or hf://OWNER/NAME@REVISION"
LONGEST = 96  # characters of owner and name, as the hub counts
_SCHEME = re.compile(r"hf:/{1,2}", re.IGNORECASE)  # a `Path` of it has one slash left
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?", re.ASCII)
_PAGE = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(.*)", re.IGNORECASE)
_NETWORK = {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}  # whichever the library uses


@dataclass(frozen=True)
class Reference:
    """A repository of the hub, `owner/name`, and a branch, tag or commit of it; None: its main branch."""

    repository: str
    revision: str | None = None


class Hub(Protocol):
    def fetch(self, reference: Reference) -> Path:
        """The repository's `model.safetensors` on this disk.

        Raises:
            UserError: it cannot be had.
        """

    def push(self, files: Mapping[str, bytes | Path], repository: str, *, private: bool) -> str:
        """Put files into a repository, made if it is not there, all or none; its address.

        Raises:
            UserError: it cannot be done.
        """


def located(text: str | Path, hub: Hub | None = None) -> Path:
    """Where a run or a model lies on this disk: `hf://owner/name[@revision]` is fetched, anything else is a path.

    Args:
        hub: None: the one that `HF_ENDPOINT` names, else Hugging Face's.

    Raises:
        UserError: `hub-name`, or why it cannot be fetched.
    """
    text = str(text)
    if page := _PAGE.match(text):
        name = "/".join(page[1].split("/")[:2])
        raise UserError("hub-name", f"{quoted(text)} is the address of a page", hint=f"write hf://{name}; {FORM}")
    if not _SCHEME.match(text):
        return Path(os.path.expanduser(text))  # noqa: PTH111 -- Path's own fails where there is no such user
    return (hub or the_hub()).fetch(read_reference(text))


def read_reference(text: str) -> Reference:
    """The reference in `hf://owner/name[@revision]`, with or without `hf://`.

    Raises:
        UserError: it is none.
    """
    named = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
    repository, at, revision = named.partition("@")
    owner, slash, name = repository.partition("/")
    problem = None
    if not slash or not owner or not name:
        problem = "it is no OWNER/NAME"
    elif len(repository) > LONGEST:
        problem = f"it is longer than {LONGEST} characters"
    elif not (_NAME.fullmatch(owner) and _NAME.fullmatch(name)) or name.endswith(".git"):
        problem = "owner and name are letters, digits, `-`, `_` and `.`, which is neither first nor last"
    elif ".." in repository or "--" in repository:
        problem = "it holds `..` or `--`"
    elif at and (not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision):
        problem = "what follows `@` is no branch, tag or commit"
    if problem:
        raise UserError("hub-name", f"{quoted(text)} names nothing on the hub: {problem}", hint=FORM)
    return Reference(repository, revision or None)


@dataclass(frozen=True)
class HuggingFace:
    """The hub through `huggingface_hub`, with its own token, cache and settings.

    Args:
        endpoint: its address; None: as `HF_ENDPOINT` says, else huggingface.co.
        cache: the folder that keeps what was fetched; None: the library's own.
        token: None: the one that the user logged in with, or `HF_TOKEN`.
    """

    endpoint: str | None = None
    cache: Path | None = None
    token: str | None = None

    def fetch(self, reference: Reference) -> Path:
        """See `Hub`; what was fetched before is used where the hub cannot be reached."""
        _check_extra()
        from huggingface_hub import hf_hub_download

        with _in_words(reference):
            found = hf_hub_download(
                reference.repository,
                MODEL,
                revision=reference.revision,
                cache_dir=self.cache,
                endpoint=self.endpoint,
                token=self.token,
                library_name="puzzlecam",
            )
        return Path(found)

    def push(self, files: Mapping[str, bytes | Path], repository: str, *, private: bool) -> str:
        """See `Hub`; a repository that is there stays as public or private as it is, so a public one may be refused."""
        _check_extra()
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import RepositoryNotFoundError

        api = HfApi(endpoint=self.endpoint, token=self.token, library_name="puzzlecam")
        content = [
            CommitOperationAdd(name, str(file) if isinstance(file, Path) else file) for name, file in files.items()
        ]
        with _in_words(Reference(repository), writes=True):
            try:
                is_public = not api.model_info(repository).private
            except RepositoryNotFoundError:
                api.create_repo(repository, private=private or None)  # None: as the owner's settings say
                is_public = False
            if private and is_public:
                problem = f"hf://{repository} is there already, and public"
                raise UserError("hub-public", problem, hint="make it private on its page, or leave out --private")
            api.create_commit(repository, content, commit_message="Add a model trained with puzzlecam")
        return f"{api.endpoint}/{repository}"


def the_hub() -> Hub:
    """The hub that the commands use."""
    return HuggingFace()


def _check_extra() -> None:
    if find_spec("huggingface_hub") is None:
        raise UserError(
            "extra-missing",
            "the model hub needs the package huggingface_hub, which is not installed",
            hint="python -m pip install 'puzzlecam-cli[hub]'",
        )


@contextmanager
def _in_words(reference: Reference, *, writes: bool = False) -> Iterator[None]:
    """Turn whatever the library raises into a sentence: nothing of its text is shown."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise _problem(error, reference, writes) from None


def _problem(error: Exception, reference: Reference, writes: bool) -> UserError:
    from huggingface_hub import errors

    name, cause = reference.repository, error.__cause__
    log_in = "log in with `hf auth login`, or set HF_TOKEN"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(cause, Exception):
        return _problem(cause, reference, writes)  # it was looked for in the cache as well
    if isinstance(error, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError):
        problem = f"hf://{name} is not on this disk, and HF_HUB_OFFLINE keeps the hub from being asked"
        return UserError("hub-offline", problem, hint="unset HF_HUB_OFFLINE")
    if isinstance(error, errors.LocalTokenNotFoundError):
        return UserError("hub-token", "the hub wants a token, and there is none on this machine", hint=log_in)
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError("hub-missing", f"hf://{name} has no branch, tag or commit {quoted(str(reference.revision))}")
    if isinstance(error, errors.EntryNotFoundError):
        return UserError("hub-missing", f"hf://{name} holds no {MODEL}: it is no model of puzzlecam's")
    if isinstance(error, errors.GatedRepoError):
        return UserError("hub-refused", f"hf://{name} asks for consent first", hint=f"agree on its page, then {log_in}")
    if status in (401, 403) and writes:
        problem = f"the hub does not let this token write to hf://{name}" if status == 403 else "the hub wants a token"
        return UserError("hub-token", problem, hint=f"{log_in}; the token needs the right to write")
    if status in (401, 403, 404):
        problem = f"hf://{name} is not there, or is private and not for this token"
        return UserError("hub-missing", problem, hint=f"check the name; if it is private, {log_in}")
    if status is not None:
        again = "try again later" if status == 429 or status >= 500 else "update huggingface_hub, then try again"
        return UserError("hub-failed", f"the hub answered {status} for hf://{name}", hint=again)
    if isinstance(error, UnicodeError) or type(error).__name__ in ("LocalProtocolError", "InvalidHeader"):
        return UserError("hub-token", "the token on this machine holds characters that no token has", hint=log_in)
    if type(error).__module__.partition(".")[0] in _NETWORK or isinstance(error, ConnectionError | TimeoutError):
        hint = "check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT; the same command tries again"
        return UserError("hub-unreachable", "the hub cannot be reached, or the connection was lost", hint=hint)
    if isinstance(error, ValueError) and writes:
        hint = "--licence takes the hub's names, such as mit, apache-2.0, cc-by-4.0, other"
        return UserError(
            "hub-card", "the hub does not take the card: what stands in front of it is not valid", hint=hint
        )
    if isinstance(error, OSError) and error.errno is not None:
        where = (str(error.filename),) if error.filename else ()
        return UserError(
            "hub-disk", f"the disk failed for hf://{name}: {error.strerror}", where, "HF_HOME names another"
        )
    return UserError("hub-failed", f"hf://{name} failed in huggingface_hub ({type(error).__name__})", hint="update it")
