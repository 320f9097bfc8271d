package reports

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestStepsWaitOnlyWhereAsked(t *testing.T) {
	t.Parallel()
	for slowly, want := range map[bool]time.Duration{false: 0, true: 3 * pause} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			s := steps{total: 4, slowly: slowly}
			for range 3 {
				if err := s.done(t.Context(), "done"); err != nil {
					t.Fatal(err)
				}
			}
			if elapsed := time.Since(begun); elapsed != want || s.finished != 3 {
				t.Errorf("slowly = %v: %d steps in %v, want 3 in %v", slowly, s.finished, elapsed, want)
			}
		})
	}
}

func TestSlowStepsEndWithTheTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("cancelled")
		time.AfterFunc(pause/2, func() { cancel(cause) })
		s := steps{total: 4, slowly: true}
		if err := s.done(ctx, "done"); !errors.Is(err, cause) {
			t.Errorf("error = %v, want the cause", err)
		}
	})
}

func TestMonths(t *testing.T) {
	t.Parallel()
	got := period{first: date(2026, time.November, 24), last: date(2027, time.January, 3)}.months()
	want := []period{
		{date(2026, time.November, 24), date(2026, time.November, 30)},
		{date(2026, time.December, 1), date(2026, time.December, 31)},
		{date(2027, time.January, 1), date(2027, time.January, 3)},
	}
	if len(got) != len(want) {
		t.Fatalf("months = %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("month %d = %v, want %v", i, got[i], want[i])
		}
	}
}
