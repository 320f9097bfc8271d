# syntax=docker/dockerfile:1
# The command with the tasks compiled in, and nothing else: no shell, no libc, no package manager. It needs certificates
# to speak to AWS; time zones are part of the program.

FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
ARG TARGETOS=linux
ARG TARGETARCH
ARG PACKAGE=./cmd/core
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /root-fs/core $PACKAGE
# The state of an application that keeps files, and temporary ones, writable by the user below.
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/var/lib/core /root-fs/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ \
    && chown -R 65532:65532 /root-fs/var/lib/core && chmod 1777 /root-fs/tmp

FROM scratch
COPY --from=build /root-fs /
USER 65532:65532
WORKDIR /var/lib/core
ENV CORE_STATE_DIR=/var/lib/core CORE_HEALTH_ADDR=127.0.0.1:8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/core", "health"]
ENTRYPOINT ["/core"]
CMD ["worker"]
