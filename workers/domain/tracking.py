"""Which query parameters say how a reader came, never what is read: a list, a comment a group. Pure.

Only names of which it is known whose they are: those that ClearURLs, AdGuard, Brave and Firefox remove everywhere, and
what news outlets put on the links of their own feeds. A name that any site may give to what it shows (`ref`, `source`,
`from`, `cid`, `sid`, `partner`, `page`) is left alone: a name missing here costs an entry found twice, a name too many
loses an article. A change of the list is a new `CANON_VERSION`.
"""

#: Whole families, by the beginning of their names; all in lower case.
PREFIXES = (
    "utm_",  # Google Analytics, and by now everybody
    "mtm_", "matomo_", "pk_", "piwik_",  # Matomo, formerly Piwik
    "at_",  # AT Internet
    "ns_",  # Comscore
    "hsa_",  # HubSpot ads
    "itm_",  # campaigns inside one site, by the pattern of utm_
    "bsft_",  # Blueshift
    "sfmc_",  # Salesforce Marketing Cloud
    "__cf_chl_",  # Cloudflare's challenge
)  # fmt: skip

#: Names as they are, in lower case.
NAMES = frozenset((
    # Google: clicks, linker, shopping, AMP
    "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "srsltid", "_ga", "_gl",
    "ga_source", "ga_medium", "ga_campaign", "ga_content", "ga_term", "ga_place", "usqp", "amp_js_v", "amp_gsa",
    # Meta: Facebook, Instagram
    "fbclid", "fb_action_ids", "fb_action_types", "fb_ref", "fb_source", "action_object_map", "action_ref_map",
    "action_type_map", "mibextid", "igshid", "igsh",
    # Microsoft
    "msclkid", "ocid",
    # Yandex
    "yclid", "ysclid", "ymclid", "yadclid", "_openstat",
    # Baidu, Alibaba, 360
    "bd_vid", "hmsr", "hmpl", "hmcu", "hmkw", "hmci", "ivk_sa", "qhclickid", "spm",
    # Yahoo
    "guccounter", "guce_referrer", "guce_referrer_sig", "soc_src", "soc_trk",
    # X, TikTok, LinkedIn, Pinterest, Snapchat, Reddit
    "twclid", "__twitter_impression", "ref_src", "ref_url", "ttclid", "li_fat_id", "epik", "sccid", "rdt_cid",
    # sharing: Hootsuite, Echobox, Shareaholic, Branch
    "hootpostid", "echobox", "sr_share", "_branch_match_id", "_branch_referrer",
    # advertising: Impact, Taboola, Outbrain, Adobe
    "irclickid", "irgwc", "tblci", "dicbo", "oborigurl", "outbrainclickid", "s_cid", "s_kwcid", "ef_id", "rb_clickid",
    "wickedid",
    # letters: Mailchimp, HubSpot, Marketo, MailerLite, Klaviyo, Omeda, Vero, Drip, dotdigital, Kit
    "mc_cid", "mc_eid", "mc_tc", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "mkt_tok",
    "ml_subscriber", "ml_subscriber_hash", "_ke", "_kx", "oly_anon_id", "oly_enc_id", "vero_id", "vero_conv", "__s",
    "dm_i", "ck_subscriber_id",
    # letters: Acoustic (formerly Silverpop), Eloqua, Bronto
    "spmailingid", "spuserid", "spjobid", "spreportid", "elqtrack", "elqtrackid", "elqcampaignid", "elqaid", "elqat",
    "_bta_tid", "_bta_c",
    # measuring: Webtrends, Mapp (formerly Webtrekk), AT Internet's older names
    "wt.mc_id", "wt.mc_ev", "wt_mc", "wt_zmc", "xtor", "xtref",
    # what outlets call it themselves, on links from feeds, letters and apps
    "cmp", "cmpid", "ito", "smid", "smtyp", "mbid", "ncid", "intcid", "ftag", "ftcamp", "srnd", "sref", "maca", "taid",
    "wprss", "wpisrc", "wpmm", "rss", "from_rss", "fromrss", "feedtype", "feedname", "traffic_source", "__source",
))  # fmt: skip


def is_tracking(name: str) -> bool:
    """Return whether a query parameter of this name (as written in the URL) can be left out of an article's identity.

    Feeds that escape `&` twice leave an `amp;` before the name.
    """
    name = name.lower().removeprefix("amp;")
    return name in NAMES or name.startswith(PREFIXES)
