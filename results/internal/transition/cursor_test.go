package transition

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/coretasks/core/results"
)

func TestCursorsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := results.Filter{Task: rapid.String().Draw(t, "task"), State: rapid.SampledFrom(append(results.States(), "")).Draw(t, "state")}
		p := Position{
			EnqueuedAt: time.UnixMilli(rapid.Int64Range(0, maxMilli).Draw(t, "ms")).UTC(),
			ID:         rapid.StringOfN(rapid.Rune(), 1, 100, MaxID).Draw(t, "id"),
		}
		f.Cursor = p.Cursor(f)
		_, got, err := CleanFilter(f)
		if err != nil || *got != p {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
		f.Task += "x"
		if _, _, err := CleanFilter(f); !errors.Is(err, results.ErrInvalidCursor) {
			t.Fatalf("with another filter: %v", err)
		}
	})
}

// Whatever a cursor is, it is refused, or is exactly the one that its position makes.
func FuzzCursor(f *testing.F) {
	filter := results.Filter{Task: "t"}
	f.Add("")
	f.Add("nonsense")
	f.Add("AYDcKfUZeNKpAAAA0000000\r0")
	f.Add(Position{time.UnixMilli(1_700_000_000_000), "0199c0de-0000-7000-8000-000000000000"}.Cursor(filter))
	f.Add(Position{time.UnixMilli(maxMilli), "x"}.Cursor(results.Filter{}))
	f.Fuzz(func(t *testing.T, cursor string) {
		filter := filter
		filter.Cursor = cursor
		_, p, err := CleanFilter(filter)
		switch {
		case err != nil && !errors.Is(err, results.ErrInvalidCursor):
			t.Error(err)
		case err == nil && (p == nil) != (cursor == ""):
			t.Errorf("position %v", p)
		case p != nil && (!ValidID(p.ID) || p.Cursor(filter) != cursor):
			t.Errorf("%q is %+v, whose cursor is %q", cursor, p, p.Cursor(filter))
		}
	})
}

// Random bytes seldom get past the hash; these are made to.
func FuzzCursorOfPosition(f *testing.F) {
	f.Add(int64(0), "x")
	f.Add(int64(-1), "")
	f.Add(int64(maxMilli+1), "\xff")
	f.Fuzz(func(t *testing.T, ms int64, id string) {
		p := Position{time.UnixMilli(ms).UTC(), id}
		_, got, err := CleanFilter(results.Filter{Cursor: p.Cursor(results.Filter{})})
		if good := ms >= 0 && ms <= maxMilli && ValidID(id); good != (err == nil) || good && *got != p {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
	})
}
