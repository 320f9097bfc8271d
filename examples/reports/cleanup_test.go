package reports

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCleanupDeletesOldReportsOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := context.WithValue(t.Context(), filesKey{}, files{dir: dir})
	if err := cleanup(ctx); err != nil {
		t.Fatalf("without any report: %v", err)
	}
	reports := filepath.Join(dir, "reports")
	if err := os.MkdirAll(filepath.Join(reports, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	ages := map[string]time.Duration{"old.html": keepReports + time.Hour, "new.html": keepReports - time.Hour}
	for name, age := range ages {
		file := filepath.Join(reports, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // again finds nothing left to do
		if err := cleanup(ctx); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(reports)
	if err != nil || len(left) != 2 || left[0].Name() != "folder" || left[1].Name() != "new.html" {
		t.Errorf("left are %v, %v", left, err)
	}
}
