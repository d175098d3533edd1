# Packs the emulator, built outside, into an image of its own. It is never part of the product's image.
FROM scratch
COPY rollcall-emulator /rollcall-emulator
USER 65532:65532
ENTRYPOINT ["/rollcall-emulator"]
