package cli_test

import (
	"strings"
	"testing"

	"github.com/coretasks/core/internal/mainjob"
)

// TestHealth asks a worker and an API as a container's health check does.
func TestHealth(t *testing.T) {
	t.Parallel()
	w := mainjob.New(t)
	w.Start(t, "Stop with Ctrl-C", "dev")
	for name, start := range map[string]struct{ ready, args string }{
		"worker": {"worker started", "worker --local --health-addr "},
		"api":    {"serving the HTTP API", "run --local --addr 127.0.0.1:0 --health-addr "},
	} {
		addr := mainjob.FreeAddr(t)
		if code, _, stderr := w.Run(t, "", "health", "--health-addr", addr); code != 1 || !strings.Contains(stderr, "nothing answers on "+addr) {
			t.Errorf("before the %s starts: %d, %s", name, code, stderr)
		}
		w.Start(t, start.ready, strings.Fields(start.args+addr)...)
		if code, _, stderr := w.Run(t, "", "health", "--health-addr", addr); code != 0 {
			t.Errorf("beside the %s: %d, %s", name, code, stderr)
		}
	}
}
