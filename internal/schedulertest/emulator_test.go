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
			schedulertest.Run(t, schedulertest.Harness{API: e.Scheduler(), Queues: e.SQS(), Elsewhere: &schedulertest.Harness{
				API: e.Scheduler().In("eu-west-1"), Queues: e.SQS().In("eu-west-1"),
			}})
		})
	}
	t.Run("through a socket", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(open(t, emulator.Config{}).Handler())
		t.Cleanup(server.Close)
		harness := func(region string) schedulertest.Harness {
			config := aws.Config{
				Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			}
			return schedulertest.Harness{API: scheduler.NewFromConfig(config), Queues: sqs.NewFromConfig(config)}
		}
		here, there := harness("eu-west-1"), harness("us-east-1")
		here.Elsewhere = &there
		schedulertest.Run(t, here)
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
