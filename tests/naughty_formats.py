"""Texts that break formats: markup, quotes, formulas, controls, directions, and what XML may not hold at all.

Each is what the store can hold (`workers.store.text.storable`): no NUL and no half characters.
"""

NAUGHTY = {
    "empty": "",
    "blank": " \t\n ",
    "script": "<script>alert(1)</script>",
    "image": '<img src=x onerror="alert(1)">',
    "attribute": "\"><svg/onload=alert(1)>'",
    "cdata": "]]><![CDATA[ x ]]>",
    "comment": "<!-- --> -->",
    "entities": "AT&T &amp; &lt;b&gt; &#x0; &bogus; &",
    "doctype": '<!DOCTYPE x [<!ENTITY a "b">]>&a;',
    "instruction": "<?xml version='1.0'?><?php die() ?>",
    "template": "{{7*7}} ${7*7} %s {0} `id`",
    "formula": "=cmd|' /C calc'!A0",
    "sum": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(1,1)",
    "tab": "\t=1+1",
    "return": "\r=1+1",
    "line": "\n=1+1",
    "full width formula": "＝1+1",
    "quotes": "a \"b\" 'c', d; e\\",
    "newlines": "one\r\ntwo\rthree\nfour\u2028five\u2029six\x85seven",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f" + "".join(map(chr, range(0x80, 0xA0))),
    "not characters": "\ufffe\uffff\ufdd0\U0001fffe\U0010ffff",
    "directions": "\u202eevil\u202c \u2066x\u2069 \u200f\u200e",
    "joiners": "گفت\u200cوگو \u200d\ufeff",
    "marks": "Z̸̢͎͝a̶l̷g̵o̴ e\u0301\u0302",
    "emoji": "👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 \U0001f1ee\U0001f1f7",
    "scripts": "边境 الحدود граница गीता ไทย 국경",
    "long": "x" * 5_000,
    "address": "javascript:alert(1)",
    "path": "../../etc/passwd\\..\\",
}
