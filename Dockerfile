# The monitor, for beside the application. Build: docker build -t REGISTRY/outgrow-monitor:0.1.0 .
# Pin the base by digest where your rules ask for it: --build-arg BASE=docker.io/library/python@sha256:...
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements-monitor.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes --no-deps --requirement requirements-monitor.lock
COPY pyproject.toml LICENSE outgrow.py ./
COPY stacks stacks
COPY monitor monitor
# The package's own metadata and nothing else: every dependency is there already, checked by its hash.
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
  && /venv/bin/python -m compileall -q /venv/lib /app/monitor

FROM ${BASE}
LABEL org.opencontainers.image.title="outgrow-monitor" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /venv /venv
COPY --from=build /app /app
# A history that outlives the container needs a volume here, writable by this user.
RUN mkdir /state && chown 65532:65532 /state
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 XDG_STATE_HOME=/state HOME=/state
# Nobody in particular: the database is only ever read. The file system may be read-only; /state may be a tmpfs.
USER 65532:65532
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
  CMD ["python", "-m", "monitor.serve.healthcheck"]
ENTRYPOINT ["python", "-m", "monitor"]
CMD ["serve", "--help"]
