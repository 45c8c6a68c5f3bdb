# Redistill in a container: docs/deployment.md, "Docker".
#   docker build -t redistill .
#   docker run -d -p 127.0.0.1:6379:6379 -e REDIS_PASSWORD=... redistill

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies alone, against a stand-in for the sources: this layer is built again only when
# Cargo.toml or Cargo.lock changes. (Benchmarks are never built here, but the manifest names them.)
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked --bin redistill \
 && rm -r src

# The sources keep the times they had outside, which may lie before the stand-in was built; without
# the touch cargo would take the stand-in for up to date.
COPY src src
RUN touch src/main.rs src/lib.rs \
 && cargo build --release --locked --bin redistill

FROM debian:bookworm-slim
COPY --from=build /src/target/release/redistill /usr/local/bin/redistill
COPY docs/deploy/docker/redistill.toml /etc/redistill/redistill.toml

# Named, so that a mount which hides the file is an error at start and not a server that falls
# back to listening on loopback.
ENV REDISTILL_CONFIG=/etc/redistill/redistill.toml

# Numeric, so that Kubernetes can see for itself that it is not root.
USER 10001:10001

# Clients; health. The server listens on every address in here. Until it has a password
# (REDIS_PASSWORD, REDIS_PASSWORD_FILE or the file) it answers loopback only: protected mode.
EXPOSE 6379 8080

# SIGTERM drains: give `docker stop` more time than server.shutdown_grace_period_secs.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s --retries=3 CMD ["redistill", "health"]
ENTRYPOINT ["redistill"]
