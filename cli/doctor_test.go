package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/coretasks/core/tasks"
)

func TestDoctorHasNoLambdaOnTheEmbeddedEndpoint(t *testing.T) {
	t.Parallel()
	program := commandLine(t)
	registry := tasks.NewRegistry(tasks.Define("report", func(context.Context, struct{}) (int, error) { return 0, nil }))
	if code, _, stderr := program.core(registry, "queues apply"); code != 0 {
		t.Fatal(stderr)
	}
	const want = "FAIL  function f: the embedded endpoint has no Lambda functions to look at"
	if code, stdout, _ := program.core(registry, "doctor --lambda f"); code != 1 || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, want 1 with %q:\n%s", code, want, stdout)
	}
}
