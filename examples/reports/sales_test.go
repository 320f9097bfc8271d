package reports

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// openFiles counts the process's open files below dir.
func openFiles(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, dir) {
			n++
		}
	}
	return n
}

func TestSessionIsClosedWhateverHappens(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("counts open files in /proc")
	}
	tests := []struct {
		name   string
		misuse func(ctx context.Context, cancel func(), s *session) error
		want   tasks.Verdict
	}{
		{"success", func(ctx context.Context, _ func(), s *session) error {
			_, err := s.lastDay(ctx)
			return err
		}, tasks.Done},
		{"error", func(context.Context, func(), *session) error { return errors.New("no") }, tasks.Dead},
		{"panic", func(context.Context, func(), *session) error { panic("no") }, tasks.Dead},
		{"goexit", func(context.Context, func(), *session) error { runtime.Goexit(); return nil }, tasks.Dead},
		{"cancelled", func(ctx context.Context, cancel func(), s *session) error {
			cancel()
			_, err := s.lastDay(ctx)
			return err
		}, tasks.GiveBack},
		{"cancelled in a long query", func(ctx context.Context, cancel func(), s *session) error {
			time.AfterFunc(20*time.Millisecond, cancel)
			_, err := s.lines(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '', '', max(i), 0, 0 FROM n`)
			return err
		}, tasks.GiveBack},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := newDir(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			during := 0
			task := tasks.Define("test.misuse", tasks.NoResult(func(ctx context.Context, _ struct{}) error {
				s, err := openSession(ctx, dir)
				if err != nil {
					return err
				}
				defer s.close()
				during = openFiles(t, dir)
				return tt.misuse(ctx, func() { cancel(tasks.ErrShutdown) }, s)
			}))
			out := execute(ctx, t, tasks.NewRegistry(task), "test.misuse", "job-1", 1, struct{}{})
			if out.Verdict != tt.want {
				t.Errorf("verdict = %v (%v), want %v", out.Verdict, out.Err, tt.want)
			}
			if during == 0 {
				t.Error("no file was open during the session: the test looks in the wrong place")
			}
			if n := openFiles(t, dir); n != 0 {
				t.Errorf("%d files are still open after the session", n)
			}
		})
	}
}

func TestCancelledFirstUseLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(tasks.ErrShutdown)
	out := execute(ctx, t, Registry(dir), "reports.generate", "job-1", 1, Params{UserID: 1, ReportType: "daily"})
	if out.Verdict != tasks.GiveBack {
		t.Errorf("verdict = %v (%v), want give back", out.Verdict, out.Err)
	}
	if got := fileNames(t, dir); len(got) != 0 {
		t.Errorf("files = %v, want none", got)
	}
}

func TestSalesCoverTwelveWholeMonths(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                              string
		today                             time.Time
		first, last                       string // of the data
		monthsFirst, monthsLast, daysFrom string
	}{
		{"in a month", date(2026, time.November, 23), "2025-11-01", "2026-11-22", "2025-11-01", "2026-10-31", "2026-10-24"},
		{"on the first of a month", date(2026, time.March, 1), "2025-03-01", "2026-02-28", "2025-03-01", "2026-02-28", "2026-01-30"},
		{"on the last of a month", date(2026, time.January, 31), "2025-01-01", "2026-01-30", "2025-01-01", "2025-12-31", "2026-01-01"},
		{"behind a leap day", date(2028, time.March, 1), "2027-03-01", "2028-02-29", "2027-03-01", "2028-02-29", "2028-01-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sales.db")
			if err := createSales(t.Context(), path, tt.today.Add(15*time.Hour)); err != nil {
				t.Fatal(err)
			}
			var first, last string
			if err := openDB(t, path).QueryRowContext(t.Context(), `SELECT min(sold_on), max(sold_on) FROM sales`).Scan(&first, &last); err != nil {
				t.Fatal(err)
			}
			if first != tt.first || last != tt.last {
				t.Errorf("sales are from %s to %s, want %s to %s", first, last, tt.first, tt.last)
			}
			end, err := time.Parse(time.DateOnly, last)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range kinds() {
				wantFirst, wantLast := tt.monthsFirst, tt.monthsLast
				if k.name == "daily" {
					wantFirst, wantLast = tt.daysFrom, tt.last
				}
				p := k.period(end)
				if got := p.first.Format(time.DateOnly); got != wantFirst {
					t.Errorf("%s begins on %s, want %s", k.name, got, wantFirst)
				}
				if got := p.last.Format(time.DateOnly); got != wantLast {
					t.Errorf("%s ends on %s, want %s", k.name, got, wantLast)
				}
			}
		})
	}
}

func TestSalesAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	const fingerprint = `SELECT group_concat(user_id || '/' || product_id || '/' || sold_on || '/' || quantity || '/' || unit_cents)
		FROM (SELECT * FROM sales WHERE sold_on BETWEEN '2026-02-01' AND '2026-02-28' ORDER BY id)`
	var seen [2]string
	for i, today := range []time.Time{date(2026, time.March, 1), date(2026, time.November, 23)} {
		path := filepath.Join(t.TempDir(), "sales.db")
		if err := createSales(t.Context(), path, today); err != nil {
			t.Fatal(err)
		}
		if err := openDB(t, path).QueryRowContext(t.Context(), fingerprint).Scan(&seen[i]); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0] == "" || seen[0] != seen[1] {
		t.Error("the sales of one month differ between databases made on different days")
	}
}
