# The hub: pages, API, its own background worker. No torch.
#   docker build -f infra/hub.Dockerfile -t weightroom-hub .
FROM python:3.11-slim
RUN useradd --system --create-home weightroom
WORKDIR /app
COPY pyproject.toml ./
RUN pip install --no-cache-dir --upgrade 'pip>=25.1' && pip install --no-cache-dir --group hub-only
COPY manage.py ./
COPY hub hub
COPY workers workers
COPY templates templates
COPY static static
# Collected while building, so that the container's own files need not be writable.
RUN DATABASE_URL=postgresql://nobody@nowhere/none python manage.py collectstatic --noinput --verbosity 0
USER weightroom
EXPOSE 8000
CMD ["gunicorn", "hub.wsgi", "--bind=0.0.0.0:8000", "--preload", "--worker-class=hub.threads.Worker", "--workers=2", "--threads=8", \
     "--logger-class=hub.accounts.logs.AccessLogger", "--timeout=60", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
