ARG base_image
FROM ${base_image}
USER root
RUN apt-get update && apt-get install -y --no-install-recommends tree
ARG user_id
ARG group_id
USER ${user_id}:${group_id}
