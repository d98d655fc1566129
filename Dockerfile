FROM python:3.11-slim
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH=/srv/menjin/platform:/srv/menjin
RUN useradd --system --home /srv/menjin menjin \
 && mkdir -p /srv/menjin /var/lib/menjin /var/cache/menjin \
 && chown menjin /var/lib/menjin /var/cache/menjin
WORKDIR /srv/menjin
COPY requirements/run.lock requirements/run.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY . .
USER menjin
