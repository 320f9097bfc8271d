package chaos_test

import (
	"testing"
	"time"

	"github.com/coretasks/core/internal/chaos"
)

// The targets in small; make chaos-targets has the figures.

func TestCleanShutdownsDuplicateNothing(t *testing.T) {
	t.Parallel()
	l, err := chaos.CleanShutdowns(t.Context(), chaos.Config{Seed: 5, Jobs: 500, Duration: 8 * time.Second, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Violations) > 0 || l.Faults() < 3 || l.Worked < 350 {
		t.Errorf("%d faults: %s", l.Faults(), l)
	}
}

func TestJobsOfAKilledWorkerStartElsewhere(t *testing.T) {
	t.Parallel()
	took, err := chaos.Recovery(t.Context(), chaos.Config{Seed: 1, Dir: t.TempDir()}, chaos.Visibility)
	if err != nil {
		t.Fatal(err)
	}
	if last := took[len(took)-1]; last > chaos.Visibility+5*time.Second {
		t.Errorf("the last started %v after the kill", last)
	}
}

func TestMalformedMessagesHarmNoOthers(t *testing.T) {
	t.Parallel()
	if _, err := chaos.Malformed(t.Context(), chaos.Config{Seed: 1, Jobs: 1000, Dir: t.TempDir()}, true); err != nil {
		t.Error(err)
	}
}
