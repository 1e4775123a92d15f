# Two images from one file: `api` has all of Balanza, `worker` neither the database nor the web framework.
# docs/deployment.md says why it is made so.

# The newest Python that the tests run with. The tag names one version; to make builds repeatable to the byte, append
# the digest that `docker buildx imagetools inspect` shows for it (`@sha256:…`).
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS source
# Compiled here, because the containers may not write beside their modules.
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /build
COPY pyproject.toml README.md LICENSE requirements.lock requirements-worker.lock ./
COPY scripts/image.sh scripts/uv.lock scripts/
COPY src src

FROM source AS api-environment
RUN --mount=type=cache,target=/root/.cache sh scripts/image.sh api /opt/balanza

FROM source AS worker-environment
RUN --mount=type=cache,target=/root/.cache sh scripts/image.sh worker /opt/balanza

FROM ${PYTHON_IMAGE} AS base
# New volumes get the owner of the folder that they are mounted over. The number of the user is fixed, so that both
# images can share one.
RUN groupadd --gid 10001 balanza \
    && useradd --uid 10001 --gid balanza --home-dir /data --no-create-home --shell /usr/sbin/nologin balanza \
    && install --directory --owner=balanza --group=balanza --mode=0750 /data /database
ENV PATH=/opt/balanza/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 BALANZA_DATA=/data
WORKDIR /data
USER 10001:10001

FROM base AS worker
COPY --from=worker-environment /opt/balanza /opt/balanza
CMD ["balanza", "worker"]

FROM base AS api
COPY --from=api-environment /opt/balanza /opt/balanza
EXPOSE 8000
CMD ["balanza", "serve"]
