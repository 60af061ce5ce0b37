"""Which query parameters say how a reader came."""

import pytest

from workers.domain.tracking import NAMES, PREFIXES, is_tracking


@pytest.mark.parametrize(
    "name",
    [
        "utm_source", "UTM_Campaign", "utm_viz_id", "mtm_kwd", "pk_campaign", "piwik_kwd", "matomo_source", "at_medium",
        "ns_mchannel", "hsa_acc", "fbclid", "gclid", "gbraid", "_ga", "msclkid", "ocid", "yclid", "ysclid", "_openstat",
        "mc_cid", "mc_eid", "_hsenc", "_hsmi", "__hstc", "hsCtaTracking", "mkt_tok", "__twitter_impression", "ref_src",
        "s_cid", "smid", "CMP", "ito", "sr_share", "WT.mc_id", "wt_mc", "xtor", "rss", "from_rss", "feedName", "maca",
        "spm", "igshid", "amp;utm_source", "Echobox",
    ],
)  # fmt: skip
def test_it_says_how_the_reader_came(name: str) -> None:
    assert is_tracking(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "id", "p", "page", "q", "v", "ref", "source", "from", "cid", "sid", "partner", "lang", "date", "idxno",
        "aid", "utm", "pk", "at", "ns", "amp", "amp;id", "xutm_source", "rss_id", "url", "cmpid2", "output", "s", "t",
        "title",
    ],
)  # fmt: skip
def test_it_may_say_what_is_read(name: str) -> None:
    assert not is_tracking(name)


def test_the_list_is_in_lower_case_and_says_nothing_twice() -> None:
    assert {name for name in (*NAMES, *PREFIXES) if name != name.lower()} == set()
    assert {name for name in NAMES if name.startswith(PREFIXES)} == set()
