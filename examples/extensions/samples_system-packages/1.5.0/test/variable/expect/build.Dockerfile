ARG base_image
FROM ${base_image}

USER root
COPY . /opt/system-packages/

# Below this line nothing comes from a cache: packages change while their names stay the same.
ARG build_id=0
ARG packages
RUN sh /opt/system-packages/install.sh "${build_id}" ${packages} && \
    rm -rf /opt/system-packages

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
