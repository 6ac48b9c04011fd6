"""Civitai's public REST API v1 over the same catalogue, so that programs written for it work here unchanged."""
