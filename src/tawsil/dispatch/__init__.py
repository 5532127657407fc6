"""Who carries what, and when: offers, assignments and the decisions behind them."""
