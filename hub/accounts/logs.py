"""Tokens never reach a log."""

import logging
import re

SECRET = re.compile(r"((?:[?&](?:token|key|X-Amz-[A-Za-z]+)=|Bearer\s+))[^&\s\"']+", re.IGNORECASE)


class ScrubTokens(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        if SECRET.search(line):
            record.msg, record.args = SECRET.sub(r"\1…", line), ()
        return True
