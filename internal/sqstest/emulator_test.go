package sqstest_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/conformance"
	"github.com/coretasks/core/internal/sqstest"
)

// choices are where the emulator differs from the reference on purpose; its package comment says so too.
var choices = conformance.Known{Deviations: map[string]string{
	"RecreateTooSoon": "a queue's name can be used again at once, since development deletes and recreates",
}}

// TestEmulator runs the suite on the emulator in every way it is used.
func TestEmulator(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config emulator.Config
		known  conformance.Known
	}{
		"in memory": {emulator.Config{}, choices},
		"in a file": {emulator.Config{Path: filepath.Join(t.TempDir(), "core.db"), ReserveNames: true}, conformance.Known{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, test.config).SQS()
			sqstest.Run(t, sqstest.Harness{API: c, Elsewhere: c.In("eu-west-1"), Known: test.known})
		})
	}
	t.Run("through a socket", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(open(t, emulator.Config{}).Handler())
		t.Cleanup(server.Close)
		client := func(region string) *sqs.Client {
			return sqs.NewFromConfig(aws.Config{
				Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			})
		}
		sqstest.Run(t, sqstest.Harness{API: client("eu-west-1"), Elsewhere: client("us-east-1"), Known: choices})
	})
}

func open(t *testing.T, config emulator.Config) *emulator.Emulator {
	t.Helper()
	e, err := emulator.Open(config)
	if err != nil {
		t.Fatalf("emulator.Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("closing the emulator: %v", err)
		}
	})
	return e
}
