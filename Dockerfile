# bezoar-data with models in the process (extra `local`). Not built where our tests run: docs/nightly.md.
#
#   docker build -t bezoar-data .
#   docker run --rm -v "$PWD:/work" -e OPENAI_API_KEY bezoar-data run pipelines/first.yaml
FROM python:3.11-slim

# publish --sign and card check --signed-by call ssh-keygen.
RUN apt-get update && apt-get install -y --no-install-recommends openssh-client && rm -rf /var/lib/apt/lists/*

COPY . /src
RUN pip install --no-cache-dir -c /src/lock.txt "/src[local]" && rm -rf /src

# A project's files belong to whoever runs it: `docker run --user "$(id -u)"`, with a home that anyone may write to.
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["bezoar-data"]
CMD ["--help"]
