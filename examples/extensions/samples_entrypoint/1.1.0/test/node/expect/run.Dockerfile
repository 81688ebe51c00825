ARG base_image
FROM ${base_image}

USER root
COPY entry /usr/local/bin/entry

ARG grace_seconds=10
ENV ENTRY_GRACE_SECONDS=${grace_seconds}

# One file of its own, which any base with a shell can run.
LABEL io.buildpacks.rebasable=true

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
