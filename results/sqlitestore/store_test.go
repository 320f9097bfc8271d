package sqlitestore_test

import (
	"path/filepath"
	"testing"

	"github.com/coretasks/core/internal/claimtest"
	"github.com/coretasks/core/internal/resulttest"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/schedules/ticker"
)

func open(t testing.TB, path string, opts sqlitestore.Options) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	resulttest.Run(t, resulttest.Harness{New: func(t *testing.T) resulttest.Open {
		t.Helper()
		path := filepath.Join(t.TempDir(), "results.db")
		return func(t testing.TB, o resulttest.Options) results.Store {
			t.Helper()
			return open(t, path, sqlitestore.Options{Retention: o.Retention, Now: o.Now})
		}
	}})
}

func TestClaims(t *testing.T) {
	t.Parallel()
	claimtest.Run(t, func(t *testing.T) claimtest.Open {
		path := filepath.Join(t.TempDir(), "results.db")
		return func(t testing.TB) ticker.Claims { return open(t, path, sqlitestore.Options{}) }
	})
}
