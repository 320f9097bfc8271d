// Package testenv says which services the integration tests may use.
//
// `go test ./...` on its own must pass on a laptop without a network, so a suite whose service was
// not announced is skipped, with the command that runs it. `make test` sets CORE_TEST_REQUIRE=1: a
// suite that cannot reach its service fails there, because a skipped suite proves nothing.
package testenv

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	// RequireVar turns, when it is 1, every skipped service into a failure.
	RequireVar = "CORE_TEST_REQUIRE"
	// LongVar turns, when it is 1, what make test samples into all of it: minutes to hours.
	LongVar = "CORE_TEST_LONG"
	// LocalStackVar holds LocalStack's endpoint URL, such as http://127.0.0.1:4566.
	LocalStackVar = "CORE_TEST_LOCALSTACK"
	// MiniStackVar holds MiniStack's endpoint URL.
	MiniStackVar = "CORE_TEST_MINISTACK"
)

// Required reports whether suites must run rather than be skipped.
func Required() bool { return os.Getenv(RequireVar) == "1" }

// Long reports whether tests should take as long as there is something to find.
func Long() bool { return os.Getenv(LongVar) == "1" }

// Unavailable ends the test because a service it needs is not there: skipped on a laptop, failed
// under make test. The message should say what is missing and how to run the test.
func Unavailable(t testing.TB, format string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(format, args...)
	if Required() {
		t.Fatalf("%s (%s=1 forbids skipping)", message, RequireVar)
	}
	t.Skip(message)
}

// LocalStack returns a configuration for the LocalStack that CORE_TEST_LOCALSTACK names. Without
// the variable the test is Unavailable; an endpoint that was named and does not answer is a failure.
func LocalStack(t testing.TB) aws.Config {
	t.Helper()
	return service(t, "LocalStack", LocalStackVar, "/_localstack/health", `eval "$(localstack/up)" and `+LocalStackVar+`=$AWS_ENDPOINT_URL`)
}

// MiniStack does the same for the MiniStack that CORE_TEST_MINISTACK names.
func MiniStack(t testing.TB) aws.Config {
	t.Helper()
	return service(t, "MiniStack", MiniStackVar, "/_ministack/health", MiniStackVar+`=$(scripts/ministack up)`)
}

func service(t testing.TB, name, variable, health, start string) aws.Config {
	t.Helper()
	endpoint := strings.TrimSuffix(os.Getenv(variable), "/")
	if endpoint == "" {
		Unavailable(t, "needs %s: run make test, or %s go test ./...", name, start)
	}
	if err := answers(t.Context(), endpoint+health); err != nil {
		t.Fatalf("%s at %s=%s does not answer; start it (%s): %v", name, variable, endpoint, start, err)
	}
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

// answers reports nil when url answers 200 within 10 seconds.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
