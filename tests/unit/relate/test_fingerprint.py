import pytest

from workers.relate.fingerprint import fingerprint

BODY = [
    "The border guards of both countries will share data on stolen vehicles from the first of June, the ministry said.",
    "Joint patrols have walked the northern stretch since last autumn and found eleven lorries with false papers.",
    "A common centre with forty officers opens in the spring in the old customs house on the river bank.",
    "The opposition called the costs unclear and asked the government for a full account before the summer break.",
    "Parliament votes on the agreement in two weeks, and both chambers have to give their consent to it.",
]
OURS = "\n".join(["TEHRAN (FNA) - Two countries agreed on Monday to guard their border together.", *BODY])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            "\n".join(["TEHRAN, June 1 (IRX) — Two neighbours are to guard their border together.", *BODY]), id="intro"
        ),
        pytest.param(
            "Neighbours talk\nA deal after a year.\nTEHRAN (FNA) - A deal, at last.\n" + "\n".join(BODY),
            id="standfirst",
        ),
        pytest.param(OURS.upper(), id="case"),
        pytest.param(OURS.replace("\n", "\n\n").replace(" ", "  "), id="spacing"),
        pytest.param(OURS + "\nReporting by our staff.", id="credit"),
        pytest.param(
            "\n".join(["TEHRAN (FNA) - A first line of another kind.", *reversed(BODY)]), id="order of paragraphs"
        ),
    ],
)
def test_the_same_wire_story_at_two_outlets_has_one_fingerprint(other: str) -> None:
    assert fingerprint("Border deal", OURS) == fingerprint("Neighbours to guard border", other)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("\n".join(BODY[:1]), id="a part"),
        pytest.param(OURS.replace("stolen vehicles", "missing persons"), id="another fact"),
        pytest.param("", id="nothing"),
    ],
)
def test_other_stories_have_other_fingerprints(other: str) -> None:
    assert fingerprint("Border deal", OURS) != fingerprint("Border deal", other)


def test_a_brief_is_hashed_without_its_dateline() -> None:
    brief = "The bank kept its rate at 4 per cent on Friday."
    assert fingerprint("", f"PARIS (AFP) - {brief}") == fingerprint("", f"Paris, May 3 (XNA) — {brief}")
    assert fingerprint("", brief) != fingerprint("", brief.replace("4", "5"))


def test_persian_letter_variants_and_joiners_do_not_count() -> None:
    assert fingerprint("", "وزير گفت همكاري مي\u200cشود") == fingerprint("", "وزیر گفت همکاری می\u200cشود")


def test_a_page_without_text_is_known_by_its_title() -> None:
    assert fingerprint("One", "") != fingerprint("Two", "")
