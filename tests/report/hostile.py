"""Texts that somebody might write into a title, a branch, a path or a comment to make a report do something."""

from __future__ import annotations

from hypothesis import strategies as st

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"

HOSTILE = (
    "[red]bold[/red] [link=https://evil.example]click[/link]",
    "\x1b[2J\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ \x9b31m",
    f"abc{BIDI}cba \u200b\u200d\ufeff\U000e0041",
    "::error file=a.py::boom\n::stop-commands::token",
    "text\r\n::add-mask::secret\u2028::set-output name=a::b",
    "##vso[task.setvariable variable=a]b ##[error]boom ###vso[x]",
    "@acme/payments-team @ada fixes #12 and acme/payments#13, AB#14, !15, GH-16",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- almguard --> </details>",
    "![image](https://evil.example/a.png) [link](javascript:alert(1)) [a]: https://evil.example",
    "https://evil.example www.evil.example mail@evil.example ftp://evil.example mailto:a@evil.example <https://evil.example>",
    "# heading",
    "- list",
    "+ list",
    "* list",
    "1. list",
    "1) list",
    "> quote",
    "=====",
    "---",
    "***",
    "```\ncode",
    "~~~",
    "| a | b |\n| - | - |\n| c | d |",
    "`code` ``more`` ```",
    "`",
    "\\",
    "ends with a backslash \\",
    "a\\|b",
    "{{ 7 * 7 }} {% raw %} {# x #} ${{ secrets.TOKEN }} $(id) $x^2$",
    "_a_ __b__ *c* **d** ~~e~~ [^1]",
    "&lt;b&gt; &#64;ada &commat;ada &#x40;ada",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358\u0359\u035a\u035b algo",
    "\ud800 lone surrogate \udfff",
    "\x00\x07\x08 bell \x7f",
    "x" * 100_000,
    "`|<!--@" * 20_000,
    "",
    " ",
)

ALPHABET = "@#:!`<>[]()|*_~\\&$-+=.\"'{}^/ \n\r\t1ab\x1b\x9b\u202e\u200bw" + "é漢\U0001f600"
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=80),
    st.text(alphabet=ALPHABET, max_size=60),
    st.lists(
        st.sampled_from(
            [
                "@ada",
                "#12",
                "::error::",
                "##vso[",
                "##[",
                "<!--",
                "-->",
                "<b>",
                "](",
                "![",
                "https://e.example",
                "www.e.example",
                "```",
                "`",
                "\n",
                " ",
                "|",
                "\\",
                "\x1b[31m",
                "\u202e",
                "1. ",
                "- ",
                "AB#1",
                "a@e.example",
                "&lt;",
                "{{",
                "GH-1",
            ]
        ),
        max_size=8,
    ).map("".join),
)
