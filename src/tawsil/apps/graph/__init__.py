"""GraphQL: the contexts' public functions as one graph, under the same rules as REST."""
