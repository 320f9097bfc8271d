// Package localstacktest runs on LocalStack the suites that everything else runs on the emulator. They are together here so
// that 'go test ./...', which has no LocalStack, says "no tests to run" of this package, and what was left out is plain to
// see.
package localstacktest

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/coretasks/core/internal/chaos"
	"github.com/coretasks/core/internal/mainjob"
	"github.com/coretasks/core/internal/semantics"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/sqsqueue"
)

func TestMain(m *testing.M) {
	mainjob.Main()
	chaos.Main()
	testenv.Main(m, fmt.Sprintf("the suites on LocalStack; run make test, or eval \"$(localstack/up)\" and %s=$AWS_ENDPOINT_URL go test ./...",
		testenv.LocalStackVar), testenv.LocalStackVar)
}

// TestSemantics is the suite of what a task's author relies on.
func TestSemantics(t *testing.T) {
	t.Parallel()
	api := sqsqueue.NewAPI(testenv.LocalStack(t))
	semantics.Run(t, semantics.Backend{
		Poller: true,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			t.Helper()
			test(t, semantics.Poller(t, api, fmt.Sprintf("sem-%s-", uuid.NewString()[:8])))
		},
	})
}

// TestMainJob is the command line, as processes.
func TestMainJob(t *testing.T) {
	t.Parallel()
	endpoint := *testenv.LocalStack(t).BaseEndpoint
	mainjob.Run(t, func(t *testing.T) *mainjob.World {
		t.Helper()
		return &mainjob.World{Dir: t.TempDir(), Env: []string{
			"AWS_ENDPOINT_URL=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
			"CORE_QUEUE_PREFIX=" + uuid.NewString()[:8] + "-",
		}}
	})
}
