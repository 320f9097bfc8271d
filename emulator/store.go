package emulator

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the database driver
)

const (
	// applicationID marks a file as ours, so that another program's database is not taken for one.
	applicationID = 0x436f7265
	schemaVersion = 3
	// idsPerRun is how many numbers one run may give out. Each run begins a new block of them, so that no receipt handle
	// of a deleted message fits a message of a later run.
	idsPerRun = 1 << 40
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('run', 0);
CREATE TABLE queues (id INTEGER PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE moves (id TEXT PRIMARY KEY, started INTEGER NOT NULL, task TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
	seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT,
	grp TEXT NOT NULL, trace TEXT NOT NULL, sender TEXT NOT NULL, source TEXT NOT NULL, sent_at INTEGER NOT NULL,
	visible_at INTEGER NOT NULL, receives INTEGER NOT NULL, first_received INTEGER NOT NULL, received_at INTEGER NOT NULL
);`

// timetableSchema came with version 2, but for the groups' regions.
const timetableSchema = groupSchema + `
CREATE TABLE schedules (id INTEGER PRIMARY KEY, definition TEXT NOT NULL, progress TEXT NOT NULL);`

const groupSchema = `
CREATE TABLE schedule_groups (
	region TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (region, name)
) WITHOUT ROWID;`

// regions came with version 3. Until then a file was of one region, which was not in it.
const (
	queueRegions = `
UPDATE queues SET definition = json_set(definition, '$.region', :region);`
	timetableRegions = `
UPDATE schedules SET definition = json_set(definition, '$.region', :region);
ALTER TABLE schedule_groups RENAME TO older_groups;` + groupSchema + `
INSERT INTO schedule_groups SELECT :region, name, json_set(definition, '$.region', :region) FROM older_groups;
DROP TABLE older_groups;`
)

// store is the SQLite file. One connection serves it, since SQLite has one writer at a time and nothing else reads.
type store struct {
	path  string
	db    *sql.DB
	conn  *sql.Conn
	stmts statements
}

// openStore opens or creates a state file and locks it. What is in a file of before there were regions belongs to region.
func openStore(path, region string) (*store, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &StateError{path, "its full path can't be found", err}
	}
	s := &store{path: path}
	name := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(abs), "/")} // /C:/… on Windows
	if s.db, err = sql.Open("sqlite", name.String()); err != nil {
		return nil, stateError(path, err)
	}
	if err := s.start(region); err != nil {
		_ = s.close() // the first error says more
		return nil, openError(path, err)
	}
	return s, nil
}

// start takes the lock and brings the schema about.
//
// Exclusive locking keeps other processes out for as long as this one lives, and is gone with it, kill -9 included: no
// lock file is left behind. In exchange nobody else can read the file meanwhile.
// synchronous=FULL flushes each commit to the disk; as commits are shared, that costs little where it matters.
func (s *store) start(region string) error {
	ctx := context.Background()
	var err error
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return err
	}
	for _, pragma := range []string{
		"locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000",
		"journal_size_limit=67108864", "temp_store=MEMORY", "cache_size=-32000",
	} {
		if _, err := s.conn.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, region); err != nil {
		return err
	}
	return s.stmts.prepare(ctx, s.conn)
}

// migrate creates the tables of a new file, adds what an older one lacks, and refuses one that is not ours, newer than this program, or damaged.
func (s *store) migrate(ctx context.Context, region string) error {
	if _, err := s.conn.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	defer func() { _, _ = s.conn.ExecContext(ctx, "ROLLBACK") }() // no effect after COMMIT
	var app, version, tables int64
	var check string
	for query, to := range map[string]any{
		"PRAGMA application_id": &app, "PRAGMA user_version": &version, "PRAGMA quick_check(1)": &check,
		"SELECT count(*) FROM sqlite_master": &tables,
	} {
		if err := s.conn.QueryRowContext(ctx, query).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case check != "ok":
		return corrupt(s.path, check)
	case app != applicationID && tables > 0:
		return corrupt(s.path, "it is another program's database")
	case version > schemaVersion:
		return &StateError{s.path, "it was written by a newer version of this program; use that one, or another file",
			ErrCorrupt}
	}
	if version < schemaVersion {
		if _, err := s.conn.ExecContext(ctx, changesFrom(version), sql.Named("region", region)); err != nil {
			return err
		}
		if _, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version=%d", schemaVersion)); err != nil {
			return err
		}
	}
	if _, err := s.conn.ExecContext(ctx, "UPDATE meta SET value = value + 1 WHERE key = 'run'"); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	return err
}

// changesFrom is what makes of a file of an older version one of this.
func changesFrom(version int64) string {
	switch {
	case version < 1:
		return schema + timetableSchema + fmt.Sprintf("PRAGMA application_id=%d;", applicationID)
	case version < 2:
		return queueRegions + timetableSchema
	}
	return queueRegions + timetableRegions
}

// close closes the file; SQLite empties the write-ahead log into it.
func (s *store) close() error {
	s.stmts.close()
	if s.conn != nil {
		_ = s.conn.Close() // gives the connection back; the database reports what goes wrong
	}
	if err := s.db.Close(); err != nil {
		return stateError(s.path, err)
	}
	return nil
}
