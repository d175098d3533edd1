# Builds the programs from source and packs each into an image of its own: nothing but a static binary and, where it
# talks TLS, the CA certificates. No shell, no package manager, no libraries.
#
#   docker build -t rollcall .                               the product (last stage)
#   docker build -t rollcall-emulator --target emulator .    the vendor emulators, for tests and the demo
#
# Where nothing can be pulled, build outside and use packed.Dockerfile.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY src src
COPY config/definitions config/definitions
# A named target keeps the static flag away from build scripts and procedural macros, which cannot be linked with it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    target="$(uname -m)-unknown-linux-gnu" && \
    export RUSTFLAGS='-C target-feature=+crt-static' && \
    cargo build --release --locked --workspace --target "$target" --bin rollcall --bin rollcall-emulator && \
    cp "target/$target/release/rollcall" "target/$target/release/rollcall-emulator" /

FROM scratch AS emulator
COPY --from=build /rollcall-emulator /rollcall-emulator
USER 65532:65532
ENTRYPOINT ["/rollcall-emulator"]

FROM scratch AS product
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /rollcall /rollcall
USER 65532:65532
ENTRYPOINT ["/rollcall"]
