"""What a reply of Gemini's REST interface says: an answer, a refusal, a failure that may pass, and what it took."""

import contextlib
import email.utils
import json
import re
from collections.abc import Mapping

from google.genai import errors, types

from data_generation.providers.answer_cache import Answer
from data_generation.providers.budget import Usage
from data_generation.providers.port import ProviderError

_REFUSED = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"}


class RefusedError(ProviderError):
    """Gemini does not want to answer this prompt; the message is its reason: SAFETY, PROHIBITED_CONTENT, …"""

    code = "provider_refused"


class UnusableError(ProviderError):
    """What came was malformed or of no use, in every attempt; the message says how."""

    code = "provider_unusable"


class AgainError(Exception):
    """This attempt failed, and another may not."""

    def __init__(self, why: str, wait: float = 0.0, answered: bool = False, grow: bool = False) -> None:
        super().__init__(why)
        self.wait = wait  # seconds that the server asks for
        self.answered = answered
        self.grow = grow  # the answer needs more room


def answer_of(response: types.GenerateContentResponse, form: type[Answer]) -> Answer:
    """Raises RefusedError, or AgainError for what is cut off or malformed."""
    feedback = response.prompt_feedback
    if feedback and feedback.block_reason:
        raise RefusedError(feedback.block_reason.name)
    candidate = response.candidates[0] if response.candidates else types.Candidate()
    reason = candidate.finish_reason.name if candidate.finish_reason else "STOP"
    if reason in _REFUSED:
        raise RefusedError(reason)
    if reason == "MAX_TOKENS":
        raise AgainError("the answer was cut off (MAX_TOKENS)", answered=True, grow=True)
    if reason != "STOP":
        raise AgainError(f"the answer ended early ({reason})", answered=True)
    parts = candidate.content.parts if candidate.content else None
    text = "".join(part.text or "" for part in parts or () if not part.thought)
    try:
        return form.model_validate_json(text)
    except ValueError:
        raise AgainError("the answer is not of the form that was asked for", answered=True) from None


def usage_of(response: types.GenerateContentResponse) -> Usage | None:
    """What the reply says that it took; None where it does not say both prompt and output."""
    data = response.usage_metadata
    if data is None or data.prompt_token_count is None:
        return None
    outputs = [count for count in (data.candidates_token_count, data.thoughts_token_count) if count is not None]
    prompt = data.prompt_token_count + (data.tool_use_prompt_token_count or 0)
    if not outputs and data.total_token_count is None:
        return None
    return Usage(prompt, max(sum(outputs), (data.total_token_count or 0) - prompt))


def requested_wait(error: errors.APIError, now: float) -> float:
    """Seconds that the server asks for: the longer of `Retry-After` (seconds or a date) and of RetryInfo."""
    headers: Mapping[str, str] = getattr(error.response, "headers", None) or {}
    after = headers.get("retry-after", "").strip()
    waits = [0.0]
    if after.isdigit():
        waits.append(float(after))
    elif after:
        with contextlib.suppress(ValueError):  # nonsense asks for nothing
            waits.append(email.utils.parsedate_to_datetime(after).timestamp() - now)
    said = re.findall(r'"retryDelay": "(\d+(?:\.\d+)?)s"', json.dumps(error.details))
    return max(waits + [float(seconds) for seconds in said])
