package localstacktest

import (
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/chaos"
	"github.com/coretasks/core/internal/testenv"
)

// TestChaos is the short form of make chaos on an endpoint that is not killed.
func TestChaos(t *testing.T) {
	t.Parallel()
	endpoint := strings.TrimPrefix(*testenv.LocalStack(t).BaseEndpoint, "http://")
	l, err := chaos.Run(t.Context(), chaos.Config{
		Seed: 12, Jobs: 800, Faults: 12, Duration: 12 * time.Second, Endpoint: endpoint, Store: true, Dir: t.TempDir(), Log: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(l)
	if len(l.Violations) > 0 || l.Accepted < 500 {
		t.Error("promises were broken, or too little happened to prove anything")
	}
}
