package reports

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/coretasks/core/tasks"
)

// enqueuedAt is when all jobs of the tests were enqueued.
var enqueuedAt = time.Date(2026, time.November, 23, 9, 30, 0, 0, time.UTC)

// execute runs one attempt of a job as a worker would.
func execute(ctx context.Context, t *testing.T, registry *tasks.Registry, task, id string, attempt int, params any) tasks.Outcome {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	body, err := tasks.Envelope{ID: id, Task: task, Params: raw, EnqueuedAt: enqueuedAt}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	executor, err := tasks.NewExecutor(registry, tasks.ExecutorConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return executor.Execute(ctx, tasks.Delivery{Body: string(body), Queue: "default", Attempt: attempt})
}

// mustGenerate makes a report and returns it with its HTML.
func mustGenerate(t *testing.T, dir, id string, p Params) (Report, string) {
	t.Helper()
	out := execute(t.Context(), t, Registry(dir), "reports.generate", id, 1, p)
	if out.Verdict != tasks.Done {
		t.Fatalf("verdict = %v (%v), want done", out.Verdict, out.Err)
	}
	report, ok := out.Result.(Report)
	if !ok {
		t.Fatalf("result is a %T, want a Report", out.Result)
	}
	html, err := os.ReadFile(report.File)
	if err != nil {
		t.Fatal(err)
	}
	return report, string(html)
}

// someSales is a sales database, made once for all tests that need just any.
var someSales = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sales-*")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "sales.db")
	err = createSales(context.Background(), path, time.Now().UTC())
	data, readErr := os.ReadFile(path)
	return data, errors.Join(err, readErr, os.RemoveAll(dir))
})

// newDir returns a directory for the tasks that has a sales database.
func newDir(t *testing.T) string {
	t.Helper()
	data, err := someSales()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sales.db"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// salesIn opens the database below dir for the test's own use.
func salesIn(t *testing.T, dir string) *sql.DB {
	t.Helper()
	return openDB(t, filepath.Join(dir, "sales.db"))
}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustExec(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}
