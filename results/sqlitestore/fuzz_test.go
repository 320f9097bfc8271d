package sqlitestore_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/schedules/ticker"
)

const recordCount = 30

// directory is one of its own, in memory where the system has one: a disk takes its time over commits.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "core-fuzz-") //nolint:usetesting // t.TempDir is on the disk
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// images are a file with records of every state: as it is, with its log, while a store has it open, and after.
func images(f *testing.F) (open, openLog, closed []byte) {
	f.Helper()
	path := filepath.Join(directory(f), "results.db")
	s, err := sqlitestore.Open(path, sqlitestore.Options{})
	if err != nil {
		f.Fatal(err)
	}
	ctx := f.Context()
	for i := range recordCount {
		id := fmt.Sprint("job ", i)
		for _, err := range s.Enqueue(ctx, []results.Record{{ID: id, Task: "t", Queue: "q"}}) {
			f.Fatal(err)
		}
		if _, err := s.Start(ctx, results.Start{ID: id, Attempt: 1}); err != nil {
			f.Fatal(err)
		}
		end := results.End{ID: id, Attempt: 1, State: []results.State{results.Succeeded, results.Dead, results.Retrying}[i%3], Result: json.RawMessage(`{"n":1}`), Error: strings.Repeat(".", 30*i)}
		if err := s.End(ctx, end); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := s.SwapClaim(ctx, "tick", 0, ticker.Claim{Reached: time.Unix(1, 0), Pending: ticker.Pending{{Tick: time.Unix(1, 0), Owner: "a"}}}); err != nil {
		f.Fatal(err)
	}
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	open, openLog = read(path), read(path+"-wal")
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	return open, openLog, read(path)
}

// told holds an error to those that a store may give: its own, of a file, or one about a record that it has understood.
func told(t *testing.T, path string, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	file, ok := errors.AsType[*sqlitestore.FileError](err)
	known := errors.Is(err, sqlitestore.ErrCorrupt) || errors.Is(err, sqlitestore.ErrNewer) ||
		errors.Is(err, fs.ErrPermission) // one byte of the file makes it read-only
	if ok && (file.Path != path || !known) {
		t.Errorf("the error %v has nothing to do with damage", err)
	}
	if refused := (*results.NotFoundError)(nil); !ok && !errors.As(err, &refused) && !errors.Is(err, results.ErrFinished) && !errors.Is(err, results.ErrStale) {
		t.Errorf("the error is %#v", err)
	}
	return false
}

// try opens a file that may be damaged and makes every kind of call. It returns the records that can be read, or nil where the
// file is refused, and how many were not found.
func try(t *testing.T, path string) (found map[string]results.Record, missing int) {
	t.Helper()
	s, err := sqlitestore.Open(path, sqlitestore.Options{Wait: time.Second, Logger: slog.New(slog.DiscardHandler)})
	if !told(t, path, err) {
		return nil, 0
	}
	ctx := t.Context()
	defer func() { told(t, path, s.Close()) }()
	told(t, path, s.Ping(ctx))
	found = map[string]results.Record{}
	for i := range recordCount {
		id := fmt.Sprint("job ", i)
		r, err := s.Get(ctx, id)
		if told(t, path, err) {
			if text, err := json.Marshal(r); r.ID != id || err != nil {
				t.Errorf("asked for %q, got %s, %v", id, text, err)
			}
			found[id] = r
		} else if errors.Is(err, results.ErrNotFound) {
			missing++
		}
	}
	for _, filter := range []results.Filter{{Limit: 100}, {Limit: 7, Task: "t", State: results.Dead}} {
		page, err := s.List(ctx, filter)
		if told(t, path, err) {
			if text, err := json.Marshal(page); err != nil {
				t.Errorf("%.200s: %v", text, err)
			}
		}
	}
	_, err = s.CancelRequested(ctx, []string{"job 1", "job 2"})
	told(t, path, err)
	_, err = s.GetClaim(ctx, "tick")
	told(t, path, err)
	_, err = s.SwapClaim(ctx, "tick", 1, ticker.Claim{Reached: time.Unix(2, 0)})
	told(t, path, err)
	for _, err := range s.Enqueue(ctx, []results.Record{{ID: "new", Task: "t"}, {ID: "job 3", Task: "t"}}) {
		told(t, path, err)
	}
	_, err = s.Start(ctx, results.Start{ID: "job 2", Attempt: 2})
	told(t, path, err)
	told(t, path, s.End(ctx, results.End{ID: "new", Attempt: 1, State: results.Succeeded}))
	return found, missing
}

// A file of which the end is missing or some bytes are wrong is refused, or every call on it is answered or says that it is
// damaged. Where only the end is missing no record is overlooked. Of the log, what is damaged and all that follows did not happen.
func FuzzFile(f *testing.F) {
	open, openLog, closed := images(f)
	for _, cut := range []uint32{0, 1, 99, 511, 4096, 8191, 20_000} {
		f.Add(false, false, cut, uint32(0), []byte(nil))
		f.Add(true, false, cut, uint32(0), []byte(nil))
		f.Add(true, true, cut, uint32(0), []byte(nil))
	}
	for _, at := range []uint32{0, 16, 18, 19, 24, 28, 32, 47, 56, 60, 68, 100, 103, 105, 4096, 4099, 8192, 12_290, 16_384, 20_500} {
		f.Add(false, false, ^uint32(0), at, []byte{1})
	}
	for _, at := range []uint32{0, 24, 40, 4152, 9000} {
		f.Add(true, true, ^uint32(0), at, []byte{0xff, 0, 0x80})
	}
	f.Fuzz(func(t *testing.T, live, log bool, cut, at uint32, flip []byte) {
		file, wal := closed, []byte(nil)
		if live {
			file, wal = open, openLog
		}
		damaged := &file
		if log && live {
			damaged = &wal
		}
		*damaged = append([]byte(nil), (*damaged)[:min(int(cut), len(*damaged))]...)
		for i, b := range flip[:min(len(flip), 8)] {
			if where := int(at) + i; where < len(*damaged) {
				(*damaged)[where] ^= b
			}
		}
		path := filepath.Join(directory(t), "results.db")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		if wal != nil {
			if err := os.WriteFile(path+"-wal", wal, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		found, missing := try(t, path)
		if log && live {
			for i := range len(found) {
				if _, ok := found[fmt.Sprint("job ", i)]; !ok {
					t.Errorf("job %d of the first %d is missing", i, len(found))
				}
			}
			return
		}
		if len(flip) == 0 && missing > 0 && len(file) > 0 {
			t.Errorf("cut to %d bytes, live %t: %d records are not found", cut, live, missing)
		}
	})
}

// A file in which one value is wrong is refused, or says so of that record, and answers for all others.
func FuzzValues(f *testing.F) {
	_, _, closed := images(f)
	for _, column := range strings.Fields(`jobs.id jobs.task jobs.queue jobs.state jobs.attempt jobs.runs jobs.requeues jobs.cancel jobs.enqueued_at
		jobs.started_at jobs.start_token jobs.retry_at jobs.finished_at jobs.updated_at jobs.expires_at jobs.progress jobs.progress_text jobs.reason jobs.error jobs.result
		claims.schedule claims.reached_at claims.pending claims.revision`) {
		f.Add(column, byte('i'), "", int64(1<<63-1))
		f.Add(column, byte('t'), "x\xff", int64(0))
	}
	for _, column := range []string{"jobs.requeues", "jobs.result", "claims.revision"} {
		f.Add(column, byte('d'), "", int64(0))
	}
	for _, column := range []string{"jobs.attempt", "jobs.expires_at", "jobs.progress"} {
		f.Add(column, byte('i'), "", int64(-1))
		f.Add(column, byte('r'), "", int64(1))
	}
	f.Add("jobs.result", byte('b'), `{"n":`, int64(0))
	f.Add("jobs.result", byte('n'), "", int64(0))
	f.Fuzz(func(t *testing.T, column string, kind byte, text string, n int64) {
		table, name, _ := strings.Cut(column, ".")
		var value any
		switch kind {
		case 'i':
			value = n
		case 't':
			value = text
		case 'b':
			value = []byte(text)
		case 'r':
			value = float64(n) * 1e300
		}
		path := filepath.Join(directory(t), "results.db")
		if err := os.WriteFile(path, closed, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		statement, args := fmt.Sprintf("UPDATE %s SET %s = ? WHERE rowid = (SELECT min(rowid) FROM %s)", table, name, table), []any{value}
		switch {
		case kind == 'd':
			statement, args = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", table, name), nil
		case table == "claims":
			statement = fmt.Sprintf("UPDATE %s SET %s = ?", table, name)
		}
		_, refused := db.Exec(statement, args...)
		if err := db.Close(); err != nil || refused != nil {
			t.Skip("SQLite does not take it")
		}
		if found, missing := try(t, path); found != nil && len(found) < recordCount-1 {
			t.Errorf("%s %v: %d records are not read, of which %d are not found", statement, args, recordCount-len(found), missing)
		}
	})
}
