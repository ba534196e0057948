"""The HTTP service. `uvicorn api.main:app` serves what is published; settings come from the environment."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api import errors
from api.admission import Admission
from api.lifespan import lifespan_of
from api.metrics import Metrics
from api.middleware import DOCS_PATH, BodyLimit, PlainStartFailure, RequestContext
from api.models import load_models, model_process
from api.rate_limits import HEADERS, RateLimits
from api.routes import (
    admin,
    autosuggest,
    dashboard,
    engagement,
    experiment_results,
    experiments,
    health,
    jobs,
    keys,
    metrics,
    models,
    outcomes,
    page,
    products,
    recommendations,
    rules,
    search,
    search_rules,
    sessions,
    storefront,
    ubi,
    users,
)
from api.state import Load
from config.settings import Settings


def create_app(settings: Settings, load: Load | None = None) -> FastAPI:
    """The app with these settings; nothing is opened or loaded before its lifespan begins.

    `load` gives other models than the published ones; they are asked in threads, and a thread writes events.
    """
    counted = Metrics()
    spawn = model_process if load is None and settings.serving.model_processes else None
    write_apart = load is None and settings.serving.writing_process
    app = FastAPI(
        title="Enhanced CADENCE",
        summary="Autosuggest and product search that learn from every keystroke and click",
        version="0.1.0",
        lifespan=lifespan_of(settings, load or load_models, spawn, counted, write_apart=write_apart),
        docs_url=DOCS_PATH,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever host the request names
        # Its spans would name paths and queries, in which ids of users stand: api/tracing.py makes ours.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    errors.install(app)
    operations = (
        health,
        metrics,
        admin,
        jobs,
        rules,
        search_rules,
        products,
        keys,
        experiments,
        experiment_results,
        models,
        dashboard,
        outcomes,
        ubi,
    )
    for resource in (autosuggest, search, recommendations, engagement, sessions, storefront, users, *operations, page):
        app.include_router(resource.router)
    # Files are made small on their way; answers to keystrokes are so already, and must not wait for it.
    app.mount("/static", GZipMiddleware(StaticFiles(directory=page.STATIC)), name="static")

    # The last one added is the outermost: every response gets its id, those of the CORS check too; and refusals pass
    # CORS, or a page of another origin could not read when to come back.
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.serving.max_body_bytes,
        timeout_seconds=settings.overload.body_timeout_seconds,
        max_depth=settings.overload.max_json_depth,
    )
    app.add_middleware(RateLimits, settings=settings.limits, metrics=counted)
    if settings.overload.shed_load:
        app.add_middleware(
            Admission,
            settings=settings.overload,
            deadline_seconds=settings.suggest.max_latency_ms / 1_000,
            metrics=counted,
        )
    if settings.serving.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.serving.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", *HEADERS],
        )
    app.add_middleware(RequestContext, metrics=counted, image_hosts=settings.serving.image_hosts)
    app.add_middleware(PlainStartFailure)
    return app


def _app_from_environment() -> FastAPI:
    try:
        settings = Settings()
    except ValidationError as error:  # its own text would repeat the values, secrets among them
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        raise SystemExit(f"cannot start: {wrong}") from None
    return create_app(settings)


app = _app_from_environment()
