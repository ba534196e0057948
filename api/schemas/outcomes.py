"""GET /admin/metrics: what suggestions and search are good for, by day or by a dimension."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from pydantic import Field

from api.schemas.base import ResponseBody

MAX_DAYS, MAX_DAYS_BY_HOUR = 400, 7


class Breakdown(StrEnum):
    """What rows stand for."""

    DAY = "day"
    HOUR = "hour"
    DEVICE = "device"
    CATEGORY = "category"
    ARM = "arm"
    VISITOR = "visitor"


class Outcomes(ResponseBody):
    """Shares lie in [0, 1]; a share or mean of nothing is null, and so is what a breakdown cannot tell."""

    sessions: int = Field(
        description="Sessions that were shown a list or did something, robots aside. A session counts once for each "
        "day (by hour: for each hour) that it is there, so a visit over midnight counts on both days."
    )
    searches: int = Field(description="Searches, those that found nothing included.")
    searches_with_suggestion: float | None = Field(
        description="Share of the searches that found something and whose query the session had chosen from the "
        "suggestions in the half hour before."
    )
    sessions_with_suggestion: float | None = Field(description="Share of the sessions that chose a suggestion.")
    suggestion_ctr: float | None = Field(
        description="Share of the typing sequences that ended with the choice of a suggestion within half an hour. A "
        "sequence is keystrokes of one session, not more than 30 seconds apart, until a suggestion is chosen, a search "
        "is made or a product is clicked. It counts where it began, a choice where it was made."
    )
    mean_reciprocal_rank: float | None = Field(
        description="Mean of 1 / place over the chosen suggestions: 1 if always the first one was chosen."
    )
    saved_keystrokes: float | None = Field(
        description="Characters of a chosen suggestion that did not have to be typed; the mean over the choices that "
        "say what was typed."
    )
    saved_share: float | None = Field(description="The same as a share of all characters of these suggestions.")
    search_ctr: float | None = Field(
        description="Share of the searches with a click on a product of their list, told by the request id: by the "
        "same session, up to half an hour later. Searches that found nothing count, those without a request id do not."
    )
    zero_result_rate: float | None = Field(description="Share of the searches whose list showed nothing.")
    conversion: float | None = Field(
        description="Share of the sessions that bought something on that day. By category: of the sessions that did "
        "something with its products, those that bought one. By arm: of the sessions that were shown its lists, those "
        "whose purchase came from one: a purchase belongs to the list of the session's last click on that product "
        "within 24 hours."
    )
    revenue_per_session: float | None = Field(
        description="Revenue by session. A purchase is worth price × quantity as its event says "
        "(`additional_data.price`, `additional_data.quantity`); a missing price is the catalogue's of the time of "
        "counting, a missing quantity is 1. Not converted between currencies."
    )
    engagement_score: float | None = Field(
        description="Sum of the weights of what was done (POST /engagement: view 1, click 2, add_to_cart 5, …) by "
        "session."
    )
    clicks: int = Field(description="Clicks on products.")
    purchases: int = Field(description="Products bought.")
    revenue: float = Field(description="What purchases were worth in all, as above.")


class OutcomeRow(Outcomes):
    key: str = Field(description="the day, hour or value; `unknown`: a session did not say")


class Excluded(ResponseBody):
    """What counts nowhere above."""

    robot_sessions: int = Field(
        description="Sessions by day that asked for more than 300 lists within a minute, or within an hour without any "
        "event. Judged hour by hour."
    )
    robot_lists: int = Field(description="Lists that were shown to robots in these hours.")
    robot_events: int = Field(description="Events of robots in these hours.")
    duplicates: int = Field(
        description="Events that say again what the session said less than a second before: the same action, product, "
        "query and request."
    )
    demo_events: int = Field(description="Events of simulated demo shoppers.")


class OutcomesResponse(ResponseBody):
    first_day: date = Field(description="of the range; days are those of UTC")
    last_day: date = Field(description="included")
    by: Breakdown
    total: Outcomes = Field(description="of all")
    rows: list[OutcomeRow] = Field(
        description="Days and hours in order of time, others by sessions. A category is that of the product; of a "
        "search, that of the first product of its list in today's catalogue. An arm is written `experiment=arm`. A "
        "visitor is `returning` if the user had a session or an event on an earlier day."
    )
    excluded: Excluded
    waiting_hours: int = Field(description="hours of the range that are still to be counted, and are not in here")
    definitions: Mapping[str, str] = Field(description="what each figure means, by the name of its field")


def _described(*bodies: type[ResponseBody]) -> dict[str, str]:
    fields = (field for body in bodies for field in body.model_fields.items())
    return {name: field.description for name, field in fields if field.description and field.description[0].isupper()}


DEFINITIONS = _described(Outcomes, Excluded, OutcomesResponse)
