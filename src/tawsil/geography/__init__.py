"""Where the platform works: tenants, cities, zones, and how long roads take."""
