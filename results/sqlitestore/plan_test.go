package sqlitestore

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/internal/transition"
)

func storeIn(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "results.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Every listing reads an index in its order: nothing is sorted, and no more is read than the page.
func TestListingsUseTheirIndex(t *testing.T) {
	t.Parallel()
	s := storeIn(t)
	after := &transition.Position{EnqueuedAt: time.Now(), ID: "x"}
	for index, f := range map[string]results.Filter{
		"byTime": {}, "byTask": {Task: "t"}, "byState": {State: results.Dead}, "byTaskState": {Task: "t", State: results.Dead},
	} {
		for _, after := range []*transition.Position{nil, after} {
			query, args := listQuery(f, after, time.Now())
			rows, err := s.file.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var plan []string
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				plan = append(plan, detail)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if len(plan) != 1 || !strings.Contains(plan[0], "INDEX "+index) {
				t.Errorf("%s: %q", index, plan)
			}
		}
	}
}

// A disk that is full fails calls, and once there is room they succeed; nothing is lost or half written.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := storeIn(t)
	ctx := t.Context()
	limit := func(pages string) {
		t.Helper()
		if _, err := s.file.conn.ExecContext(ctx, "PRAGMA max_page_count="+pages); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Start(ctx, results.Start{ID: "x", Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	limit("1") // SQLite takes the file's present size instead
	end := results.End{ID: "x", Attempt: 1, State: results.Succeeded, Result: []byte(`"` + strings.Repeat("x", 300<<10) + `"`)}
	err := s.End(ctx, end)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), s.path) {
		t.Errorf("full: %v", err)
	}
	if r, err := s.Get(ctx, "x"); err != nil || r.State != results.Running {
		t.Errorf("%+v, %v", r, err)
	}
	limit("1000000")
	if err := s.End(ctx, end); err != nil {
		t.Errorf("with room: %v", err)
	}
}
