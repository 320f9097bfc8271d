package sqlitestore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/schedules/ticker"
)

// edit runs statements on a file by other means than a store.
func edit(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// made is the path of a file that a store has made and closed.
func made(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "results.db")
	s, err := sqlitestore.Open(path, sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range s.Enqueue(t.Context(), []results.Record{{ID: "kept", Task: "t"}}) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path func(t *testing.T) string
		want error
		says string
	}{
		"empty":        {func(*testing.T) string { return "" }, fs.ErrInvalid, "name a file"},
		"no directory": {func(t *testing.T) string { return filepath.Join(t.TempDir(), "no", "x.db") }, fs.ErrNotExist, "create it first"},
		"a directory":  {func(t *testing.T) string { return t.TempDir() }, fs.ErrInvalid, "no regular file"},
		"below a file": {func(t *testing.T) string { return filepath.Join(made(t), "x.db") }, nil, ""},
		"another program's": {func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.db")
			edit(t, path, "CREATE TABLE other (x)")
			return path
		}, sqlitestore.ErrCorrupt, "another program's"},
		"a newer version's": {func(t *testing.T) string {
			path := made(t)
			edit(t, path, "PRAGMA user_version=4")
			return path
		}, sqlitestore.ErrNewer, "schema 4, this one knows 3"},
		"no database": {func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "x.db")
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, sqlitestore.ErrCorrupt, "move it"},
		"a damaged one": {func(t *testing.T) string {
			path := made(t)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < 4096; i++ {
				raw[i] = 0xa5
			}
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, sqlitestore.ErrCorrupt, "move it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tt.path(t)
			s, err := sqlitestore.Open(path, sqlitestore.Options{})
			if err == nil {
				_ = s.Close()
			}
			file, ok := errors.AsType[*sqlitestore.FileError](err)
			if !ok || file.Path != path || !errors.Is(err, tt.want) && tt.want != nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want a FileError of %v that says %q", err, tt.want, tt.says)
			}
		})
	}
}

// A place where not even root may make a file stands in for one without permission.
// TestAnOlderFile: what a program of schema 1 wrote is still there, and can be put back.
func TestAnOlderFile(t *testing.T) {
	t.Parallel()
	path := made(t)
	edit(t, path, "UPDATE jobs SET state = 'dead'", "ALTER TABLE jobs DROP COLUMN requeues", "DROP TABLE claims", "PRAGMA user_version=1")
	for want := range 2 {
		s, err := sqlitestore.Open(path, sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Get(t.Context(), "kept"); err != nil || r.Task != "t" || r.Requeues != want {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err := s.Requeue(t.Context(), results.Requeue{ID: "kept"}); err != nil || r.Requeues != 1 {
			t.Errorf("requeue: %+v, %v", r, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	t.Parallel()
	path := "/sys/kernel/results.db"
	if os.Geteuid() != 0 {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(dir, "results.db")
	} else if _, err := os.Stat("/sys/kernel"); err != nil {
		t.Skip("root may write anywhere here")
	}
	_, err := sqlitestore.Open(path, sqlitestore.Options{})
	if file, ok := errors.AsType[*sqlitestore.FileError](err); !ok || file.Path != path || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
}

func TestOnlyTheOwnerCanReadTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name? #1 %41.db")
	s := open(t, path, sqlitestore.Options{})
	if errs := s.Enqueue(t.Context(), []results.Record{{ID: "x"}}); errs != nil {
		t.Fatal(errs)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(files) != 3 { // with its log and the log's index
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// Another process that holds the file for longer than a store waits is an error; once it lets go, all is well.
func TestLockedBeyondTheWait(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path, sqlitestore.Options{Wait: 50 * time.Millisecond})
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Start(t.Context(), results.Start{ID: "kept", Attempt: 1})
	if !errors.Is(err, sqlitestore.ErrLocked) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("%v", err)
	}
	if r, err := s.Get(t.Context(), "kept"); err != nil || r.State != results.Queued {
		t.Errorf("reading: %+v, %v", r, err)
	}
	// A file that is made can be opened meanwhile.
	if other, err := sqlitestore.Open(path, sqlitestore.Options{Wait: 50 * time.Millisecond}); err != nil {
		t.Error(err)
	} else if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(t.Context(), results.Start{ID: "kept", Attempt: 1}); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}

func TestPingNoticesAFileThatIsGone(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path, sqlitestore.Options{})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, sqlitestore.ErrGone) {
		t.Errorf("removed: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, sqlitestore.ErrGone) {
		t.Errorf("replaced: %v", err)
	}
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s, err := sqlitestore.Open(made(t), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	ctx := context.Background()
	_, start := s.Start(ctx, results.Start{ID: "x", Attempt: 1})
	_, get := s.Get(ctx, "kept")
	_, list := s.List(ctx, results.Filter{})
	for name, err := range map[string]error{"start": start, "get": get, "list": list, "enqueue": s.Enqueue(ctx, []results.Record{{ID: "y"}})[0], "ping": s.Ping(ctx)} {
		if !errors.Is(err, sqlitestore.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Records that have expired are deleted by those who write, some at a time.
func TestExpiredRecordsAreDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.db")
	base := time.Now()
	at := base
	s := open(t, path, sqlitestore.Options{Retention: time.Hour, Now: func() time.Time { return at }})
	var records []results.Record
	for i := range 1000 {
		records = append(records, results.Record{ID: fmt.Sprint(i), Task: "t", EnqueuedAt: base})
	}
	if errs := s.Enqueue(t.Context(), records); errs != nil {
		t.Fatal(errs)
	}
	count := func() (n int) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if err := db.QueryRow("SELECT count(*) FROM jobs").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	at = base.Add(2 * time.Hour) // no call is under way
	for i, want := range []int{801, 602, 403, 204, 5, 6, 7} {
		if errs := s.Enqueue(t.Context(), []results.Record{{ID: fmt.Sprint("new ", i), EnqueuedAt: at}}); errs != nil {
			t.Fatal(errs)
		}
		if got := count(); got != want {
			t.Errorf("after write %d there are %d records, want %d", i, got, want)
		}
	}
}

func TestOpenAFileWithoutClaims(t *testing.T) {
	t.Parallel()
	path := made(t)
	edit(t, path, "DROP TABLE claims", "PRAGMA user_version=2")
	s := open(t, path, sqlitestore.Options{})
	if _, err := s.Get(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
	if c, err := s.SwapClaim(t.Context(), "s", 0, ticker.Claim{Owner: "a"}); err != nil || c.Revision != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
