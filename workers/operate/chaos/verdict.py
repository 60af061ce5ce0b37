"""What must hold when the faults are over, asked of the database in plain SQL."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

from workers.store.overview import broken_invariants

#: Claims are counted by the database, so that those of processes which died count too. A claim that was given back
#: (there was no time to begin, or the store went away) counts as well.
METER = """
CREATE TABLE chaos_run (entry_id uuid NOT NULL, state text NOT NULL);
CREATE FUNCTION chaos_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO chaos_run VALUES (NEW.id, NEW.state); RETURN NULL; END $$;
CREATE TRIGGER chaos_count AFTER UPDATE OF lease_token ON entry FOR EACH ROW
  WHEN (NEW.lease_token IS NOT NULL AND NEW.lease_token IS DISTINCT FROM OLD.lease_token)
  EXECUTE FUNCTION chaos_count();
"""

#: The negative control. The sweeper goes by `due_at` alone; claims and hints do not: with every due time far away,
#: what is lost is lost.
BLIND_SWEEPER = """
CREATE FUNCTION chaos_blind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.due_at := now() + interval '10 years'; RETURN NEW; END $$;
CREATE TRIGGER chaos_blind BEFORE INSERT OR UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION chaos_blind();
"""

#: The receiver of `wirewatch chaos` answers at once, so nobody has to wait for the half minute that a pusher which was
#: killed still holds its subscription. A stop may be longer than this, and a second pusher then takes over.
SHORT_LEASE = """
CREATE FUNCTION chaos_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.lease_until := least(NEW.lease_until, now() + interval '3 seconds'); RETURN NEW; END $$;
CREATE TRIGGER chaos_lease BEFORE UPDATE ON webhook FOR EACH ROW WHEN (NEW.lease_until IS NOT NULL)
  EXECUTE FUNCTION chaos_lease();
"""

#: Steps of an article that wake by a claim: fetch, extract, classify.
STEPS = 3

STANDING = """
SELECT (SELECT count(*) FROM entry),
       (SELECT count(*) FROM entry WHERE state = 'classified'),
       (SELECT count(*) FROM entry WHERE state IN ('dropped', 'quarantined')),
       (SELECT count(*) FROM entry WHERE lease_token IS NOT NULL),
       (SELECT count(*) FROM source WHERE lease_until < now() - interval '5 seconds')
     + (SELECT count(*) FROM host WHERE in_flight_until < now() - interval '5 seconds'
                                    AND next_allowed_at < now() - interval '5 seconds'),
       (SELECT count(*) FROM change WHERE seq IS NULL),
       (SELECT coalesce(max(seq), 0) FROM change),
       (SELECT count(*) FROM chaos_run)
"""

#: Each returns what exists more often than once.
DOUBLED = {
    "link": "SELECT url FROM entry GROUP BY url HAVING count(*) > 1",
    "text": "SELECT min(title) FROM article GROUP BY text HAVING count(*) > 1",
    "created change": "SELECT entry_id FROM change WHERE type = 'created' GROUP BY entry_id HAVING count(*) > 1",
    "article that is one of another's": "SELECT entry_id FROM change WHERE payload->>'duplicate_of' IS NOT NULL",
    "change after the first": "SELECT entry_id FROM change WHERE type <> 'created'",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the articles are."""

    discovered: int
    classified: int
    otherwise: int  # dropped or quarantined: here nothing should be
    leased: int
    leftover: int  # leases of sources and hosts that ran out, and nobody took up
    unnumbered: int
    last_seq: int
    runs: int

    def is_drained(self, articles: int) -> bool:
        """Return whether every article has its ending, and nothing is left to do."""
        ended = self.discovered == self.classified + self.otherwise == articles
        return ended and not (self.leased or self.leftover or self.unnumbered)


def install(engine: Engine, *, sweeper: bool) -> None:
    """Put the meter into a database whose services run; without `sweeper` no due entry is ever seen again."""
    with engine.begin() as connection:
        connection.execute(text(METER))
        connection.execute(text(SHORT_LEASE))
        if not sweeper:
            connection.execute(text(BLIND_SWEEPER))


def standing(engine: Engine) -> Standing:
    """Return where the articles are now."""
    with engine.connect() as connection:
        return Standing(*connection.execute(text(STANDING)).one())


def doubled(engine: Engine) -> dict[str, list[str]]:
    """Return what exists twice, by what it is."""
    with engine.connect() as connection:
        found = {
            what: [str(one) for one in connection.execute(text(query)).scalars()] for what, query in DOUBLED.items()
        }
    return {what: rows for what, rows in found.items() if rows}


def log(engine: Engine) -> list[tuple[int, str, str, str]]:
    """Return the change log as a reader must have it: seq, event id, entry id and type, in order."""
    query = "SELECT seq, event_id::text, entry_id::text, type FROM change WHERE seq IS NOT NULL ORDER BY seq"
    with engine.connect() as connection:
        return [(row[0], row[1], row[2], row[3]) for row in connection.execute(text(query))]


def left_over(engine: Engine) -> list[str]:
    """Return, in words, each entry that is not classified, with where it stands and why."""
    query = """SELECT format('%s: %s, %s, %s crashes, due %s: %s',
                             url, state, reason, crashes, due_at, left(detail, 200))
                 FROM entry WHERE state <> 'classified' ORDER BY id LIMIT 20"""
    with engine.connect() as connection:
        return [str(one) for one in connection.execute(text(query)).scalars()]


def problems(
    engine: Engine,
    *,
    articles: int,
    kept: Iterable[tuple[int, str, str, str]],
    stream: Iterable[int],
    pushed: Sequence[tuple[int, str, str, str]] | None = None,
) -> list[str]:
    """Return, in words, every promise that does not hold.

    `kept`: by the consumer; `stream`: the stream's numbers; `pushed`: to the webhook, in the order of arrival, None
    when nobody is subscribed.
    """
    now, truth = standing(engine), log(engine)
    found = [f"promise broken: {promise}: {rows}" for promise, rows in broken_invariants(engine).items()]
    found += [f"twice: {what}: {rows[:5]}" for what, rows in doubled(engine).items()]
    if now.discovered != articles:
        found.append(f"{articles} articles, {now.discovered} discovered")
    if now.discovered != now.classified + now.otherwise:
        found.append(f"{now.discovered} discovered, {now.classified} classified, {now.otherwise} ended otherwise")
    found += left_over(engine)
    if now.leased or now.leftover:
        found.append(f"{now.leased} entries and {now.leftover} sources or hosts are still leased")
    if now.unnumbered:
        found.append(f"{now.unnumbered} changes have no number")
    if [seq for seq, *_ in truth] != list(range(1, len(truth) + 1)):
        found.append("the sequence has a gap or a repeat")
    found += _differences("the consumer", truth, kept)
    if pushed is not None:
        found += _differences("the webhook", truth, pushed)
        if (first := list(dict.fromkeys(pushed))) != sorted(first):
            found.append("the webhook was sent changes out of order")
    if list(stream) != [seq for seq, *_ in truth]:
        found.append("the stream is not the log")
    return found


def _differences(
    reader: str, truth: list[tuple[int, str, str, str]], kept: Iterable[tuple[int, str, str, str]]
) -> list[str]:
    """Return how what a reader kept differs from the log; the same event twice is no difference."""
    times = Counter(kept)
    found = []
    if missing := [one for one in truth if one not in times]:
        found.append(f"{reader} misses {len(missing)} of {len(truth)} changes: {missing[:3]}")
    if strange := times.keys() - set(truth):
        found.append(f"{reader} has {len(strange)} changes that the log has not: {sorted(strange)[:3]}")
    return found
