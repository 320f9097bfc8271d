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
	schemaVersion = 3
	// readers is how many calls read at once; more of them wait.
	readers = 4
)

// The result comes last, so that a listing need not read past it. A record keeps its place in byTime and byTask for life;
// the other indexes change with its state and its expiry.
const jobsSchema = `
CREATE TABLE jobs (
	id TEXT NOT NULL PRIMARY KEY, task TEXT NOT NULL, queue TEXT NOT NULL, state TEXT NOT NULL,
	attempt INTEGER NOT NULL, runs INTEGER NOT NULL, requeues INTEGER NOT NULL, cancel INTEGER NOT NULL,
	enqueued_at INTEGER NOT NULL, started_at INTEGER NOT NULL, retry_at INTEGER NOT NULL, finished_at INTEGER NOT NULL,
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

// claimsSchema makes of a file of schema 2 one of schema 3. There is one row for each schedule, which stays for ever.
const claimsSchema = `
CREATE TABLE claims (
	schedule TEXT NOT NULL PRIMARY KEY, settled_at INTEGER NOT NULL, pending_at INTEGER NOT NULL, owner TEXT NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID;`

// changesFrom is what makes of a file of a schema one of schemaVersion.
func changesFrom(version int64) string {
	switch version {
	case 0:
		return jobsSchema + claimsSchema
	case 1:
		return requeuesColumn + claimsSchema
	}
	return claimsSchema
}

// open opens the file, makes its tables where it is new, and prepares what writes.
func (s *Store) open() error {
	if err := checkPath(s.path); err != nil {
		return err
	}
	abs, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	name := func(pragmas ...string) string {
		u := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")} // /C:/… on Windows
		u.RawQuery = url.Values{"_pragma": pragmas}.Encode()
		return u.String()
	}
	wait := fmt.Sprintf("busy_timeout(%d)", max(s.opts.Wait.Milliseconds(), 1))
	s.writer, err = sql.Open("sqlite", name(wait, "synchronous(NORMAL)", "journal_size_limit(67108864)", "temp_store(MEMORY)"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if s.conn, err = s.writer.Conn(ctx); err != nil {
		return err
	}
	if err := s.useLog(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.stmts.prepare(ctx, s.conn); err != nil {
		return err
	}
	if s.reader, err = sql.Open("sqlite", name(wait, "query_only(1)")); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	s.opened, err = os.Stat(s.path)
	return err
}

// useLog makes the file use a write-ahead log, with which reading and writing don't hinder each other. SQLite does not
// wait for the lock that this takes once in a file's life, so this does.
func (s *Store) useLog(ctx context.Context) error {
	for until := time.Now().Add(s.opts.Wait); ; time.Sleep(5 * time.Millisecond) {
		_, err := s.conn.ExecContext(ctx, "PRAGMA journal_mode=WAL")
		if err == nil || !busy(err) || time.Now().After(until) {
			return err
		}
	}
}

// migrate creates the tables of a new file, brings those of an older program up to date, and refuses a file that is not ours or newer than this program.
func (s *Store) migrate(ctx context.Context) error {
	if version, err := s.version(ctx); version == schemaVersion || err != nil {
		return err
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() { _, _ = s.conn.ExecContext(ctx, "ROLLBACK") }() // no effect after COMMIT
	version, err := s.version(ctx)
	if version == schemaVersion || err != nil { // another process was quicker
		return err
	}
	change := fmt.Sprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", changesFrom(version), applicationID, schemaVersion)
	if _, err := s.conn.ExecContext(ctx, change); err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, "COMMIT")
	return err
}

// version is the schema's of the file; a new one has 0.
func (s *Store) version(ctx context.Context) (version int64, err error) {
	var app, tables int64
	row := s.conn.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)`)
	if err := row.Scan(&app, &version, &tables); err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (tables > 0 || app != 0 || version != 0):
		return 0, &FileError{s.path, "it is another program's database; name another file", ErrCorrupt}
	case version > schemaVersion:
		reason := fmt.Sprintf("a newer version of this program wrote it (schema %d, this one knows %d); use that one, or another file",
			version, schemaVersion)
		return 0, &FileError{s.path, reason, ErrNewer}
	}
	return version, nil
}

// closeFile closes what is open; the last of all processes to do so empties the log into the file.
func (s *Store) closeFile() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.conn != nil {
		s.stmts.close()
		_ = s.conn.Close() // gives the connection back; the database reports what goes wrong
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	return errors.Join(errs...)
}

func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code()&0xff == lib.SQLITE_BUSY || e.Code()&0xff == lib.SQLITE_LOCKED)
}
