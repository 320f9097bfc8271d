package sqlitestore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
			edit(t, path, "PRAGMA user_version=5")
			return path
		}, sqlitestore.ErrNewer, "schema 5, this one knows 4"},
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

// TestAnOlderFile: what a program of schema 1 wrote is still there, and can be put back.
func TestAnOlderFile(t *testing.T) {
	t.Parallel()
	path := made(t)
	edit(t, path, "UPDATE jobs SET state = 'dead'", "ALTER TABLE jobs DROP COLUMN requeues", "ALTER TABLE jobs DROP COLUMN start_token", "DROP TABLE claims", "PRAGMA user_version=1")
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

// A place where not even root may make a file stands in for one without permission.
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

// What takes the place of a file in use, whatever call comes first and whatever is left of the old one: the store goes on,
// says so once, and another process reads the same records.
func TestTheFileIsRemovedOrReplaced(t *testing.T) {
	t.Parallel()
	remove := func(t *testing.T, paths ...string) {
		t.Helper()
		for _, path := range paths {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, change := range map[string]func(t *testing.T, path string){
		"removed, its log left behind": func(t *testing.T, path string) { t.Helper(); remove(t, path) },
		"removed with its log":         func(t *testing.T, path string) { t.Helper(); remove(t, path, path+"-wal", path+"-shm") },
		"moved away": func(t *testing.T, path string) {
			t.Helper()
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
		},
		"removed, and made anew by another process": func(t *testing.T, path string) {
			t.Helper()
			remove(t, path)
			other := open(t, path, sqlitestore.Options{})
			for _, err := range other.Enqueue(t.Context(), []results.Record{{ID: "of the other", Task: "t"}}) {
				t.Fatal(err)
			}
		},
	} {
		for first, call := range map[string]func(t *testing.T, s *sqlitestore.Store) error{
			"ping": func(t *testing.T, s *sqlitestore.Store) error { t.Helper(); return s.Ping(t.Context()) },
			"list": func(t *testing.T, s *sqlitestore.Store) error {
				t.Helper()
				_, err := s.List(t.Context(), results.Filter{})
				return err
			},
			"end": func(t *testing.T, s *sqlitestore.Store) error {
				t.Helper()
				return s.End(t.Context(), results.End{ID: "kept", Attempt: 1, State: results.Succeeded})
			},
		} {
			t.Run(name+", then "+first, func(t *testing.T) {
				t.Parallel()
				path := made(t)
				log := &bytes.Buffer{}
				s := open(t, path, sqlitestore.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
				for i := range 100 { // a log with many pages
					if _, err := s.Start(t.Context(), results.Start{ID: fmt.Sprint(i), Attempt: 1}); err != nil {
						t.Fatal(err)
					}
				}
				change(t, path)
				if err := call(t, s); err != nil {
					t.Fatal(err)
				}
				if err := s.End(t.Context(), results.End{ID: "running", Attempt: 1, State: results.Succeeded}); err != nil {
					t.Error(err)
				}
				other := open(t, path, sqlitestore.Options{})
				if r, err := other.Get(t.Context(), "running"); err != nil || r.State != results.Succeeded {
					t.Errorf("another process reads %+v, %v", r, err)
				}
				if _, err := other.Get(t.Context(), "7"); !errors.Is(err, results.ErrNotFound) {
					t.Errorf("a record of the old file: %v", err)
				}
				if n := strings.Count(log.String(), "removed or replaced while in use"); n != 1 {
					t.Errorf("said %d times:\n%s", n, log)
				}
			})
		}
	}
}

// A store without a place for its file says so with each call, and goes on when there is one.
func TestTheDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "results.db"), sqlitestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := s.Start(t.Context(), results.Start{ID: "x", Attempt: 1})
		if ping := s.Ping(t.Context()); !errors.Is(err, fs.ErrNotExist) || !errors.Is(ping, fs.ErrNotExist) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, %v", err, ping)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(t.Context(), results.Start{ID: "x", Attempt: 1}); err != nil {
		t.Error(err)
	}
}

// Many that meet what is left of a removed file make one new file together.
func TestManyMakeAFileBesideAnOldLog(t *testing.T) {
	t.Parallel()
	path := made(t)
	old := open(t, path, sqlitestore.Options{Logger: slog.New(slog.DiscardHandler)})
	for i := range 100 {
		if _, err := old.Start(t.Context(), results.Start{ID: fmt.Sprint(i), Attempt: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			s, err := sqlitestore.Open(path, sqlitestore.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for _, err := range s.Enqueue(t.Context(), []results.Record{{ID: fmt.Sprint("new ", i), Task: "new"}}) {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if page, err := old.List(t.Context(), results.Filter{Limit: 100}); err != nil || len(page.Records) != 16 {
		t.Errorf("%d records, %v", len(page.Records), err)
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
	edit(t, path, "DROP TABLE claims", "ALTER TABLE jobs DROP COLUMN start_token", "PRAGMA user_version=2")
	s := open(t, path, sqlitestore.Options{})
	if _, err := s.Get(t.Context(), "kept"); err != nil {
		t.Error(err)
	}
	if c, err := s.SwapClaim(t.Context(), "s", 0, ticker.Claim{}); err != nil || c.Revision != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestOpenAFileOfOnePendingTick: how far a schedule has come is kept, and the tick that was being fired is due again.
func TestOpenAFileOfOnePendingTick(t *testing.T) {
	t.Parallel()
	path := made(t)
	edit(t, path, "DROP TABLE claims", "ALTER TABLE jobs DROP COLUMN start_token", `CREATE TABLE claims (
		schedule TEXT NOT NULL PRIMARY KEY, settled_at INTEGER NOT NULL, pending_at INTEGER NOT NULL, owner TEXT NOT NULL, revision INTEGER NOT NULL
		) WITHOUT ROWID`, "INSERT INTO claims VALUES ('s', 1000, 2000, 'a', 7)", "PRAGMA user_version=3")
	s := open(t, path, sqlitestore.Options{})
	c, err := s.GetClaim(t.Context(), "s")
	if err != nil || !c.Reached.Equal(time.Unix(1, 0)) || len(c.Pending) != 0 || c.Revision != 7 {
		t.Errorf("%+v, %v", c, err)
	}
	c.Pending = ticker.Pending{{Tick: time.Unix(2, 0), Owner: "b"}}
	if c, err = s.SwapClaim(t.Context(), "s", 7, c); err != nil || c.Revision != 8 {
		t.Errorf("%+v, %v", c, err)
	}
}
