"""Answers as the contract shows them. A made-up agency; a test holds them to the shapes.

(Without null: the contract is written without it.)
"""

from typing import Any

ARTICLE: dict[str, Any] = {
    "id": "0195d2c0-5b7a-7cc0-9d7e-3f1c2a6b8d10",
    "version": 1,
    "url": "https://agency.example/news/border-talks",
    "canonical_url": "https://agency.example/news/border-talks",
    "title": "Border guards of both countries meet",
    "language": "en",
    "language_confidence": 0.99,
    "authors": ["A. Writer"],
    "published": "2026-03-11T08:20:00Z",
    "published_from": "json-ld",
    "discovered": "2026-03-11T08:21:01Z",
    "quality": "full",
    "extractor": "trafilatura/2.3",
    "source": {
        "id": "agency",
        "name": "The agency",
        "language": "en",
        "country": "GB",
        "owner": "Example Trust",
        "state_owned": False,
    },
    "story": "0195d2be-11c4-7a05-8e63-52b7d9f0ac31",
    "duplicate_of": "0195d2be-11c4-7a05-8e63-52b7d9f0ac31",
    "model": "lexicon-linear/2",
    "flags": [
        {
            "topic": "border-cooperation",
            "probability": 0.98,
            "flagged": True,
            "band": "flagged",
            "evidence": [
                {
                    "field": "title",
                    "start": 0,
                    "end": 13,
                    "text": "Border guards",
                    "rule": "border guard*",
                    "weight": 2.0,
                }
            ],
            "sentence": {"field": "title", "start": 0, "end": 36, "text": "Border guards of both countries meet"},
            "pack_version": "3",
            "model": "lexicon-linear/2",
        }
    ],
}

CHANGES: dict[str, Any] = {
    "changes": [
        {
            "specversion": "1.0",
            "id": "0195d2c1-0d4e-7f3a-8b52-7a90c4e1d6f2",
            "source": "urn:wirewatch:5b0f5c2e-8f39-4c77-b1a5-6c1d1f0e9a44",
            "type": "wirewatch.article.created",
            "subject": ARTICLE["id"],
            "time": "2026-03-11T08:21:07.120000Z",
            "datacontenttype": "application/json",
            "dataschema": "urn:wirewatch:schema:change:1#data",
            "seq": 17,
            "data": {"unflagged": [], "article": ARTICLE},
        }
    ],
    "next_after": 17,
    "last_seq": 17,
}

ARTICLES: dict[str, Any] = {"articles": [ARTICLE], "next_before": ARTICLE["id"]}

FULL_ARTICLE: dict[str, Any] = {**ARTICLE, "text": "Guards of both sides met on Monday.\nThey meet again in May."}

VERSIONS: dict[str, Any] = {
    "versions": [
        {
            "id": "0195d2c1-0d4e-7f3a-8b52-7a90c4e1d6f2",
            "seq": 17,
            "type": "created",
            "time": "2026-03-11T08:21:07.120000Z",
            "article": FULL_ARTICLE,
        }
    ]
}

PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "limit: Input should be less than or equal to 500",
    "errors": [{"in": "query", "name": "limit", "detail": "Input should be less than or equal to 500"}],
}


def shown(example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """Return the entry of an address's responses that shows this example."""
    return {200: {"content": {"application/json": {"example": example}}}}
