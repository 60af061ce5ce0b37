"""Which language a text is in, by Compact Language Detector 2 (the `pycld2` wheel; best of seven measured)."""

import re

import pycld2

#: Enough for a sure answer on news; more only costs time.
MAX_CHARACTERS = 4000

UNDETERMINED = "und"  # ISO 639-2 "undetermined"

#: What the detector refuses with an error: controls (tab and line ends excepted), lone surrogates, noncharacters.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(chr(plane * 0x10000 + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
#: Addresses and handles are Latin letters in every language.
_LINKS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+")
_SIGNS = ("://", "www.", "@")  # none in most texts

#: Old or regional names to ISO 639-1.
_ISO = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro", "sh": "sr", "prs": "fa", "un": UNDETERMINED}


def detect(text: str) -> tuple[str, float]:
    """Return the main language of the beginning of `text` and how sure that is (0 to 1).

    The language is an ISO 639-1 code without script or region ("zh" for both scripts, "fa" for Dari too), or "und"
    with 0.0 when nothing is known. The confidence is the share of the text in that language, halved when the detector
    calls its own answer unreliable. Never raises, whatever characters `text` holds.
    """
    clean = text[:MAX_CHARACTERS]
    if not clean.replace("\n", "").isprintable():  # one quick look saves most texts a search
        clean = _REFUSED.sub(" ", clean)
    if any(sign in clean for sign in _SIGNS):
        clean = _LINKS.sub(" ", clean)
    clean = clean.strip()
    if not clean:
        return UNDETERMINED, 0.0
    is_reliable, _, details = pycld2.detect(clean, isPlainText=True)
    if details[0][1] == "un":
        is_reliable, _, details = pycld2.detect(clean, isPlainText=True, bestEffort=True)
    _, code, percent, _ = details[0]
    language = _ISO.get(code, code.split("-")[0])
    if len(language) != 2 or language == "xx":  # "xx-Copt" names a script; three letters have no ISO 639-1 code
        return UNDETERMINED, 0.0
    return language, percent / 100 * (1.0 if is_reliable else 0.5)
