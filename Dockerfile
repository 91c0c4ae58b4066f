# Builds the program. Without arguments it runs `windhover server local`; docker-compose.yml runs each role on its own.
FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p windhover

FROM debian:trixie-slim
# curl asks for the health.
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 windhover && install -d -o windhover -m 700 /data
COPY --from=build /source/target/release/windhover /usr/local/bin/windhover
USER windhover
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["windhover"]
# Inside the container it must listen on all addresses; who reaches it is decided by what is published.
CMD ["server", "local", "--flows", "/flows", "--data", "/data", "--listen", "0.0.0.0:8080", "--insecure"]
