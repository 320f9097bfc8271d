package schedulertest_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/schedulertest"
)

// TestEmulator runs the suite on the emulator in every way it is used.
func TestEmulator(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]emulator.Config{
		"in memory": {},
		"in a file": {Path: filepath.Join(t.TempDir(), "core.db")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t, config)
			schedulertest.Run(t, schedulertest.Harness{API: e.Scheduler(), Queues: e.SQS()})
		})
	}
	t.Run("through a socket", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(open(t, emulator.Config{}).Handler())
		t.Cleanup(server.Close)
		config := aws.Config{
			Region:       "us-east-1",
			BaseEndpoint: &server.URL,
			Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		}
		schedulertest.Run(t, schedulertest.Harness{API: scheduler.NewFromConfig(config), Queues: sqs.NewFromConfig(config)})
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
