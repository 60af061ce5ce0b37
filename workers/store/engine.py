"""The one way to the database."""

import json
from typing import Any

from sqlalchemy import Engine, create_engine

from workers.store.revision import NEWEST


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def make_engine(
    url: str, *, role: str, statement_timeout_s: int = 30, pool_size: int = 2, is_for_readers: bool = False
) -> Engine:
    """Return an engine whose sessions are bounded, and named in `pg_stat_activity`.

    A statement ends after 30 s, a lock is waited for 5 s, a transaction left open is closed after 30 s
    (RELIABILITY.md section 2). `pool_pre_ping` replaces connections that a restart of the server has cut.

    `is_for_readers`: every statement is planned for the values that it has. From its sixth time on PostgreSQL may keep
    one plan for all of them, which looked at 10,000 changes for a topic that 20 have (34 ms, else 3; `docs/api.md`).
    """
    options = (
        f"-c statement_timeout={statement_timeout_s}s -c lock_timeout=5s "
        f"-c idle_in_transaction_session_timeout=30s -c timezone=UTC -c jit=off"
    )
    if is_for_readers:
        options += " -c plan_cache_mode=force_custom_plan"
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=10,
        pool_pre_ping=True,
        json_serializer=_dumps,
        connect_args={
            "options": options,
            "application_name": f"wirewatch {role} {NEWEST}",  # who must have left before a `post` migration
            "connect_timeout": 5,
            "keepalives_idle": 30,
        },
    )
