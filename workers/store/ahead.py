"""No moment lies further ahead than a rule can have put it: how the ledger comes through a clock that is set back.

Leases, holds and due times are written as "now and so much more". When the clock goes back by ten years, they lie ten
years ahead, and whoever goes by them would wait as long. Since each rule has a longest wait, a moment beyond it shows
that the clock was ahead when it was written, and so does one of the past that lies ahead. Such rows are due at once,
and a hold ends as if it began now. A jump that is shorter than a wait cannot be told from it: it adds its length, once.
A clock that goes forward needs nothing of this: what was to wait is due, and a lease that ended early is fenced.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import Engine, bindparam, text

from workers.store.backoff import LONGEST_DELAY_S
from workers.store.schema import IN_FLIGHT

#: Longest rest of a host that said stop, and longest life of a robots.txt (RELIABILITY.md S15, RFC 9309 section 2.4).
DAY_S = 86_400.0
#: Longest rest of any other host: its spacing, or the minute after it did not answer.
GAP_S = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Furthest:
    """How far ahead the rules put a moment at most, in seconds."""

    held: float  # a lease, a host in hand, a hint that is out
    polled: float  # the next poll of a source
    looked_at: float  # the next look at a page, from its first sight
    delayed: float = LONGEST_DELAY_S  # the next try of an entry
    rests: float = DAY_S
    spaced: float = GAP_S
    known: float = DAY_S  # a robots.txt


#: What is looked at with each sweep. Each condition begins with what an index knows, or is of a small table.
DUE = {
    "entry": """
        UPDATE entry
           SET due_at = now() + CASE WHEN lease_token IS NULL THEN interval '0' ELSE :held END,
               lease_until = CASE WHEN lease_token IS NOT NULL THEN now() + :held END
         WHERE id IN (SELECT id FROM entry
                       WHERE state IN :in_flight AND due_at > now() + :held
                         AND (lease_token IS NOT NULL OR reason IS NULL OR due_at > now() + :delayed)
                         FOR UPDATE SKIP LOCKED)""",
    "revisit": """
        UPDATE entry
           SET revisit_at = now() + least(revisit_at - discovered_at, :looked_at), discovered_at = now()
         WHERE id IN (SELECT id FROM entry
                       WHERE revisit_at > now() + :looked_at AND discovered_at > now()
                         FOR UPDATE SKIP LOCKED)""",
    "source": """
        UPDATE source
           SET due_at = now() + CASE WHEN lease_token IS NULL THEN interval '0' ELSE :held END,
               lease_until = CASE WHEN lease_token IS NOT NULL THEN now() + :held END,
               polled_at = CASE WHEN polled_at > now() THEN now() ELSE polled_at END
         WHERE id IN (SELECT id FROM source
                       WHERE polled_at > now() + :held OR due_at > now() + :polled
                          OR lease_token IS NOT NULL AND due_at > now() + :held
                         FOR UPDATE SKIP LOCKED)""",
    "host": """
        UPDATE host
           SET next_allowed_at = least(next_allowed_at, now() + CASE WHEN penalties > 0 THEN :rests ELSE :spaced END),
               in_flight_until = CASE WHEN in_flight_until IS NOT NULL THEN least(in_flight_until, now() + :held) END,
               hinted_until = CASE WHEN hinted_until IS NOT NULL THEN least(hinted_until, now() + :held) END
         WHERE name IN (SELECT name FROM host
                         WHERE next_allowed_at > now() + CASE WHEN penalties > 0 THEN :rests ELSE :spaced END
                            OR in_flight_until > now() + :held OR hinted_until > now() + :held
                           FOR UPDATE SKIP LOCKED)""",
}

#: What is looked at with each upkeep: ages, which are counted in days.
AGES = {
    "robots": """
        UPDATE robots
           SET expires_at = now(), body_at = CASE WHEN body_at > now() THEN now() ELSE body_at END
         WHERE expires_at > now() + :known OR body_at > now() + :held""",
    "page": """
        UPDATE page SET stored_at = now()
         WHERE sha IN (SELECT sha FROM page WHERE stored_at > now() + :held FOR UPDATE SKIP LOCKED)""",
}


def pull_in(engine: Engine, furthest: Furthest, rules: Mapping[str, str] = DUE) -> dict[str, int]:
    """Bring back what lies further ahead than it can; return the rows by rule, without those that found none.

    Any number of processes may do so at the same time; what another one has locked is left to the next time.
    """
    bounds = {name: timedelta(seconds=seconds) for name, seconds in asdict(furthest).items()} | {"in_flight": IN_FLIGHT}
    moved = {}
    for what, rule in rules.items():
        said = text(rule)
        said = said.bindparams(bindparam("in_flight", expanding=True)) if ":in_flight" in rule else said
        with engine.begin() as connection:
            count = connection.execute(said, {name: one for name, one in bounds.items() if f":{name}" in rule}).rowcount
        if count:
            moved[what] = count
    return moved
