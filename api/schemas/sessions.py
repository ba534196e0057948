"""POST /user/session/start."""

from collections.abc import Mapping

from pydantic import Field

from api.schemas.base import FreeText, RequestBody, ResponseBody, SessionIdText, UserIdText, Word


class SessionStartRequest(RequestBody):
    user_id: UserIdText | None = Field(default=None, description="absent: a guest gets an id of its own")
    session_id: SessionIdText | None = Field(
        default=None,
        description="of the visit so far, where somebody signs in: what was done in it becomes part of the profile",
    )
    device: Word | None = None
    locale: Word | None = None
    location: Word | None = None
    referrer: FreeText | None = None


class SessionStartResponse(ResponseBody):
    session_id: str
    user_id: str
    session_token: str = Field(description="for `Authorization: Bearer …` on the calls of this session")
    experiments: Mapping[str, str] = Field(description="arm by experiment")
