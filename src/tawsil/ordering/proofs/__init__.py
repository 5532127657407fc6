"""Pictures that show a handover: a photo, a signature."""
