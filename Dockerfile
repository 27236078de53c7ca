# The operator's image: docker build -t dragonfly-task-operator:0.2.0 .
# Give the base image by digest (--build-arg PYTHON=python:3.13-slim@sha256:...) where a build must be repeatable.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
 && python -m venv --without-pip /opt/operator \
 && /opt/build/bin/pip --python /opt/operator/bin/python install --no-cache-dir --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/build/bin/pip --python /opt/operator/bin/python install --no-cache-dir --no-deps dist/*.whl

# Nothing is compiled: wheels only, and their byte code comes with them. No pip, no compiler, no shell needed.
FROM ${PYTHON}
COPY --from=build /opt/operator /opt/operator
ENV HOME=/ \
    PATH=/opt/operator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["dragonfly-task-operator"]
CMD ["run"]
