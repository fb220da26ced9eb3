# The HTTP API. It does not link FFmpeg, but the workspace builds with its headers.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends clang libclang-dev pkg-config \
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p sluice-api

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* && useradd --system --uid 10001 --create-home --home-dir /data sluice
COPY --from=build /src/target/release/sluice-api /usr/local/bin/
USER sluice
WORKDIR /data
ENV SLUICE_LISTEN=0.0.0.0:8080 SLUICE_DATA_DIR=/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["curl", "-fsS", "http://127.0.0.1:8080/health"]
ENTRYPOINT ["sluice-api"]
