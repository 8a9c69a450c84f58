"""Tests of the whole: journeys in a browser, and the rules of the architecture, executable."""
