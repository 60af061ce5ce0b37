"""Keys of the API: who may read. Of a key only its beginning and its SHA-256 are kept.

A plain hash is enough, and found by an index: a key has 256 bits of chance, so nobody can try them through.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping

from workers.store.schema import api_key

#: How every key begins, so that scanners of leaked secrets know it.
MARK = "ww_"

#: Characters of a key that are kept and shown.
SHOWN = len(MARK) + 8


class Scope(StrEnum):
    """What a key is for."""

    READ = "read"  # everything that is read
    REPLAY = "replay"  # have changes sent again
    ADMIN = "admin"  # change what is kept: verdicts, subscriptions; and all of the above


@dataclass(frozen=True, slots=True)
class Key:
    """A key in force."""

    prefix: str
    scopes: frozenset[Scope]

    def allows(self, scope: Scope) -> bool:
        """Return whether the key is good for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def create_key(connection: Connection, name: str, scopes: Sequence[Scope], expires_at: datetime | None) -> str:
    """Return a new key, which is kept nowhere: show it once."""
    key = f"{MARK}{secrets.token_urlsafe(32)}"
    connection.execute(
        insert(api_key).values(
            name=name,
            prefix=key[:SHOWN],
            sha256=_digest(key),
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
        )
    )
    return key


def list_keys(connection: Connection) -> list[RowMapping]:
    """Return what is kept of every key, the newest first, and whether it is in force."""
    columns = [api_key.c[name] for name in ("prefix", "name", "scopes", "created_at", "expires_at", "revoked_at")]
    query = select(*columns, _is_in_force().label("is_in_force"), func.now().label("now"))
    return list(connection.execute(query.order_by(api_key.c.id.desc())).mappings())


def revoke_key(connection: Connection, prefix: str) -> bool:
    """End a key at once; return whether there is one that begins so. Twice is harmless."""
    ended = update(api_key).where(api_key.c.prefix == prefix)
    ended = ended.values(revoked_at=func.coalesce(api_key.c.revoked_at, func.now()))
    return bool(connection.execute(ended).rowcount)


def key_in_force(connection: Connection, given: str) -> Key | None:
    """Return the key that was given, None when it is none of ours, has expired or was revoked."""
    query = select(api_key.c.prefix, api_key.c.scopes).where(api_key.c.sha256 == _digest(given), _is_in_force())
    row = connection.execute(query).first()
    return None if row is None else Key(row.prefix, frozenset(map(Scope, row.scopes)))


def any_key(connection: Connection) -> bool:
    """Return whether a key was ever made. The last one's end opens nothing: from the first on, one is needed."""
    return bool(connection.execute(select(exists().select_from(api_key))).scalar())


def _is_in_force() -> ColumnElement[bool]:
    not_over = or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > func.now())
    return and_(api_key.c.revoked_at.is_(None), not_over)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
