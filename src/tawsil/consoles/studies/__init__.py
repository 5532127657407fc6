"""How the platform decides, and how other ways of deciding were tried: policies, experiments."""
