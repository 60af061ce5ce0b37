"""The JSON Schema of the event over HTTP."""

from fastapi import APIRouter, Response

from workers.deliver.schema import published

MEDIA_TYPE = "application/schema+json"


def schema_routes() -> APIRouter:
    """Return the route of the published schema."""
    router = APIRouter(tags=["delivery"])

    @router.get(
        "/v1/schemas/change-1.json",
        response_class=Response,
        responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}},
    )
    def change_schema() -> Response:
        """Return the JSON Schema (2020-12) of an event, to validate by or to make code from."""
        return Response(published(), media_type=MEDIA_TYPE, headers={"cache-control": "max-age=3600"})

    return router
