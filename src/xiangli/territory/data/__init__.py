"""Packaged facts: the divisions and outlines of five counties. PROVENANCE.md says where they are from."""
