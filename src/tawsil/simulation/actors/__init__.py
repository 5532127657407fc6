"""The people of the city at work: one behaviour, acting in process or over HTTP."""
