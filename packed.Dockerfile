# Packs a static `rollcall`, built outside, where no image can be pulled. The context holds `rollcall` and
# `ca-certificates.crt`. A file of its own, because a build without a named target takes a file's last stage, and
# older builders carry out every stage before it. The emulators' is crates/emulators/packed.Dockerfile.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY rollcall /rollcall
USER 65532:65532
ENTRYPOINT ["/rollcall"]
