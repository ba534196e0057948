"""GET /admin/models: the versions that are published, and the audit log."""

import asyncio
import json
from typing import Literal

from fastapi import APIRouter, Depends

from api.csv_response import CsvResponse
from api.dependencies import State, require_admin
from api.errors import problem_responses
from api.schemas.models import AuditBody, ModelsResponse, VersionBody
from api.state import AppState
from core import artifacts
from core.errors import ArtifactError
from database.repositories.audit import AuditRepository

router = APIRouter(prefix="/admin/models", tags=["operations"], dependencies=[Depends(require_admin)])
_AUDITED = 100


@router.get("", responses=problem_responses(401, 403, 503))
async def models(state: State) -> ModelsResponse:
    """Published versions with what is known of them, and what operators, the schedule and the guard did."""
    async with state.database.reading() as session:
        audited = await AuditRepository(session).newest(_AUDITED)
    return ModelsResponse(
        versions=await asyncio.to_thread(_versions, state),
        audit=[
            AuditBody(
                happened_at=one.happened_at,
                actor=one.actor.value,
                action=one.action,
                subject=one.subject,
                details=dict(one.details),
            )
            for one in audited
        ],
    )


@router.get("/audit.csv", response_class=CsvResponse, responses=problem_responses(401, 403, 503))
async def audit_csv(state: State) -> CsvResponse:
    """The newest hundred lines of the audit log."""
    found = await models(state)
    rows = [
        [one.happened_at.isoformat(), one.actor, one.action, one.subject, json.dumps(one.details)]
        for one in found.audit
    ]
    return CsvResponse.of("audit", ["happened_at", "actor", "action", "subject", "details"], rows)


@router.get("/versions.csv", response_class=CsvResponse, responses=problem_responses(401, 403, 503))
async def versions_csv(state: State) -> CsvResponse:
    """The published versions."""
    found = await models(state)
    rows = [[one.version, one.state, one.resident, one.made_at, json.dumps(one.facts)] for one in found.versions]
    return CsvResponse.of("versions", ["version", "state", "resident", "made_at", "facts"], rows)


def _versions(state: AppState) -> list[VersionBody]:
    folder = state.settings.storage.artifacts
    return [_version(state, version) for version in reversed(artifacts.versions(folder))]


def _version(state: AppState, version: str) -> VersionBody:
    folder = state.settings.storage.artifacts
    try:
        manifest = artifacts.read_manifest(folder, version)
    except ArtifactError as error:
        manifest = {"unreadable": str(error)}
    kind: Literal["current", "promoted", "previous", "published"] = "published"
    if version == artifacts.current_version(folder):
        kind = "current"
    elif version in state.experiments.wanted_versions:
        kind = "promoted"
    elif version == artifacts.previous_version(folder):
        kind = "previous"
    made = manifest.get("created_at")
    return VersionBody(
        version=version,
        state=kind,
        resident=version in state.variants.versions,
        made_at=made if isinstance(made, str) else None,
        facts={name: fact for name, fact in manifest.items() if name not in ("files", "version", "created_at")},
    )
