"""What every webhook source promises (`ratchet_core.sdk.WebhookSource`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from ratchet_core.domain.workflow import single_step
from ratchet_core.sdk import (
    VerifiedWebhook,
    WebhookRequest,
    WebhookSource,
    step_handler,
)
from ratchet_core.testing.contract import judging
from ratchet_core.testing.fixtures import MakeRatchet
from ratchet_core.testing.values import odd_values, source_settings

#: Makes the headers that a sender would send with a body at a time, in seconds since 1970.
Sign = Callable[[bytes, float], Mapping[str, str]]
NOW: Final = 2_272_071_845.0
BODY: Final = b'{"total": 42}'
OTHER: Final = b'{"total": 43}'


class WebhookSourceContract:
    """Inherit it as `class TestMine(WebhookSourceContract)` and override what is yours.

    Fixtures to override: `source_type`, `good_options`, `sign`; `bad_options` where the source has
    a `check`; and, to have more looked at, `secrets`.
    """

    #: A request that was signed an hour ago, or will be in an hour, is refused.
    checks_age: ClassVar[bool] = True
    #: What `sign` returns and a request may lack.
    optional_headers: ClassVar[Sequence[str]] = ()

    @pytest.fixture
    def source_type(self) -> type[WebhookSource]:
        """Give the class."""
        judging.wanted("source_type")

    @pytest.fixture
    def good_options(self) -> Mapping[str, Any]:
        """Give the options of a source, with the secret that `sign` uses."""
        judging.wanted("good_options")

    @pytest.fixture
    def sign(self) -> Sign:
        """Give a function that makes a sender's headers; another body gets another id."""
        judging.wanted("sign")

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, Any]]:
        """Give options in which `check` has to find something."""
        return ()

    @pytest.fixture
    def secrets(self) -> Sequence[str]:
        """Give the secret texts in the options, none of which may be told."""
        return ()

    @pytest.fixture
    def source(
        self, source_type: type[WebhookSource], good_options: Mapping[str, Any], tmp_path: Path
    ) -> WebhookSource:
        """Give a source that is made with `good_options`."""
        return source_type(source_settings(good_options, tmp_path))

    # ── configuration ───────────────────────────────────────────────────────────────────────────

    def test_configuration_can_name_it(self, source_type: type[WebhookSource]) -> None:
        assert issubclass(source_type, WebhookSource)
        judging.assert_name(getattr(source_type, "name", None))

    def test_good_options_are_accepted(
        self, source_type: type[WebhookSource], good_options: Mapping[str, Any]
    ) -> None:
        found = source_type.check(good_options)

        judging.assert_problems(found, of=good_options)
        assert list(found) == []

    def test_bad_options_are_refused_with_their_keys(
        self, source_type: type[WebhookSource], bad_options: Sequence[Mapping[str, Any]]
    ) -> None:
        if not judging.overrides(source_type, WebhookSource, "check"):
            pytest.skip("the source has no `check`")
        assert bad_options, "the source has a `check`: give `bad_options` that it refuses"

        judging.assert_refused(source_type.check, bad_options, keyed=True)

    def test_checking_answers_whatever_is_configured(
        self, source_type: type[WebhookSource], good_options: Mapping[str, Any]
    ) -> None:
        judging.assert_checks_anything(source_type.check, odd_values(good_options))

    # ── requests ────────────────────────────────────────────────────────────────────────────────

    @pytest.mark.parametrize(
        "body",
        [BODY, b"", b"\xff\x00 no text", b"x" * 100_000],
        ids=["json", "empty", "bytes", "long"],
    )
    def test_what_its_sender_signs_is_verified(
        self, source: WebhookSource, sign: Sign, monkeypatch: pytest.MonkeyPatch, body: bytes
    ) -> None:
        judging.refuse_network(monkeypatch)

        verified = source.verify(_request(body, sign(body, NOW)))

        assert isinstance(verified, VerifiedWebhook)
        if verified.identity is not None:
            judging.assert_identity(verified.identity)

    def test_a_request_that_comes_again_has_the_same_name_and_another_has_another(
        self, source: WebhookSource, sign: Sign
    ) -> None:
        headers = sign(BODY, NOW)
        first, again = (source.verify(_request(BODY, headers)).identity for _ in range(2))
        other = source.verify(_request(OTHER, sign(OTHER, NOW))).identity

        if first is None:
            pytest.skip("the sender names no messages")
        assert first == again
        assert first != other

    def test_another_body_than_was_signed_is_refused(
        self, source: WebhookSource, sign: Sign
    ) -> None:
        _refused(source, _request(OTHER, sign(BODY, NOW)))

    def test_a_request_without_what_verifies_it_is_refused(
        self, source: WebhookSource, sign: Sign
    ) -> None:
        headers = sign(BODY, NOW)
        _refused(source, _request(BODY, {}))

        for name in headers:
            if name not in self.optional_headers:
                left = {key: value for key, value in headers.items() if key != name}
                _refused(source, _request(BODY, left))

    @pytest.mark.parametrize("age_s", [3600, -3600])
    def test_a_request_of_another_time_is_refused(
        self, source: WebhookSource, sign: Sign, age_s: int
    ) -> None:
        if not self.checks_age:
            pytest.skip("`checks_age` is False")

        _refused(source, _request(BODY, sign(BODY, NOW - age_s)))

    @pytest.mark.parametrize(
        "text",
        ["", "ä", "\x00", "=,=,=", "v1=", "x" * 100_000, "a," * 50_000],
        ids=["empty", "umlaut", "nul", "signs", "version", "long", "commas"],
    )
    def test_nonsense_in_place_of_a_signature_is_refused(
        self, source: WebhookSource, sign: Sign, text: str
    ) -> None:
        nonsense = dict.fromkeys(sign(BODY, NOW), text)

        judging.in_time(lambda: _refused(source, _request(BODY, nonsense)), 2.0, "verifying")

    def test_several_threads_are_answered_as_one(self, source: WebhookSource, sign: Sign) -> None:
        good, bad = _request(BODY, sign(BODY, NOW)), _request(OTHER, sign(BODY, NOW))

        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda asked: _is_verified(source, asked), [good, bad] * 50))

        assert told == [True, False] * 50

    def test_no_secret_is_told(
        self,
        source: WebhookSource,
        sign: Sign,
        secrets: Sequence[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        hidden = judging.needs(secrets or None, "secrets")

        error = _refused(source, _request(OTHER, sign(BODY, NOW)))

        judging.assert_hidden(hidden, str(error), "an error")
        judging.assert_hidden(hidden, repr(source), "the source's repr")
        judging.assert_hidden(hidden, caplog.text, "the log")

    def test_its_requests_become_runs(
        self,
        source_type: type[WebhookSource],
        good_options: Mapping[str, Any],
        sign: Sign,
        make_ratchet: MakeRatchet,
    ) -> None:
        source: dict[str, Any] = {"name": "own", "type": "webhook", "workflow": "example"}
        source |= {"verify": source_type.name, "options": dict(good_options)}
        ratchet = make_ratchet(
            sources=[source_type],
            handlers=[step_handler(name="echo")(lambda context: context.input)],
            definitions=single_step("example", "echo"),
            settings={"input": {"sources": [source]}},
        )
        headers = sign(BODY, ratchet.clock.now.timestamp())

        run = ratchet.receive_webhook("own", BODY, headers)
        ratchet.drain()

        assert run.status == "completed"
        assert run.result["webhook"]["raw_body"] == BODY.decode()


def _request(body: bytes, headers: Mapping[str, str]) -> WebhookRequest:
    named = {name.lower(): value for name, value in headers.items()}
    return WebhookRequest(
        method="POST", path="/webhooks/own", headers=named, body=body, received_at=NOW
    )


def _refused(source: WebhookSource, request: WebhookRequest) -> Exception:
    try:
        verified = source.verify(request)
    except Exception as error:  # noqa: BLE001 - raising is how a request is refused
        return error
    pytest.fail(f"it was to be refused, and was answered with {verified!r}")


def _is_verified(source: WebhookSource, request: WebhookRequest) -> bool:
    try:
        source.verify(request)
    except Exception:  # noqa: BLE001 - raising is how a request is refused
        return False
    return True
