# Builds the program and runs `windhover server local`.
FROM rust:1.95-slim-trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends build-essential && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p windhover

FROM debian:trixie-slim
RUN useradd --system --uid 10001 windhover && install -d -o windhover -m 700 /data
COPY --from=build /source/target/release/windhover /usr/local/bin/windhover
USER windhover
VOLUME /data
EXPOSE 8080
# Inside the container it must listen on all addresses; who reaches it is decided by what is published.
CMD ["windhover", "server", "local", "--flows", "/flows", "--data", "/data", "--listen", "0.0.0.0:8080", "--insecure"]
