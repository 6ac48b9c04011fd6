"""One rule per file; each ends with ``check = …``. Findings are collected, never raised."""
