ARG base_image
FROM ${base_image}

USER root
COPY . /opt/ca-certificates/
RUN sh /opt/ca-certificates/install.sh && \
    rm -rf /opt/ca-certificates

ENV NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/internal-ca.crt

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
