"""Sign in with the generated client, and look at what there is to eat: `example.py URL EMAIL`.

The password comes from the environment, TAWSIL_PASSWORD.
"""

import os
import sys

from tawsil_client import AuthenticatedClient, Client
from tawsil_client.api.merchants import list_merchants, show_menu
from tawsil_client.api.orders import list_orders
from tawsil_client.api.sign_in import login
from tawsil_client.models import (
    LoginBody,
    MenuEnvelope,
    MerchantListEnvelope,
    OrderListEnvelope,
    SignedInEnvelope,
)


def main() -> None:
    url, email = sys.argv[1:3]
    body = LoginBody(email=email, password=os.environ["TAWSIL_PASSWORD"])
    signed_in = login.sync(client=Client(base_url=url), body=body)
    assert isinstance(signed_in, SignedInEnvelope), signed_in
    client = AuthenticatedClient(base_url=url, token=signed_in.data.access_token)
    merchants = list_merchants.sync(client=client)
    assert isinstance(merchants, MerchantListEnvelope), merchants
    for merchant in merchants.data:
        menu = show_menu.sync(merchant.id, client=client)
        assert isinstance(menu, MenuEnvelope), menu
        for category in menu.data.categories:
            for product in category.products:
                print(merchant.name, product.name, product.price_minor, merchant.currency)
    orders = list_orders.sync(client=client)
    assert isinstance(orders, OrderListEnvelope), orders
    print(len(orders.data), "orders")


if __name__ == "__main__":
    main()
