package chaos_test

import (
	"os"
	"testing"
	"time"

	"github.com/coretasks/core/internal/chaos"
)

func TestMain(m *testing.M) {
	chaos.Main()
	os.Exit(m.Run())
}

// TestChaos is the short form of make chaos.
func TestChaos(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]bool{"with a store": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := chaos.Run(t.Context(), chaos.Config{
				Seed: 11, Jobs: 1000, Faults: 14, Duration: 12 * time.Second, Store: store, Dir: t.TempDir(), Log: t.Logf,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(l)
			if len(l.Violations) > 0 {
				t.Error("promises were broken")
			}
			if l.Accepted < 700 || l.Worked < 600 || l.Faults() < 10 {
				t.Error("too little happened to prove anything")
			}
		})
	}
}
