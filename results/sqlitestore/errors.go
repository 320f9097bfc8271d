package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/coretasks/core/internal/batch"
)

// What can be wrong with a file; errors.Is finds them, and fs.ErrNotExist and fs.ErrPermission, in a [*FileError].
var (
	// ErrLocked means that other processes were writing for longer than [Options.Wait].
	ErrLocked = errors.New("locked by another process")
	// ErrCorrupt means that the file is damaged, or was never one of job records.
	ErrCorrupt = errors.New("not a readable file of job records")
	// ErrNewer means that a newer version of this program wrote the file.
	ErrNewer = errors.New("written by a newer version")
	// ErrFull means that the disk has no room for a change. What the file holds is unharmed.
	ErrFull = errors.New("no space left")
	// ErrClosed means that the store was closed.
	ErrClosed = errors.New("the store is closed")
)

// A FileError says what is wrong with a store's file and what to do about it.
type FileError struct {
	// Path is the file.
	Path string
	// Reason is one sentence for people.
	Reason string
	// Err is one of the errors above, or one of the operating system's.
	Err error
}

// Error names the file, the reason and the error below.
func (e *FileError) Error() string {
	return fmt.Sprintf("results file %s: %s (%v)", e.Path, e.Reason, e.Err)
}

// Unwrap gives the error below.
func (e *FileError) Unwrap() error { return e.Err }

// explain makes a FileError of what SQLite reports. The end of a caller's context stays what it is.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*FileError](err); ok {
		return err
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	_, wrong := errors.AsType[*valueError](err)
	switch {
	case wrong:
		return corrupt(s.path, err.Error())
	case errors.Is(err, batch.ErrClosed), errors.Is(err, sql.ErrConnDone), strings.Contains(err.Error(), "database is closed"):
		return &FileError{s.path, "it was used after its store was closed", ErrClosed}
	case !ok && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return err
	case !ok:
		return &FileError{s.path, "it can't be used", err}
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		reason := fmt.Sprintf("other processes were writing it for longer than %v; if one of them hangs, stop it. Nothing was changed", s.opts.Wait)
		return &FileError{s.path, reason, ErrLocked}
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB,
		lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_FORMAT: // its tables are not as we make them
		return corrupt(s.path, e.Error())
	case lib.SQLITE_FULL:
		return &FileError{s.path, "the disk is full; free some space, then it works again. Nothing was changed", ErrFull}
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return &FileError{s.path, "it can't be opened for writing; check the permissions of the file and its directory. " +
			"Where they are right it is damaged, or of a newer SQLite", fs.ErrPermission}
	}
	return &FileError{s.path, "reading or writing it failed; check its disk, and that " + filepath.Base(s.path) +
		"-wal and -shm beside it were not removed, replaced or left by another file", err}
}

func corrupt(path, detail string) error {
	return &FileError{path, "it can't be read: " + detail + "; move it and any " + filepath.Base(path) +
		"-wal and -shm away to start empty", ErrCorrupt}
}

// A valueError says that a row has a value which no version of this program writes.
type valueError struct{ problem string }

func (e *valueError) Error() string { return e.problem }

// scanError finds the values that are not of their column's type, for which database/sql has no type of error.
func scanError(err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "sql: Scan error") {
		return &valueError{strings.TrimPrefix(err.Error(), "sql: ")}
	}
	return err
}
