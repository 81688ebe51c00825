ARG base_image=scratch
FROM $base_image

LABEL org.opencontainers.image.vendor="Prelude samples" \
      org.opencontainers.image.base.name="registry.example/prelude/run:12"

# Labels don't depend on what lies below them.
LABEL io.buildpacks.rebasable=true
