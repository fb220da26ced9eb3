# A worker with FFmpeg. The image contains GPL software (see LICENSE and README).
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends clang libclang-dev pkg-config \
    libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p sluice-worker

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libavcodec59 libavfilter8 libavformat59 libavutil57 \
    libswresample4 libswscale6 \
    && rm -rf /var/lib/apt/lists/* && useradd --system --uid 10001 --create-home --home-dir /data sluice
COPY --from=build /src/target/release/sluice-worker /usr/local/bin/
USER sluice
WORKDIR /data
ENTRYPOINT ["sluice-worker"]
CMD ["run"]
