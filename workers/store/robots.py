"""robots.txt by origin, so that every process goes by the same one and none is asked for more often than once a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from workers.store.schema import robots
from workers.store.text import detail_text

#: For so long the last known robots.txt counts while its server fails (RFC 9309 section 2.3.1.4).
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownRobots:
    """What was found at an origin's /robots.txt."""

    verdict: str  # allow: there is none; parse: `body` says; unknown: the server fails
    body: bytes | None = None  # the last one that was there, at most 30 days old
    expires_s: float  # from now
    detail: str = ""


class RobotsBook:
    """Keeps what /robots.txt said."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def known(self, origins: Iterable[str]) -> dict[str, KnownRobots]:
        """Return what is known of these origins and not out of date."""
        left = func.extract("epoch", robots.c.expires_at - func.now()).label("left")
        query = select(robots, left, (robots.c.body_at > func.now() - KEPT_FOR).label("recent")).where(
            robots.c.origin.in_(sorted(set(origins))), robots.c.expires_at > func.now()
        )
        with self.engine.connect() as connection:
            return {
                row.origin: KnownRobots(
                    verdict=row.verdict,
                    body=row.body if row.recent else None,
                    expires_s=float(row.left),
                    detail=row.detail,
                )
                for row in connection.execute(query)
            }

    def keep(self, origin: str, found: KnownRobots) -> KnownRobots:
        """Write down what was found, and return it; a server that fails does not take away the body known before."""
        expires = func.now() + timedelta(seconds=found.expires_s)
        fresh: dict[str, Any] = {"verdict": found.verdict, "expires_at": expires, "detail": detail_text(found.detail)}
        if found.verdict != "unknown":
            fresh |= {"body": found.body, "body_at": func.now() if found.body is not None else None}
        new = insert(robots).values(origin=origin, **fresh)
        kept = new.on_conflict_do_update(index_elements=["origin"], set_=fresh).returning(
            robots.c.body, (robots.c.body_at > func.now() - KEPT_FOR).label("recent")
        )
        with self.engine.begin() as connection:
            row = connection.execute(kept).one()
        return KnownRobots(
            verdict=found.verdict,
            body=row.body if row.recent else None,
            expires_s=found.expires_s,
            detail=found.detail,
        )

    def forget_old(self) -> int:
        """Delete what has been out of date for as long as it may be used; return how many."""
        old = robots.c.expires_at < func.now() - KEPT_FOR
        with self.engine.begin() as connection:
            return connection.execute(delete(robots).where(old)).rowcount
