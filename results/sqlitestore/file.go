package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const (
	// applicationID marks a file as ours, so that another program's database is not taken for one.
	applicationID = 0x4a6f6273
	schemaVersion = 4
	// readers is how many calls read at once; more of them wait.
	readers = 4
)

// The result comes last, so that a listing need not read past it. A record keeps its place in byTime and byTask for life;
// the other indexes change with its state and its expiry.
const jobsSchema = `
CREATE TABLE jobs (
	id TEXT NOT NULL PRIMARY KEY, task TEXT NOT NULL, queue TEXT NOT NULL, state TEXT NOT NULL,
	attempt INTEGER NOT NULL, runs INTEGER NOT NULL, requeues INTEGER NOT NULL, cancel INTEGER NOT NULL,
	enqueued_at INTEGER NOT NULL, started_at INTEGER NOT NULL, start_token INTEGER NOT NULL, retry_at INTEGER NOT NULL, finished_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
	progress REAL NOT NULL, progress_text TEXT NOT NULL, reason TEXT NOT NULL, error TEXT NOT NULL, result BLOB
);
CREATE INDEX byTime ON jobs (enqueued_at, id);
CREATE INDEX byTask ON jobs (task, enqueued_at, id);
CREATE INDEX byState ON jobs (state, enqueued_at, id);
CREATE INDEX byTaskState ON jobs (task, state, enqueued_at, id);
CREATE INDEX byExpiry ON jobs (expires_at);`

// requeuesColumn makes of a file of schema 1 one of schema 2.
const requeuesColumn = `ALTER TABLE jobs ADD COLUMN requeues INTEGER NOT NULL DEFAULT 0;`

// tokenColumn is what files of schemas before 4 do not have.
const tokenColumn = `ALTER TABLE jobs ADD COLUMN start_token INTEGER NOT NULL DEFAULT 0;`

// claimsSchema is what files of schemas before 3 do not have. There is one row for each schedule, which stays for ever.
const claimsSchema = `
CREATE TABLE claims (
	schedule TEXT NOT NULL PRIMARY KEY, reached_at INTEGER NOT NULL, pending TEXT NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID;`

// pendingColumn makes of the claims of schema 3, where a schedule had one pending tick, those of schema 4. That tick is due again.
const pendingColumn = `
ALTER TABLE claims RENAME COLUMN settled_at TO reached_at;
ALTER TABLE claims DROP COLUMN pending_at;
ALTER TABLE claims DROP COLUMN owner;
ALTER TABLE claims ADD COLUMN pending TEXT NOT NULL DEFAULT '';`

// changesFrom is what makes of a file of a schema one of schemaVersion.
func changesFrom(version int64) string {
	switch version {
	case 0:
		return jobsSchema + claimsSchema
	case 1:
		return requeuesColumn + tokenColumn + claimsSchema
	case 2:
		return tokenColumn + claimsSchema
	}
	return tokenColumn + pendingColumn
}

// A file is an open file of records.
type file struct {
	path string
	info os.FileInfo // of what was opened

	writer *sql.DB // of one connection, which only commit uses
	conn   *sql.Conn
	stmts  statements
	reader *sql.DB
}

// openFile opens a file, makes its tables where it is new, and prepares what writes.
func openFile(path string, wait time.Duration) (*file, error) {
	f := &file{path: path}
	if err := f.open(wait); err != nil {
		_ = f.close() // the first error says more
		return nil, err
	}
	return f, nil
}

func (f *file) open(wait time.Duration) error {
	if err := checkPath(f.path, wait); err != nil {
		return err
	}
	abs, err := filepath.Abs(f.path)
	if err != nil {
		return err
	}
	name := func(pragmas ...string) string {
		u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")} // /C:/… on Windows
		u.RawQuery = url.Values{"_pragma": pragmas}.Encode()
		return u.String()
	}
	if f.info, err = os.Stat(f.path); err != nil { // before SQLite opens it: what comes later is another one
		return err
	}
	busy := fmt.Sprintf("busy_timeout(%d)", max(wait.Milliseconds(), 1))
	f.writer, err = sql.Open("sqlite", name(busy, "synchronous(NORMAL)", "journal_size_limit(67108864)", "temp_store(MEMORY)"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if f.conn, err = f.writer.Conn(ctx); err != nil {
		return err
	}
	if err := f.useLog(ctx, wait); err != nil {
		return err
	}
	if err := f.migrate(ctx); err != nil {
		return err
	}
	if err := f.stmts.prepare(ctx, f.conn); err != nil {
		return err
	}
	if f.reader, err = sql.Open("sqlite", name(busy, "query_only(1)")); err != nil {
		return err
	}
	f.reader.SetMaxOpenConns(readers)
	f.reader.SetMaxIdleConns(readers)
	return nil
}

// moved reports whether the path has come to name another file, or none.
func (f *file) moved() bool {
	info, err := os.Stat(f.path)
	return err != nil || !os.SameFile(info, f.info)
}

// useLog makes the file use a write-ahead log, with which reading and writing don't hinder each other. SQLite does not
// wait for the lock that this takes once in a file's life, so this does.
func (f *file) useLog(ctx context.Context, wait time.Duration) error {
	for until := time.Now().Add(wait); ; time.Sleep(5 * time.Millisecond) {
		_, err := f.conn.ExecContext(ctx, "PRAGMA journal_mode=WAL")
		if err == nil || !busy(err) || time.Now().After(until) {
			return err
		}
	}
}

// migrate creates the tables of a new file, brings those of an older program up to date, and refuses a file that is not ours or newer than this program.
func (f *file) migrate(ctx context.Context) error {
	if version, err := f.version(ctx); version == schemaVersion || err != nil {
		return err
	}
	if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() { _, _ = f.conn.ExecContext(ctx, "ROLLBACK") }() // no effect after COMMIT
	version, err := f.version(ctx)
	if version == schemaVersion || err != nil { // another process was quicker
		return err
	}
	change := fmt.Sprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", changesFrom(version), applicationID, schemaVersion)
	if _, err := f.conn.ExecContext(ctx, change); err != nil {
		return err
	}
	_, err = f.conn.ExecContext(ctx, "COMMIT")
	return err
}

// version is the schema's of the file; a new one has 0.
func (f *file) version(ctx context.Context) (version int64, err error) {
	var app, tables int64
	row := f.conn.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)`)
	if err := row.Scan(&app, &version, &tables); err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (tables > 0 || app != 0 || version != 0):
		return 0, &FileError{f.path, "it is another program's database; name another file", ErrCorrupt}
	case version > schemaVersion:
		reason := fmt.Sprintf("a newer version of this program wrote it (schema %d, this one knows %d); use that one, or another file",
			version, schemaVersion)
		return 0, &FileError{f.path, reason, ErrNewer}
	}
	return version, nil
}

// close closes what is open; the last of all processes to do so empties the log into the file. Of a file that was moved,
// SQLite leaves the log alone, which may be another's by now.
func (f *file) close() error {
	var errs []error
	if f.reader != nil {
		errs = append(errs, f.reader.Close())
	}
	if f.conn != nil {
		f.stmts.close()
		_ = f.conn.Close() // gives the connection back; the database reports what goes wrong
	}
	if f.writer != nil {
		errs = append(errs, f.writer.Close())
	}
	return errors.Join(errs...)
}

func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == lib.SQLITE_BUSY || e.Code()&0xff == lib.SQLITE_LOCKED)
}
