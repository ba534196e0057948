"""One question to Gemini, answered in a given form: from the cache, or with bounded retries within the budget."""

import json
import random
import re
import time
from collections.abc import Callable

import httpx2  # what google-genai speaks HTTP with
from google import genai
from google.genai import errors, types

from config.gemini_settings import GeminiSettings
from data_generation.providers.answer_cache import Answer, AnswerCache
from data_generation.providers.budget import Budget, Usage
from data_generation.providers.gemini_replies import AgainError, UnusableError, answer_of, requested_wait, usage_of
from data_generation.providers.gemini_schemas import VERSION
from data_generation.providers.port import ProviderError

_GOOGLE = "https://generativelanguage.googleapis.com/"
_ATTEMPTS = 5
_FIRST_WAIT = 1.0  # seconds; doubled with every attempt
_LONGEST_WAIT = 120.0  # seconds; who asks for more means the quota of a day
_FRAME = 256  # tokens around prompt and schema, far more than the API adds
_MOST_OUTPUT = 65_536  # tokens, of all current models


class GeminiClient:
    """Asks the model of the settings. `asked` and `cached` count answers."""

    def __init__(
        self,
        settings: GeminiSettings,
        cache: AnswerCache,
        *,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        seed: int | None = None,
    ) -> None:
        key = settings.gemini_api_key.get_secret_value().strip() if settings.gemini_api_key else ""
        if not key:
            raise ProviderError("GEMINI_API_KEY is not set: get a key at https://aistudio.google.com/apikey")
        if not re.fullmatch(r"[!-~]+", key):
            raise ProviderError("GEMINI_API_KEY holds characters that no key has: copy it anew")
        self._key, self.model, self._cache = key, settings.gemini_model, cache
        self._sleep, self._now, self._rng = sleep, now, random.Random(seed)
        self.budget = Budget(
            settings.gemini_max_tokens,
            settings.gemini_max_cost_usd,
            settings.gemini_usd_per_million_input,
            settings.gemini_usd_per_million_output,
        )
        self.asked = self.cached = 0
        # An answer takes seconds, a connection none: kept open, it would only be found cut after a wait.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._http = httpx2.Client(timeout=settings.gemini_timeout_seconds, limits=limits)
        options = types.HttpOptions(
            base_url=settings.gemini_base_url or _GOOGLE,
            api_version="v1beta",
            timeout=round(settings.gemini_timeout_seconds * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),  # ours know the budget
            httpx_client=self._http,
        )
        self._genai = genai.Client(vertexai=False, api_key=key, http_options=options)

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def ask(
        self,
        prompt: str,
        form: type[Answer],
        output_tokens: int,
        wrong: Callable[[Answer], str | None] = lambda answer: None,
    ) -> Answer:
        """The answer, kept in the cache. `wrong` says what makes one useless; such a one is not kept.

        Raises RefusedError, UnusableError, BudgetError, and ProviderError where no further question makes sense.
        """
        schema = json.dumps(form.model_json_schema(), sort_keys=True)
        key = self._cache.key(self.model, prompt, schema, VERSION)
        known = self._cache.get(key, form)
        if known is not None and wrong(known) is None:
            self.cached += 1
            return known
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._attempt(prompt, form, schema, output_tokens)
                if reason := wrong(answer):
                    raise AgainError(reason, answered=True)
            except AgainError as failure:
                if attempt == _ATTEMPTS:
                    raise self._given_up(failure) from None
                output_tokens = min(2 * output_tokens, _MOST_OUTPUT) if failure.grow else output_tokens
                self._sleep(self._wait(failure, attempt))
            else:
                self._cache.put(key, self.model, answer)
                self.asked += 1
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, prompt: str, form: type[Answer], schema: str, output_tokens: int) -> Answer:
        bound = len(prompt.encode()) + len(schema.encode()) + _FRAME  # no token is shorter than a byte
        reserved = self.budget.reserve(bound, output_tokens)
        usage: Usage | None = None  # unknown: the whole reservation counts, as it may have been billed
        try:
            response = self._genai.models.generate_content(
                model=self.model, contents=prompt, config=self._config(json.loads(schema), reserved.output_tokens)
            )
            usage = usage_of(response)
        except errors.APIError as error:
            usage = Usage(0, 0) if error.code == 429 else None  # turned away before any work
            raise self._judged(error) from None
        except httpx2.HTTPError as error:
            raise AgainError(f"the connection failed ({type(error).__name__})") from None
        except (ValueError, TypeError, AttributeError):  # what the SDK stumbles over: JSON of another shape, or none
            raise AgainError("the reply is not of the API's form") from None
        finally:
            self.budget.settle(reserved, usage)
        return answer_of(response, form)

    def _config(self, schema: dict[str, object], output_tokens: int) -> types.GenerateContentConfig:
        # Word lists need little thought, and thoughts are billed; older models know no levels.
        level = types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW)
        return types.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema=schema,
            max_output_tokens=output_tokens,
            thinking_config=level if self.model.startswith("gemini-3") else None,
            automatic_continuation=False,  # each would be another attempt, unseen by the budget
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    def _judged(self, error: errors.APIError) -> Exception:
        """What an HTTP error means for the run."""
        said = f"{error.code} {error.status or ''}".strip()
        if error.code in (401, 403) or (error.code == 400 and "API_KEY_INVALID" in json.dumps(error.details)):
            return ProviderError(f"Gemini does not accept GEMINI_API_KEY ({self._line(said)}): check the key")
        if error.code in (408, 429) or error.code >= 500:
            wait = requested_wait(error, self._now())
            if wait <= _LONGEST_WAIT:
                return AgainError(self._line(said), wait=wait)
            return ProviderError(f"Gemini asks to come back in {wait:.0f} s ({self._line(said)}): start again then")
        if error.code == 404:
            return ProviderError(f"Gemini knows no model {self.model}: see GEMINI_MODEL")
        return ProviderError(self._line(f"Gemini does not take the request ({said}): {error.message}"))

    def _wait(self, failure: AgainError, attempt: int) -> float:
        """Seconds: exponential with jitter, and never less than the server asks for."""
        own = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT) * self._rng.uniform(0.5, 1.0)
        return max(own, failure.wait + self._rng.uniform(0.0, 1.0)) if failure.wait else own

    def _given_up(self, failure: AgainError) -> ProviderError:
        if failure.answered:
            return UnusableError(f"{failure} in {_ATTEMPTS} attempts")
        return ProviderError(
            f"Gemini gave no answer in {_ATTEMPTS} attempts (at last: {failure}); what was answered is kept in the "
            "cache, so start again later"
        )

    def _line(self, text: str) -> str:
        """One line that does not hold the key."""
        return " ".join(text.replace(self._key, "…").split())[:300]
