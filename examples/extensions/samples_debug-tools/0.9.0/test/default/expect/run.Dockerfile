ARG base_image
FROM ${base_image}

USER root
RUN mkdir -p /etc/profile.d && \
    echo 'situation() { cat /proc/self/mounts /proc/self/limits; env | sort; }' > /etc/profile.d/debug-tools.sh

LABEL io.buildpacks.rebasable=true

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
