"""People's sentences, in a browser, against the real pages."""
