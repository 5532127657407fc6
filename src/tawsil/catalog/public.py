"""What others may use of the catalog."""

from tawsil.catalog import list_store
from tawsil.catalog.finding import Found, Search, look_at, search
from tawsil.catalog.hours import ALWAYS, Hours, Opening
from tawsil.catalog.list_store import SORTS, Filter, reached
from tawsil.catalog.listing import (
    NewCategory,
    NewMerchant,
    NewOption,
    NewOptionGroup,
    NewProduct,
)
from tawsil.catalog.menu import (
    Availability,
    Category,
    Line,
    Menu,
    Option,
    OptionGroup,
    PricedLine,
    PricedOption,
    Product,
)
from tawsil.catalog.model import FOREVER, Merchant, Standing, accepting
from tawsil.catalog.search_words import folded
from tawsil.catalog.service import (
    Basket,
    Pause,
    Resume,
    SetAvailability,
    SetBusy,
    SetPrepTime,
    TaxProduct,
    change_availability,
    create_merchants,
    menu,
    merchants,
    merchants_shown,
    on_due,
    pause,
    price_baskets,
    price_lines,
    products,
    products_of,
    resume,
    set_busy,
    set_prep_time,
    tax_products,
)
from tawsil.catalog.store import Rated, rate
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach

__all__ = [
    "ALWAYS",
    "FOREVER",
    "SORTS",
    "Availability",
    "Basket",
    "Category",
    "Filter",
    "Found",
    "Hours",
    "Line",
    "Menu",
    "Merchant",
    "NewCategory",
    "NewMerchant",
    "NewOption",
    "NewOptionGroup",
    "NewProduct",
    "Opening",
    "Option",
    "OptionGroup",
    "Pause",
    "PricedLine",
    "PricedOption",
    "Product",
    "Rated",
    "Resume",
    "Search",
    "SetAvailability",
    "SetBusy",
    "SetPrepTime",
    "Standing",
    "TaxProduct",
    "accepting",
    "change_availability",
    "create_merchants",
    "folded",
    "look_at",
    "menu",
    "merchants",
    "merchants_shown",
    "on_due",
    "pause",
    "price_baskets",
    "price_lines",
    "products",
    "products_of",
    "rate",
    "reached",
    "resume",
    "search",
    "search_merchants",
    "set_busy",
    "set_prep_time",
    "tax_products",
]


async def search_merchants(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Merchant]:
    """Some of the merchants within reach, whatever their standing; see `SORTS.take`."""
    city_ids = None
    if which.area_id is not None:
        city_ids = await geography.cities_below(
            tx, tenant_id=reach.tenant_id, area_id=which.area_id
        )
    return await list_store.list_merchants(
        tx, reach=reach, which=which, city_ids=city_ids, take=take
    )
