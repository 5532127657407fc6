"""The sandbox card acquirer: what a payment service provider does, without money."""
