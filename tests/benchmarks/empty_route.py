"""The service with one more route that does nothing: what the framework alone costs for such a request and reply.

`uvicorn --factory tests.benchmarks.empty_route:create` starts the whole service from the environment, and
`POST /benchmark/empty` in the same process takes the body of `/autosuggest` and answers with ten constant lines through
the same models and the same middleware. Nothing is looked up, ranked or logged for it.
"""

from fastapi import FastAPI

from api.main import create_app
from api.schemas.autosuggest import AutosuggestRequest, AutosuggestResponse, SuggestionItem
from config.settings import Settings
from core.domain import Source

PATH = "/benchmark/empty"
_LINES = tuple(f"a suggestion as long as most {number}" for number in range(10))


def create() -> FastAPI:
    """The service's own app with the settings of the environment, and the route."""
    app = create_app(Settings())

    @app.post(PATH, response_model_exclude_unset=True)
    async def empty(body: AutosuggestRequest) -> AutosuggestResponse:
        return AutosuggestResponse(
            suggestions=list(_LINES),
            personalized=False,
            response_time_ms=0.0,
            session_id=body.session_id or "",
            request_id="",
            items=[_item(text) for text in _LINES],
        )

    return app


def _item(text: str) -> SuggestionItem:
    return SuggestionItem(
        text=text,
        category="Constant",
        product_count=10,
        source=Source.HISTORY,
        highlights=[(0, 5)],
        score=0.1,
        corrected=False,
    )
