"""International organisations that matter to the topics, by their names in the languages that packs have."""

from importlib.resources import files

from workers.classify.entities.names import Row, parse

ORGANISATION = "organisation"


def organisation_rows() -> tuple[Row, ...]:
    """Return the table of organisations (`data/organisations.tsv`), which comes with the package."""
    table = files("workers.classify.entities").joinpath("data", "organisations.tsv").read_text("utf-8")
    return tuple(parse(table, ORGANISATION))
