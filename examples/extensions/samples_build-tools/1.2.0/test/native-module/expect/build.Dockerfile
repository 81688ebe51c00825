ARG base_image
FROM ${base_image}

USER root
RUN mkdir -p /usr/local/bin /etc/build-tools && \
    ln -sf /usr/bin/gcc-12 /usr/local/bin/cc && \
    ln -sf /usr/bin/g++-12 /usr/local/bin/c++ && \
    ln -sf /usr/bin/python3 /usr/local/bin/python && \
    printf '%s\n' "sharp" > /etc/build-tools/modules

ENV npm_config_python=/usr/local/bin/python
ENV npm_config_jobs=max

ARG user_id
ARG group_id
USER ${user_id}:${group_id}
