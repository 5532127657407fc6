"""The processes of the platform, and the table that says who hears what."""
