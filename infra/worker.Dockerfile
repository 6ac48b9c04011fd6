# A worker: inspects files, or draws. Build it for the CPU or for CUDA by saying which torch pip may find:
#   docker build -f infra/worker.Dockerfile -t weightroom-worker .
#   docker build -f infra/worker.Dockerfile -t weightroom-worker --build-arg TORCH_INDEX=<the index for your machine> .
# TORCH_INDEX is what PyTorch's "Get started" page names; without it, pip's default build is taken (CUDA on Linux x86-64).
FROM python:3.11-slim
ARG TORCH_INDEX=""
RUN useradd --system --create-home weightroom && mkdir /cache && chown weightroom /cache
WORKDIR /app
COPY pyproject.toml ./
RUN pip install --no-cache-dir --upgrade 'pip>=25.1' \
    && pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0 \
    && pip install --no-cache-dir --group worker
COPY workers workers
USER weightroom
ENV WORKER_CACHE_DIR=/cache
VOLUME /cache
# QUEUE is one or several (with commas) of inspect, inspect-large, header, generate or fetch. POOL: pictures are asked for by several threads, so that the engine can draw them
# together; inspections go one after the other.
ENV QUEUE=inspect POOL=solo
CMD ["sh", "-c", "exec celery -A workers.celery worker -Q \"$QUEUE\" -n \"${QUEUE%%,*}@%h\" --pool=\"$POOL\" --loglevel=INFO"]
