"""The field a card is typed into: a page of the acquirer's, shown in a frame on ours.

It answers `{"ask": "token"}`, posted by the page around it, with `{"token", "last4"}` or
`{"problem"}`. The number never leaves the frame. Real acquirers bring a field like it.
"""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Annotated, Final

import msgspec
from litestar import MediaType, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

WORDS: Final = {
    "en": {
        "number": "Card number",
        "until": "Valid until (MM/YY)",
        "code": "Security code",
        "incomplete": "Type the card number, the date and the code.",
        "unknown": "This is a test: use 4242 4242 4242 4242, 4000 0000 0000 3220 for a question "
        "by the bank, or 4000 0000 0000 0002 to be declined.",
    },
    "ar": {
        "number": "رقم البطاقة",
        "until": "صالحة حتى (MM/YY)",
        "code": "رمز الأمان",
        "incomplete": "اكتب رقم البطاقة والتاريخ والرمز.",
        "unknown": "هذه تجربة: استخدم 4242 4242 4242 4242، أو 4000 0000 0000 3220 ليسألك البنك، "
        "أو 4000 0000 0000 0002 ليُرفض الدفع.",
    },
}
PAGE: Final = Template(
    """<!doctype html>
<html lang="$locale" dir="$direction" data-theme="$theme">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$number</title>
<style>
  :root { color-scheme: light dark; }
  [data-theme="light"] { color-scheme: light; } [data-theme="dark"] { color-scheme: dark; }
  body { margin: 0; padding: 3px; background: light-dark(#fff, #171c1d);
    color: light-dark(#15201f, #e8eeec); font: 1rem/1.5 system-ui, sans-serif; }
  form { display: grid; grid-template-columns: 1fr 1fr; align-items: end; gap: 0.75rem; }
  label { display: grid; gap: 0.25rem; font-weight: 550; font-size: 0.9375rem; }
  label:first-child { grid-column: 1 / -1; }
  input { box-sizing: border-box; inline-size: 100%; min-block-size: 2.75rem; padding: 0 0.75rem;
    border: 1px solid light-dark(#7d8785, #78858a); border-radius: 0.5rem; background: transparent;
    color: inherit; font: inherit; font-variant-numeric: tabular-nums; }
  :dir(rtl) > label > input { text-align: end; }
  input:focus-visible { outline: 2px solid light-dark(#0f6e66, #4fc3b4); outline-offset: 1px; }
</style>
<form novalidate>
  <label>$number<input dir="ltr" inputmode="numeric" autocomplete="cc-number" maxlength="23"
    name="number" placeholder="4242 4242 4242 4242" required></label>
  <label>$until<input dir="ltr" inputmode="numeric" autocomplete="cc-exp" maxlength="5"
    name="until" placeholder="12/30" required></label>
  <label>$code<input dir="ltr" inputmode="numeric" autocomplete="cc-csc" maxlength="4"
    name="code" placeholder="123" required></label>
</form>
<script>
  const known = $known, page = known.page, form = document.forms[0];
  const tell = (said) => parent.postMessage(said, page);
  form.addEventListener("submit", (event) => { event.preventDefault(); tell({ entered: true }); });
  addEventListener("message", (event) => {
    if (event.source !== parent || event.origin !== page || event.data?.ask !== "token") return;
    const number = form.number.value.replace(/[^0-9]/g, "");
    const whole = number && form.until.value && form.code.value;
    const token = known.tokens[number];
    if (!whole) {
      form.querySelector("input:placeholder-shown")?.focus();
      tell({ problem: known.incomplete });
    } else if (!token) {
      form.number.focus();
      tell({ problem: known.unknown });
    }
    else tell({ token, last4: number.slice(-4) });
  });
  tell({ ready: true, height: document.documentElement.scrollHeight });
</script>
</html>
"""
)

DIRECT: Final = {
    "4242424242424242": "tok_visa",
    "5555555555554444": "tok_visa",
    "4000000000000002": "tok_declined",
    "4000000000009995": "tok_insufficient_funds",
    "4000000000003220": "tok_3ds",
}
"""Test cards by their numbers, as the direct sandbox calls them; as Stripe calls them: below."""
STRIPE: Final = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000003220": "pm_card_threeDSecure2Required",
}
Origin = Annotated[str, QueryParameter(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+$")]


def field_of(tokens: Mapping[str, str]) -> HTTPRouteHandler:
    """The page of an acquirer that calls test cards so."""

    @get("/field", media_type=MediaType.HTML, sync_to_thread=False, opt={"open": True})
    def show_field(
        origin: Origin, locale: FromQuery[str] = "en", theme: FromQuery[str] = "system"
    ) -> str:
        """For the page at `origin` alone: nobody else is told the token."""
        return _page(tokens, origin=origin, locale=locale, theme=theme)

    return show_field


def _page(tokens: Mapping[str, str], *, origin: str, locale: str, theme: str) -> str:
    words = WORDS.get(locale, WORDS["en"])
    known = {
        "page": origin,
        "tokens": tokens,
        "incomplete": words["incomplete"],
        "unknown": words["unknown"],
    }
    return PAGE.substitute(
        {name: escape(sentence) for name, sentence in words.items()},
        locale="ar" if words is WORDS["ar"] else "en",
        direction="rtl" if words is WORDS["ar"] else "ltr",
        theme=escape(theme),
        known=msgspec.json.encode(known).decode().replace("<", "\\u003c"),
    )
