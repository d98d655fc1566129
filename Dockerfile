# Base images are pinned by digest, as the official index publishes them; docs/operations.md,
# "Images", says how to look at and renew them.
FROM python:3.11.16-slim-bookworm@sha256:0bee7276f83efd4a1ee05bbbf4281d95ed28e079220a9457f25a93e3f1e3c31b
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH=/srv/menjin/platform:/srv/menjin
# A number of its own: nginx runs as the same user, and what is kept is readable by that one only.
RUN groupadd --system --gid 10001 menjin \
 && useradd --system --uid 10001 --gid menjin --home /srv/menjin menjin \
 && mkdir -p /srv/menjin /var/lib/menjin /var/cache/menjin /etc/menjin-tls \
 && chown menjin:menjin /var/lib/menjin /var/cache/menjin /etc/menjin-tls
WORKDIR /srv/menjin
COPY requirements/run.lock requirements/run.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/run.lock
# By name: what else lies in the checkout (.env, var, .git) stays out.
COPY manage.py pyproject.toml LICENSE ./
COPY platform platform
COPY devices devices
COPY faces faces
COPY records records
COPY edge_agent edge_agent
USER menjin
