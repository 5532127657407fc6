"""Those who move money for the platform, each behind the port in `model.psp`."""
