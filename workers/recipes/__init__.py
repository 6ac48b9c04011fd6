"""Dialects of a picture's metadata, one file each."""
