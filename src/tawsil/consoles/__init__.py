"""Server-rendered surfaces for people at work."""
