"""The step handler `words`: counts the words of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ratchet_core.sdk import PermanentError, StepContext, StepHandler


class WordsHandler(StepHandler):
    """Counts the words of the field that `handler_config.field` names.

    Args:
        longest: most characters that are read.
    """

    name: ClassVar[str | None] = "words"

    def __init__(self, longest: int = 10_000) -> None:
        self._longest = longest

    def check(self, config: Mapping[str, Any], files: Mapping[str, str]) -> Sequence[str]:
        """Return what is wrong with a step's configuration; shown when the definition is loaded."""
        if not isinstance(config.get("field"), str):
            return ["field: name the field of the input that holds the text"]
        return ()

    def process(self, context: StepContext) -> Any:
        """Return the number of words.

        Raises:
            PermanentError: there is no such text, or it is too long; trying again would not help.
        """
        field = context.config["field"]
        text = context.input.get(field)
        if not isinstance(text, str) or len(text) > self._longest:
            message = f"input.{field} must be a text of at most {self._longest} characters"
            raise PermanentError(message, code="NO_TEXT")
        return {"words": len(text.split())}
