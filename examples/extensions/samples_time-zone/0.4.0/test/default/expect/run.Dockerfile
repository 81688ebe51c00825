ARG base_image
FROM ${base_image}

USER root
RUN mkdir -p /etc && \
    echo UTC > /etc/timezone && \
    ln -snf /usr/share/zoneinfo/UTC /etc/localtime
ENV TZ=UTC

# Two small files of its own: they go with any base.
LABEL io.buildpacks.rebasable=true

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
