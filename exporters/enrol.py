"""How this host comes by its token: a one-time code for the first, the first for the next.

In: a code that an operator made (`footprint access code`), or the token in use. Out: the token
file, which only its owner may read. The file is begun before the code is used up, and a new token
is shown to the service once it is on disk: until then the last one stays valid.
"""

import contextlib
import hashlib
import http.client
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from exporters import host, link, push
from exporters.errors import AgentError, SettingsError
from exporters.settings import Settings

MAX_ANSWER_BYTES = 64 * 1024
MAX_CODE_CHARACTERS = 200
STEADY = ("machine", "processor", "architecture")
"""Of the machine's facts those that no update changes."""


class Answer(msgspec.Struct):
    """What is needed of the service's answer."""

    token: str = ""
    host_id: str = ""
    detail: str = ""


def enrol(settings: Settings, code_file: str) -> str:
    """Exchange the code in a file (`-`: standard input) for a token; the line that says so."""
    where, token_file = _where(settings)
    host_id = host.host_id(settings.host_id)
    code = _code(code_file)
    asked = {"code": code, "host_id": host_id, "fingerprint": fingerprint()}
    with _replacing(token_file) as keep:
        answer = _ask(where, "POST", "/v1/enrolments", None, asked)
        keep(answer.token)
    _ask(where, "GET", "/v1/tokens/mine", answer.token)
    return f"enrolled as {host_id}; the token is in {token_file}"


def rotate(settings: Settings) -> str:
    """Replace the token by the next; the line that says so."""
    where, token_file = _where(settings)
    old = push.read_token(str(token_file))
    with _replacing(token_file) as keep:
        answer = _ask(where, "POST", "/v1/tokens/rotate", old)
        keep(answer.token)
    _ask(where, "GET", "/v1/tokens/mine", answer.token)
    return f"the next token of {answer.host_id} is in {token_file}; the last one is revoked"


def fingerprint(machine_id: Path = host.MACHINE_ID) -> str:
    """A digest of what this machine is: the same after an update, another on another machine."""
    secret = b""
    with contextlib.suppress(OSError):
        secret = machine_id.read_bytes().strip()[:64]
    facts = host.facts()
    said = "\n".join(facts.get(name, "") for name in STEADY)
    return hashlib.blake2b(said.encode(), key=secret, digest_size=16).hexdigest()


def _where(settings: Settings) -> tuple[tuple[str, link.Trust], Path]:
    if settings.service is None:
        raise SettingsError("service: which one? give --service https://HOST[:PORT]")
    if settings.token_file is None:
        raise SettingsError("token_file: where to? give --token-file FILE, or set it")
    if link.is_open(settings.service):
        line = f"warning: {settings.service} is no https: whoever listens can read the token\n"
        sys.stderr.write(f"footprint-agent: {line}")
    return (settings.service, settings.trust), Path(settings.token_file)


def _code(code_file: str) -> str:
    try:
        if code_file == "-":
            text = sys.stdin.readline(MAX_CODE_CHARACTERS)
        else:
            text = Path(code_file).read_text(encoding="ascii")[:MAX_CODE_CHARACTERS]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise SettingsError(f"--code-file: cannot read {code_file}: {reason}") from error
    code = text.strip()
    if not code:
        raise SettingsError(f"--code-file: {code_file} holds no code; write the code alone into it")
    return code


def _ask(
    where: tuple[str, link.Trust],
    method: str,
    path: str,
    token: str | None,
    body: dict[str, str] | None = None,
) -> Answer:
    """What the service answers. Raises AgentError unless it is what was asked for."""
    url, trust = where
    scheme, name, port, base = push.split_url(url)
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    content = msgspec.json.encode(body) if body is not None else None
    connection = push.connect(scheme, name, port, trust)
    try:
        connection.request(method, base + path, content, headers)
        response = connection.getresponse()
        status, text = response.status, response.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise AgentError(f"service: cannot reach {url}: {error}; is it running?") from error
    finally:
        connection.close()
    try:
        answer = msgspec.json.decode(text, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = Answer(detail="an answer that is not ours to read")
    wanted = answer.token if method == "POST" else answer.host_id
    if status not in (200, 201) or not wanted:
        said = " ".join(answer.detail.split())[: push.MAX_LOGGED_CHARACTERS]
        raise AgentError(f"service: {url} answers {status}: {said}")
    return answer


class _Keep:
    """Writes the token into the file that is begun, and then in the place of the last."""

    def __init__(self, descriptor: int, begun: Path, path: Path) -> None:
        self._descriptor = descriptor
        self._begun = begun
        self._path = path

    def __call__(self, token: str) -> None:
        os.write(self._descriptor, f"{token}\n".encode())
        os.fsync(self._descriptor)
        self._begun.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _replacing(path: Path) -> Iterator[_Keep]:
    """A file of this name, begun beside it with the rights it will have. Raises SettingsError."""
    begun = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(begun, flags, 0o600)
    except OSError as error:
        raise SettingsError(
            f"token_file: cannot write to {path.parent}: {error.strerror}; run this as the user "
            "of the agent, or name a file in its state folder"
        ) from error
    try:
        if os.geteuid() == 0:  # the agent, which is somebody else, has to read it
            owner = (path if path.exists() else path.parent).stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        yield _Keep(descriptor, begun, path)
    except OSError as error:
        raise AgentError(f"token_file: cannot write {path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
        begun.unlink(missing_ok=True)
