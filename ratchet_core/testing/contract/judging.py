"""What several contracts judge by: texts of problems, secrets, time limits, the network."""

from __future__ import annotations

import inspect
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Never, TypeVar

import pytest

Answer = TypeVar("Answer")

#: How long something that has to end may take to do so, in seconds.
GRACE_S: Final = 5.0
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_KEY: Final = re.compile(r"[\w.\[\]-]+: \S")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")


def wanted(name: str) -> Never:
    """Fail a test whose author has not said what is to be tested."""
    pytest.fail(f"override the fixture `{name}` of this contract", pytrace=False)


def needs(example: Answer | None, name: str) -> Answer:
    """Return an example; skip the test where its author gives none."""
    if example is None:
        pytest.skip(f"no `{name}` is given")
    return example


def overrides(kind: type, base: type, method: str) -> bool:
    """Tell whether a class has a method of its own."""
    return inspect.getattr_static(kind, method) is not inspect.getattr_static(base, method)


def assert_problems(found: Any, *, of: Any, keyed: bool = False) -> None:
    """Check what a `check` has returned: a sequence of sentences.

    Args:
        found: what it has returned.
        of: what was checked.
        keyed: each sentence has to begin with its key.
    """
    assert isinstance(found, Sequence), f"`check` has to return a sequence; of {of!r}: {found!r}"
    assert not isinstance(found, str), f"`check` returned a text, not a list of texts: {found!r}"
    for problem in found:
        assert isinstance(problem, str), f"a problem has to be a text: {problem!r}"
        assert problem.strip(), f"a problem has to say something, of {of!r}"
        if keyed:
            assert _KEY.match(problem), f"a problem begins with its key, `key: …`: {problem!r}"


def assert_checks_anything(
    check: Callable[[Mapping[str, Any]], Any], values: Iterable[Mapping[str, Any]]
) -> None:
    """Check that a `check` answers whatever is configured."""
    for value in values:
        try:
            found = check(value)
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            pytest.fail(f"`check` raised {error!r} for {value!r}; it has to return the problem")
        assert_problems(found, of=value)


def assert_refused(
    check: Callable[[Mapping[str, Any]], Any], bad: Iterable[Mapping[str, Any]], *, keyed: bool
) -> None:
    """Check that a `check` finds something wrong with each of these."""
    for value in bad:
        found = check(value)
        assert_problems(found, of=value, keyed=keyed)
        assert found, f"`check` found nothing wrong with {value!r}"


def assert_name(name: Any) -> None:
    """Check a name that configuration uses."""
    assert isinstance(name, str), f"`name` has to be a text, not {name!r}"
    assert _NAME.fullmatch(name), f"`name` is in lower case, digits, '-', '_' and '.': {name!r}"


def assert_code(code: str) -> None:
    """Check a code that clients match on."""
    assert _CODE.fullmatch(code), f"a code is in upper case, such as NOT_FOUND: {code!r}"


def assert_hidden(secrets: Iterable[str], shown: Any, where: str) -> None:
    """Check that no secret stands in a text, or anywhere in a value."""
    text = shown if isinstance(shown, str) else repr(shown)
    for secret in secrets:
        assert secret not in text, f"a secret is shown in {where}"


def in_time(work: Callable[[], Answer], limit_s: float, what: str) -> Answer:
    """Do something on another thread and return its answer; fail where it does not end.

    Args:
        work: what is done.
        limit_s: how long it may take.
        what: for the message: "the delivery".
    """
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again on the thread of the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="contract")
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        pytest.fail(f"{what} had not ended after {limit_s:g} s", pytrace=False)
    if errors:
        raise errors[0]
    return answers[0]


def wait_until(look: Callable[[], Answer], what: str, limit_s: float = 20.0) -> Answer:
    """Look again and again until the answer is true, and return it.

    Args:
        look: is asked every 20 ms.
        what: is waited for, for the message: "the message to come".
        limit_s: how long, in seconds.
    """
    pause = threading.Event()
    until = time.monotonic() + limit_s
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > until:
            pytest.fail(f"waited {limit_s:g} s for {what}; last seen: {answer!r}", pytrace=False)
        pause.wait(0.02)


def assert_identity(identity: Any) -> None:
    """Check what tells a message from all others."""
    assert isinstance(identity, str), f"an identity has to be a text: {identity!r}"
    assert 1 <= len(identity) <= 200, f"an identity has 1 to 200 characters: {identity!r}"
    assert identity.isprintable(), f"an identity has to be printable: {identity!r}"


def refuse_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process make no connection while the test lasts."""

    def refuse(*_given: Any, **_named: Any) -> Never:
        raise AssertionError("nothing may be asked here, and this reaches for the network")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
