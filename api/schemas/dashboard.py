"""GET /admin/dashboard. A field's description is the definition of its figure: the page shows the same texts."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from api.schemas.base import ResponseBody

MAX_HOURS = 24 * 400


class Series(ResponseBody):
    """One number for each of the equal parts of the range, the earliest first."""

    keystrokes: list[int]
    searches: list[int]
    clicks: list[int]
    add_to_cart: list[int]
    purchases: list[int]


class Figures(ResponseBody):
    """Shares lie in [0, 1]; a mean or share of nothing is null."""

    keystrokes: int = Field(
        description="Lists of suggestions for a prefix that is not empty: one for each keystroke that was asked for."
    )
    searches: int = Field(
        description="Searches that found something, once however many pages were looked at (events `search`), and "
        "lists of searches that showed nothing."
    )
    clicks: int = Field(description="Clicks on products, wherever they were shown.")
    add_to_cart: int = Field(description="Products put into a cart.")
    purchases: int = Field(description="Products bought.")
    suggest_lists: int = Field(description="Answers of /autosuggest, those for the empty prefix included.")
    search_lists: int = Field(description="Answers of /search; every page is one.")
    recommend_lists: int = Field(description="Answers of /recommendations that were logged.")
    sessions: int = Field(description="Different sessions that were shown a list or did something.")
    typing_sequences: int = Field(
        description="Times that somebody typed into the search box: keystrokes of one session, not more than 30 "
        "seconds apart, until a suggestion is chosen, a search is made or a product is clicked."
    )
    suggestion_ctr: float | None = Field(
        description="Share of the typing sequences that ended with the choice of a suggestion, within half an hour. A "
        "sequence is keystrokes of one session, not more than 30 seconds apart, until a suggestion is chosen, a search "
        "is made or a product is clicked."
    )
    mean_position: float | None = Field(
        description="Mean place of the chosen suggestions in their lists; 1 is the first. Lower is better."
    )
    search_ctr: float | None = Field(
        description="Share of the searches with at least one click on a product of their lists, told by the request "
        "id: a click counts for the list that its session was shown, up to half an hour later. Searches that found "
        "nothing count; searches reported without a request id do not."
    )
    zero_result_rate: float | None = Field(
        description="Share of the searches whose list showed nothing, be it for their words or their filters. "
        "Lower is better."
    )
    saved_characters: float | None = Field(
        description="Characters of a chosen suggestion that did not have to be typed: its length minus that of the "
        "prefix, at least 0; the mean over the choices that say what was typed (`additional_data.prefix`)."
    )
    saved_share: float | None = Field(
        description="Characters that did not have to be typed, as a share of all characters of the chosen suggestions."
    )


class PositionCount(ResponseBody):
    position: int | None = Field(description="1-based place in the list; null: further down than the others here")
    choices: int


class FunnelBody(ResponseBody):
    searched: int
    clicked: int
    added_to_cart: int
    purchased: int


class SearchedQuery(ResponseBody):
    query: str = Field(description="normalised")
    searches: int
    click_through: float | None = Field(description="share of these searches with a click; null: none can be followed")


class TrendingQuery(ResponseBody):
    query: str = Field(description="normalised")
    searches: int
    earlier: int = Field(description="searches in the same time before")


class ZeroResultQuery(ResponseBody):
    query: str = Field(description="normalised, where anything is left then")
    searches: int


class ClickedProduct(ResponseBody):
    product_id: str
    title: str | None = Field(description="null: not in the catalogue")
    clicks: int


class StoredCounts(ResponseBody):
    used: bool = Field(description="false: nothing was counted ahead yet, so everything was read from the log")
    waiting_hours: int = Field(
        description="hours of these ranges with late events that wait to be counted again, and stand as they were"
    )


class DashboardResponse(ResponseBody):
    start: datetime
    end: datetime = Field(description="exclusive: the second after this one")
    bucket_seconds: float = Field(description="length of one part of the series")
    series: Series
    figures: Figures
    before: Figures = Field(description="of as much time just before `start`")
    positions: list[PositionCount] = Field(description="Chosen suggestions by their place in the list.")
    funnel: FunnelBody = Field(
        description="Sessions that searched and found something; of these, those that clicked a product; of these, "
        "those that put one into the cart; of these, those that bought one. The order in time does not count."
    )
    top_queries: list[SearchedQuery] = Field(
        description="The most searched queries that found something, and the share of their searches with a click. "
        "Texts that look personal (mail addresses, phone numbers) are left out of all tables."
    )
    trending_queries: list[TrendingQuery] = Field(
        description="Queries with the greatest rise against as much time before: (now − earlier) / √(earlier + 1), so "
        "from 100 to 150 rises more than from 1 to 2."
    )
    zero_result_queries: list[ZeroResultQuery] = Field(
        description="The most frequent searches whose list showed nothing."
    )
    top_products: list[ClickedProduct] = Field(description="The most clicked products, wherever they were shown.")
    stored_counts: StoredCounts = Field(description="where the figures come from: either way they are the same")
    definitions: Mapping[str, str] = Field(description="what each figure and table means, by the name of its field")


def _described(*bodies: type[ResponseBody]) -> dict[str, str]:
    fields = (field for body in bodies for field in body.model_fields.items())
    return {name: field.description for name, field in fields if field.description and field.description[0].isupper()}


DEFINITIONS = _described(Figures, DashboardResponse)
"""Those that are sentences: the others say something of the field alone."""
