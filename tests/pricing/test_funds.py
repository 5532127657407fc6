"""What points and credit pay of a total: never more than there is, nor than it costs."""

from hypothesis import given
from hypothesis import strategies as st

from tawsil.geography.public import LoyaltyRules
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.i18n import LOCALES, text
from tawsil.kernel.money import share
from tawsil.pricing.model.funds import Funds, Purse, Wish, fund

minor = st.integers(0, 10_000)
rules_of = st.builds(LoyaltyRules, on=st.booleans(), burn_bp=st.integers(0, 10_000))


@given(
    total=minor,
    purse=st.builds(Purse, points_minor=minor, credit_minor=minor),
    points=st.one_of(st.just("all"), minor),
    credit=st.booleans(),
    rules=rules_of,
)
def test_nobody_pays_with_what_they_have_not(
    *, total: int, purse: Purse, points: int | str, credit: bool, rules: LoyaltyRules
) -> None:
    wish = Wish(
        use_points="all" if isinstance(points, str) else points,
        use_credit=credit,
        purses={"AED": purse},
    )
    funds = fund(total, wish=wish, currency="AED", rules=rules)
    most = share(total, basis_points=rules.burn_bp) if rules.on else 0
    if isinstance(funds, Refusal):
        assert isinstance(points, int)
        assert points > min(purse.points_minor, most)
        for locale in LOCALES:
            assert "{" not in text(funds.code, params=funds.detail, locale=locale)
        return
    assert 0 <= funds.points_minor <= min(purse.points_minor, most)
    assert 0 <= funds.credit_minor <= purse.credit_minor
    assert funds.total_minor <= total
    assert funds.points_minor == (
        points if isinstance(points, int) else min(purse.points_minor, most)
    )
    assert funds.credit_minor == min(purse.credit_minor, total - funds.points_minor) * credit


def test_what_is_in_another_currency_pays_nothing() -> None:
    wish = Wish(use_points="all", use_credit=True, purses={"OMR": Purse(credit_minor=900)})
    assert fund(500, wish=wish, currency="AED", rules=LoyaltyRules()) == Funds()
