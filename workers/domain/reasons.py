"""What the stable words of outcomes mean, in a sentence for people: shown by `sources list` and `status`."""

#: Every word of DropReason, RetryReason, FeedOutcome and QuarantineReason. A word that several of them have means the
#: same in each; the sentence fits a source as well as an article.
SENTENCES: dict[str, str] = {
    # it went well
    "ok": "It answered with entries.",
    "not_modified": "Nothing has changed since the last look.",
    # what came is not what was asked for
    "empty": "It answered, but there was nothing in the answer.",
    "not_a_feed": "What it answered is no feed, sitemap or listing; `wirewatch sources add SITE` looks for the feed.",
    "cut_off": "The document ends in the middle; the entries that were whole were taken.",
    "not_html": "The link leads to something that is not a web page, such as a PDF, a video or a picture.",
    "too_large": "The answer is larger than the limit, and was not read to its end.",
    "broken_body": "The answer broke off, or does not decode; it will be tried again.",
    # the other side says no
    "gone": "The other side says that there is nothing at this address any more.",
    "not_found": "There is nothing at this address now (404); it will be tried again, in case it appears.",
    "http_4xx": "The other side refuses the request (4xx): a login, a block of unknown clients, or a paywall.",
    "http_5xx": "The other side has an error of its own (5xx); it will be tried again.",
    "rate_limited": "The other side asks for fewer requests; it will be tried again when it allows.",
    "disallowed": "Its robots.txt forbids programs this address.",
    # the way there
    "bad_url": "The address cannot be fetched: it is not http or https, has no host, or contains a password.",
    "blocked_address": "The name leads to an address that is not public, and nothing was sent there.",
    "redirect_loop": "It redirects more often than is allowed, or in a circle.",
    "timeout": "No complete answer came in time; it will be tried again.",
    "dns": "The host's name does not exist, or the name server gave no answer; it will be tried again.",
    "refused": "The host refused or broke the connection, or cannot be reached; it will be tried again.",
    "tls": "No secure connection could be made: the certificate or the handshake is wrong; it will be tried again.",
    "waiting": "Its host is asked slowly, and its turn has not come.",
    # the page is no article of ours
    "same_url": "The link leads to an article that is already here; it is counted as another sighting of that one.",
    "no_text": "The page holds no text of an article.",
    "not_an_article": "The page is not an article: a front page, a list, a gallery or the like.",
    "by_operator": "An operator took it out.",
    # a person should look
    "crashed": "Working on it killed the process; it was set apart from everything else.",
    "bug": "An error that nobody expected; its traceback was kept.",
    "unreachable": "Every try over days failed; it was set aside.",
    "unstorable": "The store refuses what came of it; it was set aside with its data.",
}
