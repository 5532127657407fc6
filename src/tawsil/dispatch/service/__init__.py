"""The use cases of dispatch, one module for each kind."""
